//! How long something takes, counted in classes, for a histogram of Prometheus. Atomics alone: the histogram of the library
//! takes a lock for each observation.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use prometheus_client::encoding::{MetricEncoder, NoLabelSet};

/// The upper bounds of the classes: in seconds, as they are written, and the same in nanoseconds. From a fast disk's write to the
/// default of `--fetch-timeout`; what takes longer is in a class of its own.
const BOUNDS: [(f64, u64); 15] = [
    (0.001, 1_000_000),
    (0.0025, 2_500_000),
    (0.005, 5_000_000),
    (0.01, 10_000_000),
    (0.025, 25_000_000),
    (0.05, 50_000_000),
    (0.1, 100_000_000),
    (0.25, 250_000_000),
    (0.5, 500_000_000),
    (1.0, 1_000_000_000),
    (2.5, 2_500_000_000),
    (5.0, 5_000_000_000),
    (10.0, 10_000_000_000),
    (30.0, 30_000_000_000),
    (60.0, 60_000_000_000),
];

/// How often something took how long.
#[derive(Debug, Default)]
pub struct Durations {
    /// One for each bound, and one for what is above them all.
    classes: [AtomicU64; BOUNDS.len() + 1],
    /// All together, in nanoseconds: enough for 584 years.
    sum: AtomicU64,
}

impl Durations {
    /// It took so long once more.
    pub fn observe(&self, took: Duration) {
        let took = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        let class = BOUNDS.iter().position(|(_, bound)| took <= *bound).unwrap_or(BOUNDS.len());
        self.classes[class].fetch_add(1, Ordering::Relaxed);
        self.sum.fetch_add(took, Ordering::Relaxed);
    }

    #[expect(
        clippy::cast_precision_loss,
        reason = "nanoseconds beyond 2^53 are 104 days, of which a double loses some"
    )]
    pub(super) fn encode(&self, encoder: &mut MetricEncoder<'_>) -> fmt::Result {
        let read = |class: usize| self.classes[class].load(Ordering::Relaxed);
        let classes: Vec<(f64, u64)> =
            BOUNDS.iter().enumerate().map(|(class, (bound, _))| (*bound, read(class))).collect();
        // Read once, so that the classes and the count are of one moment.
        let count = classes.iter().map(|(_, count)| count).sum::<u64>() + read(BOUNDS.len());
        let sum = self.sum.load(Ordering::Relaxed) as f64 / 1e9;
        encoder.encode_histogram::<NoLabelSet>(sum, count, &classes, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bounds_are_written_as_they_are_compared_and_belong_to_their_class() {
        for (class, (seconds, nanoseconds)) in BOUNDS.into_iter().enumerate() {
            assert_eq!(Duration::from_secs_f64(seconds), Duration::from_nanos(nanoseconds));
            let durations = Durations::default();
            durations.observe(Duration::from_nanos(nanoseconds));
            durations.observe(Duration::from_nanos(nanoseconds + 1));
            let count = |class: usize| durations.classes[class].load(Ordering::Relaxed);
            assert_eq!((count(class), count(class + 1)), (1, 1), "{seconds}");
        }
    }

    #[test]
    fn what_takes_for_ever_is_counted_too() {
        let durations = Durations::default();
        durations.observe(Duration::MAX);
        assert_eq!(durations.classes[BOUNDS.len()].load(Ordering::Relaxed), 1);
    }
}
