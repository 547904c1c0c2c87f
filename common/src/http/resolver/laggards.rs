//! Names whose addresses of one family did not come in time. Some name servers never answer a question for IPv6 addresses, and
//! nothing says so: whoever wants such a name again does not wait for them again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use hickory_resolver::proto::rr::Name;

/// How long that is remembered.
const REMEMBERED: Duration = Duration::from_mins(1);

/// Most names that are remembered; further ones are waited for.
const MOST: usize = 4096;

/// The names, and since when.
#[derive(Default)]
pub(super) struct Laggards(Mutex<HashMap<Name, Instant>>);

impl Laggards {
    pub(super) fn has(&self, name: &Name, now: Instant) -> bool {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        names.get(name).is_some_and(|since| now.duration_since(*since) < REMEMBERED)
    }

    pub(super) fn add(&self, name: Name, now: Instant) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= MOST {
            names.retain(|_, since| now.duration_since(*since) < REMEMBERED);
        }
        if names.len() < MOST {
            names.insert(name, now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_remembered_for_a_minute_and_no_more_names_than_there_is_room_for() {
        let (laggards, begun) = (Laggards::default(), Instant::now());
        let name = |number: usize| Name::from_ascii(format!("h{number}.example.")).expect("a name");
        for number in 0..=MOST {
            laggards.add(name(number), begun);
        }
        let soon = begun + REMEMBERED.saturating_sub(Duration::from_millis(1));
        assert!(laggards.has(&name(0), soon) && laggards.has(&name(MOST - 1), soon));
        assert!(!laggards.has(&name(MOST), soon), "one too many");
        let later = begun + REMEMBERED;
        assert!(!laggards.has(&name(0), later));
        laggards.add(name(MOST), later);
        assert!(laggards.has(&name(MOST), later), "the old ones made room");
    }
}
