//! Which images of a run are followed from page to file, and where their spans hang. The tree of an image begins with the page
//! that it was found on, and with itself where there is none; all places in it follow from the ledger's numbers, so nothing is
//! kept about images that wait, and a producer that goes on with the run goes on with its trees.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::image_id::ImageId;
use common::run_name::RunName;
use common::telemetry::{Otlp, Place, Sampler, Step};

use crate::ledger::{PendingImage, RowId};

/// What makes the spans of a run.
#[derive(Debug)]
pub struct Following {
    /// Where they go.
    pub otlp: Otlp,
    /// Which images are followed.
    pub sampler: Sampler,
    /// What the places of this run follow from.
    pub seed: [u8; 16],
    /// The run.
    pub run: RunName,
}

/// A page that was read, as far as it is told of.
#[derive(Debug)]
pub struct PageRead<'a> {
    /// Its row.
    pub page: RowId,
    /// Its address.
    pub url: &'a str,
    /// The answer's status code.
    pub status: u16,
    /// When it was asked for.
    pub asked: SystemTime,
    /// How long it took to come.
    pub took: Duration,
    /// When its images were looked for, and when that was done.
    pub searched: (SystemTime, SystemTime),
    /// Images on it, known ones too.
    pub images: usize,
}

impl Following {
    /// The next try of an image, which is open until its outcome is recorded. Nothing, where it is not followed.
    #[must_use]
    pub fn image(following: Option<&Arc<Self>>, image: &PendingImage, batch: u64) -> Step {
        let Some(following) = following.filter(|following| following.sampler.follows(image.image)) else {
            return Step::NONE;
        };
        let attempt = image.attempts + 1;
        let (place, parent) = match image.page {
            Some(page) => {
                let page = following.of_page(page);
                (page.at(following.of_try(image.image, attempt).span), Some(page.span))
            }
            // Each try of an image of a list is a tree of its own.
            None => (following.of_try(image.image, attempt), None),
        };
        let mut step = following.otlp.step("image", place, parent, SystemTime::now());
        step.note("warren.run", following.run.to_string());
        step.note("warren.batch", i64::try_from(batch).unwrap_or(i64::MAX));
        step.note("warren.image.id", image.image.to_string());
        step.note("warren.attempt", i64::from(attempt));
        step.note("url.full", image.url.clone());
        step
    }

    /// Tells of a page with an image that is followed.
    pub fn page(&self, read: &PageRead<'_>) {
        let mut page = self.otlp.step("page", self.of_page(read.page), None, read.asked);
        page.note("warren.run", self.run.to_string());
        page.note("url.full", read.url.to_owned());
        page.note("warren.page.images", i64::try_from(read.images).unwrap_or(i64::MAX));
        let trail = page.trail();
        let mut fetch = trail.step_from("page fetch", read.asked);
        fetch.note("http.response.status_code", i64::from(read.status));
        fetch.ends(read.asked + read.took);
        let (began, ended) = read.searched;
        trail.step_from("extract", began).ends(ended);
    }

    fn of_page(&self, page: RowId) -> Place {
        Place::of(&self.seed, "page", &page.to_be_bytes())
    }

    fn of_try(&self, image: ImageId, attempt: u32) -> Place {
        Place::of(&self.seed, "image", &[&image.as_bytes()[..], &attempt.to_be_bytes()].concat())
    }
}
