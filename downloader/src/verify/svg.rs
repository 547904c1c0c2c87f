//! SVG: well-formed to the end of its root element, and whether it carries script. The document is read once, as a stream of
//! tags: no tree, no entity is ever replaced by what it stands for, nothing is fetched.
//!
//! Script is looked for where browsers run it when the file is opened as a page or put into one; as the source of an `img` it
//! does not run. Where it cannot be told without doing all that a browser does, the file counts as one with script.

use std::borrow::Cow;

use quick_xml::Reader;
use quick_xml::errors::{Error, IllFormedError};
use quick_xml::events::{BytesStart, Event};

use super::active;
use super::walk::{Fault, Walked};

/// An SVG that is there to its end.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Svg {
    /// Whether script is in it, or what can bring some.
    pub(super) is_scripted: bool,
}

/// How far the root element is looked for before all of a document is made text, which can take three times its bytes. An even
/// number, for UTF-16.
const LOOK: usize = 64 << 10;

/// Walks the document. `None` if its root element is none of SVG.
pub(super) fn walk(bytes: &[u8]) -> Walked<Option<Svg>> {
    if !begins_as_markup(bytes) {
        return Ok(None);
    }
    // A root element that does not come for so long is looked for in the whole.
    if bytes.len() > LOOK && is_svg(&text(&bytes[..LOOK])) == Some(false) {
        return Ok(None);
    }
    read(&text(bytes))
}

/// Whether the first element is that of an SVG, if there is one.
fn is_svg(text: &str) -> Option<bool> {
    let mut reader = reader(text);
    loop {
        match reader.read_event().ok()? {
            Event::Start(tag) | Event::Empty(tag) => return Some(tag.local_name().as_ref() == "svg"),
            Event::Text(text) if !text.trim().is_empty() => return Some(false),
            Event::Eof => return None,
            _ => {}
        }
    }
}

fn reader(text: &str) -> Reader<&[u8]> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    // An ampersand that begins nothing is a browser's to complain of, and no sign of a cut.
    reader.config_mut().allow_dangling_amp = true;
    reader
}

fn read(text: &str) -> Walked<Option<Svg>> {
    let mut reader = reader(text);
    let mut document = Document::default();
    loop {
        let event = reader.read_event();
        match event.map_err(|error| fault_of(&error)) {
            Ok(Event::Eof) | Err(Fault::Cut) if document.depth == 0 => {
                return if would_be_svg(text) { Err(Fault::Cut) } else { Ok(None) };
            }
            Ok(event) => match document.take(&event) {
                State::Goes => {}
                State::IsNoSvg => return Ok(None),
                State::Ended => return Ok(Some(Svg { is_scripted: document.is_scripted })),
                State::Cut => return Err(Fault::Cut),
            },
            Err(_) if document.depth == 0 => return Ok(None),
            Err(fault) => return Err(fault),
        }
    }
}

/// Whether a document that ends before its first element, or in that one's tag, is likely to have been an SVG: the tag or the
/// declaration of its type says so as far as it is there; or neither has begun in what says that it is XML.
fn would_be_svg(text: &str) -> bool {
    const TYPE: &str = "<!DOCTYPE";
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let is_xml = text.starts_with("<?xml") && !text.starts_with("<?xml-");
    let is_name = |name: &str, is_whole: bool| {
        name == "svg" || name.ends_with(":svg") || !is_whole && "svg".starts_with(name) && (is_xml || !name.is_empty())
    };
    let names_svg = |rest: &str| {
        let rest = rest.trim_start();
        let end = rest.find(|letter: char| letter.is_whitespace() || "[/>".contains(letter));
        is_name(&rest[..end.unwrap_or(rest.len())], end.is_some())
    };
    let last = text.rfind('<').map_or("", |at| &text[at + 1..]);
    match text.find(TYPE) {
        _ if last.starts_with(char::is_alphabetic) => names_svg(last),
        Some(at) => names_svg(&text[at + TYPE.len()..]),
        None => is_xml,
    }
}

/// Whether markup begins behind white space: what does not look so is not looked at any further.
fn begins_as_markup(bytes: &[u8]) -> bool {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    first == Some(&b'<') || matches!(bytes, [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [0, b'<', ..])
}

/// The document as text. Of an encoding that is neither UTF-8 nor UTF-16 the markup is ASCII all the same; its other letters do
/// not matter here.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    let of_units = |unit: fn([u8; 2]) -> u16| {
        let units = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let letters = char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER));
        Cow::Owned(letters.collect())
    };
    match bytes {
        [0xff, 0xfe, ..] | [b'<', 0, ..] => of_units(u16::from_le_bytes),
        [0xfe, 0xff, ..] | [0, b'<', ..] => of_units(u16::from_be_bytes),
        _ => String::from_utf8_lossy(bytes),
    }
}

/// Whether the document ends too early, or breaks the rules. The reader's syntax errors are all of something that is not closed.
fn fault_of(error: &Error) -> Fault {
    match error {
        Error::Syntax(_) | Error::IllFormed(IllFormedError::MissingEndTag(_)) => Fault::Cut,
        _ => Fault::Broken,
    }
}

