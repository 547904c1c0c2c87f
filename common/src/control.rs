//! Questions to the whole fleet, and what each downloader answers: for people who look, never for the work itself. Both
//! directions are input from outside; what is not exactly the format, or not plausible, is dropped by whoever gets it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::wire::{self, WireError};

/// Longest question or answer, in bytes: far more than either needs.
pub const MAX_CONTROL_MESSAGE: usize = 16 << 10;

/// Longest name or text in an answer, in bytes.
pub const MAX_TEXT: usize = 1000;

/// Most images that a downloader can say it fetches at once.
const MOST_AT_ONCE: u32 = 1 << 20;

/// Most images a second that a downloader can say it does.
const FASTEST: f64 = 1e7;

/// Tells the queue of one listener, or of one asker, from those of the others: 16 random bytes. Messages name queues by
/// this alone, so nobody can have an answer sent to another kind of queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ControlId([u8; 16]);

impl ControlId {
    /// One that nobody has.
    #[must_use]
    pub fn random() -> Self {
        Self(rand::random())
    }
}

impl fmt::Display for ControlId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::image_id::hex(&self.0))
    }
}

impl FromStr for ControlId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
        let bytes =
            if text.len() == 32 && text.chars().all(digit) { u128::from_str_radix(text, 16).ok() } else { None };
        bytes.map(|bytes| Self(bytes.to_be_bytes())).ok_or_else(|| "not 32 hexadecimal digits".to_owned())
    }
}

impl TryFrom<String> for ControlId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ControlId> for String {
    fn from(id: ControlId) -> Self {
        id.to_string()
    }
}

/// Asks every downloader how it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// The version of the format, [`wire::VERSION`].
    pub v: u32,
    /// Whose answers queue the answers go to.
    pub answers: ControlId,
}

/// How a downloader is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Answer {
    /// The version of the format, [`wire::VERSION`].
    pub v: u32,
    /// Its name, as in replies.
    pub worker: String,
    /// The machine it runs on.
    pub host: String,
    /// The version of Warren.
    pub version: String,
    /// When it started, in milliseconds since 1970 UTC.
    pub started_at: u64,
    /// Images that it fetches at once, at most.
    pub concurrency: u32,
    /// Images that it fetches, checks or stores now.
    pub in_flight: u32,
    /// Images that it has an outcome of, since it started.
    pub done: u64,
    /// What it received of these, in bytes.
    pub bytes: u64,
    /// Images done a second, over the last ten.
    pub images_per_second: f64,
    /// What is the matter with its store; absent when that takes images.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store_trouble: Option<StoreTrouble>,
}

/// A store that takes no images.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreTrouble {
    /// Why.
    pub why: String,
    /// Since when, in milliseconds since 1970 UTC.
    pub since: u64,
}

/// Reads a question.
pub fn read_question(body: &[u8]) -> Result<Question, WireError> {
    within_limit(body)?;
    wire::read(body)
}

/// Reads an answer.
pub fn read_answer(body: &[u8]) -> Result<Answer, WireError> {
    within_limit(body)?;
    let answer: Answer = wire::read(body)?;
    if answer.is_plausible() { Ok(answer) } else { Err(WireError::Rule("a number is out of range, or a text no line")) }
}

fn within_limit(body: &[u8]) -> Result<(), WireError> {
    if body.len() > MAX_CONTROL_MESSAGE { Err(WireError::Rule("it is longer than 16 KiB")) } else { Ok(()) }
}

impl Answer {
    /// Whether a downloader of ours could have written it.
    fn is_plausible(&self) -> bool {
        let trouble = self.store_trouble.as_ref();
        let names = [&self.worker, &self.host, &self.version];
        let texts = names.into_iter().chain(trouble.map(|trouble| &trouble.why));
        let times = [Some(self.started_at), trouble.map(|trouble| trouble.since)];
        names.iter().all(|name| !name.is_empty())
            && texts.into_iter().all(|text| text.len() <= MAX_TEXT && !text.chars().any(char::is_control))
            && times.into_iter().flatten().all(|time| time <= wire::LAST_MOMENT)
            && [self.done, self.bytes].into_iter().all(|count| i64::try_from(count).is_ok())
            && [self.concurrency, self.in_flight].into_iter().all(|images| images <= MOST_AT_ONCE)
            && (0.0..=FASTEST).contains(&self.images_per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer() -> Answer {
        Answer {
            v: wire::VERSION,
            worker: "rack3-1a2b3c".to_owned(),
            host: "rack3".to_owned(),
            version: "0.1.0".to_owned(),
            started_at: 1_795_452_711_329,
            concurrency: 64,
            in_flight: 3,
            done: 1000,
            bytes: 1 << 30,
            images_per_second: 12.5,
            store_trouble: Some(StoreTrouble { why: "no space left".to_owned(), since: 1_795_452_711_330 }),
        }
    }

    #[test]
    fn questions_and_answers_round_trip() {
        let question = Question { v: wire::VERSION, answers: ControlId::random() };
        assert_eq!(read_question(&wire::write(&question)).expect("readable"), question);
        assert_eq!(read_answer(&wire::write(&answer())).expect("readable"), answer());
        let well = Answer { store_trouble: None, ..answer() };
        assert_eq!(read_answer(&wire::write(&well)).expect("readable"), well);
    }

    #[test]
    fn an_id_is_nothing_but_digits() {
        let id = ControlId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        let long = "0".repeat(33);
        for bad in ["", "warren.tasks", "+0000000000000000000000000000000", "0000000000000000000000000000000G", &long] {
            assert!(bad.parse::<ControlId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn what_no_downloader_writes_is_refused() {
        let changes: [fn(&mut Answer); 9] = [
            |answer| answer.worker.clear(),
            |answer| answer.worker = "\u{1b}[2J".to_owned(),
            |answer| answer.host = "h".repeat(MAX_TEXT + 1),
            |answer| answer.started_at = u64::MAX,
            |answer| answer.done = u64::MAX,
            |answer| answer.concurrency = u32::MAX,
            |answer| answer.images_per_second = -1.0,
            |answer| answer.images_per_second = 1e300,
            |answer| answer.store_trouble = Some(StoreTrouble { why: "a\nb".to_owned(), since: 0 }),
        ];
        for change in changes {
            let mut changed = answer();
            change(&mut changed);
            assert!(read_answer(&wire::write(&changed)).is_err(), "{changed:?}");
        }
        let longest = Answer { worker: "w".repeat(MAX_TEXT), ..answer() };
        assert!(read_answer(&wire::write(&longest)).is_ok());
        let mut stranger = serde_json::to_value(answer()).expect("json");
        stranger["surprise"] = 1.into();
        let newer = serde_json::json!({"v": 4, "shape": "new"});
        for body in
            [wire::write(&stranger), wire::write(&newer), b"no json".to_vec(), vec![b' '; MAX_CONTROL_MESSAGE + 1]]
        {
            assert!(read_answer(&body).is_err());
            assert!(read_question(&body).is_err());
        }
    }
}
