//! What a page's URLs are relative to, and which of them are of any use. Scope and normal forms are the frontier's.

use encoding_rs::{Encoding, UTF_8};
use url::Url;

/// Endings of file names that say "image" (lower case).
const IMAGE_ENDINGS: [&str; 17] = [
    "apng", "avif", "bmp", "gif", "heic", "heif", "ico", "jfif", "jpe", "jpeg", "jpg", "jxl", "png", "svg", "tif",
    "tiff", "webp",
];

/// The document base URL (HTML standard, 2.4.1 and 4.2.3), where `href` is that of the first `base` that has one: relative to
/// the page's own address; where that is no URL, or a `data:` or `javascript:` URL, the page's address, whatever further
/// `base` elements say.
pub(super) fn document_base(href: &str, address: &Url) -> Url {
    let base = address.join(href).ok().filter(|base| !matches!(base.scheme(), "data" | "javascript"));
    base.unwrap_or_else(|| address.clone())
}

/// `text` as an address that can be fetched: absolute, `http` or `https`, without fragment, at most `longest` bytes. `None`
/// for everything else: empty text (which names no image by the standard), other schemes, what is no URL.
/// A query is encoded by the page's `encoding` (URL Standard, 4.4, "query state").
pub(super) fn resolve(text: &str, base: &Url, encoding: &'static Encoding, longest: usize) -> Option<Url> {
    let text = text.trim_matches(|c: char| c <= ' ');
    if text.is_empty() || text.len() > longest {
        return None;
    }
    // UTF-16 pages have their queries in UTF-8.
    let encoding = encoding.output_encoding();
    let mut url = if encoding == UTF_8 || text.is_ascii() {
        base.join(text).ok()?
    } else {
        let parser = Url::options().base_url(Some(base));
        parser.encoding_override(Some(&|query| encoding.encode(query).0)).parse(text).ok()?
    };
    url.set_fragment(None);
    let fits = matches!(url.scheme(), "http" | "https") && url.as_str().len() <= longest;
    fits.then_some(url)
}

/// Whether the path ends like an image file's name.
pub(crate) fn names_image(url: &Url) -> bool {
    let Some((stem, ending)) = url.path().rsplit_once('.') else {
        return false;
    };
    let known = IMAGE_ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known));
    known && !stem.ends_with('/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        text.parse().expect("a URL")
    }

    #[test]
    fn base_by_the_standard() {
        let cases = [
            ("/x/", "http://h/x/"),
            ("http://other/y/", "http://other/y/"),
            ("  e/ ", "http://h/d/e/"),
            ("", "http://h/d/p.html"),
            ("data:text/plain,x", "http://h/d/p.html"),
            ("javascript:0", "http://h/d/p.html"),
            ("http://[", "http://h/d/p.html"),
        ];
        for (href, expected) in cases {
            assert_eq!(document_base(href, &url("http://h/d/p.html")).as_str(), expected, "{href}");
        }
    }

    #[test]
    fn resolves_what_can_be_fetched() {
        let cases = [
            ("a.png", Some("http://h/d/a.png")),
            (" \n a.png\t", Some("http://h/d/a.png")),
            ("//cdn/a.png#x", Some("http://cdn/a.png")),
            ("?q", Some("http://h/d/p?q")),
            ("", None),
            ("  ", None),
            ("data:image/png;base64,AA", None),
            ("blob:http://h/1", None),
            ("mailto:a@b", None),
            ("http://", None),
        ];
        for (text, expected) in cases {
            assert_eq!(resolve(text, &url("http://h/d/p"), UTF_8, 100).as_ref().map(Url::as_str), expected, "{text:?}");
        }
    }

    #[test]
    fn queries_are_in_the_encoding_of_their_page() {
        let resolved = |encoding| resolve("i.php?n=Ж#x", &url("http://h/"), encoding, 100).map(String::from);
        assert_eq!(resolved(encoding_rs::WINDOWS_1251).as_deref(), Some("http://h/i.php?n=%C6"));
        assert_eq!(resolved(encoding_rs::UTF_16LE).as_deref(), Some("http://h/i.php?n=%D0%96"));
        let path = resolve("Ж.png", &url("http://h/"), encoding_rs::WINDOWS_1251, 100);
        assert_eq!(path.map(String::from).as_deref(), Some("http://h/%D0%96.png"), "paths are always UTF-8");
    }

    #[test]
    fn url_length_at_the_cap() {
        let base = url("http://h/");
        for (extra, found) in [(90, true), (91, true), (92, false)] {
            assert_eq!(resolve(&"a".repeat(extra), &base, UTF_8, 100).is_some(), found, "{extra}");
        }
    }

    #[test]
    fn image_names() {
        for (path, expected) in
            [("/a.PNG", true), ("/a.b.webp", true), ("/a.png/", false), ("/png", false), ("/.png", false)]
        {
            assert_eq!(names_image(&url(&format!("http://h{path}?x=1"))), expected, "{path}");
        }
    }
}
