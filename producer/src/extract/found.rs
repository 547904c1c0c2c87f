//! What a page has offered so far: images and links, each once, within the limits. It merges the ways in which an image is
//! named and the words that each brings; where in a page they stand is `walk`'s.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;

use bytes::Bytes;
use common::image_id::hex;
use encoding_rs::{Encoding, UTF_8};
use sha2::{Digest, Sha256};
use url::Url;

use super::base::resolve;
use super::budget::Budget;
use super::scope::{Figure, Line};
use super::{Candidate, Limits, Link, Page, Source, Truncated, data_uri};

/// Characters of the longest name and content of a `meta` that are kept.
const META_CHARS: usize = 1_000;

/// What a page says of an image.
#[derive(Debug, Clone, Default)]
pub(super) struct Words {
    pub(super) alt: Option<String>,
    pub(super) title: Option<String>,
    pub(super) caption: Option<String>,
    pub(super) later: Later,
}

/// Words that may come after the image; each counts where the image has no such word of its own.
#[derive(Debug, Clone, Default)]
pub(super) struct Later {
    pub(super) alt: Option<Rc<Line>>,
    pub(super) title: Option<Rc<Line>>,
    pub(super) figure: Option<Rc<Figure>>,
    /// What `aria-describedby` or `aria-labelledby` leads to.
    pub(super) label: Option<Rc<Line>>,
}

/// Everything found on one page.
#[derive(Debug)]
pub(super) struct Found<'a> {
    pub(super) limits: &'a Limits,
    pub(super) budget: Rc<Budget>,
    /// What addresses are relative to.
    pub(super) base: Url,
    /// Of the page: what stands in the query of an address is encoded by it.
    pub(super) encoding: &'static Encoding,
    /// An address was resolved, so that it is too late to change `base`.
    pub(super) resolved: bool,
    page: Page,
    later: Vec<Later>,
    image_index: Index,
    link_index: Index,
    sheet_index: Index,
    bytes_left: usize,
    data_left: usize,
}

impl<'a> Found<'a> {
    pub(super) fn new(base: Url, limits: &'a Limits, budget: Rc<Budget>) -> Self {
        Self {
            limits,
            budget,
            base,
            encoding: UTF_8,
            resolved: false,
            page: Page::default(),
            later: Vec::new(),
            image_index: Index::default(),
            link_index: Index::default(),
            sheet_index: Index::default(),
            bytes_left: limits.found_bytes,
            data_left: limits.page_data_bytes,
        }
    }

    /// `text` as an address that can be fetched; `None` of any once the page is over.
    pub(super) fn resolve(&mut self, text: &str) -> Option<Url> {
        if self.budget.stopped().is_some() {
            return None;
        }
        self.resolved = true;
        self.budget.charge(RESOLVED + (text.len().min(self.limits.url_bytes) + self.base.as_str().len()) / 4);
        resolve(text, &self.base, self.encoding, self.limits.url_bytes)
    }

    /// An image at an address that was resolved. A second way to it adds itself, and the words that were missing.
    pub(super) fn image(&mut self, mut candidate: Candidate, words: &Words) {
        let images = &self.page.images;
        let count = images.len();
        match self.image_index.find(candidate.url.as_str(), |at| images[at].url.as_str()) {
            Ok(at) => self.merge(at, candidate, words),
            Err(_) if count == self.limits.images => self.cut(Truncated::Images),
            Err(free) => {
                if !self.keep(candidate.url.as_str().len()) {
                    return;
                }
                self.image_index.insert(free, count);
                self.add_words(&mut candidate, words);
                self.page.images.push(candidate);
                self.later.push(words.later.clone());
            }
        }
    }

    fn merge(&mut self, at: usize, candidate: Candidate, words: &Words) {
        let Some(known) = self.page.images.get_mut(at) else { return };
        if !known.sources.contains(&candidate.source) {
            known.sources.push(candidate.source);
        }
        known.linked_only &= candidate.linked_only;
        known.nofollow &= candidate.nofollow;
        known.descriptor = known.descriptor.take().or(candidate.descriptor);
        let wanted = Words {
            alt: words.alt.clone().filter(|_| known.alt.is_none()),
            title: words.title.clone().filter(|_| known.title.is_none()),
            caption: words.caption.clone().filter(|_| known.caption.is_none()),
            later: Later::default(),
        };
        let mut known = std::mem::replace(known, Candidate::new(candidate.url, candidate.source));
        self.add_words(&mut known, &wanted);
        self.page.images[at] = known;
        self.later[at].fill(&words.later);
    }

    fn add_words(&mut self, candidate: &mut Candidate, words: &Words) {
        for (place, word) in [
            (&mut candidate.alt, &words.alt),
            (&mut candidate.title, &words.title),
            (&mut candidate.caption, &words.caption),
        ] {
            if let Some(word) = word.as_ref().filter(|word| self.keep(word.len())) {
                *place = Some(word.clone());
            }
        }
    }

    /// The image that a `data:` URI holds, if it holds one.
    pub(super) fn data(&mut self, text: &str, words: &Words) {
        let most = self.limits.data_bytes.min(self.data_left);
        self.budget.charge(text.len() / 2);
        let Some((url, bytes)) = data_uri::decode(text.trim_ascii(), most).ok().and_then(held) else {
            return;
        };
        let known = self.page.images.len();
        let length = bytes.len();
        self.image(Candidate { inline: Some(bytes), ..Candidate::new(url, Source::Data) }, words);
        if self.page.images.len() > known {
            self.data_left -= length;
        }
    }

