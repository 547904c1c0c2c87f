//! Elements whose text is a language of its own: `style`, and `script` of linked data. Their text comes piece by piece; it is
//! read when the element is over, which is when anything else begins.

use std::rc::Rc;

use html5ever::local_name;

use super::element::Element;
use super::found::Words;
use super::scope::{Scope, Text};
use super::walk::Walk;
use super::{Source, Truncated, css, json_ld};

/// The block that is open.
#[derive(Debug)]
pub(super) struct Block {
    kind: Kind,
    text: String,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Style,
    LinkedData,
}

impl Walk<'_> {
    /// A `style` or `script` begins.
    pub(super) fn begin_block(&mut self, element: &Element<'_>, inner: &mut Rc<Scope>) {
        let kind = match (element.name.local == local_name!("style"), element.get("type").map(essence)) {
            (true, None) => Kind::Style,
            (true, Some(kind)) if kind.is_empty() || kind.eq_ignore_ascii_case("text/css") => Kind::Style,
            (false, Some(kind)) if kind.eq_ignore_ascii_case("application/ld+json") => Kind::LinkedData,
            _ => {
                if !matches!(inner.text, Text::Dropped) {
                    Rc::make_mut(inner).text = Text::Dropped;
                }
                return;
            }
        };
        self.block = Some(Block { kind, text: String::new() });
        Rc::make_mut(inner).text = Text::Block;
    }

    /// Text of the open block.
    pub(super) fn block_text(&mut self, text: &str) {
        let Some(block) = &mut self.block else { return };
        let room = self.options.limits.block_bytes - block.text.len();
        if text.len() > room {
            self.found.cut(Truncated::Block);
        }
        block.text.push_str(&text[..text.floor_char_boundary(room)]);
    }

    /// The open block, if any, is over.
    pub(super) fn end_block(&mut self) {
        let Some(Block { kind, text }) = self.block.take() else { return };
        self.found.budget.charge(text.len());
        match kind {
            Kind::Style => {
                let found = css::urls(&text, &css::Limits::default());
                self.style(&found, &Words::default());
            }
            Kind::LinkedData => {
                for image in json_ld::images(&text, &json_ld::Limits::default()) {
                    let caption = image.caption.as_deref();
                    let caption = caption.and_then(|text| super::scope::line(text, self.found.limits.text_chars));
                    self.image(&image.url, Source::JsonLd, &Words { caption, ..Words::default() });
                }
            }
        }
    }
}

/// A MIME type without its parameters.
fn essence(kind: &str) -> &str {
    kind.split(';').next().unwrap_or_default().trim_ascii()
}
