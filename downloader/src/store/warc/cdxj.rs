//! The index of a shard, for replay tools: a line a record that can be looked up, sorted, as cdxj-indexer writes it. Each line is
//! the key of the URL, the moment, and JSON with the rest.

use serde::Serialize;
use url::Url;

use super::surt;

/// A record that can be looked up.
#[derive(Debug, Serialize)]
pub(super) struct Entry<'a> {
    pub(super) url: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) mime: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) status: Option<&'a str>,
    pub(super) digest: &'a str,
    /// Of the record's gzip member, in bytes; in quotes, as all tools have it.
    pub(super) length: String,
    /// Of the member in the shard, in bytes.
    pub(super) offset: String,
    /// The shard.
    pub(super) filename: &'a str,
}

/// The line of a record that was made at `date`, which is RFC 3339 in UTC.
pub(super) fn line(date: &str, entry: &Entry<'_>) -> String {
    let moment: String = date.chars().filter(char::is_ascii_digit).take(14).collect();
    let key = Url::parse(entry.url).map_or_else(|_| entry.url.to_owned(), |url| surt::key(&url));
    let rest = serde_json::to_string(entry).expect("texts alone");
    format!("{key} {moment} {rest}\n")
}

/// The type without its parameters, as indexes have it.
pub(super) fn mime(content_type: &str) -> Option<&str> {
    content_type.split(|c: char| c == ';' || c.is_ascii_whitespace()).next().filter(|mime| !mime.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_key_moment_and_json() {
        let mut entry = Entry {
            url: "http://www.example.com/A.png?b&a",
            mime: mime("image/png; charset=binary"),
            status: Some("200"),
            digest: "sha1:X",
            length: 12.to_string(),
            offset: 345.to_string(),
            filename: "s.warc.gz",
        };
        assert_eq!(
            line("2025-11-25T18:00:00.007Z", &entry),
            "com,example)/a.png?a&b 20251125180000 {\"url\":\"http://www.example.com/A.png?b&a\",\
             \"mime\":\"image/png\",\"status\":\"200\",\"digest\":\"sha1:X\",\"length\":\"12\",\"offset\":\"345\",\
             \"filename\":\"s.warc.gz\"}\n"
        );
        (entry.status, entry.mime) = (None, mime(""));
        assert!(!line("2025-11-25T18:00:00.007Z", &entry).contains("null"));
    }
}