    /// A link to another page.
    pub(super) fn link(&mut self, url: Url, nofollow: bool) {
        let links = &mut self.page.links;
        match self.link_index.find(url.as_str(), |at| links[at].url.as_str()) {
            Ok(at) => links[at].nofollow &= nofollow,
            Err(_) if links.len() == self.limits.links => self.cut(Truncated::Links),
            Err(free) => {
                if self.keep(url.as_str().len()) {
                    self.link_index.insert(free, self.page.links.len());
                    self.page.links.push(Link { url, nofollow });
                }
            }
        }
    }

    /// Where the page sends its reader by itself. There is room for one: its length is bounded as any address's is.
    pub(super) fn refresh(&mut self, url: Url) {
        self.page.refresh.get_or_insert(url);
    }

    /// A style sheet.
    pub(super) fn style_sheet(&mut self, url: Url) {
        let sheets = &self.page.style_sheets;
        let place = self.sheet_index.find(url.as_str(), |at| sheets[at].as_str());
        let room = sheets.len() < self.limits.style_sheets;
        if let Err(free) = place
            && room
            && self.keep(url.as_str().len())
        {
            self.sheet_index.insert(free, self.page.style_sheets.len());
            self.page.style_sheets.push(url);
        }
    }

    /// A `meta` element's name and content.
    pub(super) fn meta(&mut self, name: &str, content: &str) {
        let shorten = |text: &str| text.trim().chars().take(META_CHARS).collect::<String>();
        let (name, content) = (shorten(name).to_ascii_lowercase(), shorten(content));
        if self.page.metas.len() < self.limits.metas && self.keep(name.len() + content.len()) {
            self.page.metas.push((name, content));
        }
    }

    /// Takes text that belongs to an image.
    pub(super) fn words(&mut self, line: &Line, text: &str) {
        self.budget.charge(text.len() / 8);
        if self.bytes_left > 0 {
            self.bytes_left = self.bytes_left.saturating_sub(line.push(text));
        }
    }

    /// Whether there is room for so many further bytes.
    pub(super) fn keep(&mut self, bytes: usize) -> bool {
        let left = self.bytes_left.checked_sub(bytes);
        match left {
            Some(left) => self.bytes_left = left,
            None => self.cut(Truncated::Found),
        }
        left.is_some()
    }

    /// Something was left out; the page goes on.
    pub(super) fn cut(&mut self, why: Truncated) {
        self.page.truncated.get_or_insert(why);
    }

    /// The page, with the words that came after the images.
    pub(super) fn finish(mut self) -> Page {
        let mut images = std::mem::take(&mut self.page.images);
        let later = std::mem::take(&mut self.later);
        for (image, later) in images.iter_mut().zip(&later) {
            let words = Words {
                alt: later.alt.as_ref().filter(|_| image.alt.is_none()).and_then(|line| line.text()),
                title: later.title.as_ref().filter(|_| image.title.is_none()).and_then(|line| line.text()),
                caption: image.caption.is_none().then(|| later.caption()).flatten(),
                later: Later::default(),
            };
            self.add_words(image, &words);
        }
        self.page.images = images;
        self.page.truncated = self.budget.stopped().or(self.page.truncated);
        self.page
    }
}

/// What resolving an address costs beside its length, in steps.
const RESOLVED: usize = 30;

impl Later {
    fn caption(&self) -> Option<String> {
        let caption = self.figure.as_ref().and_then(|figure| figure.caption.text());
        caption.or_else(|| self.label.as_ref().and_then(|label| label.text()))
    }

    fn fill(&mut self, other: &Self) {
        let fill = |place: &mut Option<Rc<Line>>, line: &Option<Rc<Line>>| {
            if place.is_none() {
                place.clone_from(line);
            }
        };
        fill(&mut self.alt, &other.alt);
        fill(&mut self.title, &other.title);
        fill(&mut self.label, &other.label);
        if self.figure.is_none() {
            self.figure.clone_from(&other.figure);
        }
    }
}

/// The short name and the bytes of an image in a `data:` URI; `None` if it is something else, by its type or, where it has
/// none, by its bytes.
fn held(data: data_uri::DataUri) -> Option<(Url, Bytes)> {
    let is_image = data.media_type.starts_with("image/") || super::kind::is_image(&data.bytes);
    if !is_image || data.bytes.is_empty() {
        return None;
    }
    let digest = hex(&Sha256::digest(&data.bytes)[..16]);
    let url = Url::parse(&format!("data:{};sha256={digest}", data.media_type)).ok()?;
    Some((url, data.bytes))
}

/// Finds an address in a list without a second copy of it: hash to place in the list.
#[derive(Debug, Default)]
struct Index {
    places: HashMap<u64, u32>,
    hasher: RandomState,
}

impl Index {
    /// The place of `url` in the list, or the free key where it would be noted.
    fn find<'b>(&self, url: &str, at: impl Fn(usize) -> &'b str) -> Result<usize, u64> {
        let mut key = self.hasher.hash_one(url);
        while let Some(place) = self.places.get(&key) {
            let place = *place as usize;
            if at(place) == url {
                return Ok(place);
            }
            key = key.wrapping_add(1);
        }
        Err(key)
    }

    fn insert(&mut self, free: u64, place: usize) {
        if let Ok(place) = u32::try_from(place) {
            self.places.insert(free, place);
        }
    }
}
