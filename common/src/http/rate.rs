//! The lowest rate that a body may come at. A server that sends a byte now and then holds a place for as long as the total
//! time-out lets it; this ends it sooner, and leaves those alone that are slow but come.

use std::time::Duration;

/// The lowest rate unless the user says otherwise, in bytes a second.
pub const DEFAULT_MIN_RATE: u64 = 1 << 10;

/// For how long the rate is measured before it is judged.
pub const RATE_WINDOW: Duration = Duration::from_secs(20);

/// Measures one body, window after window.
#[derive(Debug)]
pub(super) struct Rate {
    /// Bytes that a window must bring; 0: whatever comes is enough.
    least: u64,
    /// What this window brought.
    brought: u64,
    /// What is left of this window.
    left: Duration,
}

/// The body came more slowly than it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TooSlow;

impl Rate {
    pub(super) fn new(bytes_a_second: u64) -> Self {
        Self { least: bytes_a_second.saturating_mul(RATE_WINDOW.as_secs()), brought: 0, left: RATE_WINDOW }
    }

    /// The longest time to wait for the next bytes before [`Rate::waited`] is to be told that none came.
    pub(super) fn left(&self) -> Duration {
        self.left
    }

    /// So long was waited for so many bytes. Only waiting counts: what we do with them is no fault of the server's.
    pub(super) fn waited(&mut self, time: Duration, bytes: usize) -> Result<(), TooSlow> {
        self.brought = self.brought.saturating_add(bytes as u64);
        self.left = self.left.saturating_sub(time);
        if self.left.is_zero() {
            if self.brought < self.least {
                return Err(TooSlow);
            }
            (self.brought, self.left) = (0, RATE_WINDOW);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// How many seconds a body lasts that brings so many bytes in each.
    fn lasts(rate: &mut Rate, bytes: usize) -> Option<usize> {
        (1..=100).find(|_| rate.waited(SECOND, bytes).is_err())
    }

    #[test]
    fn a_body_below_the_lowest_rate_lasts_for_one_window() {
        assert_eq!(lasts(&mut Rate::new(1024), 1023), Some(20));
        assert_eq!(lasts(&mut Rate::new(1024), 1024), None);
        assert_eq!(lasts(&mut Rate::new(1024), 1025), None);
        assert_eq!(lasts(&mut Rate::new(1024), 0), Some(20));
        assert_eq!(lasts(&mut Rate::new(0), 0), None, "0 is off");
        assert_eq!(lasts(&mut Rate::new(u64::MAX), 1 << 40), Some(20), "no overflow");
    }

    #[test]
    fn each_window_is_judged_by_itself() {
        let mut rate = Rate::new(1024);
        assert_eq!(rate.waited(SECOND, 1 << 30), Ok(()));
        assert_eq!(lasts(&mut rate, 1), Some(19 + 20), "what a window brought does not count in the next");
    }

    #[test]
    fn a_window_ends_with_the_wait_that_it_allows() {
        let mut rate = Rate::new(1);
        assert_eq!(rate.waited(SECOND, 100), Ok(()));
        assert_eq!(rate.left() + SECOND, RATE_WINDOW);
        assert_eq!(rate.waited(rate.left(), 0), Ok(()));
        assert_eq!(rate.left(), RATE_WINDOW);
        assert_eq!(rate.waited(rate.left(), 0), Err(TooSlow));
    }
}
