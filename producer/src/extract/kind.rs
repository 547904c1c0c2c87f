//! What a body is: by its `Content-Type`, and by its first bytes where the header is missing, says nothing, or is belied by
//! them. In the spirit of the MIME Sniffing standard, but more willing to read what no browser would show.

use self::Kind::{Css, Feed, Html, Image, Other, Sitemap, Svg, Xhtml};
use super::charset;

/// What a body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A page.
    Html,
    /// A page in XML, or XML of a kind that we do not know and that may hold pieces of XHTML.
    Xhtml,
    /// A drawing: an image, and a page that may show others.
    Svg,
    /// A style sheet.
    Css,
    /// A sitemap or an index of sitemaps, in XML.
    Sitemap,
    /// RSS or Atom.
    Feed,
    /// An image other than SVG.
    Image,
    /// Anything else: nothing that we read.
    Other,
}

/// Bytes at the beginning of a body that are looked at: MIME Sniffing's 1,445, and some for the comments of XML files.
const HEAD: usize = 4096;

/// Tags that begin pages (MIME Sniffing, 7.1), and some more.
const TAGS: [&str; 27] = [
    "!doctype html",
    "html",
    "head",
    "script",
    "iframe",
    "h1",
    "div",
    "font",
    "table",
    "a",
    "style",
    "title",
    "b",
    "body",
    "br",
    "p",
    "!--",
    "meta",
    "link",
    "base",
    "noscript",
    "img",
    "picture",
    "figure",
    "main",
    "article",
    "section",
];

/// Tells what `bytes` are, which came with the `Content-Type` header `content_type`.
#[must_use]
pub fn kind(content_type: Option<&str>, bytes: &[u8]) -> Kind {
    if is_image(bytes) {
        return Image;
    }
    if is_binary_file(bytes) {
        return Other;
    }
    let (head, _) = charset::decode(&bytes[..bytes.len().min(HEAD)], content_type);
    let head = head.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '\u{feff}');
    let said = content_type.unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match &*said {
        "text/html" => list(head).unwrap_or(Html),
        "image/svg+xml" => Svg,
        "text/css" => Css,
        "application/rss+xml" | "application/atom+xml" | "application/rdf+xml" | "application/feed+json" => {
            list(head).unwrap_or(Feed)
        }
        said if said == "text/xml" || said == "application/xml" || said.ends_with("+xml") => {
            root(head).map_or(Xhtml, of_root)
        }
        // A header that cannot be: some images have no signature.
        said if said.starts_with("image/") => Image,
        "" | "text/plain" | "application/octet-stream" | "unknown/unknown" | "application/unknown" | "*/*" => {
            sniffed(head, said.is_empty())
        }
        _ => Other,
    }
}

/// What the beginning of a body says, where no header does. `trusting` reads any text as a page.
fn sniffed(head: &str, trusting: bool) -> Kind {
    if head.starts_with("<?xml") {
        return root(head).map_or(Xhtml, of_root);
    }
    let named = |tag: &str| {
        let rest = head.strip_prefix('<').and_then(|rest| rest.get(..tag.len()).map(|name| (name, &rest[tag.len()..])));
        rest.is_some_and(|(name, rest)| {
            name.eq_ignore_ascii_case(tag)
                && (tag == "!--" || rest.starts_with([' ', '>', '\t', '\n', '\r', '/', '\x0c']))
        })
    };
    if let Some(kind) = list(head) {
        kind
    } else if root(head) == Some("svg") {
        Svg
    } else if TAGS.iter().any(|tag| named(tag)) {
        Html
    } else if head.starts_with("@charset \"") || head.starts_with("@import ") {
        Css
    } else if trusting && !head.chars().any(is_binary) {
        Html
    } else {
        Other
    }
}

/// A list of pages, by its root.
fn list(head: &str) -> Option<Kind> {
    root(head).map(of_root).filter(|kind| matches!(kind, Sitemap | Feed))
}

fn of_root(name: &str) -> Kind {
    match name {
        "svg" => Svg,
        "urlset" | "sitemapindex" => Sitemap,
        "rss" | "feed" | "RDF" => Feed,
        _ => Xhtml,
    }
}

/// The local name of the first element, behind XML's declaration, comments, instructions and document type.
fn root(head: &str) -> Option<&str> {
    let mut rest = head;
    loop {
        rest = &rest[rest.find('<')? + 1..];
        rest = if let Some(comment) = rest.strip_prefix("!--") {
            &comment[comment.find("-->")?..]
        } else if rest.starts_with('?') {
            &rest[rest.find("?>")?..]
        } else if rest.starts_with('!') {
            // Declarations in a document type stand in brackets, and have `>` of their own.
            let end = rest.find('>')?;
            let bracket = rest.find('[').filter(|bracket| *bracket < end);
            &rest[bracket.map_or(Some(end), |_| rest.find("]>").or_else(|| rest.find("] >")))?..]
        } else {
            let name = rest.split(|c: char| c.is_ascii_whitespace() || matches!(c, '>' | '/')).next()?;
            return Some(name.rsplit(':').next().unwrap_or(name));
        };
    }
}

