//! How numbers are spread over many orders of magnitude, in little memory: bins that grow with the numbers, the same number of
//! them (`STEPS`) between a power of two and the next. A number is off by at most `1 / STEPS` of itself.

use std::collections::BTreeMap;

use serde::Serialize;

/// Numbers from here on are all in the last bin.
const LARGEST: u64 = 1 << 48;

/// Counts of numbers by their size.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Histogram<const STEPS: u64> {
    bins: BTreeMap<u64, u64>,
    sum: u64,
    count: u64,
}

/// Numbers that are alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Bin {
    /// The least of them.
    pub from: u64,
    /// The first that is too large for this bin.
    pub to: u64,
    /// How many there are.
    pub images: u64,
}

impl<const STEPS: u64> Histogram<STEPS> {
    /// Counts a number.
    pub fn add(&mut self, number: u64) {
        *self.bins.entry(bin::<STEPS>(number)).or_default() += 1;
        self.sum = self.sum.saturating_add(number.min(LARGEST));
        self.count += 1;
    }

    /// Counts all that another one has.
    pub fn absorb(&mut self, other: &Self) {
        for (bin, count) in &other.bins {
            *self.bins.entry(*bin).or_default() += count;
        }
        self.sum = self.sum.saturating_add(other.sum);
        self.count += other.count;
    }

    /// How many numbers were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Their mean, rounded down; `None` if there are none.
    #[must_use]
    pub fn mean(&self) -> Option<u64> {
        self.sum.checked_div(self.count)
    }

    /// A number that `percent` of them do not exceed, as near as the bins tell: the largest of its bin. `None` if there are
    /// none.
    #[must_use]
    pub fn percentile(&self, percent: u64) -> Option<u64> {
        let rank = (self.count * percent).div_ceil(100).max(1);
        let mut seen = 0;
        let reached = self.bins.iter().find(|(_, count)| {
            seen += **count;
            seen >= rank
        });
        reached.map(|(bin, _)| edges::<STEPS>(*bin).1 - 1)
    }

    /// The bins between powers of two alone, as [`Histogram::bins`] gives them. They are as wide as each other where people look at
    /// orders of magnitude, which the others are not.
    #[must_use]
    pub fn powers(&self) -> Vec<Bin> {
        let mut coarse = Histogram::<1>::default();
        for (bin, count) in &self.bins {
            *coarse.bins.entry(bin / STEPS).or_default() += count;
        }
        coarse.bins()
    }

    /// The bins from the first that has numbers to the last, those between them that have none among them.
    #[must_use]
    pub fn bins(&self) -> Vec<Bin> {
        let (Some((first, _)), Some((last, _))) = (self.bins.first_key_value(), self.bins.last_key_value()) else {
            return Vec::new();
        };
        let bins = (*first..=*last).map(|bin| {
            let (from, to) = edges::<STEPS>(bin);
            Bin { from, to, images: self.bins.get(&bin).copied().unwrap_or(0) }
        });
        // Between small numbers there are more bins than numbers.
        bins.filter(|bin| bin.from < bin.to).collect()
    }
}

/// The bin of a number. Zero is in that of one.
pub(super) fn bin<const STEPS: u64>(number: u64) -> u64 {
    let number = number.clamp(1, LARGEST);
    let power = number.ilog2();
    u64::from(power) * STEPS + (((number - (1 << power)) * STEPS) >> power)
}

/// The least number of a bin, and the first beyond it.
pub(super) fn edges<const STEPS: u64>(bin: u64) -> (u64, u64) {
    let edge = |bin: u64| {
        let one = 1_u64 << (bin / STEPS);
        one + (one * (bin % STEPS)).div_ceil(STEPS)
    };
    (if bin == 0 { 0 } else { edge(bin) }, edge(bin + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_number_is_between_the_edges_of_its_bin() {
        for number in (0..5000).chain([LARGEST - 1, LARGEST]) {
            let (from, to) = edges::<4>(bin::<4>(number));
            assert!((from..to).contains(&number), "{number}: {from} to {to}");
            let (from, to) = edges::<1>(bin::<1>(number));
            assert!((from..to).contains(&number), "{number}: {from} to {to}");
        }
        assert_eq!(bin::<4>(u64::MAX), bin::<4>(LARGEST), "what is beyond all measure has a bin too");
    }

    #[test]
    fn bins_follow_each_other_without_gap_or_overlap() {
        let mut histogram = Histogram::<4>::default();
        (0..10_000).for_each(|number| histogram.add(number));
        let bins = histogram.bins();
        assert_eq!(bins.iter().map(|bin| bin.images).sum::<u64>(), 10_000);
        let powers = histogram.powers();
        assert_eq!(powers.iter().map(|bin| bin.images).sum::<u64>(), 10_000);
        assert_eq!(powers[1..4], [(2, 4), (4, 8), (8, 16)].map(|(from, to)| Bin { from, to, images: to - from }));
        assert!(bins.windows(2).all(|two| two[0].to == two[1].from), "{bins:?}");
        assert!(bins[..bins.len() - 1].iter().all(|bin| bin.images == bin.to - bin.from), "{bins:?}");
    }

    #[test]
    fn percentiles_are_near_the_numbers_that_they_stand_for() {
        let mut histogram = Histogram::<4>::default();
        assert_eq!((histogram.percentile(50), histogram.mean()), (None, None));
        (1..=1000).for_each(|number| histogram.add(number));
        for (percent, exact) in [(50, 500), (95, 950), (100, 1000)] {
            let found = histogram.percentile(percent).expect("there are numbers");
            assert!(found >= exact && found <= exact * 5 / 4, "{percent}: {found}");
        }
        assert_eq!(histogram.mean(), Some(500));
    }
}