/// What follows from an event.
enum State {
    Goes,
    IsNoSvg,
    Ended,
    Cut,
}

/// What is known of the document.
#[derive(Default)]
struct Document {
    /// Elements that are open.
    depth: usize,
    /// Elements that were open when `foreignObject` began, if one is.
    foreign: Option<usize>,
    is_scripted: bool,
}

impl Document {
    fn take(&mut self, event: &Event<'_>) -> State {
        match event {
            Event::Start(tag) => {
                if self.depth == 0 && tag.local_name().as_ref() != "svg" {
                    return State::IsNoSvg;
                }
                self.element(tag);
                if self.foreign.is_none() && tag.local_name().as_ref().eq_ignore_ascii_case("foreignObject") {
                    self.foreign = Some(self.depth);
                }
                self.depth += 1;
            }
            Event::Empty(tag) if self.depth == 0 => {
                self.element(tag);
                return if tag.local_name().as_ref() == "svg" { State::Ended } else { State::IsNoSvg };
            }
            Event::Empty(tag) => self.element(tag),
            Event::End(_) => {
                // The reader checks that the names agree.
                self.depth -= 1;
                self.foreign = self.foreign.filter(|depth| self.depth > *depth);
                if self.depth == 0 {
                    return State::Ended;
                }
            }
            Event::Text(text) if self.depth == 0 && !text.trim().is_empty() => return State::IsNoSvg,
            Event::CData(_) | Event::GeneralRef(_) if self.depth == 0 => return State::IsNoSvg,
            Event::DocType(declaration) => self.is_scripted |= active::declaration(declaration),
            Event::PI(instruction) => self.is_scripted |= active::instruction(instruction),
            Event::Eof => return State::Cut,
            Event::Text(_) | Event::CData(_) | Event::GeneralRef(_) | Event::Comment(_) | Event::Decl(_) => {}
        }
        State::Goes
    }

