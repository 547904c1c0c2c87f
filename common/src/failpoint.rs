//! Points at which an operation can be made to fail, for tests that make every Nth one fail. Without the feature
//! `failpoints`, which only the tests' own builds of the programs have, a point is a constant `false` and nothing of this is
//! compiled.
//!
//! `WARREN_FAILPOINTS=broker=3,store.sync=1` makes every third operation fail whose point's name is `broker` or begins with
//! `broker.`, counted together over the process, and every one at `store.sync`.

#[cfg(feature = "failpoints")]
pub use armed::strikes;

/// Whether the operation that is about to be done at `point` is to fail instead: never.
#[cfg(not(feature = "failpoints"))]
#[must_use]
pub const fn strikes(_point: &str) -> bool {
    false
}

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// Every Nth operation at some points fails.
    struct Rule {
        /// A point's name, or its beginning up to a full stop.
        points: String,
        every: u64,
        done: AtomicU64,
    }

    /// Whether the operation that is about to be done at `point` is to fail instead.
    ///
    /// # Panics
    /// When `WARREN_FAILPOINTS` cannot be read: a test that fails nothing must not look passed.
    #[must_use]
    pub fn strikes(point: &str) -> bool {
        static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
        let rules = RULES.get_or_init(|| read(&std::env::var("WARREN_FAILPOINTS").unwrap_or_default()));
        // Each rule counts, so that one does not shift another.
        let struck = rules.iter().filter(|rule| rule.strikes(point)).count() > 0;
        if struck {
            tracing::warn!(point, "made to fail by WARREN_FAILPOINTS");
        }
        struck
    }

    fn read(text: &str) -> Vec<Rule> {
        let rule = |text: &str| {
            let (points, every) = text.split_once('=')?;
            let every = every.parse().ok().filter(|every| *every > 0)?;
            Some(Rule { points: points.to_owned(), every, done: AtomicU64::new(0) })
        };
        let rules = text.split(',').filter(|rule| !rule.is_empty());
        rules.map(|text| rule(text).unwrap_or_else(|| panic!("WARREN_FAILPOINTS: {text:?} is not POINT=N"))).collect()
    }

    impl Rule {
        fn strikes(&self, point: &str) -> bool {
            let rest = point.strip_prefix(self.points.as_str());
            let is_meant = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
            is_meant && (self.done.fetch_add(1, Ordering::Relaxed) + 1).is_multiple_of(self.every)
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn every_nth_operation_of_a_group_fails() {
            let rules = read("broker=3,store.sync=1");
            let broker = |point| rules[0].strikes(point);
            let struck = ["broker.call", "brokerage", "broker.publish", "broker", "broker.call"].map(broker);
            assert_eq!(struck, [false, false, false, true, false]);
            assert!(rules[1].strikes("store.sync") && !rules[1].strikes("store"));
        }

        #[test]
        #[should_panic(expected = "is not POINT=N")]
        fn what_cannot_be_read_is_not_passed_over() {
            drop(read("broker=0"));
        }
    }
}
