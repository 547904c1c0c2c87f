//! The elements of an XML document, one after the other, with their text. Names go without their prefixes and in any case,
//! because sites get both wrong; no tree, because sitemaps are flat.

use std::ops::ControlFlow;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::QName;

use super::input::Input;
use super::{Cut, Limits};
use crate::entities;

/// A part of a document.
pub(super) enum Part<'a> {
    /// An element begins.
    Start(Tag<'a>),
    /// An element ends.
    End {
        /// The element's.
        name: Name,
        /// What stands in it behind the last tag in it, trimmed: all of it where there is no element in it.
        text: &'a str,
    },
}

/// The local names of the elements that mean something, in lower case.
const NAMES: [&str; 22] = [
    "caption",
    "content",
    "description",
    "enclosure",
    "entry",
    "feed",
    "guid",
    "icon",
    "image",
    "item",
    "link",
    "loc",
    "logo",
    "rdf",
    "rss",
    "sitemap",
    "sitemapindex",
    "thumbnail",
    "thumbnail_loc",
    "title",
    "url",
    "urlset",
];

/// The name of an element.
#[derive(Clone, Copy)]
pub(super) struct Name {
    /// Without its prefix, in lower case; empty for all that mean nothing.
    pub(super) local: &'static str,
    /// Whether the prefix is Media RSS's.
    pub(super) is_media: bool,
}

impl Name {
    fn of(name: QName<'_>) -> Self {
        let local = name.local_name();
        let known = NAMES.iter().find(|known| known.eq_ignore_ascii_case(local.as_ref()));
        let is_media = name.prefix().is_some_and(|prefix| prefix.as_ref().eq_ignore_ascii_case("media"));
        Self { local: known.copied().unwrap_or_default(), is_media }
    }
}

/// The beginning of an element.
pub(super) struct Tag<'a> {
    /// The element's.
    pub(super) name: Name,
    tag: &'a BytesStart<'a>,
}

impl<'a> Tag<'a> {
    fn of(tag: &'a BytesStart<'a>) -> Self {
        Self { name: Name::of(tag.name()), tag }
    }

    /// The first attribute of this name, whatever its prefix, trimmed; `None` where it is missing or empty.
    pub(super) fn attribute(&self, name: &str) -> Option<String> {
        let mut attributes = self.tag.html_attributes();
        let attribute = attributes
            .with_checks(false)
            .flatten()
            .find(|attribute| attribute.key.local_name().as_ref().eq_ignore_ascii_case(name))?;
        Some(entities::decode(attribute.value.trim())).filter(|value| !value.is_empty())
    }
}

/// Hands the parts of `input` to `take` until it breaks. Returns what is wrong with the document as far as it was read.
pub(super) fn walk(
    input: &mut Input<'_>,
    limits: &Limits,
    mut take: impl FnMut(Part<'_>) -> ControlFlow<()>,
) -> Option<Cut> {
    let mut reader = Reader::from_reader(input);
    let config = reader.config_mut();
    config.allow_dangling_amp = true;
    config.allow_unmatched_ends = true;
    config.check_end_names = false;
    let mut held = Vec::new();
    let mut text = Text { text: String::new(), most: limits.url_bytes.max(4 * limits.text_chars) + 1 };
    let mut depth: usize = 0;
    for _ in 0..limits.tokens {
        held.clear();
        reader.get_mut().end_token();
        let taken = match reader.read_event_into(&mut held) {
            Ok(Event::Start(tag)) => {
                depth += 1;
                if depth > limits.depth {
                    return Some(Cut::Broken);
                }
                text.text.clear();
                take(Part::Start(Tag::of(&tag)))
            }
            Ok(Event::Empty(tag)) => {
                text.text.clear();
                let begun = take(Part::Start(Tag::of(&tag)));
                if begun.is_break() { begun } else { take(Part::End { name: Name::of(tag.name()), text: "" }) }
            }
            Ok(Event::End(tag)) => {
                depth = depth.saturating_sub(1);
                let taken = take(Part::End { name: Name::of(tag.name()), text: text.text.trim() });
                text.text.clear();
                taken
            }
            Ok(Event::Text(part)) => text.add(&part),
            Ok(Event::CData(part)) => text.add(&part),
            Ok(Event::GeneralRef(reference)) => text.refer(&reference),
            Ok(Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => ControlFlow::Continue(()),
            Ok(Event::Eof) => return (depth > 0).then_some(Cut::Broken),
            Err(_) => return Some(Cut::Broken),
        };
        if taken.is_break() {
            return None;
        }
    }
    Some(Cut::TooMany)
}

/// The text since the last tag, as much of it as anyone wants.
struct Text {
    text: String,
    most: usize,
}

impl Text {
    fn add(&mut self, part: &str) -> ControlFlow<()> {
        let room = self.most.saturating_sub(self.text.len());
        self.text.push_str(&part[..part.floor_char_boundary(room)]);
        ControlFlow::Continue(())
    }

    fn refer(&mut self, name: &str) -> ControlFlow<()> {
        if self.text.len() == self.most {
            return ControlFlow::Continue(());
        }
        self.add(&entities::decode(&format!("&{name};")))
    }
}