    fn element(&mut self, tag: &BytesStart<'_>) {
        if self.is_scripted {
            return;
        }
        let name = tag.local_name();
        self.is_scripted = active::element(name.as_ref(), self.foreign.is_some())
            // Attributes as loose as HTML's are what browsers refuse, and some other program may not. The reader's own check
            // compares each with all before it.
            || tag.html_attributes().with_checks(false).flatten().any(|attribute| active::attribute(&attribute));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_scripted(inside: &str) -> bool {
        let text = format!("<svg xmlns='http://www.w3.org/2000/svg'>{inside}</svg>");
        walk(text.as_bytes()).expect("whole").expect("an SVG").is_scripted
    }

    #[test]
    fn svg_is_known_by_its_root_element() {
        for text in [
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "\u{feff}<?xml version='1.0'?>\n<!-- a > b -->\n<!DOCTYPE svg PUBLIC 'x' 'y'>\n<svg></svg>",
            "<!DOCTYPE svg [ <!ENTITY ns 'http://x'> ]>\n<svg:svg a='&ns;'>&ns; & more</svg:svg> what follows <is",
        ] {
            assert_eq!(walk(text.as_bytes()), Ok(Some(Svg { is_scripted: false })), "{text}");
            let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            for bytes in [little, big] {
                assert_eq!(walk(&bytes), Ok(Some(Svg { is_scripted: false })), "{text}");
            }
        }
        for text in [
            "",
            "hello",
            "<",
            "<!--",
            "<?xm",
            "<!DOCTYPE ",
            "<!DOCTYPE html",
            "<?xml version='1.0'?><html",
            "<?xml version='1.0'?><!DOCTYPE html PUBLIC",
            "text <svg/>",
            "<!DOCTYPE html><html><svg></svg></html>",
            "<svgs/>",
            "</svg>",
            "&svg;<svg/>",
            "<![CDATA[]]><svg/>",
        ] {
            assert_eq!(walk(text.as_bytes()), Ok(None), "{text}");
        }
    }

    #[test]
    fn it_is_cut_as_soon_as_it_says_what_it_is() {
        let declared = "<!DOCTYPE svg PUBLIC '-//W3C//DTD SVG 1.1//EN' 'x'><!-- c --><svg>";
        let xml =
            "\u{feff}<?xml version='1.0'?>\n<!-- c -->\n<!DOCTYPE svg PUBLIC 'x' 'y' [ <!ENTITY a 'b'> ]>\n<svg a='b'>";
        for (text, least) in [("<svg a='b'>", 2), (declared, 11), (xml, 8)] {
            for length in least..=text.len() {
                let found = walk(&text.as_bytes()[..length]);
                assert_eq!(found, Err(Fault::Cut), "{}", &text[..length]);
            }
        }
    }

    #[test]
    fn the_root_is_looked_for_before_the_whole_is_made_text() {
        let page = |length: usize| [&b"<!-- \xff -->"[..], &b" ".repeat(length), b"<html></html>"].concat();
        let svg = |length: usize| [&b"<!-- \xff -->"[..], &b" ".repeat(length), b"<svg></svg>"].concat();
        let before = "<!-- x -->".len();
        for length in [LOOK - before - 5, LOOK - before - 1, LOOK - before, LOOK - before + 1, 2 * LOOK] {
            assert_eq!(walk(&page(length)), Ok(None), "{length}");
            assert_eq!(walk(&svg(length)), Ok(Some(Svg { is_scripted: false })), "{length}");
        }
        let part = &page(10)[..LOOK.min(page(10).len())];
        assert_eq!(is_svg(&text(part)), Some(false));
        assert_eq!(is_svg(&text(&svg(LOOK)[..LOOK])), None);
    }

    #[test]
    fn it_is_cut_wherever_it_ends_within_its_root() {
        let text = "<svg a=\"b>\"><!-- c --><g><![CDATA[d]]>e<?f g?><h/></g>&amp;</svg>";
        assert!(walk(text.as_bytes()).is_ok());
        for length in 5..text.len() {
            assert_eq!(walk(&text.as_bytes()[..length]), Err(Fault::Cut), "{}", &text[..length]);
        }
        assert_eq!(walk(b"<svg><g></svg></g>"), Err(Fault::Broken));
    }

    #[test]
    fn script_is_found_wherever_it_hides() {
        for inside in [
            "<script>alert(1)</script>",
            "<s:script xmlns:s='http://www.w3.org/1999/xhtml' src='x'/>",
            "<g onload='alert(1)'/>",
            "<g ONCLICK=alert(1) />",
            "<a href='javascript:alert(1)'/>",
            "<a xlink:href=' \t\u{1}JaVa\nScript:alert(1)'/>",
            "<a href='java&#115;cript&#x3a;alert(1)'/>",
            "<a href='data:text/html,x'/>",
            "<a href='&hidden;'/>",
            "<animate attributeName='href' values='#a;javascript:alert(1)'/>",
            "<foreignObject><body xmlns='http://www.w3.org/1999/xhtml'/></foreignObject>",
            "<foreignObject><g><h:div>x</h:div></g></foreignObject>",
            "<h:iframe src='x'/>",
            "<?xml-stylesheet type='text/xsl' href='x'?>",
        ] {
            assert!(is_scripted(inside), "{inside}");
        }
    }

    #[test]
    fn what_is_no_script_is_not_called_so() {
        for inside in [
            "<g id='online' title='on' font-weight='bold'/>",
            "<text>javascript: onload='x' &lt;script></text>",
            "<!-- <script> --><style><![CDATA[a { b: url(c) }]]></style>",
            "<a href='https://example.org/javascript'/>",
            "<image href='data:image/png;base64,iVBORw0KGgo='/>",
            "<foreignObject requiredExtensions='&ns_ai;'><i:pgfRef xlink:href='#x'/></foreignObject><div/>",
            "<?xml-stylesheet type='text/css' href='x'?>",
        ] {
            assert!(!is_scripted(inside), "{inside}");
        }
    }

    #[test]
    fn declarations_that_can_bring_script_count_as_script() {
        let scripted = |declarations: &str| {
            let text = format!("<!DOCTYPE svg [{declarations}]><svg>&a;</svg>");
            walk(text.as_bytes()).expect("whole").expect("an SVG").is_scripted
        };
        for declarations in [
            "<!ENTITY a SYSTEM 'x'>",
            "<!ENTITY % a PUBLIC 'x' 'y'>",
            "<!ENTITY a '<script>alert(1)</script>'>",
            "<!ENTITY a \"&#60;script>\">",
            "<!ENTITY a 'javascript:'>",
            "<!ENTITY b 'x'><!ENTITY a '&b;&b;'>",
            "<!ATTLIST svg onload CDATA 'alert(1)'>",
        ] {
            assert!(scripted(declarations), "{declarations}");
        }
        for declarations in
            ["<!ENTITY a 'http://www.w3.org/2000/svg'>", "<!ATTLIST svg xmlns:x CDATA #IMPLIED>", "<!ELEMENT svg ANY>"]
        {
            assert!(!scripted(declarations), "{declarations}");
        }
    }

    /// A billion laughs, nesting without end, and a tag with a million attributes cost what their bytes do.
    #[test]
    fn bombs_are_harmless() {
        let mut laughs = "<!DOCTYPE svg [<!ENTITY l0 'ha'>".to_owned();
        for level in 1..40 {
            let ten = format!("&l{};", level - 1).repeat(10);
            laughs.extend(["<!ENTITY l", &level.to_string(), " '", &ten, "'>"]);
        }
        laughs += "]><svg title='&l39;'>&l39;</svg>";
        let nested = "<svg>".repeat(1 << 19) + &"</svg>".repeat(1 << 19);
        let attributes = format!("<svg {}/>", "a='javascript' ".repeat(1 << 19));
        let colons = format!("<svg a='{}'/>", "java script ::".repeat(1 << 18));
        let begun = std::time::Instant::now();
        for text in [laughs, nested, attributes, colons] {
            assert!(matches!(walk(text.as_bytes()), Ok(Some(_))), "{}", &text[..50]);
        }
        assert!(begun.elapsed() < std::time::Duration::from_secs(20), "{:?}", begun.elapsed());
    }
}
