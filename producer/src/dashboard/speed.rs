//! How fast a run goes, by how far it was at moments that its producer names.

/// Of a new measurement, so much counts.
const WEIGHT: f64 = 0.3;

/// Outcomes a second, smoothed over the last few measurements.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Speed {
    last: Option<(u64, u64)>,
    rate: Option<f64>,
}

impl Speed {
    /// At `at`, in milliseconds by any clock, `settled` images had their outcome. Returns outcomes a second, once that can be said.
    pub(super) fn measure(&mut self, settled: u64, at: u64) -> Option<f64> {
        if let Some((before, then)) = self.last
            && at > then
        {
            #[expect(clippy::cast_precision_loss, reason = "images and milliseconds of a moment are few")]
            let current = settled.saturating_sub(before) as f64 * 1000.0 / (at - then) as f64;
            self.rate = Some(self.rate.map_or(current, |rate| rate * (1.0 - WEIGHT) + current * WEIGHT));
        }
        if self.last.is_none_or(|(_, then)| at > then) {
            self.last = Some((settled, at));
        }
        self.rate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_speed_needs_two_moments_and_follows_what_changes() {
        let mut speed = Speed::default();
        assert_eq!(speed.measure(100, 1000), None);
        assert_eq!(speed.measure(100, 1000), None, "the same moment");
        assert_eq!(speed.measure(300, 2000), Some(200.0));
        let slower = speed.measure(300, 3000).expect("known");
        assert!((slower - 140.0).abs() < 1e-9, "{slower}");
        assert_eq!(speed.measure(900, 2500), Some(slower), "a clock that was set back says nothing");
    }
}
