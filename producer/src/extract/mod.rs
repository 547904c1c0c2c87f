//! Extraction: the bytes of an HTML page in, the images and links it offers out.
//!
//! A pure function that asks nobody anything and holds on any bytes: a page that costs too much to parse is cut and
//! says so. What is fetched, followed or refused is not decided here; the frontier does that.
//!
//! ```text
//! bytes -> kind, charset -> guard (tags, meter, sink) -> walk (images, lazy, head, links, vector, blocks) -> found -> candidate
//!                        -> xml                       ^
//!                        -> css ----------------------'
//! ```

mod base;
mod blocks;
mod budget;
mod candidate;
mod charset;
mod css;
mod data_uri;
mod element;
mod found;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod guard;
mod head;
mod images;
mod json_ld;
mod kind;
mod lazy;
mod limits;
mod links;
mod meter;
mod refresh;
mod scope;
mod sink;
mod srcset;
mod tags;
mod vector;
mod walk;
mod xml;

use std::fmt;
use std::rc::Rc;

use clap::ValueEnum;
use encoding_rs::Encoding;
use html5ever::tendril::StrTendril;
use url::Url;

pub(crate) use self::base::names_image;
pub use self::candidate::{Candidate, Source};
pub use self::kind::{Kind, kind};
pub use self::limits::Limits;

use self::budget::Budget;
use self::found::Words;
use self::walk::Walk;

/// What a page offers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Page {
    /// The images, in the order in which the page names them, each URL once, with all ways in which it is named.
    pub images: Vec<Candidate>,
    /// The pages it links to (`http` and `https`), in the order of the document, without fragments, each once.
    pub links: Vec<Link>,
    /// Where it sends its reader by itself (`meta refresh`), the first place if there are several.
    pub refresh: Option<Url>,
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
}

/// The limit at which a page was cut; see the fields of [`Limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truncated {
    /// Elements nested deeper than [`Limits::depth`].
    Depth,
    /// A tag with more attributes than [`Limits::attributes`].
    Attributes,
    /// More bytes than [`Limits::bytes`].
    Length,
    /// More work than [`Limits::work`].
    Work,
    /// More images than [`Limits::images`]; links are still found.
    Images,
    /// More links than [`Limits::links`]; images are still found.
    Links,
    /// More bytes of addresses and words than [`Limits::found_bytes`]; shorter ones are still found.
    Found,
    /// A `style`, `script` or `srcdoc` longer than [`Limits::block_bytes`]; the rest of the page is still read.
    Block,
}

impl fmt::Display for Truncated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Depth => "elements nested too deep",
            Self::Attributes => "too many attributes on one tag",
            Self::Length => "too long",
            Self::Work => "too costly to read",
            Self::Images => "too many images",
            Self::Links => "too many links",
            Self::Found => "too many bytes of addresses and words",
            Self::Block => "a style sheet, script or inner page that is too long",
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

/// Reads the page `bytes`, which came from `base` with the `Content-Type` header `content_type`: HTML, XHTML, SVG or a style
/// sheet, see [`kind()`].
///
/// `base` is the address after redirects; the page's own `<base href>` is applied to it. Never panics and never fails: bytes
/// of any other kind give a page with nothing in it.
#[must_use]
pub fn extract(bytes: &[u8], content_type: Option<&str>, base: &Url, options: &Options) -> Page {
    let kind = kind(content_type, bytes);
    if !matches!(kind, Kind::Html | Kind::Xhtml | Kind::Svg | Kind::Css) {
        return Page::default();
    }
    let read = &bytes[..bytes.len().min(options.limits.bytes)];
    let (decoded, encoding) = charset::decode(read, content_type);
    let text = StrTendril::from(&*decoded);
    // One copy is enough.
    drop(decoded);
    let reading = Reading { text, encoding, address: base, options, budget: Rc::new(Budget::new(&options.limits)) };
    let mut page = match kind {
        Kind::Css => reading.css(),
        Kind::Xhtml | Kind::Svg => reading.xml().unwrap_or_else(|_| reading.html()),
        _ => reading.html(),
    };
    if read.len() < bytes.len() {
        page.truncated = page.truncated.or(Some(Truncated::Length));
    }
    page
}

/// A text that may have to be read more than once, on one budget.
struct Reading<'a> {
    text: StrTendril,
    encoding: &'static Encoding,
    address: &'a Url,
    options: &'a Options,
    budget: Rc<Budget>,
}

impl<'a> Reading<'a> {
    fn html(&self) -> Page {
        let mut walk = self.walk(None);
        guard::parse(&self.text, &mut walk);
        if let Some(base) = walk.again.take() {
            walk = self.walk(Some(base));
            guard::parse(&self.text, &mut walk);
        }
        walk.finish()
    }

    fn xml(&self) -> Result<Page, xml::NotXml> {
        let mut walk = self.walk(None);
        xml::parse(&self.text, &mut walk)?;
        if let Some(base) = walk.again.take() {
            walk = self.walk(Some(base));
            xml::parse(&self.text, &mut walk)?;
        }
        Ok(walk.finish())
    }

    fn css(&self) -> Page {
        let mut walk = self.walk(None);
        walk.style(&css::urls(&self.text, &css::Limits::default()), &Words::default());
        walk.finish()
    }

    fn walk(&self, base: Option<Url>) -> Walk<'a> {
        let mut walk = Walk::new(self.address, base, self.options, Rc::clone(&self.budget));
        walk.found.encoding = self.encoding;
        walk
    }
}
