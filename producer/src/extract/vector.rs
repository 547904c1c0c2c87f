//! Elements of SVG: files that a drawing shows, and its links. In a page or in a file of its own.

use std::rc::Rc;

use super::Source;
use super::element::Element;
use super::found::Words;
use super::scope::{Line, Scope, Text, line};
use super::walk::Walk;

impl Walk<'_> {
    /// An element of SVG's namespace.
    pub(super) fn vector(&mut self, element: &Element<'_>, outer: &Scope, inner: &mut Rc<Scope>) {
        match &*element.name.local {
            "svg" => self.drawing(inner),
            "image" | "feImage" | "use" => {
                // Its own title comes in it, and the drawing's has perhaps been.
                let around = outer.svg_title.clone();
                self.drawing(inner);
                let words = self.drawn_words(element, outer, inner, around.as_deref());
                // What has no file part is a piece of this page.
                let file = element.svg_href().and_then(|href| href.split('#').next());
                let file = file.filter(|file| !file.trim_ascii().is_empty());
                if let Some(file) = element.svg_href().filter(|href| is_data_image(href)).or(file) {
                    self.image(file, Source::Svg, &words);
                }
            }
            "a" => {
                if let Some(href) = element.svg_href() {
                    self.follow(href, element, outer);
                }
            }
            "title" => {
                if let Some(title) = inner.svg_title.clone().filter(|title| title.is_empty()) {
                    Rc::make_mut(inner).text = Text::Words(title);
                }
            }
            "style" => self.begin_block(element, inner),
            _ => {}
        }
    }

    fn drawing(&self, inner: &mut Rc<Scope>) {
        let title = Line::new(self.found.limits.text_chars);
        Rc::make_mut(inner).svg_title = Some(title);
    }

    fn drawn_words(&mut self, element: &Element<'_>, outer: &Scope, inner: &Scope, around: Option<&Line>) -> Words {
        let mut words = self.words(element, outer);
        let xlink = |name: &str| element.attributes.iter().find(|attribute| *attribute.name.local == *name);
        let title = xlink("title").and_then(|title| line(&title.value, self.found.limits.text_chars));
        words.title = title.or(words.title).or_else(|| around.and_then(Line::text));
        words.later.title.clone_from(&inner.svg_title);
        words
    }
}

/// In a `data:` URI, `#` needs no care from us.
fn is_data_image(href: &str) -> bool {
    super::data_uri::is_data(href)
}
