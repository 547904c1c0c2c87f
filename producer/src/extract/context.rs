//! What a page says of an image: `alt`, `title`, `figcaption`. Text only, cleaned and capped; a crawl's `alt` may be
//! somebody's training caption.

use html5ever::ns;
use scraper::ElementRef;
use scraper::node::Element;

/// Nodes of a caption that are looked at; captions can be nested in captions, and the page stays linear.
const CAPTION_NODES: usize = 1_000;

/// The name of an element of HTML's own namespace; `None` for those of `svg` and `math`.
pub(super) fn html_name<'a>(element: &ElementRef<'a>) -> Option<&'a str> {
    let element = element.value();
    (element.name.ns == ns!(html)).then(|| element.name())
}

/// The first child of `parent` with this name.
pub(super) fn child<'a>(parent: &ElementRef<'a>, name: &str) -> Option<ElementRef<'a>> {
    parent.child_elements().find(|child| html_name(child) == Some(name))
}

/// The attribute as a line of text; `None` if it is absent or blank.
pub(super) fn attribute(element: &Element, name: &str, longest: usize) -> Option<String> {
    clean([element.attr(name)?], longest)
}

/// The text of a figure's `figcaption`; `None` without one, or if it is blank.
pub(super) fn caption(figure: &ElementRef<'_>, longest: usize) -> Option<String> {
    let nodes = child(figure, "figcaption")?.descendants().take(CAPTION_NODES);
    clean(nodes.filter_map(|node| node.value().as_text().map(|text| &**text)), longest)
}

/// The parts, one after the other, with every run of white space as one space and none at the ends, cut at `longest` characters.
fn clean<'a>(parts: impl IntoIterator<Item = &'a str>, longest: usize) -> Option<String> {
    let mut text = String::new();
    let mut left = longest;
    let mut gap = false;
    for c in parts.into_iter().flat_map(str::chars) {
        if c.is_whitespace() || c == '\0' {
            gap = !text.is_empty();
            continue;
        }
        let needed = 1 + usize::from(gap);
        if needed > left {
            break;
        }
        if gap {
            text.push(' ');
        }
        text.push(c);
        gap = false;
        left -= needed;
    }
    (!text.is_empty()).then_some(text)
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
        ];
        for (parts, longest, expected) in cases {
            assert_eq!(clean(parts.iter().copied(), longest).as_deref(), expected, "{parts:?}");
        }
    }
}
