//! The path of a rule, and whether it matches a URL: RFC 9309, 2.2.2 (octets) and 2.2.3 (`*` and `$`).
//!
//! Both sides are brought to one form first. Unreserved characters stand for themselves, reserved ones stay as they are
//! written, everything else is percent-encoded; so `%62` and `b` are one, and `%2F` and `/` are two. A literal `*` or `$`
//! is always encoded, so that what is left of them in a pattern is special.

use memchr::memmem;
use url::{Position, Url};

const HEX: &[u8; 16] = b"0123456789ABCDEF";

/// A rule's path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// In the one form, `*` where anything may stand.
    text: Plain,
    /// Whether the URL must end where the pattern does.
    ends: bool,
}

/// A URL's path and query.
#[derive(Debug)]
pub(super) struct Target(Plain);

/// A text in the one form, and the same with what separates the parts of a URL decoded in its query, where the two differ:
/// there `https://` and `https%3A%2F%2F` are one (the table of 2.2.2).
#[derive(Debug, Clone, PartialEq, Eq)]
struct Plain {
    exact: Box<[u8]>,
    query_decoded: Option<Box<[u8]>>,
}

impl Pattern {
    /// Reads a rule's value. `None` for one that matches nothing: an empty one.
    pub(super) fn new(value: &[u8]) -> Option<Self> {
        let (value, ends) = match value.strip_suffix(b"$") {
            Some(value) => (value, true),
            None => (value, false),
        };
        if value.is_empty() {
            return None;
        }
        Some(Self { text: Plain::new(&normalised(value, true)), ends })
    }

    /// How specific it is: its length in octets, in the one form.
    pub(super) fn octets(&self) -> usize {
        self.text.exact.len() + usize::from(self.ends)
    }

    pub(super) fn matches(&self, target: &Target) -> bool {
        let Target(target) = target;
        if glob(&self.text.exact, self.ends, &target.exact) {
            return true;
        }
        let differ = self.text.query_decoded.is_some() || target.query_decoded.is_some();
        differ && glob(self.text.loose(), self.ends, target.loose())
    }

    /// Octets that it takes in memory.
    pub(super) fn size(&self) -> usize {
        self.text.exact.len() + self.text.query_decoded.as_ref().map_or(0, |text| text.len())
    }
}

impl Target {
    pub(super) fn new(url: &Url) -> Self {
        Self(Plain::new(&normalised(url[Position::BeforePath..Position::AfterQuery].as_bytes(), false)))
    }
}

impl Plain {
    fn new(exact: &[u8]) -> Self {
        let decoded = memchr::memchr(b'?', exact).map(|query| {
            let (path, query) = exact.split_at(query);
            [path, &separators_decoded(query)].concat()
        });
        Self { exact: exact.into(), query_decoded: decoded.filter(|text| **text != *exact).map(Into::into) }
    }

    fn loose(&self) -> &[u8] {
        self.query_decoded.as_deref().unwrap_or(&self.exact)
    }
}

/// Whether `pattern` matches from the beginning of `text`. Each part between two `*` is looked for once, as early as it can
/// stand, by a search that is linear; so the whole is.
fn glob(pattern: &[u8], ends: bool, text: &[u8]) -> bool {
    let mut parts = pattern.split(|byte| *byte == b'*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let Some(last) = parts.next_back() else { return !ends || rest.is_empty() };
    for part in parts {
        match memmem::find(rest, part) {
            Some(place) => rest = &rest[place + part.len()..],
            None => return false,
        }
    }
    if ends { rest.ends_with(last) } else { memmem::find(rest, last).is_some() }
}

/// The one form.
fn normalised(text: &[u8], is_pattern: bool) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte == b'%'
            && let Some((octet, after)) = escape(rest)
        {
            rest = after;
            if is_unreserved(octet) { out.push(octet) } else { encode(octet, &mut out) }
        } else if is_unreserved(*byte) || is_reserved(*byte) || (is_pattern && *byte == b'*') {
            out.push(*byte);
        } else {
            encode(*byte, &mut out);
        }
    }
    out
}

/// The octet that two hexadecimal digits stand for, and what comes after them.
fn escape(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], rest) = text.split_first_chunk::<2>()?;
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some((digit(*high)? << 4 | digit(*low)?, rest))
}

fn encode(octet: u8, out: &mut Vec<u8>) {
    out.extend([b'%', HEX[usize::from(octet >> 4)], HEX[usize::from(octet & 15)]]);
}

/// RFC 3986, 2.3.
fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// RFC 3986, 2.2, without the two that are special in patterns.
fn is_reserved(byte: u8) -> bool {
    matches!(byte, b':' | b'/' | b'?' | b'#' | b'[' | b']' | b'@')
        || matches!(byte, b'!' | b'&' | b'\'' | b'(' | b')')
        || matches!(byte, b'+' | b',' | b';' | b'=')
}

