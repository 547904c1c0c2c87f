//! Elements that are images: `img`, `source`, `input`, `video`'s poster, `object` and `embed`. Which of a set is taken is
//! decided here; the set's grammar is `srcset`'s.

use url::Url;

use super::base::names_image;
use super::element::Element;
use super::found::Words;
use super::scope::Scope;
use super::srcset::{self, Entry};
use super::walk::Walk;
use super::{Source, SrcsetChoice};

impl Walk<'_> {
    /// An `img`, in a `picture` or not.
    pub(super) fn img(&mut self, element: &Element<'_>, outer: &Scope) {
        let words = self.words(element, outer);
        if let Some(picture) = &outer.picture {
            for (line, word) in [(&picture.alt, &words.alt), (&picture.title, &words.title)] {
                if let Some(word) = word.as_ref().filter(|_| line.is_empty()) {
                    self.found.words(line, word);
                }
            }
        }
        self.set(element.get("src"), element.get("srcset"), [Source::Img, Source::Srcset], &words);
    }

    /// A `source` is a set of its own: an alternative to the others of its `picture` by type or by media query.
    pub(super) fn source(&mut self, element: &Element<'_>, outer: &Scope) {
        if outer.picture.is_some() {
            let words = picture_words(outer);
            self.set(None, element.get("srcset"), [Source::Picture; 2], &words);
        }
    }

    /// An `input type=image`.
    pub(super) fn input(&mut self, element: &Element<'_>, outer: &Scope) {
        let is_image = element.get("type").is_some_and(|kind| kind.trim_ascii().eq_ignore_ascii_case("image"));
        if let Some(src) = element.get("src").filter(|_| is_image) {
            let words = self.words(element, outer);
            self.image(src, Source::Img, &words);
        }
    }

    /// The `poster` of a `video`.
    pub(super) fn poster(&mut self, element: &Element<'_>, outer: &Scope) {
        if let Some(poster) = element.get("poster") {
            let words = self.words(element, outer);
            self.image(poster, Source::Poster, &words);
        }
    }

    /// An `object` or `embed` that shows an image: it says so, or says nothing and its file is named so.
    pub(super) fn embedded(&mut self, element: &Element<'_>, outer: &Scope) {
        let Some(text) = element.get("data").or_else(|| element.get("src")) else { return };
        let words = self.words(element, outer);
        let kind = element.get("type").map(|kind| kind.trim_ascii().to_ascii_lowercase());
        let is_image = kind.as_ref().is_some_and(|kind| kind.starts_with("image/"));
        if let Some(url) = self.address(text, &words).filter(|url| is_image || (kind.is_none() && names_image(url))) {
            self.add(url, Source::Link, None, &words);
        }
    }

    /// A `src` and a `srcset` are one set (HTML standard, 4.8.4.3.9): `src` is its `1x`, or, where the others have
    /// widths, what browsers take that know no `srcset`: the same picture, at a size that is nearly always among them.
    /// So of a set's largest candidate and its `src` we take only the one, but `src` is never lost for a
    /// `srcset` that offers nothing usable (a placeholder's `data:` URL, a typing error).
    pub(super) fn set(&mut self, src: Option<&str>, set: Option<&str>, sources: [Source; 2], words: &Words) {
        let [src_source, set_source] = sources;
        let src = src.and_then(|src| self.address(src, words));
        let set = set.unwrap_or_default();
        match self.options.srcset {
            SrcsetChoice::All => {
                if let Some(src) = src {
                    self.add(src, src_source, None, words);
                }
                for entry in srcset::parse(set) {
                    if let Some(url) = self.address(entry.url, words) {
                        self.add(url, set_source, entry.descriptor, words);
                    }
                }
            }
            SrcsetChoice::Largest => match (self.largest(set, words), src) {
                (Some((best, url)), src) if src.is_none() || best.replaces_src() => {
                    self.add(url, set_source, best.descriptor, words);
                }
                (_, Some(src)) => self.add(src, src_source, None, words),
                (_, None) => {}
            },
        }
    }

    /// The largest of the set's entries that can be fetched; the others do not compete.
    fn largest<'b>(&mut self, set: &'b str, words: &Words) -> Option<(Entry<'b>, Url)> {
        let mut best: Option<(Entry<'b>, Url)> = None;
        for entry in srcset::parse(set) {
            let url = self.address(entry.url, words);
            if let Some(url) = url.filter(|_| best.as_ref().is_none_or(|(best, _)| entry.is_larger_than(best))) {
                best = Some((entry, url));
            }
        }
        best
    }
}

/// The words that a `picture` lends to its sources, when its `img` comes.
pub(super) fn picture_words(outer: &Scope) -> Words {
    let mut words = Words::default();
    words.later.figure.clone_from(&outer.figure);
    words.title = outer.link_title.as_deref().map(str::to_owned);
    if let Some(picture) = &outer.picture {
        words.later.alt = Some(picture.alt.clone());
        words.later.title = Some(picture.title.clone());
    }
    words
}
