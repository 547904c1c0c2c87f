//! Which images ended last: the newest that were kept, and the newest that were not, for whoever watches. The ledger could tell
//! only by reading all of it.

use std::collections::VecDeque;

use common::outcome::Status;

use crate::ledger::RowId;

/// The last images of a run that have their outcome.
#[derive(Debug, Default)]
pub struct Recent {
    stored: VecDeque<RowId>,
    failed: VecDeque<RowId>,
}

impl Recent {
    /// So many of each are remembered.
    pub const MOST: usize = 24;

    /// An image has its outcome.
    pub fn note(&mut self, image: RowId, status: Status) {
        let images = match status {
            Status::Stored => &mut self.stored,
            Status::Failed | Status::Rejected | Status::Blocked => &mut self.failed,
            Status::Duplicate | Status::Unchanged | Status::Outstanding => return,
        };
        if images.len() == Self::MOST {
            images.pop_front();
        }
        images.push_back(image);
    }

    /// Those that were kept and those that were not, the newest last.
    #[must_use]
    pub fn told(&self) -> (Vec<RowId>, Vec<RowId>) {
        (self.stored.iter().copied().collect(), self.failed.iter().copied().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_of_each_kind_are_kept() {
        let mut recent = Recent::default();
        for image in 0..100 {
            recent.note(image, Status::Stored);
            recent.note(image, Status::Duplicate);
        }
        recent.note(7, Status::Failed);
        recent.note(8, Status::Blocked);
        let (stored, failed) = recent.told();
        assert_eq!((stored.len(), stored[0], stored[23]), (Recent::MOST, 76, 99));
        assert_eq!(failed, [7, 8]);
    }
}
