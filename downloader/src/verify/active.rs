//! What in an SVG is script, or can bring some: elements, attributes, declarations and instructions, each looked at alone.

use std::borrow::Cow;

use quick_xml::escape::unescape_with;
use quick_xml::events::attributes::Attribute;

/// Elements that are script, or a page within the page, of whatever namespace.
const RUNNING: [&str; 8] = ["script", "handler", "listener", "iframe", "frame", "object", "embed", "applet"];

/// Elements of HTML that a `foreignObject` may hold; what it holds there runs as it does in a page.
const HTML: [&str; 26] = [
    "html", "head", "body", "div", "span", "p", "a", "img", "audio", "video", "form", "input", "button", "textarea",
    "select", "table", "ul", "ol", "li", "pre", "br", "hr", "canvas", "link", "meta", "base",
];

/// Attributes that name something to be shown or run, or give such an attribute its value.
const LEADING: [&str; 10] = ["href", "src", "srcdoc", "data", "action", "formaction", "to", "from", "by", "values"];

/// How URLs begin that are script, or a page in themselves.
const URLS: [&str; 7] = [
    "javascript:",
    "vbscript:",
    "data:text/html",
    "data:text/xml",
    "data:text/javascript",
    "data:application/xhtml",
    "data:application/xml",
];

/// Whether an element, by its local name, is script.
pub(super) fn element(name: &str, is_foreign: bool) -> bool {
    let is_one_of = |names: &[&str]| names.iter().any(|known| known.eq_ignore_ascii_case(name));
    is_one_of(&RUNNING) || is_foreign && is_one_of(&HTML)
}

/// Whether an attribute is script, by its name or by its value.
pub(super) fn attribute(attribute: &Attribute<'_>) -> bool {
    let (key, value) = (attribute.key, &*attribute.value);
    if is_handler(key.as_ref()) {
        return true;
    }
    let leads = LEADING.iter().any(|name| name.eq_ignore_ascii_case(key.local_name().as_ref()));
    // What an entity of the document's own stands for is not known here.
    leads && has_own_entity(value) || leads_to_script(&resolved(value))
}

/// Whether a declaration of the document's type can bring script: text from elsewhere, markup under a name, handlers by default.
pub(super) fn declaration(text: &str) -> bool {
    let of = |keyword| {
        text.split(keyword).skip(1).any(|declared: &str| match keyword {
            "<!ENTITY" => entity(declared),
            _ => declared
                .split('>')
                .next()
                .unwrap_or_default()
                .split_ascii_whitespace()
                .any(|word| is_handler(word) || contains(word, "script")),
        })
    };
    of("<!ENTITY") || of("<!ATTLIST")
}

/// Whether a processing instruction has the document transformed, which can make anything of it.
pub(super) fn instruction(text: &str) -> bool {
    text.starts_with("xml-stylesheet") && contains(text, "xsl")
}

/// What follows the word `ENTITY`: a name and, in quotes, what it stands for; or where that is.
fn entity(declared: &str) -> bool {
    let Some(quote) = declared.find(['"', '\'']) else { return true };
    let (name, value) = declared.split_at(quote);
    let mark = &value[..1];
    let value = value[1..].split(mark).next().unwrap_or_default();
    name.split_ascii_whitespace().any(|word| matches!(word, "SYSTEM" | "PUBLIC"))
        || value.contains(['<', '&', '%'])
        || contains(value, "script")
}

fn is_handler(name: &str) -> bool {
    name.len() > 2
        && name.as_bytes()[..2].eq_ignore_ascii_case(b"on")
        && name.bytes().all(|byte| byte.is_ascii_alphabetic())
}

/// Whether one of the references in `value` is neither to a letter nor to what XML itself names.
fn has_own_entity(value: &str) -> bool {
    value.split('&').skip(1).any(|reference| {
        let name = reference.split(';').next().unwrap_or_default();
        !name.starts_with('#') && !matches!(name, "amp" | "lt" | "gt" | "quot" | "apos")
    })
}

/// The value with letters for references to letters; other references stand for nothing.
fn resolved(value: &str) -> Cow<'_, str> {
    if !value.contains('&') {
        return Cow::Borrowed(value);
    }
    let own = |name: &str| Some(quick_xml::escape::resolve_predefined_entity(name).unwrap_or_default());
    unescape_with(value, own).unwrap_or(Cow::Borrowed(value))
}

/// Whether a URL of script, or of a page in itself, begins somewhere in `value`. Browsers pass over white space and control
/// characters in it.
fn leads_to_script(value: &str) -> bool {
    if !value.contains(':') {
        return false;
    }
    let seen = value.chars().filter(|letter| !letter.is_whitespace() && !letter.is_control());
    let seen: String = seen.map(|letter| letter.to_ascii_lowercase()).collect();
    URLS.iter().any(|url| seen.contains(url))
}

/// Whether `word`, in small letters, is in `text` in any.
fn contains(text: &str, word: &str) -> bool {
    text.as_bytes().windows(word.len()).any(|part| part.eq_ignore_ascii_case(word.as_bytes()))
}
