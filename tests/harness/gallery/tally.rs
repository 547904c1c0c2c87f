//! The access log of a large site: counts instead of lines.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// How often each page and picture was answered whole, and what else was answered.
#[derive(Debug)]
pub struct Tally {
    pages: Vec<AtomicU32>,
    pictures: Vec<AtomicU32>,
    different_pages: AtomicU64,
    different_pictures: AtomicU64,
    picture_requests: AtomicU64,
    spoilt: AtomicU64,
    unknown: AtomicU64,
}

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Root,
    Page(u64),
    Picture(u64),
    /// A path that no page of the site names.
    Nowhere,
}

impl Tally {
    pub(super) fn new(pages: u64, pictures: u64) -> Self {
        let zeros = |count: u64| (0..count).map(|_| AtomicU32::new(0)).collect();
        Self {
            pages: zeros(pages),
            pictures: zeros(pictures),
            different_pages: AtomicU64::new(0),
            different_pictures: AtomicU64::new(0),
            picture_requests: AtomicU64::new(0),
            spoilt: AtomicU64::new(0),
            unknown: AtomicU64::new(0),
        }
    }

    /// Requests for pictures, however they were answered.
    pub fn picture_requests(&self) -> u64 {
        self.picture_requests.load(Ordering::Relaxed)
    }

    /// Different pictures that were answered whole.
    pub fn different_pictures(&self) -> u64 {
        self.different_pictures.load(Ordering::Relaxed)
    }

    /// Different pages that were answered whole, the root left out.
    pub fn different_pages(&self) -> u64 {
        self.different_pages.load(Ordering::Relaxed)
    }

    /// Whole answers with a picture that had been answered whole before.
    pub fn pictures_again(&self) -> u64 {
        again(&self.pictures)
    }

    /// Whole answers with a page that had been answered whole before.
    pub fn pages_again(&self) -> u64 {
        again(&self.pages)
    }

    /// Answers that the site's mood spoilt: refused, cut or never given.
    pub fn spoilt(&self) -> u64 {
        self.spoilt.load(Ordering::Relaxed)
    }

    /// Requests for what is nowhere on the site.
    pub fn unknown(&self) -> u64 {
        self.unknown.load(Ordering::Relaxed)
    }

    pub(super) fn asked(&self, place: Place) {
        match place {
            Place::Picture(_) => drop(self.picture_requests.fetch_add(1, Ordering::Relaxed)),
            Place::Nowhere => drop(self.unknown.fetch_add(1, Ordering::Relaxed)),
            Place::Root | Place::Page(_) => {}
        }
    }

    /// Whether it was answered whole before.
    pub(super) fn was_answered(&self, place: Place) -> bool {
        self.count(place).is_none_or(|(count, _)| count.load(Ordering::Relaxed) > 0)
    }

    pub(super) fn answered(&self, place: Place) {
        if let Some((count, different)) = self.count(place)
            && count.fetch_add(1, Ordering::Relaxed) == 0
        {
            different.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn spoil(&self) {
        self.spoilt.fetch_add(1, Ordering::Relaxed);
    }

    fn count(&self, place: Place) -> Option<(&AtomicU32, &AtomicU64)> {
        let at = |number: u64| usize::try_from(number).expect("it was counted");
        match place {
            Place::Page(number) => Some((&self.pages[at(number)], &self.different_pages)),
            Place::Picture(number) => Some((&self.pictures[at(number)], &self.different_pictures)),
            Place::Root | Place::Nowhere => None,
        }
    }
}

fn again(counts: &[AtomicU32]) -> u64 {
    counts.iter().map(|count| u64::from(count.load(Ordering::Relaxed).saturating_sub(1))).sum()
}
