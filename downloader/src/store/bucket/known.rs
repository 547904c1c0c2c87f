//! Which objects are in the bucket, as far as this process remembers: they are not put again. It remembers not many and not for
//! long, because others may delete them.

use std::collections::HashSet;
use std::mem;
use std::time::{Duration, Instant};

/// Objects after which the older half is forgotten; some 150 bytes each.
const MOST: usize = 32_768;

/// After so long the older half is forgotten too; nothing is remembered for twice that.
const GENERATION: Duration = Duration::from_mins(10);

/// The objects that were put last, in two generations.
#[derive(Debug)]
pub(super) struct Known {
    young: HashSet<String>,
    old: HashSet<String>,
    /// When the younger one began.
    since: Instant,
}

impl Known {
    pub(super) fn new(now: Instant) -> Self {
        Self { young: HashSet::new(), old: HashSet::new(), since: now }
    }

    pub(super) fn has(&mut self, path: &str, now: Instant) -> bool {
        self.forget(now);
        self.young.contains(path) || self.old.contains(path)
    }

    pub(super) fn put(&mut self, path: String, now: Instant) {
        self.forget(now);
        if self.young.len() >= MOST {
            self.old = mem::take(&mut self.young);
            self.since = now;
        }
        self.young.insert(path);
    }

    fn forget(&mut self, now: Instant) {
        let passed = now.duration_since(self.since);
        if passed >= 2 * GENERATION {
            *self = Self::new(now);
        } else if passed >= GENERATION {
            self.old = mem::take(&mut self.young);
            self.since += GENERATION;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_is_known_for_a_while() {
        let begin = Instant::now();
        let at = |minutes| begin + Duration::from_mins(minutes);
        let mut known = Known::new(begin);
        known.put("a".to_owned(), at(9));
        assert!(known.has("a", at(9)) && known.has("a", at(19)) && !known.has("b", at(19)));
        assert!(!known.has("a", at(20)), "of the generation before the last");
        known.put("b".to_owned(), at(20));
        assert!(!known.has("b", at(1_000)), "however long nobody asked");
    }

    #[test]
    fn the_memory_is_bounded() {
        let now = Instant::now();
        let mut known = Known::new(now);
        for number in 0..=2 * MOST {
            known.put(number.to_string(), now);
        }
        assert!(known.young.len() + known.old.len() <= 2 * MOST);
        assert!(known.has(&MOST.to_string(), now) && !known.has("0", now));
    }
}