/// Whether the bytes begin like an image file: the signatures of MIME Sniffing (6.1) and of newer formats.
pub(super) fn is_image(bytes: &[u8]) -> bool {
    const SIGNATURES: [&[u8]; 10] = [
        b"\x89PNG\r\n\x1a\n",
        b"GIF87a",
        b"GIF89a",
        b"\xff\xd8\xff",
        b"II*\0",
        b"MM\0*",
        b"\0\0\x01\0",
        b"\0\0\x02\0",
        b"\xff\x0a",
        b"\0\0\0\x0cJXL \r\n\x87\n",
    ];
    let box_type = bytes.get(4..12);
    SIGNATURES.iter().any(|signature| bytes.starts_with(signature))
        || (bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP"))
        || (bytes.starts_with(b"BM") && bytes.get(6..10) == Some(&[0; 4]))
        || matches!(box_type, Some(b"ftypavif" | b"ftypavis" | b"ftypheic" | b"ftypheix" | b"ftypmif1" | b"ftypmsf1"))
}

/// Files that are neither text nor image, whatever their header says.
fn is_binary_file(bytes: &[u8]) -> bool {
    const SIGNATURES: [&[u8]; 11] = [
        b"%PDF-",
        b"%!PS-Adobe-",
        b"PK\x03\x04",
        b"\x1f\x8b\x08",
        b"Rar!",
        b"\x1a\x45\xdf\xa3",
        b"OggS\0",
        b"ID3",
        b"wOFF",
        b"wOF2",
        b"\x7fELF",
    ];
    SIGNATURES.iter().any(|signature| bytes.starts_with(signature)) || bytes.get(4..8) == Some(b"ftyp")
}

/// A "binary data byte" of MIME Sniffing (3.).
fn is_binary(c: char) -> bool {
    matches!(c, '\0'..='\x08' | '\x0b' | '\x0e'..='\x1a' | '\x1c'..='\x1f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_and_bytes() {
        let png = b"\x89PNG\r\n\x1a\n....".as_slice();
        let rss = b"<?xml version='1.0'?>\n<!-- c > --><rss version='2.0'>".as_slice();
        let cases: [(Option<&str>, &[u8], Kind); 46] = [
            (Some("text/html"), b"", Html),
            (Some("text/html; charset=utf-8"), b"anything", Html),
            (Some("TEXT/HTML"), b"\0\x01", Html),
            (Some("text/html"), png, Image),
            (Some("text/html"), b"%PDF-1.7", Other),
            (Some("text/html"), rss, Feed),
            (Some("text/html"), b"<?xml version='1.0'?><html>", Html),
            (Some("text/html"), b"<svg>", Html),
            (Some("application/xhtml+xml"), b"<html>", Xhtml),
            (Some("application/xml"), b"<?xml version='1.0'?><!DOCTYPE html PUBLIC '-//W3C//' 'x'><html>", Xhtml),
            (Some("text/xml"), b"<x:svg xmlns:x=''>", Svg),
            (Some("text/xml"), b"<urlset>", Sitemap),
            (Some("application/xml"), b"<?xml?><?xml-stylesheet href='>'?><sitemapindex/>", Sitemap),
            (Some("application/xml"), b"<book>", Xhtml),
            (Some("application/xml"), b"", Xhtml),
            (Some("application/rss+xml"), rss, Feed),
            (Some("application/atom+xml"), b"<feed>", Feed),
            (Some("application/rdf+xml"), b"<rdf:RDF>", Feed),
            (Some("image/svg+xml"), b"<svg>", Svg),
            (Some("image/png"), b"not one", Image),
            (Some("image/png"), png, Image),
            (Some("text/css"), b"a{}", Css),
            (Some("text/plain"), b"<!DOCTYPE HTML >", Html),
            (Some("text/plain"), b"\n <p>", Html),
            (Some("text/plain"), b"<picture", Other),
            (Some("text/plain"), b"a text", Other),
            (Some("text/plain"), b"<pre>", Other),
            (Some("application/octet-stream"), b"<html lang=en>", Html),
            (Some("application/octet-stream"), b"\xef\xbb\xbf<html>", Html),
            (Some("application/octet-stream"), b"\0\0", Other),
            (Some("application/json"), b"<html>", Other),
            (Some("video/mp4"), b"", Other),
            (None, b"", Html),
            (None, b"a text", Html),
            (None, b"a\0text", Other),
            (None, b"<p>", Html),
            (None, b"<?xml version='1.0'?><html>", Xhtml),
            (None, b"<svg xmlns=''>", Svg),
            (None, b"<!-- c --><svg/>", Svg),
            (None, b"<!DOCTYPE svg [ <!ENTITY a '<b>'> ]><svg>", Svg),
            (None, b"<feed xmlns=''>", Feed),
            (None, b"GIF89a", Image),
            (None, b"BMW is a brand", Html),
            (None, b"\0\0\0\x20ftypavif", Image),
            (None, b"\0\0\0\x20ftypisom", Other),
            (None, b"PK\x03\x04", Other),
        ];
        for (header, bytes, expected) in cases {
            assert_eq!(kind(header, bytes), expected, "{header:?} {:?}", String::from_utf8_lossy(bytes));
        }
    }
}
