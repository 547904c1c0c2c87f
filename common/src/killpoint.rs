//! Places at which tests have a process die or freeze, to see that nothing is lost at just that moment. Without the
//! feature `failpoints`, which only the tests' own builds of the programs have, nothing of this is compiled.
//!
//! `WARREN_KILLPOINTS=downloader.fetch=abort:/killer.png,downloader.ack=hang` ends the process, as if killed, where it is
//! about to fetch a URL that contains `/killer.png`, and goes no further with the first batch that it is about to
//! acknowledge, nor with any other.

#[cfg(feature = "failpoints")]
pub use armed::{blocking_reached, reached};

/// The process is about to do something at `place` with `subject`; nothing happens to it.
#[cfg(not(feature = "failpoints"))]
#[expect(clippy::unused_async, reason = "with the feature it may wait for ever")]
pub async fn reached(_place: &str, _subject: &str) {}

/// As `reached`, on a thread that may block.
#[cfg(not(feature = "failpoints"))]
pub const fn blocking_reached(_place: &str, _subject: &str) {}

#[cfg(feature = "failpoints")]
mod armed {
    use std::sync::OnceLock;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    enum Fate {
        Abort,
        Hang,
    }

    /// What happens at a place to the subjects that contain a text.
    struct Rule {
        place: String,
        fate: Fate,
        text: String,
    }

    /// The process is about to do something at `place` with `subject`: returns, unless it is to die or freeze here.
    ///
    /// # Panics
    /// When `WARREN_KILLPOINTS` cannot be read: a test that kills nothing must not look passed.
    pub async fn reached(place: &str, subject: &str) {
        if is_to_freeze(place, subject) {
            std::future::pending::<()>().await;
        }
    }

    /// As [`reached`], on a thread that may block.
    ///
    /// # Panics
    /// As [`reached`].
    pub fn blocking_reached(place: &str, subject: &str) {
        while is_to_freeze(place, subject) {
            std::thread::park();
        }
    }

    /// Returns only if the process is not to die here.
    fn is_to_freeze(place: &str, subject: &str) -> bool {
        static RULES: OnceLock<Vec<Rule>> = OnceLock::new();
        let rules = RULES.get_or_init(|| read(&std::env::var("WARREN_KILLPOINTS").unwrap_or_default()));
        match rules.iter().find(|rule| rule.place == place && subject.contains(&rule.text)).map(|rule| rule.fate) {
            None => false,
            Some(Fate::Abort) => std::process::abort(),
            Some(Fate::Hang) => {
                tracing::warn!(place, subject, "frozen by WARREN_KILLPOINTS");
                true
            }
        }
    }

    fn read(text: &str) -> Vec<Rule> {
        let rule = |text: &str| {
            let (place, what) = text.split_once('=')?;
            let (fate, text) = what.split_once(':').unwrap_or((what, ""));
            let fate = match fate {
                "abort" => Fate::Abort,
                "hang" => Fate::Hang,
                _ => return None,
            };
            Some(Rule { place: place.to_owned(), fate, text: text.to_owned() })
        };
        let rules = text.split(',').filter(|rule| !rule.is_empty());
        rules.map(|text| rule(text).unwrap_or_else(|| panic!("WARREN_KILLPOINTS: cannot read {text:?}"))).collect()
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn a_rule_has_a_place_a_fate_and_perhaps_a_text() {
            let rules = read("downloader.fetch=abort:/killer.png,downloader.ack=hang");
            let read: Vec<_> = rules.iter().map(|rule| (rule.place.as_str(), rule.fate, rule.text.as_str())).collect();
            assert_eq!(read, [("downloader.fetch", Fate::Abort, "/killer.png"), ("downloader.ack", Fate::Hang, "")]);
        }

        #[test]
        #[should_panic(expected = "cannot read")]
        fn what_cannot_be_read_is_not_passed_over() {
            drop(read("downloader.fetch=explode"));
        }
    }
}
