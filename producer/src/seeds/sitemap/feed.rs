//! Feeds: RSS 0.9x, 1.0 and 2.0, and Atom, with the images of Media RSS and of podcasts. The pages are what the items link
//! to; images in an item's HTML are on that page too, and are left to it.

use url::Url;

use super::Listed;
use super::finds::Finds;
use super::xml::{Name, Part, Tag};
use crate::extract::names_image;

/// Where in the feed.
#[derive(Default)]
pub(super) struct Feed {
    item: Option<Item>,
    /// Inside of RSS's `image`, whose address is the text of its `url`.
    in_image: bool,
    /// Inside of an item's `guid` that is an address.
    in_permalink: bool,
    /// The `media:content` that is open, which may say what its image shows.
    media: Option<Listed>,
}

/// An RSS `item` or an Atom `entry` that is open.
#[derive(Default)]
struct Item {
    link: Option<Url>,
    /// Its name, which is an address too: what it links to, if it has no link.
    id: Option<Url>,
    images: Vec<Listed>,
}

impl Feed {
    pub(super) fn take(&mut self, part: Part<'_>, finds: &mut Finds<'_>) {
        match part {
            Part::Start(tag) => self.start(&tag, finds),
            Part::End { name, text } => self.end(name, text, finds),
        }
    }

    fn start(&mut self, tag: &Tag<'_>, finds: &mut Finds<'_>) {
        let address = |name| tag.attribute(name).and_then(|address| finds.resolve(&address));
        let mut image = None;
        match tag.name.local {
            "item" | "entry" => {
                self.end_item(finds);
                let id = tag.attribute("about").and_then(|about| finds.resolve(&about));
                self.item = Some(Item { id, ..Item::default() });
            }
            // `itunes:image` has an attribute, RSS's own an element.
            "image" => {
                image = address("href");
                self.in_image = image.is_none();
            }
            "link" => image = self.link(tag, finds),
            "enclosure" => image = address("url").filter(|url| is_image(tag, url)),
            // `media:content` has a `url`, Atom's own a `src` where what it holds is elsewhere.
            "content" => {
                let url = address("url").or_else(|| address("src"));
                self.end_media(finds);
                self.media = url.filter(|url| is_image(tag, url)).map(listed);
            }
            "thumbnail" => image = address("url"),
            "guid" => {
                let named = tag.attribute("isPermaLink").is_some_and(|value| value.eq_ignore_ascii_case("false"));
                self.in_permalink = !named;
            }
            _ => {}
        }
        if let Some(url) = image {
            self.add(listed(url), finds);
        }
    }

    /// Atom's `link`: an image, if it is one; the first alternate is what the entry links to.
    fn link(&mut self, tag: &Tag<'_>, finds: &Finds<'_>) -> Option<Url> {
        let href = tag.attribute("href").and_then(|href| finds.resolve(&href))?;
        let relation = tag.attribute("rel").unwrap_or_default().to_ascii_lowercase();
        match relation.as_str() {
            "enclosure" => Some(href).filter(|href| is_image(tag, href)),
            "" | "alternate" => {
                if let Some(Item { link: link @ None, .. }) = &mut self.item {
                    *link = Some(href);
                }
                None
            }
            _ => None,
        }
    }

    fn end(&mut self, name: Name, text: &str, finds: &mut Finds<'_>) {
        match (name.local, &mut self.item) {
            ("link", Some(Item { link: link @ None, .. })) => *link = finds.resolve(text),
            ("guid", Some(item)) if self.in_permalink && text.contains("://") => item.id = finds.resolve(text),
            ("url", _) if self.in_image => self.add_text(text, finds),
            // Some write the address right into it.
            ("image", _) if self.in_image => {
                self.in_image = false;
                self.add_text(text, finds);
            }
            // Of Atom; in RSS they are nothing, or an address all the same.
            ("logo" | "icon", None) => self.add_text(text, finds),
            ("content", _) => self.end_media(finds),
            ("item" | "entry", _) => self.end_item(finds),
            ("title", _) if name.is_media => {
                if let Some(media) = &mut self.media {
                    media.title = finds.words(text);
                }
            }
            ("description", _) if name.is_media => {
                if let Some(media) = &mut self.media {
                    media.caption = finds.words(text);
                }
            }
            _ => {}
        }
    }

    fn add_text(&mut self, text: &str, finds: &mut Finds<'_>) {
        if let Some(url) = finds.resolve(text) {
            self.add(listed(url), finds);
        }
    }

    fn add(&mut self, image: Listed, finds: &mut Finds<'_>) {
        if finds.admit(&image) {
            match &mut self.item {
                Some(item) => item.images.push(image),
                None => finds.images([image]),
            }
        }
    }

    fn end_media(&mut self, finds: &mut Finds<'_>) {
        if let Some(image) = self.media.take() {
            self.add(image, finds);
        }
    }

    /// Hands over the item that is open, at its end or where its end is missing.
    pub(super) fn end_item(&mut self, finds: &mut Finds<'_>) {
        self.end_media(finds);
        let Some(item) = self.item.take() else {
            return;
        };
        match item.link.or(item.id) {
            Some(url) => finds.page(url, item.images),
            None => finds.images(item.images),
        }
    }
}

fn listed(url: Url) -> Listed {
    Listed { url, title: None, caption: None }
}

/// Whether an enclosure is an image: by its type, or by Media RSS's word for it; by its name, where neither is said.
fn is_image(tag: &Tag<'_>, url: &Url) -> bool {
    let said = tag.attribute("medium").map(|medium| medium.eq_ignore_ascii_case("image"));
    let kind = || tag.attribute("type").map(|kind| kind.to_ascii_lowercase().starts_with("image/"));
    said.or_else(kind).unwrap_or_else(|| names_image(url))
}
