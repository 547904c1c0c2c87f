//! What is stored of an image: it itself, a copy of it, or both.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use common::outcome::{ImageCopy, Outcome, Status};
use common::reason::Reason;
use common::telemetry::{Step, Trail};
use common::wire::MAX_DETAIL;

use super::check::{over, sha256};
use super::unjudged;
use crate::batch::Batch;
use crate::metrics::Stage;
use crate::store::{About, Image};
use crate::transform::Copy;
use crate::verify::Verified;
use crate::worker::Worker;

impl Worker {
    /// Keeps an image: as it came, as the copy that is wanted of it, or both.
    pub(super) async fn keep_image(
        &self,
        batch: &Batch,
        mut about: About,
        trail: &Trail,
        body: Bytes,
        verified: &Verified,
    ) -> Option<Outcome> {
        let format = verified.format.name();
        let is_transformed = self.settings.transform.is_wanted();
        let begun = is_transformed.then(Instant::now);
        let transforming = if is_transformed { trail.step("transform") } else { Step::NONE };
        let made = self.pool.make(&body, format, verified.pixels).await;
        if let Some(begun) = begun {
            self.metrics.over(Stage::Transform, begun);
        }
        drop(transforming);
        let made = made.map_err(|why| unjudged(batch, &about.url, &why)).ok()?;
        let keeps_original = self.settings.transform.keep_original;
        let outcome = &mut about.outcome;
        (outcome.exif, outcome.phash) = (made.exif, made.phash);
        outcome.status = Status::Stored;
        let copy = match made.copy {
            None => None,
            Some(Ok(copy)) => Some(described(copy).await),
            Some(Err(why)) => {
                outcome.detail = Some(cut(why.0, MAX_DETAIL));
                if !keeps_original {
                    outcome.status = Status::Rejected;
                    outcome.reason = Some(Reason::Undecodable);
                    return Some(about.outcome);
                }
                // What was fetched is not lost for want of a copy.
                None
            }
        };
        outcome.copy = copy.as_ref().map(|(copy, ..)| copy.clone().into());
        let sha256 = outcome.sha256.clone().unwrap_or_default();
        let about = Arc::new(about);
        let image = |bytes, sha256, format| Image { bytes, sha256, format, about: Arc::clone(&about) };
        let original = (keeps_original || copy.is_none()).then(|| image(body.clone(), sha256, format));
        let copy = copy.map(|(copy, bytes, format)| image(bytes, copy.sha256, format));
        let mut storing = trail.step("store");
        // Both at once: they may share a commit of the store.
        let (original, copy) = tokio::join!(self.put_some(batch, original), self.put_some(batch, copy));
        // Its share of the budget is what bounds how many copies wait for the store.
        drop(body);
        let (original, copy) = (original?, copy?);
        let mut outcome = about.outcome.clone();
        if let (Some(made), Some(path)) = (&mut outcome.copy, &copy) {
            made.path.clone_from(path);
        }
        outcome.path = original.or(copy);
        storing.note_text("warren.path", outcome.path.as_deref());
        Some(outcome)
    }

    /// Stores an image, if there is one. `None` outside as of [`Worker::put`]: the store could not.
    async fn put_some(&self, batch: &Batch, image: Option<Image>) -> Option<Option<String>> {
        match image {
            Some(image) => self.put(batch, image).await.map(Some),
            None => Some(None),
        }
    }

    async fn put(&self, batch: &Batch, image: Image) -> Option<String> {
        let begun = Instant::now();
        let put = self.store.put(image.clone()).await;
        self.metrics.over(Stage::Store, begun);
        match put {
            Ok(path) => {
                self.metrics.stored(image.bytes.len());
                self.trouble.worked();
                Some(path)
            }
            Err(error) => {
                self.metrics.refused();
                batch.must_come_again();
                self.trouble.refused(image, &error);
                None
            }
        }
    }
}

/// What is said of a copy, but for its path; its bytes, and their format.
async fn described(copy: Copy) -> (ImageCopy, Bytes, &'static str) {
    let Copy { bytes, format, width, height } = copy;
    let bytes = Bytes::from(bytes);
    let (length, sha256) = (bytes.len() as u64, over(bytes.clone(), sha256).await);
    (ImageCopy { path: String::new(), format: format.to_owned(), width, height, bytes: length, sha256 }, bytes, format)
}

/// The beginning of a text, of at most so many bytes.
fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}
