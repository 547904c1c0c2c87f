//! Elements that lead to other pages: `a`, `area`, `iframe`, `frame`. A link to what is named like an image is a candidate.

use std::rc::Rc;

use url::Url;

use super::base::names_image;
use super::element::Element;
use super::guard;
use super::scope::{Scope, line};
use super::walk::Walk;
use super::{Candidate, Source, Truncated};

/// Words of `rel` that ask not to follow the link.
const NOFOLLOW: [&str; 3] = ["nofollow", "ugc", "sponsored"];

/// Whether an address that ends like an image's is that of a page about it: a wiki's `File:Cat.jpg`, a file in the browser of a
/// repository. What is an image all the same shows so when it comes.
fn is_page_of_file(url: &Url) -> bool {
    let mut segments = url.path_segments().into_iter().flatten().rev();
    segments.next().is_some_and(|name| name.contains(':')) || segments.any(|folder| folder == "blob")
}

impl Walk<'_> {
    /// An `a` or `area`.
    pub(super) fn anchor(&mut self, element: &Element<'_>, outer: &Scope, inner: &mut Rc<Scope>) {
        let title = element.get("title").and_then(|title| line(title, self.found.limits.text_chars));
        if title.is_some() || inner.link_title.is_some() {
            Rc::make_mut(inner).link_title = title.map(Rc::from);
        }
        if let Some(href) = element.get("href") {
            self.follow(href, element, outer);
        }
    }

    pub(super) fn follow(&mut self, href: &str, element: &Element<'_>, outer: &Scope) {
        let Some(url) = self.found.resolve(href) else { return };
        let nofollow = NOFOLLOW.iter().any(|word| element.has_word("rel", word));
        if names_image(&url) && !is_page_of_file(&url) {
            let words = self.words(element, outer);
            let source = if self.noscript { Source::Noscript } else { Source::Link };
            self.found.image(Candidate { linked_only: true, nofollow, ..Candidate::new(url, source) }, &words);
        } else {
            self.found.link(url, nofollow);
        }
    }

    /// An `iframe` or `frame`: the page it names, and the page that it holds.
    pub(super) fn frame(&mut self, element: &Element<'_>, outer: &Scope) {
        if let Some(src) = element.get("src") {
            self.follow(src, element, outer);
        }
        if let Some(page) = element.get("srcdoc").filter(|_| self.nested < self.found.limits.nested) {
            let end = page.floor_char_boundary(self.found.limits.block_bytes);
            if end < page.len() {
                self.found.cut(Truncated::Block);
            }
            self.nested += 1;
            let noscript = std::mem::take(&mut self.noscript);
            guard::parse(&page[..end].into(), self);
            self.end_block();
            self.noscript = noscript;
            self.nested -= 1;
        }
    }
}
