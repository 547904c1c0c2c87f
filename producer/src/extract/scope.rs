//! Where in a page an element stands: what is around it that says something of the images in it. A parser holds a scope for
//! each open element and forgets it with the element. Who opens what is in `walk`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// What is around an element. Nearly all elements share that of their parent.
#[derive(Debug, Clone, Default)]
pub(super) struct Scope {
    /// The nearest figure.
    pub(super) figure: Option<Rc<Figure>>,
    /// The `picture` that is the parent.
    pub(super) picture: Option<Rc<Picture>>,
    /// `title` of the nearest `a` around it.
    pub(super) link_title: Option<Rc<str>>,
    /// The `title` element of the nearest `svg`, or of its `image`.
    pub(super) svg_title: Option<Rc<Line>>,
    /// What becomes of text.
    pub(super) text: Text,
    /// In a `template`, which is no part of the document.
    pub(super) template: bool,
}

/// What becomes of the text in an element.
#[derive(Debug, Clone, Default)]
pub(super) enum Text {
    /// Nobody wants it.
    #[default]
    Dropped,
    /// It is words of an image.
    Words(Rc<Line>),
    /// It is a style sheet or linked data.
    Block,
}

impl Text {
    /// Whether somebody wants it.
    pub(super) fn is_wanted(&self) -> bool {
        !matches!(self, Self::Dropped)
    }
}

/// A `figure`, or what stands for one.
#[derive(Debug)]
pub(super) struct Figure {
    /// Its caption, which mostly comes after the image.
    pub(super) caption: Rc<Line>,
    /// It is a `figure` by its class alone.
    pub(super) by_class: bool,
    /// The first caption has begun; a second one is none.
    pub(super) captioned: Cell<bool>,
}

/// A `picture`: its `img` comes last and has the words for the `source` elements.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) alt: Rc<Line>,
    pub(super) title: Rc<Line>,
}

/// A text that comes piece by piece, as a line: every run of white space is one space, there is none at the ends, and what is
/// longer than the cap is dropped.
#[derive(Debug)]
pub(super) struct Line(RefCell<Gathered>);

#[derive(Debug)]
struct Gathered {
    text: String,
    left: usize,
    gap: bool,
}

impl Line {
    /// An empty line that may become `longest` characters long.
    pub(super) fn new(longest: usize) -> Rc<Self> {
        Rc::new(Self(RefCell::new(Gathered::new(longest))))
    }

    /// Adds text, and says how many bytes of it were kept.
    pub(super) fn push(&self, text: &str) -> usize {
        self.0.borrow_mut().push(text)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.borrow().text.is_empty()
    }

    /// The text so far; `None` if it is blank.
    pub(super) fn text(&self) -> Option<String> {
        let line = self.0.borrow();
        (!line.text.is_empty()).then(|| line.text.clone())
    }
}

impl Gathered {
    fn new(longest: usize) -> Self {
        Self { text: String::new(), left: longest, gap: false }
    }

    fn push(&mut self, text: &str) -> usize {
        let before = self.text.len();
        for c in text.chars() {
            if c.is_whitespace() || c == '\0' {
                self.gap = !self.text.is_empty();
                continue;
            }
            let needed = 1 + usize::from(self.gap);
            if needed > self.left {
                self.left = 0;
                break;
            }
            if self.gap {
                self.text.push(' ');
            }
            self.text.push(c);
            self.gap = false;
            self.left -= needed;
        }
        self.text.len() - before
    }
}

/// `text` as a line; `None` if it is blank.
pub(super) fn line(text: &str, longest: usize) -> Option<String> {
    let mut gathered = Gathered::new(longest);
    gathered.push(text);
    (!gathered.text.is_empty()).then_some(gathered.text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_and_length() {
        let cases = [
            (&["  a \n\t b  "][..], 10, Some("a b")),
            (&["a", "b ", " c"], 10, Some("ab c")),
            (&[" \u{a0}\n"], 10, None),
            (&["äöü"], 2, Some("äö")),
            (&["äöü"], 3, Some("äöü")),
            (&["äöü"], 4, Some("äöü")),
            (&["a b"], 2, Some("a")),
            (&["a b", "c"], 2, Some("a")),
        ];
        for (parts, longest, expected) in cases {
            let line = Line::new(longest);
            let kept: usize = parts.iter().map(|part| line.push(part)).sum();
            assert_eq!(line.text().as_deref(), expected, "{parts:?}");
            assert_eq!(kept, expected.map_or(0, str::len), "{parts:?}");
        }
    }
}
