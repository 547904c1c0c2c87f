//! Where the images of one message hang in their trees. Each has its own, since neighbours in a message may be of different
//! pages; what is not followed takes no room. On the wire this is a header, and so input from outside: it is read strictly,
//! and whole or not at all.

use std::time::{Duration, SystemTime};

use super::place::Place;
use crate::task::Task;

/// How long a message may have waited that is believed to have: nothing is outstanding for longer.
const LONGEST_WAIT: Duration = Duration::from_hours(30 * 24);

/// The places of those images of a message that are followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// By the image's index in the message, ascending.
    places: Vec<(usize, Place)>,
    /// When the message was handed to the broker, by the sender's clock.
    pub sent: Option<SystemTime>,
}

impl Places {
    /// Longest text that is read, in bytes: what a full message has.
    pub const MAX_TEXT: usize = Task::MAX_IMAGES * (Place::LENGTH + "63=,".len());

    /// Adds an image, behind all that were added before.
    pub fn push(&mut self, index: usize, place: Place) {
        self.places.push((index, place));
    }

    /// Whether no image is followed.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// The first place, for tools that know one of a message.
    #[must_use]
    pub fn first(&self) -> Option<Place> {
        self.places.first().map(|(_, place)| *place)
    }

    /// Where the image with this index hangs, if it is followed.
    #[must_use]
    pub fn of(&self, index: usize) -> Option<Place> {
        let found = self.places.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        self.places.get(found).map(|(_, place)| *place)
    }

    /// As text: `INDEX=TRACEPARENT`, with commas between.
    #[must_use]
    pub fn text(&self) -> String {
        let entries = self.places.iter().map(|(index, place)| format!("{index}={}", place.traceparent()));
        entries.collect::<Vec<_>>().join(",")
    }

    /// Reads what [`Places::text`] writes; anything else is none.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let entry = |entry: &str| {
            let (index, place) = entry.split_once('=')?;
            let number = index.parse().ok().filter(|number: &usize| number.to_string() == index)?;
            Some((number, Place::read(place)?))
        };
        if text.len() > Self::MAX_TEXT {
            return Self::default();
        }
        let places: Option<Vec<_>> = text.split(',').map(entry).collect();
        let places = places.filter(|places| {
            places.is_sorted_by(|(one, _), (next, _)| one < next)
                && places.last().is_some_and(|(last, _)| *last < Task::MAX_IMAGES)
        });
        Self { places: places.unwrap_or_default(), sent: None }
    }

    /// When the message was handed to the broker, as far as that can be: not in the future, and not long ago. Clocks differ,
    /// and anybody can publish.
    #[must_use]
    pub fn sent_before(&self, now: SystemTime) -> Option<SystemTime> {
        let sent = self.sent?.min(now);
        now.duration_since(sent).is_ok_and(|waited| waited <= LONGEST_WAIT).then_some(sent)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn full() -> Places {
        let mut places = Places::default();
        for index in 0..Task::MAX_IMAGES {
            places.push(index, Place::of(&[1; 16], "image", &[u8::try_from(index).expect("small")]));
        }
        places
    }

    #[test]
    fn a_full_message_round_trips() {
        let places = full();
        let text = places.text();
        assert!(text.len() <= Places::MAX_TEXT, "{}", text.len());
        assert_eq!(Places::read(&text), places);
        assert_eq!(places.of(63), places.places.last().map(|(_, place)| *place));
        assert_eq!(places.of(64), None);
    }

    #[test]
    fn some_of_a_message_may_be_followed() {
        let places = Places::read(&format!("3={ONE},17={ONE}"));
        assert_eq!((places.of(3), places.of(4), places.of(17)), (Place::read(ONE), None, Place::read(ONE)));
        assert_eq!(places.first(), Place::read(ONE));
    }

    #[test]
    fn what_no_producer_writes_is_not_read() {
        for bad in [
            String::new(),
            ",".to_owned(),
            ONE.to_owned(),
            format!("64={ONE}"),
            format!("+1={ONE}"),
            format!("01={ONE}"),
            format!("-1={ONE}"),
            format!("2={ONE},1={ONE}"),
            format!("1={ONE},1={ONE}"),
            format!("1={ONE},"),
            format!("1={ONE}, 2={ONE}"),
            format!("1={ONE},2=no"),
            format!("99999999999999999999={ONE}"),
            full().text() + "," + &"x".repeat(Places::MAX_TEXT),
        ] {
            assert!(Places::read(&bad).is_empty(), "{bad:?}");
        }
    }

    #[test]
    fn a_time_that_cannot_be_is_none() {
        let now = SystemTime::now();
        let at = |sent| Places { sent: Some(sent), ..Places::default() }.sent_before(now);
        let second = Duration::from_secs(1);
        assert_eq!(at(now - second), Some(now - second));
        assert_eq!(at(now + second), Some(now), "another clock");
        assert_eq!(at(now - LONGEST_WAIT), Some(now - LONGEST_WAIT));
        assert_eq!(at(now - LONGEST_WAIT - second), None);
        assert_eq!(Places::default().sent_before(now), None);
    }
}
