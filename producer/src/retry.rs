//! When something that failed is tried again: exponential back-off with jitter, at most as often as the user allows.
//! What is transient is decided by the reason alone ([`Reason::is_transient`]).

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::time::Duration;

use common::reason::Reason;
use tokio::time::Instant;

const FIRST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_DELAY: Duration = Duration::from_mins(5);

/// How long to wait before the try after `attempt` (from 1), or `None` if there is none. A server's `Retry-After` is
/// waited out.
#[must_use]
pub fn delay(reason: Reason, attempt: u32, retries: u32, retry_after: Option<Duration>) -> Option<Duration> {
    if !reason.is_transient() || attempt > retries {
        return None;
    }
    let longest = (FIRST_DELAY * 2u32.saturating_pow(attempt - 1)).min(LONGEST_DELAY);
    let backoff = longest.mul_f64(rand::random_range(0.5..=1.0));
    Some(backoff.max(retry_after.unwrap_or_default()))
}

/// Things that wait for a moment, the earliest first.
#[derive(Debug)]
pub struct Timers<T>(BinaryHeap<Timer<T>>);

#[derive(Debug)]
struct Timer<T> {
    at: Instant,
    what: T,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self(BinaryHeap::new())
    }
}

impl<T> Timers<T> {
    /// Lets `what` wait until `at`.
    pub fn push(&mut self, at: Instant, what: T) {
        self.0.push(Timer { at, what });
    }

    /// The earliest moment.
    #[must_use]
    pub fn next(&self) -> Option<Instant> {
        self.0.peek().map(|timer| timer.at)
    }

    /// Takes one whose moment has come.
    pub fn pop_due(&mut self, now: Instant) -> Option<T> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|timer| timer.what)
    }
}

impl<T> Ord for Timer<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        // The heap's greatest is the earliest.
        other.at.cmp(&self.at)
    }
}

impl<T> PartialOrd for Timer<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Timer<T> {
    fn eq(&self, other: &Self) -> bool {
        self.at == other.at
    }
}

impl<T> Eq for Timer<T> {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_failures_wait_longer_each_time_and_end_with_the_users_limit() {
        for (attempt, longest) in [(1, 1), (2, 2), (3, 4)] {
            let delay = delay(Reason::Timeout, attempt, 3, None).expect("another try");
            assert!(delay <= Duration::from_secs(longest) && delay >= Duration::from_secs(longest) / 2, "{attempt}");
        }
        assert_eq!(delay(Reason::Timeout, 4, 3, None), None);
        assert_eq!(delay(Reason::Timeout, 1, 0, None), None);
        assert!(delay(Reason::Timeout, 40, 100, None).expect("another try") <= LONGEST_DELAY);
    }

    #[test]
    fn lasting_failures_are_not_tried_again() {
        assert_eq!(delay(Reason::Http(404), 1, 3, None), None);
    }

    #[test]
    fn retry_after_is_waited_out() {
        let wish = Duration::from_secs(30);
        assert_eq!(delay(Reason::Http(429), 1, 3, Some(wish)), Some(wish));
    }

    #[test]
    fn timers_come_due_in_order() {
        let now = Instant::now();
        let mut timers = Timers::default();
        timers.push(now + Duration::from_secs(2), "later");
        timers.push(now + Duration::from_secs(1), "soon");
        assert_eq!(timers.pop_due(now), None);
        let then = now + Duration::from_secs(2);
        assert_eq!(
            (timers.pop_due(then), timers.pop_due(then), timers.pop_due(then)),
            (Some("soon"), Some("later"), None)
        );
    }
}
