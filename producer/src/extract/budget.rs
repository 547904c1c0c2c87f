//! What reading one page has cost so far, and why it ends early. Shared by whoever works on the page: the parsers charge for
//! tags, the walk for addresses and style sheets. It counts; who stops is the guard.

use std::cell::Cell;

use super::{Limits, Truncated};

/// The cost of one page. A step is 5 to 15 ns of one core.
#[derive(Debug)]
pub(super) struct Budget {
    work: Cell<usize>,
    most: usize,
    stop: Cell<Option<Truncated>>,
}

impl Budget {
    pub(super) fn new(limits: &Limits) -> Self {
        Self { work: Cell::new(0), most: limits.work, stop: Cell::new(None) }
    }

    /// Takes note of `steps` of work.
    pub(super) fn charge(&self, steps: usize) {
        let work = self.work.get().saturating_add(steps);
        self.work.set(work);
        if work > self.most {
            self.stop(Truncated::Work);
        }
    }

    /// Ends the page here; the first reason is the one that is told.
    pub(super) fn stop(&self, why: Truncated) {
        self.stop.set(self.stop.get().or(Some(why)));
    }

    /// Why the page ends here, if it does.
    pub(super) fn stopped(&self) -> Option<Truncated> {
        self.stop.get()
    }
}
