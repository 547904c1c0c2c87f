//! `Retry-After` (RFC 9110, 10.2.3): seconds or a date, clamped to something sane, because servers send both nonsense
//! and malice.

use std::time::{Duration, SystemTime};

use reqwest::header::{HeaderMap, RETRY_AFTER};

/// Longest rest that a server can ask for.
const LONGEST: Duration = Duration::from_hours(1);

/// What the header asks for, at most an hour; `None` without the header or with one that means nothing.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    parse(text, SystemTime::now()).map(|rest| rest.min(LONGEST))
}

fn parse(text: &str, now: SystemTime) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that overflow mean "very long", not nothing.
        return Some(text.parse().map_or(LONGEST, Duration::from_secs));
    }
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(value: &str) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, value.parse().expect("a header value"));
        retry_after(&headers)
    }

    #[test]
    fn seconds_and_dates_are_understood_and_clamped() {
        assert_eq!(of("7"), Some(Duration::from_secs(7)));
        assert_eq!(of("0"), Some(Duration::ZERO));
        assert_eq!(of("1000000000000"), Some(LONGEST));
        assert_eq!(of("99999999999999999999999"), Some(LONGEST));
        assert_eq!(of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(Duration::ZERO), "a date that is past");
        assert_eq!(of("Fri, 31 Dec 9999 23:59:59 GMT"), Some(LONGEST));
    }

    #[test]
    fn nonsense_is_no_wish() {
        for value in ["", "-5", "soon", "1.5", "+3"] {
            assert_eq!(of(value), None, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }
}
