//! What this worker does, in numbers, for people who ask how it is.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

/// Seconds that the rate is taken over, the one that runs included.
const SECONDS: usize = 10;

/// Counts since the start, and the rate of late.
#[derive(Debug)]
pub(crate) struct Vitals {
    /// When this worker started, by the machine's clock.
    pub(crate) started_at: SystemTime,
    started: Instant,
    in_flight: AtomicU32,
    done: AtomicU64,
    bytes: AtomicU64,
    lately: Mutex<Lately>,
}

/// Images done in each of the last seconds.
#[derive(Debug, Default)]
struct Lately {
    counts: [u32; SECONDS],
    /// The second that runs, from the start.
    second: u64,
}

/// An image that is being worked on, for as long as this lives.
#[derive(Debug)]
pub(crate) struct InFlight<'v>(&'v Vitals);

impl Vitals {
    /// Begins to count.
    pub(crate) fn new() -> Self {
        Self {
            started_at: SystemTime::now(),
            started: Instant::now(),
            in_flight: AtomicU32::new(0),
            done: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            lately: Mutex::default(),
        }
    }

    /// An image is begun.
    pub(crate) fn begin(&self) -> InFlight<'_> {
        self.in_flight.fetch_add(1, Ordering::Relaxed);
        InFlight(self)
    }

    /// An image has its outcome, and so many bytes of it came.
    pub(crate) fn done(&self, bytes: u64) {
        self.done.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        let now = lately.advance(self.started.elapsed().as_secs());
        *now = now.saturating_add(1);
    }

    /// Images that are being worked on.
    pub(crate) fn in_flight(&self) -> u32 {
        self.in_flight.load(Ordering::Relaxed)
    }

    /// Images with an outcome, and bytes received of them.
    pub(crate) fn totals(&self) -> (u64, u64) {
        (self.done.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }

    /// Images done a second, of late; in the first seconds since the start.
    pub(crate) fn images_per_second(&self) -> f64 {
        let elapsed = self.started.elapsed();
        let mut lately = self.lately.lock().unwrap_or_else(PoisonError::into_inner);
        lately.advance(elapsed.as_secs());
        let images: u32 = lately.counts.iter().fold(0, |sum, count| sum.saturating_add(*count));
        // All but the second that runs are whole.
        let span = Duration::from_secs(SECONDS as u64 - 1) + Duration::from_nanos(elapsed.subsec_nanos().into());
        f64::from(images) / elapsed.min(span).as_secs_f64().max(1.0)
    }
}

impl Lately {
    /// Makes `second` the one that runs, and gives its count.
    fn advance(&mut self, second: u64) -> &mut u32 {
        for gone in (self.second + 1..=second).rev().take(self.counts.len()) {
            *self.of(gone) = 0;
        }
        self.second = self.second.max(second);
        self.of(self.second)
    }

    fn of(&mut self, second: u64) -> &mut u32 {
        // The remainder of a division by the array's length is an index.
        let index = usize::try_from(second % SECONDS as u64).unwrap_or(0);
        &mut self.counts[index]
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_that_of_the_last_ten_seconds() {
        let vitals = Vitals::new();
        for _ in 0..4 {
            vitals.done(100);
        }
        let close = |rate: f64, expected: f64| assert!((rate - expected).abs() < 0.01, "{rate}, not {expected}");
        close(vitals.images_per_second(), 4.0);
        advance(Duration::from_secs(4)).await;
        close(vitals.images_per_second(), 1.0);
        vitals.done(0);
        advance(Duration::from_secs(5)).await;
        close(vitals.images_per_second(), 5.0 / 9.0);
        advance(Duration::from_secs(1)).await;
        close(vitals.images_per_second(), 1.0 / 9.0);
        advance(Duration::from_secs(1000)).await;
        close(vitals.images_per_second(), 0.0);
        assert_eq!(vitals.totals(), (5, 400));
    }

    #[test]
    fn an_image_is_in_flight_until_it_is_dropped() {
        let vitals = Vitals::new();
        let image = vitals.begin();
        assert_eq!(vitals.in_flight(), 1);
        drop(image);
        assert_eq!(vitals.in_flight(), 0);
    }
}
