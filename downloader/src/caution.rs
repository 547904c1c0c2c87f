//! How many deliveries to have at once. The broker counts a delivery against every batch that a worker held when it died,
//! not only against the one that killed it. So a batch that comes for the third time is suspect, and is worked on alone:
//! if it kills this worker as well, it takes no other batch towards the limit of deliveries.
//!
//! A worker begins with one batch at a time, since it may have been a batch that ended the one before it, and takes as
//! many as it can from the first that is not suspect.

/// Deliveries before this one that make a batch suspect.
const SUSPECT: u32 = 2;

/// After a suspect batch, so many others in a row let a worker take as many as it can again.
const OTHERS: u8 = 4;

/// Whether to take one batch at a time, or many.
#[derive(Debug)]
pub(crate) struct Caution {
    most: u16,
    /// Batches to come that are not suspect until many are taken; 0 when they are.
    wanted: u8,
}

impl Caution {
    /// `most` is the prefetch when there is nothing to be careful about.
    pub(crate) fn new(most: u16) -> Self {
        Self { most, wanted: 1 }
    }

    /// How many deliveries to have at once.
    pub(crate) fn prefetch(&self) -> u16 {
        if self.is_wide() { self.most } else { 1 }
    }

    /// Whether many are taken at once.
    pub(crate) fn is_wide(&self) -> bool {
        self.wanted == 0
    }

    /// A batch came that was delivered so often before. Says whether it is to be worked on alone.
    pub(crate) fn came(&mut self, delivery_count: u32) -> bool {
        let suspect = delivery_count >= SUSPECT;
        self.wanted = if suspect { OTHERS } else { self.wanted.saturating_sub(1) };
        suspect
    }

    /// The queue is empty, and nothing is in hand.
    pub(crate) fn quiet(&mut self) {
        self.wanted = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_batch_that_is_not_suspect_ends_the_caution_of_a_start() {
        let mut caution = Caution::new(64);
        assert_eq!(caution.prefetch(), 1);
        assert!(!caution.came(1));
        assert_eq!(caution.prefetch(), 64);
    }

    #[test]
    fn after_a_suspect_some_others_or_silence_end_it() {
        let mut caution = Caution::new(64);
        caution.came(0);
        assert!(caution.came(2));
        for _ in 0..OTHERS - 1 {
            assert!(!caution.came(0));
            assert_eq!(caution.prefetch(), 1);
        }
        caution.came(20);
        assert!(!caution.came(1));
        assert!(!caution.is_wide(), "they are counted anew");
        caution.quiet();
        assert!(caution.is_wide());
    }
}
