//! `Retry-After` (RFC 9110, 10.2.3): seconds or a date, clamped to something sane, because servers send both nonsense
//! and malice. How much of it a run waits out is the producer's to say.

use std::time::{Duration, SystemTime};

use reqwest::header::{DATE, HeaderMap, HeaderName, RETRY_AFTER};

/// Longest rest that a server can ask for; what is longer means "not today".
const LONGEST: Duration = Duration::from_hours(24);

/// What the header asks for, in whole seconds, at most a day; `None` without the header or with one that means nothing.
#[must_use]
pub fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    // The server's own clock tells how far off its date is; ours may be wrong.
    let date = || text(headers, &DATE).and_then(|text| httpdate::parse_http_date(text).ok());
    parse(text(headers, &RETRY_AFTER)?, || date().unwrap_or_else(SystemTime::now))
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    Some(headers.get(name)?.to_str().ok()?.trim())
}

fn parse(text: &str, now: impl FnOnce() -> SystemTime) -> Option<Duration> {
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that overflow mean "very long", not nothing.
        return Some(text.parse().map_or(LONGEST, Duration::from_secs).min(LONGEST));
    }
    let rest = httpdate::parse_http_date(text).ok()?.duration_since(now()).unwrap_or_default();
    // Rounded up: a second too early is too early.
    let seconds = rest.as_secs() + u64::from(rest.subsec_nanos() > 0);
    Some(Duration::from_secs(seconds).min(LONGEST))
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
        for value in ["", "-5", "soon", "1.5", "+3", "7 s", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(of(value), None, "{value}");
        }
        assert_eq!(retry_after(&HeaderMap::new()), None);
    }

    #[test]
    fn a_date_is_read_by_the_servers_own_clock() {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, "Sun, 06 Nov 1994 08:49:37 GMT".parse().expect("a header value"));
        headers.insert(DATE, "Sun, 06 Nov 1994 08:47:37 GMT".parse().expect("a header value"));
        assert_eq!(retry_after(&headers), Some(Duration::from_mins(2)));
    }

    #[test]
    fn a_rest_that_ends_within_a_second_is_a_second() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        let then = httpdate::parse_http_date(date).expect("a date");
        let of = |before_ms| parse(date, || then - Duration::from_millis(before_ms));
        assert_eq!(of(1_001), Some(Duration::from_secs(2)));
        assert_eq!(of(1_000), Some(Duration::from_secs(1)));
        assert_eq!(of(1), Some(Duration::from_secs(1)));
        assert_eq!(of(0), Some(Duration::ZERO));
    }
}
