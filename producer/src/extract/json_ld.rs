//! The images that a page's JSON-LD names (`script type=application/ld+json`), by the words of schema.org, with the caption
//! that stands beside them. What the text of the JSON is worth is `tolerant`'s; addresses are not resolved here.
//!
//! It is no JSON-LD processor: contexts are not looked at, because pages write schema.org's own words, and references
//! by `@id` are not followed, because what they lead to is on the page and is read where it stands.

#[cfg(any(test, feature = "fuzzing"))]
pub(super) mod fuzzing;
mod tolerant;

use url::Url;

use self::tolerant::Value;
use super::base;
use crate::entities;

/// The caps on one script; its length is the caller's to cap.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    /// Strings, lists and objects together; what comes after is not read. Default 200,000.
    pub(super) values: usize,
    /// Lists and objects inside each other; what is deeper is passed over. Default 64.
    pub(super) depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { values: 200_000, depth: 64 }
    }
}

/// An image, as the page writes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// Its address, not resolved.
    pub(super) url: String,
    /// The `caption` of its object, or else the `name`, or else the `description`.
    pub(super) caption: Option<String>,
}

/// Properties whose value is an image: its address, its object, or a list of them.
const IMAGE: [&str; 8] =
    ["image", "images", "logo", "photo", "photos", "primaryImageOfPage", "thumbnail", "thumbnailUrl"];

/// Words of the object itself that may hold its address.
const ADDRESS: [&str; 4] = ["contentUrl", "url", "@value", "@id"];

/// How many addresses of one object get its caption; an honest one has two. A long caption of a million addresses would
/// be a million long captions.
const CAPTIONED: usize = 4;

/// The images in the text of one script, in its order; one that is named twice is there twice.
pub(super) fn images(text: &str, limits: &Limits) -> Vec<Found> {
    let mut found = Vec::new();
    for value in tolerant::read(text, limits) {
        walk(&value, false, &mut found);
    }
    found
}

/// Looks for images in `value`, which stands where an image is expected or not. Recurses over what the reader made, which
/// is not deeper than its limit.
fn walk(value: &Value, image: bool, found: &mut Vec<Found>) {
    match value {
        Value::Text(text) if image => found.push(Found { url: entities::decode(text), caption: None }),
        Value::Text(_) => {}
        Value::List(items) => items.iter().for_each(|item| walk(item, image, found)),
        Value::Object(fields) => object(fields, image, found),
    }
}

fn object(fields: &[(String, Value)], image: bool, found: &mut Vec<Found>) {
    let itself = Kind::of(fields, image);
    let has_content = fields.iter().any(|(name, value)| word(name, &["contentUrl"]) && value.text().is_some());
    let mut captions = caption(fields).into_iter().flat_map(|caption| std::iter::repeat_n(caption, CAPTIONED));
    for (name, value) in fields {
        if word(name, &ADDRESS) {
            let addresses = value.texts().filter(|url| itself.has_address(name, url, has_content));
            found.extend(addresses.map(|url| Found { url: entities::decode(url), caption: captions.next() }));
            walk(value, false, found);
        } else {
            // What JSON-LD wraps a value in changes nothing about it.
            let wrapped = image && word(name, &["@list", "@set", "@graph"]);
            walk(value, wrapped || word(name, &IMAGE), found);
        }
    }
}

/// What an object is, as far as that says which of its addresses are images.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An image: by its type, or by where it stands and no type.
    Image,
    /// Something else that stands where an image is expected, such as a `WebPage` or an `Organization`.
    InPlaceOfImage,
    /// Something else: a video, an article.
    Other,
}

impl Kind {
    fn of(fields: &[(String, Value)], image: bool) -> Self {
        let mut types = fields.iter().filter(|(name, _)| word(name, &["@type", "type"])).map(|(_, value)| value);
        match types.next() {
            Some(value) if value.texts().any(is_image_type) => Self::Image,
            Some(_) if image => Self::InPlaceOfImage,
            None if image => Self::Image,
            _ => Self::Other,
        }
    }

    /// Whether the property `name` of the object holds an image's address. An image's `url` may be that of the page about
    /// it, where there is a `contentUrl`; its `@id` is mostly a name that was made up.
    fn has_address(self, name: &str, url: &str, has_content: bool) -> bool {
        match self {
            Self::Image if word(name, &["@id"]) => !has_content && names_image(url),
            Self::Image if word(name, &["url"]) => !has_content || names_image(url),
            Self::Image => true,
            Self::InPlaceOfImage if word(name, &["contentUrl"]) => true,
            Self::InPlaceOfImage => names_image(url),
            Self::Other => word(name, &["contentUrl"]) && names_image(url),
        }
    }
}

fn is_image_type(name: &str) -> bool {
    ["ImageObject", "ImageObjectSnapshot", "Photograph", "Barcode"].iter().any(|known| word(name, &[known]))
}

fn caption(fields: &[(String, Value)]) -> Option<String> {
    let mut texts = ["caption", "name", "description"].into_iter().filter_map(|wanted| {
        let (_, value) = fields.iter().find(|(name, _)| word(name, &[wanted]))?;
        let text = entities::decode(value.text()?);
        Some(text.split_whitespace().collect::<Vec<_>>().join(" "))
    });
    texts.find(|text| !text.is_empty())
}

/// Whether `name` is one of `words`, written in any case, with or without schema.org's name before it.
fn word(name: &str, words: &[&str]) -> bool {
    let name = name.trim();
    let local = name.rsplit(['/', '#', ':']).next().unwrap_or(name);
    words.iter().any(|word| local.eq_ignore_ascii_case(word))
}

/// Whether an address, which need not be whole, ends like an image file's name.
fn names_image(address: &str) -> bool {
    let anywhere = Url::parse("http://anywhere/");
    anywhere.and_then(|base| base.join(address)).is_ok_and(|url| base::names_image(&url))
}

#[cfg(test)]
mod tests;
