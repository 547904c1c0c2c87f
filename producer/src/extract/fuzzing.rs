//! What the fuzz targets do with the parsers of this room: read any bytes and check what must always hold. Not in any
//! release: the feature `fuzzing` makes it.

#![allow(clippy::missing_panics_doc, reason = "to panic is how a finding is told")]

use std::collections::HashSet;

use url::Url;

use super::{Limits, Options, SrcsetChoice, charset, css, data_uri, json_ld, srcset};

/// What a server may say; the first byte of an input chooses.
const CONTENT_TYPES: [Option<&str>; 8] = [
    Some("text/html"),
    None,
    Some("text/html; charset=shift_jis"),
    Some("application/xhtml+xml"),
    Some("image/svg+xml"),
    Some("text/css"),
    Some("application/octet-stream"),
    Some("text/plain; charset=\"utf-16\""),
];

/// A page of any kind.
pub fn extract(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let content_type = CONTENT_TYPES[usize::from(*choice) % CONTENT_TYPES.len()];
    let srcset = if *choice < 128 { SrcsetChoice::Largest } else { SrcsetChoice::All };
    let options = Options { srcset, limits: Limits::default() };
    let Ok(base) = Url::parse("http://h/d/p?q") else {
        return;
    };
    let page = super::extract(body, content_type, &base, &options);
    let mut urls = HashSet::new();
    for image in &page.images {
        assert!(urls.insert(&image.url), "twice: {}", image.url);
        assert_eq!(image.sources.first(), Some(&image.source));
        assert_eq!(image.inline.is_some(), image.url.scheme() == "data", "{}", image.url);
        assert!(matches!(image.url.scheme(), "http" | "https" | "data") && image.url.fragment().is_none());
    }
    for url in page.links.iter().map(|link| &link.url).chain(&page.style_sheets) {
        assert!(matches!(url.scheme(), "http" | "https") && url.fragment().is_none(), "{url}");
    }
    assert!(page.images.len() <= options.limits.images && page.links.len() <= options.limits.links);
}

/// A page's encoding.
pub fn charset(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let content_type = CONTENT_TYPES[usize::from(*choice) % CONTENT_TYPES.len()];
    // No encoding makes more than three bytes of UTF-8 of one byte.
    assert!(charset::decode(body, content_type).0.len() <= 3 * body.len());
}

/// A `srcset`.
pub fn srcset(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    for entry in srcset::parse(&text) {
        assert!(!entry.url.is_empty() && !entry.url.contains([' ', '\t', '\n', '\r', '\x0c']));
        assert!(!entry.url.starts_with(',') && !entry.url.ends_with(','));
        assert!(entry.width.is_none_or(|width| width > 0) && entry.density.is_none_or(|density| density >= 0.0));
        assert!(!entry.is_larger_than(&entry));
    }
}

/// A style sheet, and the same text as an attribute.
pub fn css(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let whole = css::urls(&text, &css::Limits::default());
    let few = css::urls(&text, &css::Limits { urls: 3, depth: 2 });
    let attribute = css::style_attribute(&text, &css::Limits::default());
    assert!(attribute.imports.is_empty());
    assert!(few.images.len() + few.imports.len() <= 3);
    let mut seen = HashSet::new();
    assert!(whole.images.iter().chain(&whole.imports).all(|address| seen.insert(address)));
}

/// A script of linked data; what is JSON must be read as `serde_json` reads it.
pub fn json_ld(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    json_ld::fuzzing::agrees_with_serde(&text);
    let found = json_ld::images(&text, &json_ld::Limits::default());
    assert!(found.iter().all(|image| image.caption.as_ref().is_none_or(|caption| !caption.is_empty())));
}

/// A `data:` URL.
pub fn data_uri(data: &[u8]) {
    const MOST: usize = 64;
    let text = String::from_utf8_lossy(data);
    let (whole, capped) = (data_uri::decode(&text, usize::MAX), data_uri::decode(&text, MOST));
    if let Ok(uri) = &whole {
        assert!(uri.bytes.len() <= text.len() && uri.media_type.contains('/'));
        assert!(!uri.media_type.contains(|c: char| c.is_ascii_uppercase()));
        if uri.bytes.len() > MOST {
            assert_eq!(capped, Err(data_uri::DataUriError::TooLarge));
        } else {
            assert_eq!(whole, capped);
        }
    }
}
