//! The walk over a page, in the order of its text, from element to candidates and links. A parser calls `open` for each
//! element and `text` for the text in it, and keeps the scope that `open` returns as long as the element is open: nothing else
//! of the page is held. What an element offers is in `images`, `lazy`, `head`, `links`, `vector` and `blocks`.

use std::collections::HashMap;
use std::rc::Rc;

use html5ever::{local_name, ns};
use url::Url;

use super::base::document_base;
use super::blocks::Block;
use super::budget::Budget;
use super::data_uri::is_data;
use super::element::{Element, words};
use super::found::{Found, Later, Words};
use super::head::Announced;
use super::scope::{Figure, Line, Picture, Scope, Text, line};
use super::{Candidate, Options, Page, Source, Truncated, css};

/// Addresses in captions that are led to by `aria-describedby` and the like; further ones are not looked for.
const MAX_LABELS: usize = 20_000;

/// Elements before which a line of words breaks, where a page has no white space: it is set without, and read without.
const BREAKS: [&str; 31] = [
    "address",
    "article",
    "aside",
    "blockquote",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "figcaption",
    "footer",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tbody",
    "td",
    "th",
    "thead",
    "tr",
    "ul",
];

/// Classes that stand for `figure`: of `WordPress`, `MediaWiki` and `DocBook`.
const FIGURES: [&str; 5] = ["wp-caption", "thumbinner", "figure", "mediaobject", "image-with-caption"];

/// Classes that stand for `figcaption` in these.
const CAPTIONS: [&str; 5] = ["wp-caption-text", "thumbcaption", "caption", "figure-caption", "caption-text"];

/// A walk under way.
pub(super) struct Walk<'a> {
    pub(super) options: &'a Options,
    pub(super) found: Found<'a>,
    /// Inside of `noscript`; the parser says so, because the tree need not.
    pub(super) noscript: bool,
    /// Pages within pages that are open.
    pub(super) nested: usize,
    pub(super) block: Option<Block>,
    pub(super) announced: Announced,
    labels: HashMap<String, Rc<Line>>,
    base_is_known: bool,
    /// A `base` came too late: the page is to be read again, from its beginning, with this one.
    pub(super) again: Option<Url>,
}

impl<'a> Walk<'a> {
    /// A walk over the page at `address`; `base` where it is known already.
    pub(super) fn new(address: &Url, base: Option<Url>, options: &'a Options, budget: Rc<Budget>) -> Self {
        Self {
            options,
            base_is_known: base.is_some(),
            found: Found::new(base.unwrap_or_else(|| address.clone()), &options.limits, budget),
            noscript: false,
            nested: 0,
            block: None,
            announced: Announced::default(),
            labels: HashMap::new(),
            again: None,
        }
    }

    /// What was found.
    pub(super) fn finish(mut self) -> Page {
        self.end_block();
        self.found.finish()
    }

    /// An element begins, in `outer`. Returns the scope of what is in it.
    pub(super) fn open(&mut self, element: &Element<'_>, outer: &Rc<Scope>) -> Rc<Scope> {
        self.end_block();
        if let Text::Words(line) = &outer.text
            && BREAKS.contains(&&*element.name.local)
        {
            self.found.words(line, " ");
        }
        let mut inner = Rc::clone(outer);
        if outer.picture.is_some() {
            Rc::make_mut(&mut inner).picture = None;
        }
        if element.name.ns == ns!(html) {
            self.html(element, outer, &mut inner);
        } else if element.name.ns == ns!(svg) {
            self.vector(element, outer, &mut inner);
        }
        if !element.attributes.is_empty() {
            self.attributes(element, outer, &mut inner);
        }
        inner
    }

    /// Text in an element whose scope is `scope`.
    pub(super) fn text(&mut self, text: &str, scope: &Scope) {
        match &scope.text {
            Text::Dropped => {}
            Text::Words(line) => self.found.words(line, text),
            Text::Block => self.block_text(text),
        }
    }