/// A query in the one form with `:`, `/`, `?`, `@`, `[` and `]` decoded: there they separate nothing.
fn separators_decoded(query: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(query.len());
    let mut rest = query;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        match (*byte == b'%').then(|| escape(rest)).flatten() {
            Some((octet @ (b':' | b'/' | b'?' | b'@' | b'[' | b']'), after)) => {
                out.push(octet);
                rest = after;
            }
            _ => out.push(*byte),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    fn matches(pattern: &str, path: &str) -> bool {
        let url = Url::parse("http://a").and_then(|base| base.join(path)).expect("a URL");
        Pattern::new(pattern.as_bytes()).is_some_and(|pattern| pattern.matches(&Target::new(&url)))
    }

    #[test]
    fn octets_are_compared_in_one_form() {
        for (pattern, path, expected) in [
            // RFC 9309, 2.2.2, its table.
            ("/foo/bar?baz=quz", "/foo/bar?baz=quz", true),
            ("/foo/bar?baz=https://foo.bar", "/foo/bar?baz=https%3A%2F%2Ffoo.bar", true),
            ("/foo/bar?baz=https%3A%2F%2Ffoo.bar", "/foo/bar?baz=https://foo.bar", true),
            ("/foo/bar/\u{30c4}", "/foo/bar/%E3%83%84", true),
            ("/foo/bar/%E3%83%84", "/foo/bar/%E3%83%84", true),
            ("/foo/bar/%E3%83%84", "/foo/bar/\u{30c4}", true),
            ("/foo/bar/%62%61%7A", "/foo/bar/baz", true),
            ("/foo/bar/baz", "/foo/bar/%62%61%7A", true),
            // The case of the digits.
            ("/%e3%83%84", "/%E3%83%84", true),
            ("/%7ejoe/", "/~joe/index.html", true),
            // Reserved characters mean something else when they are encoded.
            ("/a%2Fb", "/a/b", false),
            ("/a/b", "/a%2Fb", false),
            ("/a%2fb", "/a%2Fb", true),
            ("/a?b", "/a%3Fb", false),
            ("/a;b", "/a%3Bb", false),
            // What a URL never holds bare.
            ("/a b", "/a%20b", true),
            ("/a\"b", "/a%22b", true),
            ("/100%", "/100%25", true),
            ("/100%zz", "/100%25zz", true),
            ("/%", "/%25", true),
            // The case of a path matters; a fragment is no part of it.
            ("/Foo", "/foo", false),
            ("/foo#bar", "/foo", false),
            ("/foo$", "/foo#bar", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn special_characters_are_special_and_can_be_written_plainly() {
        for (pattern, path, expected) in [
            // RFC 9309, 2.2.3.
            ("/path/file-with-a-%2A.html", "/path/file-with-a-*.html", true),
            ("/path/file-with-a-%2A.html", "/path/file-with-a-x.html", false),
            ("/path/foo-%24", "/path/foo-$", true),
            ("/path/foo-%24", "/path/foo-", false),
            ("*.gif$", "/pictures/x.gif", true),
            ("*.gif$", "/pictures/x.gif?1", false),
            ("/publications/*.htm", "/publications/a/b.html", true),
            // Google's table of path values.
            ("/", "/anything", true),
            ("/*", "/anything", true),
            ("/$", "/", true),
            ("/$", "/x", false),
            ("/fish", "/fish", true),
            ("/fish", "/fish.html", true),
            ("/fish", "/fish/salmon.html", true),
            ("/fish", "/fishheads/yummy.html", true),
            ("/fish", "/fish.php?id=anything", true),
            ("/fish", "/Fish.asp", false),
            ("/fish", "/catfish", false),
            ("/fish", "/?id=fish", false),
            ("/fish", "/desert/fish", false),
            ("/fish*", "/fish.php?id=anything", true),
            ("/fish*", "/catfish", false),
            ("/fish/", "/fish/?id=anything", true),
            ("/fish/", "/fish", false),
            ("/fish/", "/fish.html", false),
            ("/*.php", "/index.php", true),
            ("/*.php", "/folder/any.php.file.html", true),
            ("/*.php", "/filename.php/", true),
            ("/*.php", "/", false),
            ("/*.php", "/windows.PHP", false),
            ("/*.php$", "/folder/filename.php", true),
            ("/*.php$", "/filename.php?parameters", false),
            ("/*.php$", "/filename.php/", false),
            ("/*.php$", "/filename.php5", false),
            ("/fish*.php", "/fishheads/catfish.php?parameters", true),
            ("/fish*.php", "/Fish.PHP", false),
            // What else there may be.
            ("", "/", false),
            ("$", "/", false),
            ("*", "/x", true),
            ("**", "/x", true),
            ("*$", "/x", true),
            ("fish", "/fish", false),
            ("/a$b", "/a$b", true),
            ("/a$$", "/a$", true),
            ("/a*b*c$", "/axbxbxc", true),
            ("/a*b*c$", "/axbxbx", false),
            ("/ab*b$", "/ab", false),
            ("/*/private", "/x?u=/private", true),
        ] {
            assert_eq!(matches(pattern, path), expected, "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_of_malice_costs_no_more_than_its_length() {
        let pattern = Pattern::new(format!("/{}b", "*a".repeat(100_000)).as_bytes()).expect("a pattern");
        let again = Pattern::new(format!("/*{}b", "a".repeat(4_000)).as_bytes()).expect("a pattern");
        let url = Url::parse(&format!("http://h/{}", "a".repeat(8_000))).expect("a URL");
        let (target, begun) = (Target::new(&url), Instant::now());
        for _ in 0..100 {
            assert!(!pattern.matches(&target) && !again.matches(&target));
        }
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}
