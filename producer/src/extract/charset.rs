//! Bytes to text by the HTML standard's order (13.2.3.2, "determining the character encoding"): byte order mark, `Content-Type`,
//! the page's own declaration (`prescan`), and at last UTF-8 where it is valid and windows-1252 where it is not.

mod prescan;

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};

/// The text of a page, and its encoding. Never fails: what an encoding does not know becomes U+FFFD.
pub(super) fn decode<'a>(bytes: &'a [u8], content_type: Option<&str>) -> (Cow<'a, str>, &'static Encoding) {
    if let Some((encoding, length)) = Encoding::for_bom(bytes) {
        return (encoding.decode_without_bom_handling(&bytes[length..]).0, encoding);
    }
    let encoding = content_type
        .and_then(header_charset)
        .or_else(|| prescan::declared(bytes))
        .unwrap_or_else(|| if is_utf8(bytes) { UTF_8 } else { WINDOWS_1252 });
    (encoding.decode_without_bom_handling(bytes).0, encoding)
}

/// The `charset` of a `Content-Type` header; `None` if it has none or names no encoding of the web.
fn header_charset(content_type: &str) -> Option<&'static Encoding> {
    let mut parameters = content_type.split(';').skip(1).filter_map(|parameter| parameter.split_once('='));
    let (_, label) = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("charset"))?;
    Encoding::for_label(label.trim().trim_matches(['"', '\'']).as_bytes())
}

/// Whether the bytes are UTF-8; a character cut off at the end is the byte cap's doing, not the page's.
fn is_utf8(bytes: &[u8]) -> bool {
    match std::str::from_utf8(bytes) {
        Ok(_) => true,
        Err(error) => error.error_len().is_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_standard() {
        let cases: [(&[u8], Option<&str>, &str); 12] = [
            (b"\xef\xbb\xbf\xc3\xa9", Some("text/html; charset=iso-8859-1"), "é"),
            (b"\xff\xfe\xe9\0", None, "é"),
            (b"\xfe\xff\0\xe9", Some("text/html;charset=utf-8"), "é"),
            (b"\xe9", Some("text/html; Charset=\"ISO-8859-1\""), "é"),
            (b"<meta charset=utf-8>\xe9", Some("text/html; charset=latin1"), "<meta charset=utf-8>é"),
            (b"<meta charset=koi8-r>\xc1", Some("text/html; charset=nonsense"), "<meta charset=koi8-r>а"),
            (b"<meta charset=koi8-r>\xc1", Some("text/html"), "<meta charset=koi8-r>а"),
            (b"\xc3\xa9", None, "é"),
            (b"\xe9\x80 ", None, "é€ "),
            (b"ok \xc3", None, "ok \u{fffd}"),
            (b"\xc3\xa9", Some("text/html; charset=shift_jis"), "ﾃｩ"),
            (b"", Some(";;=;charset"), ""),
        ];
        for (bytes, header, expected) in cases {
            assert_eq!(decode(bytes, header).0, expected, "{bytes:?} {header:?}");
        }
    }
}
