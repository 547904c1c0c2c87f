//! What came when, in slices of time. Their width follows from how long the run took, and is found on the way: when there are
//! too many slices, they become wider.

use std::collections::BTreeMap;

use common::outcome::Status;
use serde::Serialize;

use super::is_kept;

/// Slices at most, from the first to the last.
const MOST: u64 = 240;

/// Widths in milliseconds, each a multiple of the one before; the last is doubled where it is not enough.
const WIDTHS: [u64; 13] = [
    10,
    50,
    100,
    500,
    1_000,
    5_000,
    15_000,
    60_000,
    5 * 60_000,
    15 * 60_000,
    60 * 60_000,
    3 * 60 * 60_000,
    24 * 60 * 60_000,
];

/// What came when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// Width of a slice in milliseconds.
    pub width_ms: u64,
    /// All slices from the first in which something came to the last, at most 240.
    pub slices: Vec<Slice>,
}

/// What came in a slice of time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Slice {
    /// Its beginning, in milliseconds since 1970 UTC.
    pub at_ms: u64,
    /// Images that are in the store: stored, duplicate, unchanged.
    pub kept: u64,
    /// Images that were rejected or blocked.
    pub refused: u64,
    /// Images that failed.
    pub failed: u64,
    /// Bytes of the images that were stored.
    pub bytes: u64,
}

impl Slice {
    fn count(&mut self, status: Status, bytes: u64) {
        match status {
            _ if is_kept(status) => self.kept += 1,
            Status::Rejected | Status::Blocked => self.refused += 1,
            _ => self.failed += 1,
        }
        if status == Status::Stored {
            self.bytes += bytes;
        }
    }

    fn absorb(&mut self, other: &Self) {
        self.kept += other.kept;
        self.refused += other.refused;
        self.failed += other.failed;
        self.bytes += other.bytes;
    }
}

/// A timeline that is being made.
#[derive(Debug)]
pub(super) struct Clock {
    width: u64,
    slices: BTreeMap<u64, Slice>,
}

impl Default for Clock {
    fn default() -> Self {
        Self { width: WIDTHS[0], slices: BTreeMap::new() }
    }
}

impl Clock {
    /// Counts an outcome, which is none of an image that is outstanding.
    pub(super) fn add(&mut self, at_ms: u64, status: Status, bytes: u64) {
        self.slices.entry(at_ms / self.width).or_default().count(status, bytes);
        while self.is_too_long() {
            self.widen();
        }
    }

    fn is_too_long(&self) -> bool {
        match (self.slices.first_key_value(), self.slices.last_key_value()) {
            (Some((first, _)), Some((last, _))) => last - first >= MOST,
            _ => false,
        }
    }

    fn widen(&mut self) {
        let width = WIDTHS.into_iter().find(|width| *width > self.width).unwrap_or(self.width * 2);
        let factor = width / self.width;
        let mut wider = BTreeMap::<u64, Slice>::new();
        for (number, slice) in &self.slices {
            wider.entry(number / factor).or_default().absorb(slice);
        }
        (self.width, self.slices) = (width, wider);
    }

    pub(super) fn timeline(self) -> Timeline {
        let numbers = match (self.slices.first_key_value(), self.slices.last_key_value()) {
            (Some((first, _)), Some((last, _))) => *first..last + 1,
            _ => 0..0,
        };
        let slice = |number| {
            let there = self.slices.get(&number).copied().unwrap_or_default();
            Slice { at_ms: number * self.width, ..there }
        };
        Timeline { width_ms: self.width, slices: numbers.map(slice).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(moments: impl IntoIterator<Item = u64>) -> Timeline {
        let mut clock = Clock::default();
        moments.into_iter().for_each(|at| clock.add(at, Status::Stored, 10));
        clock.timeline()
    }

    #[test]
    fn a_timeline_of_any_length_has_a_bounded_number_of_slices_and_all_images() {
        assert_eq!(of([]), Timeline { width_ms: 10, slices: vec![] });
        for step in [1, 7, 100, 3_000, 86_400_000, 1 << 40] {
            let timeline = of((0..500).map(|number| 1_000_000_000_000 + number * step));
            assert!(timeline.slices.len() <= 240, "{step}: {}", timeline.slices.len());
            assert_eq!(timeline.slices.iter().map(|slice| slice.kept).sum::<u64>(), 500, "{step}");
            assert_eq!(timeline.slices.iter().map(|slice| slice.bytes).sum::<u64>(), 5000, "{step}");
            let ahead = timeline.slices.windows(2).map(|two| two[1].at_ms - two[0].at_ms);
            assert!(ahead.into_iter().all(|ahead| ahead == timeline.width_ms), "{step}");
        }
    }

    #[test]
    fn slices_widen_just_when_there_are_too_many() {
        assert_eq!(of([0, 2399]).width_ms, 10);
        assert_eq!(of([0, 2400]).width_ms, 50);
        // A clock that is wrong by half a century.
        assert!(of([0, 1_795_452_711_329]).slices.len() <= 240);
    }

    #[test]
    fn outcomes_are_told_apart() {
        let mut clock = Clock::default();
        for status in Status::ALL.into_iter().filter(|status| *status != Status::Outstanding) {
            clock.add(5, status, 100);
        }
        let slice = Slice { at_ms: 0, kept: 3, refused: 2, failed: 1, bytes: 100 };
        assert_eq!(clock.timeline().slices, [slice]);
    }
}
