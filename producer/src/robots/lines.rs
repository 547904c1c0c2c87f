//! The lines of a robots.txt: what is a record, and what it is called. Nothing in a file is an error; a line that is no record
//! is passed over (RFC 9309, 2.2 and 2.2.4).

/// A record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    UserAgent,
    Allow,
    Disallow,
    CrawlDelay,
    Sitemap,
}

/// The names, and the misspellings that stand in real files (2.2.4 lets a crawler be lenient).
const NAMES: [(&str, Field); 14] = [
    ("user-agent", Field::UserAgent),
    ("disallow", Field::Disallow),
    ("allow", Field::Allow),
    ("sitemap", Field::Sitemap),
    ("crawl-delay", Field::CrawlDelay),
    ("useragent", Field::UserAgent),
    ("user agent", Field::UserAgent),
    ("user_agent", Field::UserAgent),
    ("dissallow", Field::Disallow),
    ("disalow", Field::Disallow),
    ("dissalow", Field::Disallow),
    ("site-map", Field::Sitemap),
    ("crawldelay", Field::CrawlDelay),
    ("crawl delay", Field::CrawlDelay),
];

/// A record with the number of its line, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Record<'a> {
    pub(super) line: u32,
    pub(super) field: Field,
    pub(super) value: &'a [u8],
}

/// The records, in order. Lines end with CR, LF or CRLF.
pub(super) fn records(text: &[u8]) -> impl Iterator<Item = Record<'_>> {
    let mut rest = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    let lines = std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let (line, after) = rest.split_at(end);
        rest = after.strip_prefix(b"\r\n").or_else(|| after.get(1..)).unwrap_or_default();
        Some(line)
    });
    (1..).zip(lines).filter_map(|(line, text)| {
        let (field, value) = record(text)?;
        Some(Record { line, field, value })
    })
}

fn record(line: &[u8]) -> Option<(Field, &[u8])> {
    let line = &line[..memchr::memchr(b'#', line).unwrap_or(line.len())];
    if let Some(colon) = memchr::memchr(b':', line) {
        return Some((field(&line[..colon])?, trimmed(&line[colon + 1..])));
    }
    // Two words without a colon are taken for a record too.
    let line = trimmed(line);
    let blank = line.iter().position(u8::is_ascii_whitespace)?;
    let (name, value) = (&line[..blank], trimmed(&line[blank..]));
    if value.iter().any(u8::is_ascii_whitespace) { None } else { Some((field(name)?, value)) }
}

fn field(name: &[u8]) -> Option<Field> {
    let name = trimmed(name);
    NAMES.iter().find(|(known, _)| name.eq_ignore_ascii_case(known.as_bytes())).map(|(_, field)| *field)
}

/// Without blanks at either end, and without NULs.
fn trimmed(text: &[u8]) -> &[u8] {
    let blank = |byte: &u8| byte.is_ascii_whitespace() || matches!(byte, 0 | 0x0b);
    let Some(first) = text.iter().position(|byte| !blank(byte)) else { return &[] };
    let last = text.iter().rposition(|byte| !blank(byte)).unwrap_or(first);
    &text[first..=last]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Vec<(u32, Field, String)> {
        let owned = |value: &[u8]| String::from_utf8_lossy(value).into_owned();
        records(text.as_bytes()).map(|record| (record.line, record.field, owned(record.value))).collect()
    }

    fn one(line: u32, field: Field, value: &str) -> (u32, Field, String) {
        (line, field, value.to_owned())
    }

    #[test]
    fn lines_end_in_any_way_and_are_counted() {
        let expected = [one(1, Field::UserAgent, "a"), one(2, Field::Allow, "/"), one(4, Field::Disallow, "/x")];
        for end in ["\n", "\r", "\r\n"] {
            let text = ["User-agent: a", "Allow: /", "", "Disallow: /x"].join(end);
            assert_eq!(read(&text), expected, "{end:?}");
            assert_eq!(read(&(text + end)), expected, "{end:?} at the end");
        }
        assert_eq!(read("Allow: /\n\rAllow: /"), [one(1, Field::Allow, "/"), one(3, Field::Allow, "/")]);
        assert_eq!(read("\u{feff}User-agent: a"), [one(1, Field::UserAgent, "a")]);
    }

    #[test]
    fn names_and_values_are_read_as_they_come() {
        for (line, expected) in [
            ("DISALLOW:/x", Some((Field::Disallow, "/x"))),
            ("  disallow  :  /x  ", Some((Field::Disallow, "/x"))),
            ("\tDisallow:\t/x\t# why", Some((Field::Disallow, "/x"))),
            ("Disallow: # nothing", Some((Field::Disallow, ""))),
            ("Disallow:", Some((Field::Disallow, ""))),
            ("Disallow /x", Some((Field::Disallow, "/x"))),
            ("Disallow", None),
            ("Disallow /x /y", None),
            ("# Disallow: /x", None),
            ("Disallow: /a:b", Some((Field::Disallow, "/a:b"))),
            ("Disallow: /a b", Some((Field::Disallow, "/a b"))),
            ("Dissallow: /x", Some((Field::Disallow, "/x"))),
            ("Useragent: x", Some((Field::UserAgent, "x"))),
            ("Crawl-Delay: 1.5", Some((Field::CrawlDelay, "1.5"))),
            ("Sitemap: https://a/b.xml", Some((Field::Sitemap, "https://a/b.xml"))),
            ("Noindex: /x", None),
            ("Host: a", None),
            ("<p>Disallow: /x</p>", None),
            (": /x", None),
            ("", None),
        ] {
            let expected: Vec<_> = expected.into_iter().map(|(field, value)| one(1, field, value)).collect();
            assert_eq!(read(line), expected, "{line:?}");
        }
    }
}
