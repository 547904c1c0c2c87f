//! How much an answer may say before its body begins.

use reqwest::header::HeaderMap;
use reqwest::{Response, Version};

/// Most header fields.
pub(super) const MAX_HEADERS: usize = 200;

/// Longest head over HTTP/2, in bytes as RFC 9113 (6.5.2) counts them; over HTTP/1, hyper's own limit is 408 KiB.
const MAX_LIST: usize = 64 << 10;

/// What is taken of one over HTTP/2 all the same: what the library refuses ends like any other breach of the protocol, without a
/// word of why.
pub(super) const TAKEN_LIST: u32 = 256 << 10;

/// What RFC 9113 adds for each field.
const FIELD: usize = 32;

/// Whether an answer's head is over the limits. Over HTTP/1 the library has seen to that.
pub(super) fn is_too_large(response: &Response) -> bool {
    response.version() == Version::HTTP_2 && is_over(response.headers())
}

fn is_over(headers: &HeaderMap) -> bool {
    let length = |(name, value): (&reqwest::header::HeaderName, &reqwest::header::HeaderValue)| {
        FIELD + name.as_str().len() + value.len()
    };
    headers.len() > MAX_HEADERS || headers.iter().map(length).sum::<usize>() > MAX_LIST
}

#[cfg(test)]
mod tests {
    use reqwest::header::{HeaderName, HeaderValue};

    use super::*;

    fn headers(count: usize, length: usize) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for number in 0..count {
            let name: HeaderName = format!("x-{number:03}").parse().expect("a name");
            headers.append(name, HeaderValue::from_str(&"v".repeat(length)).expect("a value"));
        }
        headers
    }

    #[test]
    fn fields_are_bounded_in_number_and_in_length() {
        for (count, length, expected) in [(199, 1, false), (200, 1, false), (201, 1, true)] {
            assert_eq!(is_over(&headers(count, length)), expected, "{count}");
        }
        // Sixteen fields of 4 KiB each, of which a name of five bytes and what is added for it are parts.
        let fits = (4 << 10) - FIELD - 5;
        for (length, expected) in [(fits - 1, false), (fits, false), (fits + 1, true)] {
            assert_eq!(is_over(&headers(16, length)), expected, "{length}");
        }
    }
}
