//! The run window and the size of batches: how many images are out at once, and how many share a message. Both follow
//! what the fleet shows of itself: how many downloaders consume, how many images each fetches at once, how fast outcomes
//! come back.
//!
//! A batch is sized in time, not in images: as many as one downloader finishes in [`BATCH_TIME`]. On a fast load that
//! makes large messages and little work for the broker; on a slow one it makes small messages, so that no downloader sits
//! on work that another could do.

use std::collections::HashMap;
use std::time::Duration;

use common::task::Task;
use tokio::time::Instant;

/// How long one downloader should be busy with one message.
const BATCH_TIME: Duration = Duration::from_millis(25);

/// How much of the fleet's work should be out: enough to hide the way there and back.
const OUT_TIME: Duration = Duration::from_millis(250);

/// What a downloader is believed to fetch at once before its first reply says so.
const UNKNOWN_CONCURRENCY: usize = 64;

/// Images in a message before any speed is known.
const FIRST_BATCH: usize = 8;

/// Images out for each downloader, at most: beyond that only memory is used.
const MOST_PER_DOWNLOADER: usize = 4_096;

/// How often the speed is measured anew.
const MEASURED_EVERY: Duration = Duration::from_millis(250);

/// After so long without a reply a worker is no longer counted on.
const FORGOTTEN_AFTER: Duration = Duration::from_mins(1);

/// A worker that replies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// Its name.
    pub worker: String,
    /// Images that it fetches at once.
    pub concurrency: usize,
    /// How long ago its last reply came.
    pub ago: Duration,
}

/// What is known of the fleet.
#[derive(Debug)]
pub struct Window {
    cap: Option<usize>,
    consumers: usize,
    workers: HashMap<String, (usize, Instant)>,
    /// Outcomes a second of the whole fleet; zero while unknown.
    rate: f64,
    counted: usize,
    since: Instant,
}

impl Window {
    /// `cap` is the user's `--window`.
    #[must_use]
    pub fn new(cap: Option<usize>, now: Instant) -> Self {
        Self { cap, consumers: 0, workers: HashMap::new(), rate: 0.0, counted: 0, since: now }
    }

    /// Images that may be out at once.
    #[must_use]
    pub fn size(&self) -> usize {
        // With no downloader there yet, the first one finds work waiting.
        let downloaders = self.consumers.max(1);
        let known: usize = self.workers.values().map(|(concurrency, _)| concurrency).sum();
        let unknown = downloaders.saturating_sub(self.workers.len()) * UNKNOWN_CONCURRENCY;
        let busy = (known + unknown) * 2;
        let size = busy.max(self.images_in(OUT_TIME)).min(downloaders * MOST_PER_DOWNLOADER);
        self.cap.map_or(size, |cap| size.min(cap)).max(1)
    }

    /// Images that should share a message.
    #[must_use]
    pub fn batch(&self) -> usize {
        if self.rate == 0.0 {
            return FIRST_BATCH;
        }
        (self.images_in(BATCH_TIME) / self.consumers.max(1)).clamp(1, Task::MAX_IMAGES)
    }

    /// Downloaders that consume.
    #[must_use]
    pub fn consumers(&self) -> usize {
        self.consumers
    }

    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate of images is positive and far below the limits of either type"
    )]
    fn images_in(&self, time: Duration) -> usize {
        (self.rate * time.as_secs_f64()) as usize
    }

    /// The workers that replied in the last minute, by name.
    #[must_use]
    pub fn workers(&self, now: Instant) -> Vec<Heard> {
        let heard = self.workers.iter().map(|(worker, (concurrency, heard))| Heard {
            worker: worker.clone(),
            concurrency: *concurrency,
            ago: now.saturating_duration_since(*heard),
        });
        let mut workers: Vec<Heard> = heard.collect();
        workers.sort_unstable_by(|one, other| one.worker.cmp(&other.worker));
        workers
    }

    /// The broker says how many downloaders consume.
    pub fn set_consumers(&mut self, consumers: usize) {
        self.consumers = consumers;
    }

    /// A reply of a worker came.
    pub fn heard(&mut self, worker: &str, concurrency: usize, outcomes: usize, now: Instant) {
        match self.workers.get_mut(worker) {
            Some(known) => *known = (concurrency, now),
            None => drop(self.workers.insert(worker.to_owned(), (concurrency, now))),
        }
        self.counted += outcomes;
    }

    /// Measures the speed; call it now and then.
    pub fn measure(&mut self, now: Instant) {
        let elapsed = now - self.since;
        if elapsed < MEASURED_EVERY {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "counts of a moment are small")]
        let current = self.counted as f64 / elapsed.as_secs_f64();
        // Smoothed over about a second; a stall must not shrink the window at once, a start must widen it soon.
        self.rate = if self.rate == 0.0 { current } else { self.rate * 0.75 + current * 0.25 };
        (self.counted, self.since) = (0, now);
        self.workers.retain(|_, (_, heard)| now - *heard < FORGOTTEN_AFTER);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(window: &mut Window, begun: Instant, seconds: u64, per_second: usize) {
        for quarter in 1..=seconds * 4 {
            let now = begun + MEASURED_EVERY * u32::try_from(quarter).expect("small");
            window.heard("w", 64, per_second / 4, now);
            window.measure(now);
        }
    }

    #[test]
    fn the_window_follows_the_number_of_downloaders_and_what_they_fetch_at_once() {
        let now = Instant::now();
        let mut window = Window::new(None, now);
        assert_eq!(window.size(), 128, "work for the first downloader to come");
        window.set_consumers(3);
        assert_eq!(window.size(), 384);
        window.heard("small", 4, 1, now);
        assert_eq!(window.size(), 2 * (4 + 2 * 64));
    }

    #[test]
    fn a_fast_fleet_gets_a_wider_window_and_larger_batches() {
        let begun = Instant::now();
        let mut window = Window::new(None, begun);
        window.set_consumers(1);
        after(&mut window, begun, 10, 8_000);
        assert_eq!(window.batch(), 64);
        assert!((1_900..=2_000).contains(&window.size()), "{}", window.size());
    }

    #[test]
    fn a_slow_fleet_gets_small_batches() {
        for (rate, batch) in [(400, 2), (120, 1)] {
            let begun = Instant::now();
            let mut window = Window::new(None, begun);
            window.set_consumers(4);
            after(&mut window, begun, 10, rate);
            assert_eq!(window.batch(), batch, "{rate} images/s");
        }
    }

    #[test]
    fn the_users_cap_holds() {
        let mut window = Window::new(Some(10), Instant::now());
        window.set_consumers(50);
        assert_eq!(window.size(), 10);
        assert_eq!(Window::new(Some(0), Instant::now()).size(), 1, "a run must be able to move");
    }
}