    fn html(&mut self, element: &Element<'_>, outer: &Rc<Scope>, inner: &mut Rc<Scope>) {
        match element.name.local {
            local_name!("img") => self.img(element, outer),
            local_name!("source") => self.source(element, outer),
            local_name!("input") => self.input(element, outer),
            local_name!("picture") => {
                let longest = self.found.limits.text_chars;
                let picture = Picture { alt: Line::new(longest), title: Line::new(longest) };
                Rc::make_mut(inner).picture = Some(Rc::new(picture));
            }
            local_name!("figure") => self.figure(inner, false),
            local_name!("figcaption") => self.caption(element, inner),
            local_name!("a") | local_name!("area") => self.anchor(element, outer, inner),
            local_name!("iframe") | local_name!("frame") => self.frame(element, outer),
            local_name!("base") => self.base(element, outer),
            local_name!("meta") => self.meta(element, outer),
            local_name!("link") => self.link_element(element),
            local_name!("script") | local_name!("style") => self.begin_block(element, inner),
            local_name!("video") => self.poster(element, outer),
            local_name!("object") | local_name!("embed") => self.embedded(element, outer),
            local_name!("template") => Rc::make_mut(inner).template = true,
            _ => self.by_name(element, outer),
        }
    }

    /// Elements of no standard.
    fn by_name(&mut self, element: &Element<'_>, outer: &Rc<Scope>) {
        match &*element.name.local {
            "amp-img" | "amp-anim" => self.img(element, outer),
            "amp-video" => self.poster(element, outer),
            _ => {}
        }
    }

    /// What any element may have.
    fn attributes(&mut self, element: &Element<'_>, outer: &Rc<Scope>, inner: &mut Rc<Scope>) {
        let mut lazy = false;
        for attribute in element.attributes.iter().filter(|attribute| attribute.name.ns == ns!()) {
            match &*attribute.name.local {
                "style" => self.style_attribute(&attribute.value, element, outer),
                "class" => self.class(&attribute.value, element, inner),
                "id" => self.labelled(&attribute.value, inner),
                "background" => self.background(&attribute.value, element, outer),
                name => lazy |= super::lazy::role(name).is_some(),
            }
        }
        if lazy {
            self.lazy(element, outer);
        }
    }

    /// The first `base` with an address holds for the whole page, wherever it stands. What was resolved before it was
    /// resolved wrongly, and is not worth keeping as text on every page that has no `base`: the page is read again.
    fn base(&mut self, element: &Element<'_>, outer: &Scope) {
        let Some(href) = element.get("href").filter(|_| !outer.template && self.nested == 0) else { return };
        if std::mem::replace(&mut self.base_is_known, true) {
            return;
        }
        let base = document_base(href, &self.found.base);
        if self.found.resolved && base != self.found.base {
            self.again = Some(base);
        } else {
            self.found.base = base;
        }
    }

    fn figure(&self, inner: &mut Rc<Scope>, by_class: bool) {
        let caption = Line::new(self.found.limits.text_chars);
        Rc::make_mut(inner).figure = Some(Rc::new(Figure { caption, by_class, captioned: false.into() }));
    }

    /// The first caption of the nearest figure.
    fn caption(&mut self, element: &Element<'_>, inner: &mut Rc<Scope>) {
        let Some(figure) = inner.figure.clone().filter(|figure| !figure.captioned.replace(true)) else { return };
        if let Some(id) = element.get("id") {
            self.label(id, &figure.caption);
        }
        Rc::make_mut(inner).text = Text::Words(Rc::clone(&figure.caption));
    }

