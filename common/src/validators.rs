//! Validators: the `ETag` and `Last-Modified` that a server gave to what it sent (RFC 9110, 8.8), and the request by which it is
//! asked for the same thing again only if that changed (13.1). What servers write there is read strictly: a request that
//! repeats a malformed entity tag may mean something else, as `*` means "whatever there is".

use reqwest::RequestBuilder;
use reqwest::header::{ETAG, HeaderMap, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED};
use serde::{Deserialize, Serialize};

/// Longest entity tag that is kept, in bytes. Real ones are digests and the like.
pub const MAX_ETAG: usize = 256;

/// Longest date of a change that is kept, in bytes: RFC 850's form, the longest of HTTP's three, has at most 33.
pub const MAX_LAST_MODIFIED: usize = 40;

/// What a server said by which it knows a version of an image again. Absent where it said nothing, or nothing well-formed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Validators {
    /// The entity tag, weak or strong, quotes and all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// When it was last changed, as the server wrote it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
}

impl Validators {
    /// Those of an answer.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
        Self {
            etag: text(ETAG).filter(|tag| is_etag(tag)).map(str::to_owned),
            last_modified: text(LAST_MODIFIED).filter(|date| is_date(date)).map(str::to_owned),
        }
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.etag.is_none() && self.last_modified.is_none()
    }

    /// Whether each that is there is well-formed.
    #[must_use]
    pub fn are_valid(&self) -> bool {
        self.etag.as_deref().is_none_or(is_etag) && self.last_modified.as_deref().is_none_or(is_date)
    }

    /// Asks for what the request is about only if it is another version. A server that knows entity tags goes by these alone
    /// (RFC 9110, 13.1.3); one that does not has the date.
    pub fn condition(&self, mut request: RequestBuilder) -> RequestBuilder {
        if let Some(etag) = &self.etag {
            request = request.header(IF_NONE_MATCH, etag);
        }
        if let Some(date) = &self.last_modified {
            request = request.header(IF_MODIFIED_SINCE, date);
        }
        request
    }
}

/// Whether a text is an entity tag (RFC 9110, 8.8.3). Its bytes beyond ASCII, which are obsolete, are not let in.
#[must_use]
pub fn is_etag(text: &str) -> bool {
    let opaque = text.strip_prefix("W/").unwrap_or(text);
    let inside = opaque.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    text.len() <= MAX_ETAG && inside.is_some_and(|tag| tag.bytes().all(|byte| matches!(byte, b'!' | b'#'..=b'~')))
}

/// Whether a text is a date of HTTP (RFC 9110, 5.6.7).
#[must_use]
pub fn is_date(text: &str) -> bool {
    text.len() <= MAX_LAST_MODIFIED && text.is_ascii() && httpdate::parse_http_date(text).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

    #[test]
    fn only_what_is_well_formed_is_kept() {
        let longest = format!("\"{}\"", "x".repeat(MAX_ETAG - 2));
        for good in ["\"\"", "\"a,b\"", "W/\"1-2\"", "\"*\"", longest.as_str()] {
            assert!(is_etag(good), "{good}");
        }
        let longer = format!("\"{}\"", "x".repeat(MAX_ETAG - 1));
        for bad in
            ["", "*", "abc", "\"", "\"a", "w/\"a\"", "\"a\" ", "\"a b\"", "\"a\"b\"", "\"\u{e9}\"", longer.as_str()]
        {
            assert!(!is_etag(bad), "{bad}");
        }
        for good in [DATE, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"] {
            assert!(is_date(good), "{good}");
        }
        for bad in ["", "yesterday", "0", "1994-11-06T08:49:37Z", "Sun, 06 Nov 1994 08:49:37 GMT\r\nX: y"] {
            assert!(!is_date(bad), "{bad}");
        }
    }

    #[test]
    fn an_answers_headers_are_read_and_a_request_repeats_them() {
        let headers = |etag: &[u8], date: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(ETAG, reqwest::header::HeaderValue::from_bytes(etag).expect("a value"));
            headers.insert(LAST_MODIFIED, date.parse().expect("a value"));
            Validators::of(&headers)
        };
        assert!(headers(b"\"\xe9\"", "never").is_empty());
        let known = headers(b"W/\"7\"", DATE);
        assert!(known.are_valid() && !known.is_empty());
        crate::http::install_tls_provider();
        let request = known.condition(reqwest::Client::new().get("http://a/")).build().expect("a request");
        let sent = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
        assert_eq!((sent(IF_NONE_MATCH), sent(IF_MODIFIED_SINCE)), (Some("W/\"7\""), Some(DATE)));
        let plain =
            Validators::default().condition(reqwest::Client::new().get("http://a/")).build().expect("a request");
        assert!(plain.headers().is_empty());
    }
}
