//! What has been found in a sitemap so far, within its caps. Addresses are resolved here and words trimmed; which element
//! said them is `listing`'s and `feed`'s.

use url::Url;

use super::{Cut, Entry, Limits, Listed, Sitemap};

/// The sitemap as far as it is read.
pub(super) struct Finds<'a> {
    base: &'a Url,
    limits: &'a Limits,
    sitemap: Sitemap,
    /// Images of all pages and of none.
    images: usize,
    /// Bytes of all addresses and words.
    kept: usize,
}

impl<'a> Finds<'a> {
    pub(super) fn new(base: &'a Url, limits: &'a Limits) -> Self {
        Self { base, limits, sitemap: Sitemap::default(), images: 0, kept: 0 }
    }

    /// `text` as an address: absolute, `http` or `https`, without fragment; `None` for what is none, or too long.
    pub(super) fn resolve(&self, text: &str) -> Option<Url> {
        if text.is_empty() || text.len() > self.limits.url_bytes {
            return None;
        }
        let mut url = self.base.join(text).ok()?;
        url.set_fragment(None);
        let fits = matches!(url.scheme(), "http" | "https") && url.as_str().len() <= self.limits.url_bytes;
        fits.then_some(url)
    }

    /// `text` as words, white space joined; `None` if there are none.
    pub(super) fn words(&self, text: &str) -> Option<String> {
        let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
        let cut: String = words.chars().take(self.limits.text_chars).collect();
        (!cut.is_empty()).then_some(cut)
    }

    /// Whether one more image may be held for a page; the images of a page count from the time that they are read.
    pub(super) fn admit(&mut self, image: &Listed) -> bool {
        let words = image.title.iter().chain(&image.caption).map(String::len).sum::<usize>();
        if self.images == self.limits.images || !self.keep(image.url.as_str().len() + words) {
            self.cut(Cut::TooMany);
            return false;
        }
        self.images += 1;
        true
    }

    /// Adds a page, whose images have been admitted.
    pub(super) fn page(&mut self, url: Url, images: Vec<Listed>) {
        if self.sitemap.pages.len() == self.limits.entries || !self.keep(url.as_str().len()) {
            self.cut(Cut::TooMany);
            return;
        }
        self.sitemap.pages.push(Entry { url, images });
    }

    /// Adds a further sitemap.
    pub(super) fn sitemap(&mut self, url: Url) {
        if self.sitemap.sitemaps.len() == self.limits.entries || !self.keep(url.as_str().len()) {
            self.cut(Cut::TooMany);
            return;
        }
        self.sitemap.sitemaps.push(url);
    }

    /// Adds images without a page, which have been admitted.
    pub(super) fn images(&mut self, images: impl IntoIterator<Item = Listed>) {
        self.sitemap.images.extend(images);
    }

    /// Notes why it ends; the first cause counts.
    pub(super) fn cut(&mut self, cut: Cut) {
        self.sitemap.cut.get_or_insert(cut);
    }

    /// Whether a cap was met, so that the rest need not be read.
    pub(super) fn is_full(&self) -> bool {
        self.sitemap.cut.is_some()
    }

    pub(super) fn end(self) -> Sitemap {
        self.sitemap
    }

    fn keep(&mut self, bytes: usize) -> bool {
        let fits = bytes <= self.limits.kept_bytes - self.kept;
        if fits {
            self.kept += bytes;
        }
        fits
    }
}