    fn class(&mut self, value: &str, element: &Element<'_>, inner: &mut Rc<Scope>) {
        for word in words(value) {
            if FIGURES.contains(&word) {
                // DocBook has a `mediaobject` in each `figure`, whose title is outside of it.
                if inner.figure.as_ref().is_none_or(|figure| !figure.by_class || word != "mediaobject") {
                    self.figure(inner, true);
                }
            } else if inner.figure.as_ref().is_some_and(|figure| figure.by_class)
                && (CAPTIONS.contains(&word) || (word == "title" && element.name.local != local_name!("img")))
            {
                self.caption(element, inner);
            }
        }
    }

    /// An element that an image before it named as its description.
    fn labelled(&mut self, id: &str, inner: &mut Rc<Scope>) {
        if let Some(line) = self.labels.get(id).filter(|line| line.is_empty())
            && matches!(inner.text, Text::Dropped)
        {
            Rc::make_mut(inner).text = Text::Words(Rc::clone(line));
        }
    }

    fn label(&mut self, id: &str, line: &Rc<Line>) {
        if self.labels.len() < MAX_LABELS && !self.labels.contains_key(id) && self.found.keep(id.len()) {
            self.labels.insert(id.to_owned(), Rc::clone(line));
        }
    }

    /// The words for an image that `element` names in `outer`.
    pub(super) fn words(&mut self, element: &Element<'_>, outer: &Scope) -> Words {
        let longest = self.found.limits.text_chars;
        let attribute = |name| element.get(name).and_then(|text| line(text, longest));
        let title = attribute("title").or_else(|| outer.link_title.as_deref().map(str::to_owned));
        let alt = attribute("alt").or_else(|| attribute("aria-label"));
        let label = element.get("aria-describedby").or_else(|| element.get("aria-labelledby"));
        let label = label.and_then(|ids| words(ids).next()).and_then(|id| {
            self.label(id, &Line::new(longest));
            self.labels.get(id).cloned()
        });
        let later = Later { figure: outer.figure.clone(), label, ..Later::default() };
        Words { alt, title, caption: None, later }
    }

    /// An image by its address as written; nothing if that cannot be fetched.
    pub(super) fn image(&mut self, text: &str, source: Source, words: &Words) {
        if let Some(url) = self.address(text, words) {
            self.add(url, source, None, words);
        }
    }

    /// An address as written. What a `data:` URI holds is taken here: there is nothing to choose, nor to fetch.
    pub(super) fn address(&mut self, text: &str, words: &Words) -> Option<Url> {
        if is_data(text) {
            self.found.data(text, words);
            return None;
        }
        self.found.resolve(text)
    }

    pub(super) fn add(&mut self, url: Url, source: Source, descriptor: Option<String>, words: &Words) {
        let source = if self.noscript { Source::Noscript } else { source };
        self.found.image(Candidate { descriptor, ..Candidate::new(url, source) }, words);
    }

    /// What a style sheet, or a piece of one, leads to.
    pub(super) fn style(&mut self, found: &css::Found, words: &Words) {
        if found.cut {
            self.found.cut(Truncated::Block);
        }
        for image in &found.images {
            self.image(image, Source::Css, words);
        }
        for sheet in &found.imports {
            if let Some(url) = self.found.resolve(sheet) {
                self.found.style_sheet(url);
            }
        }
    }

    fn style_attribute(&mut self, value: &str, element: &Element<'_>, outer: &Scope) {
        // Neither `url(` nor `image-set(` can do without.
        if value.contains('(') {
            self.found.budget.charge(value.len());
            let words = self.words(element, outer);
            self.style(&css::style_attribute(value, &css::Limits::default()), &words);
        }
    }

    /// The attribute is a "presentational hint" for `background-image` (HTML standard, 15.3.2, 15.3.9).
    fn background(&mut self, value: &str, element: &Element<'_>, outer: &Scope) {
        if matches!(&*element.name.local, "body" | "table" | "thead" | "tbody" | "tfoot" | "tr" | "td" | "th") {
            let words = self.words(element, outer);
            self.image(value, Source::Css, &words);
        }
    }
}

#[cfg(test)]
mod tests;
