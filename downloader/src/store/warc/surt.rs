//! The key by which replay tools look a URL up in an index: the host's labels from the right, then path and query, with what
//! makes no difference to people taken away. "Sort-friendly URI Reordering Transform", with the rules of the Internet
//! Archive's Wayback Machine, which pywb and cdxj-indexer follow. Two URLs may well have one key: it is for finding, not for
//! telling apart.

use std::fmt::Write;
use std::sync::LazyLock;

use regex::Regex;
use url::{Host, Url};

/// Parameters that number a visit: of a query, and of a path that .NET serves.
static SESSION: LazyLock<[Regex; 5]> = LazyLock::new(|| {
    [
        "(?i)^(.*)jsessionid=[0-9a-z]{32}(?:&(.*))?$",
        "(?i)^(.*)phpsessid=[0-9a-z]{32}(?:&(.*))?$",
        "(?i)^(.*)sid=[0-9a-z]{32}(?:&(.*))?$",
        "(?i)^(.*)aspsessionid[a-z]{8}=[a-z]{24}(?:&(.*))?$",
        "(?i)^(.*)cfid=[^&]+&cftoken=[^&]+(?:&(.*))?$",
    ]
    .map(|pattern| Regex::new(pattern).expect("the patterns are fixed"))
});

/// The key of `url`; of one without a host, its own text.
pub(super) fn key(url: &Url) -> String {
    let Some(host) = url.host() else { return url.as_str().to_owned() };
    let mut key = self::host(&host);
    if let Some(port) = url.port() {
        write!(key, ":{port}").expect("a string takes everything");
    }
    key.push(')');
    key.push_str(&path(url.path()));
    if let Some(query) = url.query().map(query).filter(|query| !query.is_empty()) {
        write!(key, "?{query}").expect("a string takes everything");
    }
    key
}

/// The labels from the right, without `www`, `www2` and the like.
fn host(host: &Host<&str>) -> String {
    let name = match host {
        Host::Ipv6(address) => return address.to_string(),
        Host::Ipv4(address) => address.to_string(),
        Host::Domain(name) => name.trim_matches('.').to_owned(),
    };
    let bare = name.strip_prefix("www").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    let name = bare.and_then(|rest| rest.strip_prefix('.')).unwrap_or(&name);
    name.rsplit('.').collect::<Vec<_>>().join(",")
}

fn path(path: &str) -> String {
    let bytes = unescaped(path.as_bytes());
    let kept: Vec<&[u8]> = dotless(&bytes);
    let path = escaped(&[b"/".as_slice(), &kept.join(&b'/')].concat()).to_ascii_lowercase();
    match path.strip_suffix('/') {
        Some(rest) if !rest.is_empty() => rest.to_owned(),
        _ => path,
    }
}

/// The segments of a path without empty ones, `.` and `..`, which percent-encoding may have hidden; an empty one at the end
/// stays.
fn dotless(path: &[u8]) -> Vec<&[u8]> {
    let mut kept: Vec<&[u8]> = Vec::new();
    let mut segments = path.split(|byte| *byte == b'/').skip(1).peekable();
    while let Some(segment) = segments.next() {
        match segment {
            b"." => {}
            b".." => drop(kept.pop()),
            b"" if segments.peek().is_some() => {}
            _ => kept.push(segment),
        }
    }
    kept
}

fn query(query: &str) -> String {
    let mut query = escaped(&unescaped(query.as_bytes()));
    for pattern in SESSION.iter() {
        let shorter = pattern.captures(&query).map(|found| {
            let part = |number| found.get(number).map_or("", |part| part.as_str());
            format!("{}{}", part(1), part(2))
        });
        query = shorter.unwrap_or(query);
    }
    query.make_ascii_lowercase();
    let mut parameters: Vec<(&str, Option<&str>)> = query
        .split('&')
        .map(|one| one.split_once('=').map_or((one, None), |(name, value)| (name, Some(value))))
        .collect();
    parameters.sort_unstable();
    let parameters: Vec<String> = parameters
        .into_iter()
        .map(|(name, value)| value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}")))
        .collect();
    parameters.join("&")
}

/// How often a text is percent-decoded: more layers are made to cost time.
const LAYERS: usize = 32;

/// Percent-decoded until there is nothing to decode.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut text = text.to_vec();
    for _ in 0..LAYERS {
        let shorter: Vec<u8> = percent_encoding::percent_decode(&text).collect();
        if shorter.len() == text.len() {
            break;
        }
        text = shorter;
    }
    text
}

/// Percent-encoded, in one form for all: what is not printable ASCII, and `#` and `%`.
fn escaped(text: &[u8]) -> String {
    let mut clean = String::with_capacity(text.len());
    for &byte in text {
        if matches!(byte, b'!'..=b'~') && !matches!(byte, b'#' | b'%') {
            clean.push(byte.into());
        } else {
            write!(clean, "%{byte:02X}").expect("a string takes everything");
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As `surt` of `PyPI` makes them; the end-to-end tests ask it itself.
    #[test]
    fn keys_are_those_of_replay_tools() {
        for (url, expected) in [
            ("http://127.0.0.1:8080/a.png", "1,0,0,127:8080)/a.png"),
            ("https://www.Example.com/A/B.png?b=2&a=1", "com,example)/a/b.png?a=1&b=2"),
            ("http://www2.example.com/", "com,example)/"),
            ("http://wwwx.example.com/", "com,example,wwwx)/"),
            ("http://example.com/a%20b/%C3%A9.png?x=%2F&y", "com,example)/a%20b/%c3%a9.png?x=/&y"),
            ("http://example.com//a//b/", "com,example)/a/b"),
            ("http://example.com/a/?", "com,example)/a"),
            ("http://example.com/x?jsessionid=0123456789abcdef0123456789abcdef&z=1", "com,example)/x?z=1"),
            ("http://example.com/%25%32%35", "com,example)/%25"),
            ("http://example.com/a?q=a%26b", "com,example)/a?b&q=a"),
            ("http://example.com/a%23b", "com,example)/a%23b"),
            ("http://example.com/a.b..c/%7Efoo", "com,example)/a.b..c/~foo"),
            ("http://xn--bcher-kva.de/", "de,xn--bcher-kva)/"),
            ("https://example.com:8443/x.png", "com,example:8443)/x.png"),
            ("http://www.example.com:443/?A=B&a=a&a", "com,example:443)/?a&a=a&a=b"),
            ("data:image/png;sha256=0123456789abcdef", "data:image/png;sha256=0123456789abcdef"),
        ] {
            assert_eq!(key(&Url::parse(url).expect(url)), expected, "{url}");
        }
    }
}
