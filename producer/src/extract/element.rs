//! An element as the parsers hand it to the walk: its name and its attributes, in html5ever's words. What they mean is
//! decided in the rooms behind.

use html5ever::{Attribute, QualName, ns};

/// An element that was just opened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Element<'a> {
    pub(super) name: &'a QualName,
    pub(super) attributes: &'a [Attribute],
}

impl<'a> Element<'a> {
    /// The value of an attribute without namespace.
    pub(super) fn get(&self, name: &str) -> Option<&'a str> {
        let mut all = self.attributes.iter();
        all.find(|attribute| attribute.name.ns == ns!() && *attribute.name.local == *name).map(|found| &*found.value)
    }

    /// `href`, or the old `xlink:href`, of an element of `svg`.
    pub(super) fn svg_href(&self) -> Option<&'a str> {
        let old = || self.attributes.iter().find(|found| found.name.ns == ns!(xlink) && *found.name.local == *"href");
        self.get("href").or_else(|| old().map(|found| &*found.value))
    }

    /// Whether an attribute that is a set of words (`rel`, `class`) has this one, in whatever case.
    pub(super) fn has_word(&self, attribute: &str, word: &str) -> bool {
        self.get(attribute).is_some_and(|value| words(value).any(|found| found.eq_ignore_ascii_case(word)))
    }
}

/// The words of a set. What is longer than any that is meant is not read to its end.
pub(super) fn words(value: &str) -> impl Iterator<Item = &str> {
    value[..value.floor_char_boundary(LONGEST_SET)].split_ascii_whitespace()
}

/// Bytes of a set of words that are looked at.
const LONGEST_SET: usize = 4096;
