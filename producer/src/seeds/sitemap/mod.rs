//! Sitemaps and feeds: their bytes in, the pages, images and further sitemaps that they list out. A pure function; what
//! is fetched of it is not decided here.
//!
//! Read are the [Sitemaps protocol](https://www.sitemaps.org/protocol.html) 0.9 (`urlset`, `sitemapindex`, lists in plain
//! text) with the image extension, RSS 0.9x, 1.0 and 2.0 and Atom (RFC 4287) with Media RSS, each also packed with gzip.
//! Documents are told apart by what they hold, never by their names; elements by their names, whatever their namespaces,
//! which sites get wrong. Entities of a DTD are not looked up, so none can grow.
//!
//! ```text
//! bytes -> input (gzip, encoding, caps) -> xml (elements) -> listing | feed -> finds
//!                                       -> text                             -> finds
//! ```

mod feed;
mod finds;
mod input;
mod listing;
mod text;
mod xml;

use std::fmt;
use std::ops::ControlFlow;

use url::Url;

use self::feed::Feed;
use self::finds::Finds;
use self::input::Input;
use self::listing::Listing;
use self::xml::Part;

/// What a sitemap or a feed lists, in its order.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Sitemap {
    /// The pages, with the images that are listed with each.
    pub pages: Vec<Entry>,
    /// Further sitemaps, of a `sitemapindex`.
    pub sitemaps: Vec<Url>,
    /// Images that belong to no page of the list: a feed's logo, the enclosure of an item without link.
    pub images: Vec<Listed>,
    /// Why it was not read to its end, if it was not; what stood before the cut is in the fields above.
    pub cut: Option<Cut>,
}

/// A page: a `url` of a sitemap, an item of a feed.
#[derive(Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its address: absolute, `http` or `https`, without fragment, like all addresses here.
    pub url: Url,
    /// The images that are listed with it: the image extension's, the preview images of videos, an item's enclosures.
    pub images: Vec<Listed>,
}

/// An image of a list.
#[derive(Debug, PartialEq, Eq)]
pub struct Listed {
    /// Its address.
    pub url: Url,
    /// `image:title`, or Media RSS's `media:title`.
    pub title: Option<String>,
    /// `image:caption`, or Media RSS's `media:description`.
    pub caption: Option<String>,
}

/// Why a sitemap was not read to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// It is neither a sitemap nor a feed.
    Unknown,
    /// It is larger than [`Limits::unpacked_bytes`].
    TooLarge,
    /// It lists more than [`Limits::entries`] or [`Limits::images`], or more text than [`Limits::kept_bytes`], or is made of more
    /// than [`Limits::tokens`].
    TooMany,
    /// It is no XML from some place on, or ends too early; its gzip is damaged; or it passes [`Limits::token_bytes`] or
    /// [`Limits::depth`].
    Broken,
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "neither a sitemap nor a feed",
            Self::TooLarge => "too large",
            Self::TooMany => "too many entries",
            Self::Broken => "broken XML or gzip",
        })
    }
}

/// The caps on one sitemap. Each is the largest value that is still taken.
#[derive(Debug, Clone)]
pub struct Limits {
    /// Its length in bytes, unpacked. Default 50 MiB, by the protocol.
    pub unpacked_bytes: usize,
    /// Pages, and sitemaps of an index. Default 50,000 of each, by the protocol.
    pub entries: usize,
    /// Images, of all pages together. Default 200,000.
    pub images: usize,
    /// Length of a URL in bytes, as written and as resolved; a longer one is skipped. Default 8 KiB.
    pub url_bytes: usize,
    /// Length of a title or caption in characters; the rest is dropped. Default 2,000.
    pub text_chars: usize,
    /// Length of all that is kept, in bytes: a short reference may stand for a long address. Default 32 MiB.
    pub kept_bytes: usize,
    /// The longest tag, comment or text in bytes, which is held in memory. Default 1 MiB.
    pub token_bytes: usize,
    /// Tags, texts and comments. Default 8,000,000: as many as 50 MiB of honest sitemap have, about a second of one core.
    pub tokens: usize,
    /// Elements inside each other; articles in feeds nest like pages. Default 1,000.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            unpacked_bytes: 50 * 1024 * 1024,
            entries: 50_000,
            images: 200_000,
            url_bytes: 8 * 1024,
            text_chars: 2_000,
            kept_bytes: 32 * 1024 * 1024,
            token_bytes: 1024 * 1024,
            tokens: 8_000_000,
            depth: 1_000,
        }
    }
}

/// How much is looked at to see what a document is.
const SNIFFED_BYTES: usize = 4 * 1024;

/// Reads the sitemap or feed `bytes`, plain or packed with gzip, which came from `base`. Never panics and never fails.
#[must_use]
pub fn read(bytes: &[u8], base: &Url, limits: &Limits) -> Sitemap {
    let mut input = Input::open(bytes, limits);
    let mut finds = Finds::new(base, limits);
    if !input.is_markup() {
        text::read(input, &mut finds);
        return finds.end();
    }
    let mut document = Document::Unknown;
    let broken = xml::walk(&mut input, limits, |part| document.take(part, &mut finds));
    document.end(&mut finds);
    if matches!(document, Document::Unknown) {
        finds.cut(Cut::Unknown);
    }
    if let Some(cut) = input.cut().or(broken) {
        finds.cut(cut);
    }
    finds.end()
}

/// Whether `bytes`, which came with the `Content-Type` header `content_type`, are a sitemap or a feed, by their beginning. Plain
/// text is one if the header says that it is text and it begins with lines that are addresses.
#[must_use]
pub fn is_sitemap(content_type: Option<&str>, bytes: &[u8]) -> bool {
    let limits = Limits { unpacked_bytes: SNIFFED_BYTES, ..Limits::default() };
    let mut input = Input::open(bytes, &limits);
    if !input.is_markup() {
        let essence = content_type.and_then(|header| header.split(';').next()).unwrap_or_default();
        return essence.trim().eq_ignore_ascii_case("text/plain") && text::is_list(input);
    }
    let mut document = Document::Unknown;
    xml::walk(&mut input, &limits, |part| {
        if let Part::Start(tag) = part {
            document = Document::by_root(tag.name.local);
        }
        ControlFlow::Break(())
    });
    !matches!(document, Document::Unknown)
}

/// What the root element says that the document is.
enum Document {
    Unknown,
    Listing(Listing),
    Feed(Feed),
}

impl Document {
    fn by_root(name: &str) -> Self {
        match name {
            "urlset" | "sitemapindex" => Self::Listing(Listing::default()),
            "rss" | "rdf" | "feed" => Self::Feed(Feed::default()),
            _ => Self::Unknown,
        }
    }

    /// Takes the next part; after the break nothing more is wanted.
    fn take(&mut self, part: Part<'_>, finds: &mut Finds<'_>) -> ControlFlow<()> {
        if matches!(self, Self::Unknown)
            && let Part::Start(root) = &part
        {
            *self = Self::by_root(root.name.local);
        }
        match self {
            Self::Unknown => return ControlFlow::Break(()),
            Self::Listing(listing) => listing.take(part, finds),
            Self::Feed(feed) => feed.take(part, finds),
        }
        if finds.is_full() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    }

    /// What is still open at the end counts as far as it was read.
    fn end(&mut self, finds: &mut Finds<'_>) {
        match self {
            Self::Unknown => {}
            Self::Listing(listing) => listing.end_entry(finds),
            Self::Feed(feed) => feed.end_item(finds),
        }
    }
}

#[cfg(test)]
mod tests;
