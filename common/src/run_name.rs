//! A run's name: a folder below `--runs` and a part of a queue's name, so its alphabet is small.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// 1 to 100 letters, digits, `-`, `_` and `.`, not beginning with a dot.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunName(String);

impl RunName {
    /// Longest name in bytes: with a prefix it must fit AMQP's 255-byte queue names.
    pub const MAX_LENGTH: usize = 100;

    /// The name itself.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for RunName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if text.is_empty() || text.len() > Self::MAX_LENGTH || text.starts_with('.') || !text.chars().all(plain) {
            return Err(format!(
                "a name is 1 to {} letters, digits, '-', '_' or '.', and does not begin with a dot",
                Self::MAX_LENGTH
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for RunName {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<RunName> for String {
    fn from(name: RunName) -> Self {
        name.0
    }
}

impl fmt::Display for RunName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_their_folder() {
        for good in ["a", "2026-11-23_gimp.1", &"x".repeat(100)] {
            assert!(good.parse::<RunName>().is_ok(), "{good}");
        }
        for bad in ["", "..", ".hidden", "a/b", "a b", "ä", &"x".repeat(101)] {
            assert!(bad.parse::<RunName>().is_err(), "{bad}");
        }
    }
}
