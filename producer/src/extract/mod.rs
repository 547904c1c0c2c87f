//! Extraction: the bytes of an HTML page in, the images and links it offers out.
//!
//! A pure function that asks nobody anything and holds on any bytes: a page that costs too much to parse is cut and
//! says so. What is fetched, followed or refused is not decided here; the frontier does that.
//!
//! ```text
//! bytes -> charset -> guard (tags, meter) -> page (base, srcset, context) -> candidate
//! ```

mod base;
mod candidate;
mod charset;
mod context;
#[cfg_attr(not(test), expect(dead_code, reason = "read by the walk over the page, which is being written"))]
mod css;
#[cfg_attr(not(test), expect(dead_code, reason = "read by the walk over the page, which is being written"))]
mod data_uri;
mod guard;
#[cfg_attr(not(test), expect(dead_code, reason = "read by the walk over the page, which is being written"))]
mod json_ld;
mod limits;
mod meter;
mod page;
mod srcset;
mod tags;

use std::fmt;

use clap::ValueEnum;
use url::Url;

pub use self::candidate::{Candidate, Source};
pub use self::limits::Limits;

/// What a page offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The images, in the order of the document, each URL once: where a page names one twice, the first is kept.
    pub images: Vec<Candidate>,
    /// The pages it links to (`http` and `https`), in the order of the document, without fragments, each once.
    pub links: Vec<Link>,
    /// The style sheets it needs; each can be given to [`extract`] as a page of its own.
    pub style_sheets: Vec<Url>,
    /// `name` (lower case) and `content` of its `meta` elements: what it asks of robots is among them.
    pub metas: Vec<(String, String)>,
    /// Why the page was not read to its end, if it was not; what stood before the cut is in the fields above.
    pub truncated: Option<Truncated>,
}

/// A link to another page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Where it leads, without fragment.
    pub url: Url,
    /// Every link to it asks not to be followed: `rel` is `nofollow`, `ugc` or `sponsored`.
    pub nofollow: bool,
    /// The page sends its reader there at once (`meta refresh`).
    pub refresh: bool,
}

/// The limit at which a page was cut; see the fields of [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncated {
    /// Elements nested deeper than [`Limits::depth`].
    Depth,
    /// A tag with more attributes than [`Limits::attributes`].
    Attributes,
    /// More nodes than [`Limits::nodes`].
    Nodes,
    /// More work for the parser than [`Limits::work`].
    Work,
    /// More images than [`Limits::images`]; links are still found.
    Images,
    /// More links than [`Limits::links`]; images are still found.
    Links,
}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Depth => "elements nested too deep",
            Self::Attributes => "too many attributes on one tag",
            Self::Nodes => "too many nodes",
            Self::Work => "too costly to parse",
            Self::Images => "too many images",
            Self::Links => "too many links",
        })
    }
}

/// How a page is read.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Which candidates of a `srcset` are taken.
    pub srcset: SrcsetChoice,
    /// Where a page is cut.
    pub limits: Limits,
}

/// Which candidates of a set are taken, where a page offers one image in several sizes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum SrcsetChoice {
    /// The largest alone: by width, else by pixel density (the default).
    #[default]
    Largest,
    /// Every candidate.
    All,
}

/// Reads the page `bytes`, which came from `base` with the `Content-Type` header `content_type`.
///
/// `base` is the address after redirects; the page's own `<base href>` is applied to it. Never panics and never fails: bytes
/// that are no HTML give a page with nothing in it.
#[must_use]
pub fn extract(bytes: &[u8], content_type: Option<&str>, base: &Url, options: &Options) -> Page {
    let text = charset::decode(bytes, content_type);
    let (document, truncated) = guard::parse(&text, &options.limits);
    page::read(&document, base, options, truncated)
}
