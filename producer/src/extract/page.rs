//! The walk over a parsed page: once, in the order of the document, from element to candidates and links. What
//! an attribute's text means is in `srcset`, `base` and `context`.

use std::collections::HashSet;

use scraper::{ElementRef, Html};
use url::Url;

use super::base::{document_base, names_image, resolve};
use super::context::{attribute, caption, child, html_name};
use super::srcset::{self, Entry};
use super::{Candidate, Link, Options, Page, Source, SrcsetChoice, Truncated};

/// Reads the document of the page at `address`, which the parser may have cut.
pub(super) fn read(document: &Html, address: &Url, options: &Options, truncated: Option<Truncated>) -> Page {
    let mut reader = Reader {
        base: document_base(document, address),
        options,
        page: Page { truncated, ..Page::default() },
        seen_images: HashSet::new(),
        seen_links: HashSet::new(),
        captions: Vec::new(),
        pictures: Vec::new(),
    };
    // By hand, because recursion would trust the page with our stack. What `template` holds is walked too.
    let mut node = document.tree.root();
    loop {
        if let Some(element) = ElementRef::wrap(node) {
            reader.enter(&element);
        }
        if let Some(child) = node.first_child() {
            node = child;
            continue;
        }
        loop {
            if let Some(element) = ElementRef::wrap(node) {
                reader.leave(&element);
            }
            if let Some(next) = node.next_sibling() {
                node = next;
                break;
            }
            match node.parent() {
                Some(parent) => node = parent,
                None => return reader.page,
            }
        }
    }
}

struct Reader<'a> {
    base: Url,
    options: &'a Options,
    page: Page,
    seen_images: HashSet<Url>,
    seen_links: HashSet<Url>,
    /// Captions of the open figures, the innermost last.
    captions: Vec<Option<String>>,
    /// The `img` of each open `picture`: it has the words for the `source` elements.
    pictures: Vec<Option<ElementRef<'a>>>,
}

impl<'a> Reader<'a> {
    fn enter(&mut self, element: &ElementRef<'a>) {
        match html_name(element) {
            Some("figure") => self.captions.push(caption(element, self.options.limits.text_chars)),
            Some("picture") => self.pictures.push(child(element, "img")),
            Some("img") => self.img(element),
            Some("source") => self.picture_source(element),
            Some("a" | "area") => self.link(element),
            _ => {}
        }
    }

    fn leave(&mut self, element: &ElementRef<'a>) {
        match html_name(element) {
            Some("figure") => drop(self.captions.pop()),
            Some("picture") => drop(self.pictures.pop()),
            _ => {}
        }
    }

    /// The `src` and `srcset` of an `img` are one set (HTML standard, 4.8.4.3.9): `src` is its `1x`, or, where the others have
    /// widths, what browsers take that know no `srcset`: the same picture, at a size that is nearly always among them.
    /// So of a set's largest candidate and its `src` we take only the one, but `src` is never lost for a
    /// `srcset` that offers nothing usable (a placeholder's `data:` URL, a typing error).
    fn img(&mut self, element: &ElementRef<'a>) {
        let src = element.value().attr("src").and_then(|src| self.resolve(src));
        let set = element.value().attr("srcset").unwrap_or_default();
        let entries = self.usable(set);
        match self.options.srcset {
            SrcsetChoice::All => {
                self.add_src(src, element);
                self.add_all(&entries, Source::Srcset, Some(element));
            }
            SrcsetChoice::Largest => {
                match srcset::largest(&entries).filter(|best| src.is_none() || best.replaces_src()) {
                    Some(best) => self.add_all(std::slice::from_ref(best), Source::Srcset, Some(element)),
                    None => self.add_src(src, element),
                }
            }
        }
    }

    /// A `source` is a set of its own: an alternative to the others of its `picture` by type or by media query.
    fn picture_source(&mut self, element: &ElementRef<'a>) {
        let in_picture = element.parent().and_then(ElementRef::wrap).is_some_and(|p| html_name(&p) == Some("picture"));
        let set = element.value().attr("srcset").unwrap_or_default();
        if !in_picture {
            return;
        }
        let img = self.pictures.last().copied().flatten();
        let entries = self.usable(set);
        match self.options.srcset {
            SrcsetChoice::All => self.add_all(&entries, Source::Picture, img.as_ref()),
            SrcsetChoice::Largest => {
                let best = srcset::largest(&entries).map(std::slice::from_ref);
                self.add_all(best.unwrap_or_default(), Source::Picture, img.as_ref());
            }
        }
    }

    fn link(&mut self, element: &ElementRef<'a>) {
        let Some(url) = element.value().attr("href").and_then(|href| self.resolve(href)) else {
            return;
        };
        if names_image(&url) {
            self.add(url, Source::Link, None, Some(element));
        } else if !self.seen_links.contains(&url) {
            if self.page.links.len() == self.options.limits.links {
                self.page.truncated.get_or_insert(Truncated::Links);
                return;
            }
            self.seen_links.insert(url.clone());
            self.page.links.push(Link { url, nofollow: false, refresh: false });
        }
    }

    /// The entries of a set that can be fetched; the others do not compete for being the largest.
    fn usable<'b>(&self, set: &'b str) -> Vec<Entry<'b>> {
        let mut entries = srcset::parse(set);
        entries.retain(|entry| self.resolve(entry.url).is_some());
        entries
    }

    fn add_src(&mut self, src: Option<Url>, img: &ElementRef<'a>) {
        if let Some(url) = src {
            self.add(url, Source::Img, None, Some(img));
        }
    }

    fn add_all(&mut self, entries: &[Entry<'_>], source: Source, img: Option<&ElementRef<'a>>) {
        for entry in entries {
            if let Some(url) = self.resolve(entry.url) {
                self.add(url, source, entry.descriptor.clone(), img);
            }
        }
    }

    fn add(&mut self, url: Url, source: Source, descriptor: Option<String>, described_by: Option<&ElementRef<'a>>) {
        if self.seen_images.contains(&url) {
            return;
        }
        if self.page.images.len() == self.options.limits.images {
            self.page.truncated.get_or_insert(Truncated::Images);
            return;
        }
        let longest = self.options.limits.text_chars;
        let words = |name| described_by.and_then(|element| attribute(element.value(), name, longest));
        self.seen_images.insert(url.clone());
        self.page.images.push(Candidate {
            descriptor,
            alt: words("alt"),
            title: words("title"),
            caption: self.captions.last().cloned().flatten(),
            ..Candidate::new(url, source)
        });
    }

    fn resolve(&self, text: &str) -> Option<Url> {
        resolve(text, &self.base, self.options.limits.url_bytes)
    }
}

#[cfg(test)]
mod tests;
