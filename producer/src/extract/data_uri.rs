//! `data:` URLs: their media type and their bytes, by the Fetch standard's "data: URL processor" (which took the place of
//! RFC 2397). Whether the bytes are an image, and which URL stands for them, is not decided here.

use bytes::Bytes;
use data_url::DataUrl;
use data_url::forgiving_base64::DecodeError;
use thiserror::Error;

/// The longest header (what stands before the comma) that is read. Real ones have some 30 bytes, and each parameter of
/// the media type is compared with all before it.
const HEADER_BYTES: usize = 1024;

/// A `data:` URL, decoded.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct DataUri {
    /// Type and subtype in lower case, without parameters; `text/plain` where the URL names none, or what is none.
    pub(super) media_type: String,
    /// The content, without the URL's fragment.
    pub(super) bytes: Bytes,
}

/// Why a `data:` URL has no content.
#[derive(Debug, PartialEq, Eq, Error)]
pub(super) enum DataUriError {
    /// It does not begin with `data:`.
    #[error("not a data: URL")]
    NotData,
    /// Nothing tells where the header ends.
    #[error("no comma in the data: URL")]
    NoComma,
    /// The header is longer than any that is meant.
    #[error("the data: URL's media type is too long")]
    Header,
    /// It says that it is base64, and is not.
    #[error("the data: URL is not valid base64")]
    Base64,
    /// The content is larger than the caller takes.
    #[error("the data: URL's content is too large")]
    TooLarge,
}

/// Whether `text` is a `data:` URL, as far as its scheme goes; white space around it does not count.
pub(super) fn is_data(text: &str) -> bool {
    let text = text.trim_start_matches(|c| c <= ' ').as_bytes();
    text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"data:"))
}

/// Decodes `text`. Never holds more than `most` bytes of content: what is larger is given up when that shows.
pub(super) fn decode(text: &str, most: usize) -> Result<DataUri, DataUriError> {
    if !is_data(text) {
        return Err(DataUriError::NotData);
    }
    let header = text.bytes().position(|byte| matches!(byte, b',' | b'#')).ok_or(DataUriError::NoComma)?;
    if header > HEADER_BYTES {
        return Err(DataUriError::Header);
    }
    let url = DataUrl::process(text).map_err(|_| DataUriError::NoComma)?;
    let mut bytes = Vec::new();
    url.decode(|part| {
        if part.len() > most - bytes.len() {
            return Err(TooLarge);
        }
        bytes.extend_from_slice(part);
        Ok(())
    })
    .map_err(|error| match error {
        DecodeError::InvalidBase64(_) => DataUriError::Base64,
        DecodeError::WriteError(TooLarge) => DataUriError::TooLarge,
    })?;
    let media_type = format!("{}/{}", url.mime_type().type_, url.mime_type().subtype);
    Ok(DataUri { media_type, bytes: bytes.into() })
}

/// Ends the decoding at the cap.
struct TooLarge;

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: usize = 100;

    #[test]
    fn type_and_content() {
        let cases: [(&str, &str, &[u8]); 18] = [
            ("data:,A%20brief%20note", "text/plain", b"A brief note"),
            ("data:text/plain;charset=iso-8859-7,%be%fg%be", "text/plain", b"\xbe%fg\xbe"),
            ("data:image/png;base64,AAEC", "image/png", b"\0\x01\x02"),
            ("DATA:Image/PNG;BASE64,AAEC", "image/png", b"\0\x01\x02"),
            ("\n data:image/gif ; base64,AAE= ", "image/gif", b"\0\x01"),
            ("data:image/gif;base64,AAE", "image/gif", b"\0\x01"),
            ("data:image/gif;base64,AA E%3d\n", "image/gif", b"\0\x01"),
            ("data:image/gif;base64,%41AE%3D", "image/gif", b"\0\x01"),
            ("data:image/svg+xml;utf8,<svg a='b'/>", "image/svg+xml", b"<svg a='b'/>"),
            ("data:image/svg+xml;charset=utf-8,%3Csvg%3E", "image/svg+xml", b"<svg>"),
            ("data:image/svg+xml,<svg fill='#f00'/>", "image/svg+xml", b"<svg fill='"),
            ("data:image/svg+xml,<a>\n\t<b>\r\n", "image/svg+xml", b"<a><b>"),
            ("data:image/svg+xml,é", "image/svg+xml", "é".as_bytes()),
            ("data:;base64,AAEC", "text/plain", b"\0\x01\x02"),
            ("data:image;base64,AAEC", "text/plain", b"\0\x01\x02"),
            ("data:image/png;base64;x=y,AAEC", "image/png", b"AAEC"),
            ("data:image/png;base64,", "image/png", b""),
            ("data:,", "text/plain", b""),
        ];
        for (text, media_type, bytes) in cases {
            let expected = DataUri { media_type: media_type.into(), bytes: Bytes::copy_from_slice(bytes) };
            assert_eq!(decode(text, MOST), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_has_no_content() {
        let cases = [
            ("", DataUriError::NotData),
            ("http://h/data:,", DataUriError::NotData),
            ("dat", DataUriError::NotData),
            ("dätä:,", DataUriError::NotData),
            ("data:", DataUriError::NoComma),
            ("data:image/png;base64", DataUriError::NoComma),
            ("data:image/png#,AAEC", DataUriError::NoComma),
            ("data:image/png;base64,A", DataUriError::Base64),
            ("data:image/png;base64,AAE*", DataUriError::Base64),
            ("data:image/png;base64,AA=A", DataUriError::Base64),
            ("data:image/png;base64,AA===", DataUriError::Base64),
        ];
        for (text, expected) in cases {
            assert_eq!(decode(text, MOST), Err(expected), "{text}");
        }
    }

    #[test]
    fn the_cap_is_on_the_decoded_bytes() {
        for (length, fits) in [(MOST - 1, true), (MOST, true), (MOST + 1, false)] {
            let plain = format!("data:,{}", "a".repeat(length));
            let escaped = format!("data:,{}", "%61".repeat(length));
            let packed = format!("data:;base64,{}{}", "YWFh".repeat(length / 3), ["", "YQ", "YWE"][length % 3]);
            for text in [plain, escaped, packed] {
                let decoded = decode(&text, MOST);
                assert_eq!(decoded.as_ref().map(|uri| uri.bytes.len()).ok(), fits.then_some(length), "{text}");
                assert_eq!(decoded.err(), (!fits).then_some(DataUriError::TooLarge), "{text}");
            }
        }
    }

    #[test]
    fn a_header_of_a_million_parameters_is_not_read() {
        let parameters: Vec<_> = (0..1_000_000).map(|number| format!(";p{number}=1")).collect();
        let text = format!("data:image/png{},x", parameters.concat());
        assert_eq!(decode(&text, MOST), Err(DataUriError::Header));
    }
}
