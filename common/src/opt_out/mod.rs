//! Opt-outs: what a page or an image says of its own use, in headers and `meta` elements. Here are the words and what was
//! said; which of them a run obeys is the run's choice, and robots.txt is the producer's matter.

mod read;
mod verdict;

use std::fmt;
use std::ops::{BitAnd, BitOr};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use read::{agent, of_headers, of_meta};
pub use verdict::{PageVerdict, Refusal, image_verdict, page_verdict};

/// A wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Directive {
    /// Not for AI training.
    NoAi,
    /// The images are not for AI training.
    NoImageAi,
    /// The images are not to be indexed.
    NoImageIndex,
    /// Not to be indexed.
    NoIndex,
    /// The links are not to be followed.
    NoFollow,
    /// Rights to text and data mining are reserved: `tdm-reservation: 1` (TDM Reservation Protocol, sections 4 and 5).
    Tdm,
}

/// Every directive with its word, in the order in which they are written.
const WORDS: [(&str, Directive); 6] = [
    ("noai", Directive::NoAi),
    ("noimageai", Directive::NoImageAi),
    ("noimageindex", Directive::NoImageIndex),
    ("noindex", Directive::NoIndex),
    ("nofollow", Directive::NoFollow),
    ("tdm", Directive::Tdm),
];

impl Directive {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        WORDS.iter().find(|(_, directive)| *directive == self).map_or("", |(word, _)| word)
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of them. As text, and on the wire, it is the list of their words.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Directives(u8);

/// A word that is no directive.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no opt-out; there are noai, noimageai, noimageindex, noindex, nofollow and tdm")]
pub struct UnknownWord(String);

impl Directives {
    /// Nothing is said.
    pub const NONE: Self = Self(0);

    /// All there are.
    pub const ALL: Self = Self((1 << WORDS.len()) - 1);

    /// Those that speak against an image.
    const OF_IMAGES: Self = Self(Self::ALL.0 & !Directive::NoFollow.bit());

    /// Whether nothing is said.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0 == 0
    }

    /// Whether this is said.
    #[must_use]
    pub const fn contains(self, directive: Directive) -> bool {
        self.0 & directive.bit() != 0
    }

    /// Adds one.
    pub const fn insert(&mut self, directive: Directive) {
        self.0 |= directive.bit();
    }

    /// What is said, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Directive> {
        WORDS.iter().map(|(_, directive)| *directive).filter(move |directive| self.contains(*directive))
    }

    /// The same without this.
    #[must_use]
    const fn without(self, directive: Directive) -> Self {
        Self(self.0 & !directive.bit())
    }
}

impl BitOr for Directives {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl BitAnd for Directives {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}

impl FromIterator<Directive> for Directives {
    fn from_iter<I: IntoIterator<Item = Directive>>(all: I) -> Self {
        all.into_iter().fold(Self::NONE, |set, directive| Self(set.0 | directive.bit()))
    }
}

impl fmt::Display for Directives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, directive) in self.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { "," })?;
            f.write_str(directive.as_str())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Directives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{{{self}}}")
    }
}

impl FromStr for Directives {
    type Err = UnknownWord;

    /// Reads words with commas between them, in any case. Nothing is an empty set.
    fn from_str(text: &str) -> Result<Self, UnknownWord> {
        let words = text.split(',').map(str::trim).filter(|word| !word.is_empty());
        words.map(|word| directive(word).ok_or_else(|| UnknownWord(word.to_owned()))).collect()
    }
}

impl TryFrom<Vec<String>> for Directives {
    type Error = UnknownWord;

    fn try_from(words: Vec<String>) -> Result<Self, UnknownWord> {
        words.into_iter().map(|word| directive(&word).ok_or(UnknownWord(word))).collect()
    }
}

impl From<Directives> for Vec<String> {
    fn from(set: Directives) -> Self {
        set.iter().map(|directive| directive.as_str().to_owned()).collect()
    }
}

fn directive(word: &str) -> Option<Directive> {
    WORDS.iter().find(|(known, _)| word.eq_ignore_ascii_case(known)).map(|(_, directive)| *directive)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_written_as_words_and_read_again() {
        assert_eq!(Directives::ALL.to_string(), "noai,noimageai,noimageindex,noindex,nofollow,tdm");
        assert_eq!(Directives::ALL.to_string().parse(), Ok(Directives::ALL));
        assert_eq!("".parse(), Ok(Directives::NONE));
        let two: Directives = [Directive::NoAi, Directive::Tdm].into_iter().collect();
        assert_eq!(" NoAI , tdm,".parse(), Ok(two));
        assert_eq!("noai,nosnippet".parse::<Directives>(), Err(UnknownWord("nosnippet".to_owned())));
    }

    #[test]
    fn a_set_is_a_list_on_the_wire() {
        let set: Directives = [Directive::NoAi, Directive::NoIndex].into_iter().collect();
        let json = serde_json::to_string(&set).expect("json");
        assert_eq!(json, r#"["noai","noindex"]"#);
        assert_eq!(serde_json::from_str::<Directives>(&json).expect("readable"), set);
        assert!(serde_json::from_str::<Directives>(r#"["none"]"#).is_err());
    }

    #[test]
    fn sets_are_joined_and_cut() {
        let one: Directives = [Directive::NoAi, Directive::Tdm].into_iter().collect();
        assert_eq!((one | Directives::ALL, one & Directives::NONE), (Directives::ALL, Directives::NONE));
        assert!(one.contains(Directive::Tdm) && !one.contains(Directive::NoFollow));
        assert!(!Directives::OF_IMAGES.contains(Directive::NoFollow));
    }
}
