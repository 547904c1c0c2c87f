//! One record of a WARC file (WARC 1.1, clauses 4 to 6): its head, of which the block's digest and length are a part.

use std::fmt::{self, Display, Write};

use uuid::Uuid;

use super::digests::digest;

/// What stands between two records.
pub(super) const END: &[u8] = b"\r\n\r\n";

/// The identity of a record, `WARC-Record-ID`; a random UUID (RFC 9562, 5.4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RecordId(pub(super) [u8; 16]);

impl RecordId {
    pub(super) fn random() -> Self {
        Self(rand::random())
    }
}

impl Display for RecordId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let id = uuid::Builder::from_random_bytes(self.0).into_uuid();
        write!(f, "<{}>", Uuid::urn(id))
    }
}

/// The head of a record while it is written.
#[derive(Debug)]
pub(super) struct Head(String);

impl Head {
    /// Begins with what every record has. `date` is RFC 3339, in UTC.
    pub(super) fn new(kind: &str, id: RecordId, date: &str) -> Self {
        let mut text = String::with_capacity(1024);
        text.push_str("WARC/1.1\r\n");
        Self(text).field("WARC-Type", kind).field("WARC-Record-ID", id).field("WARC-Date", date)
    }

    /// Adds a field. What a stranger wrote has to have passed [`uri`] or [`word`].
    pub(super) fn field(mut self, name: &str, value: impl Display) -> Self {
        write!(self.0, "{name}: {value}\r\n").expect("a string takes everything");
        self
    }

    /// Ends the head, of a record whose block has this digest and length.
    pub(super) fn end(self, content_type: &str, digest: &str, length: usize) -> String {
        let mut head =
            self.field("Content-Type", content_type).field("WARC-Block-Digest", digest).field("Content-Length", length);
        head.0.push_str("\r\n");
        head.0
    }

    /// The whole record of a short block.
    pub(super) fn record(self, content_type: &str, block: &[u8]) -> Vec<u8> {
        let head = self.end(content_type, &digest(&[block]), block.len());
        [head.as_bytes(), block, END].concat()
    }
}

/// A URI as a field takes it: what no URI holds (RFC 3986, 2) is percent-encoded, line ends above all.
pub(super) fn uri(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    for byte in text.bytes() {
        if matches!(byte, b'!'..=b'~') && !matches!(byte, b'<' | b'>' | b'"') {
            clean.push(byte.into());
        } else {
            write!(clean, "%{byte:02X}").expect("a string takes everything");
        }
    }
    clean
}

/// A text as a line takes it: control characters, line ends among them, become spaces.
pub(super) fn word(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: RecordId = RecordId([0xab; 16]);

    #[test]
    fn a_record_is_written_to_the_letter() {
        let record = Head::new("metadata", ID, "2026-11-25T18:00:00.123Z")
            .field("WARC-Target-URI", uri("http://h/a.png"))
            .record("application/warc-fields", b"via: http://h/\r\n");
        assert_eq!(
            String::from_utf8(record).expect("text"),
            "WARC/1.1\r\n\
             WARC-Type: metadata\r\n\
             WARC-Record-ID: <urn:uuid:abababab-abab-4bab-abab-abababababab>\r\n\
             WARC-Date: 2026-11-25T18:00:00.123Z\r\n\
             WARC-Target-URI: http://h/a.png\r\n\
             Content-Type: application/warc-fields\r\n\
             WARC-Block-Digest: sha1:ILEQHRJXV6X4K3URKCJAIAIO2PLAHUER\r\n\
             Content-Length: 16\r\n\
             \r\n\
             via: http://h/\r\n\
             \r\n\r\n"
        );
    }

    #[test]
    fn ids_are_random_uuids() {
        let id = RecordId::random();
        assert_ne!(id, RecordId::random());
        let text = id.to_string();
        assert_eq!((text.len(), &text[..10], &text[24..25], &text[46..]), (47, "<urn:uuid:", "4", ">"));
    }

    #[test]
    fn nothing_that_strangers_write_ends_a_line() {
        assert_eq!(uri("data:a\r\nWARC-Type: x"), "data:a%0D%0AWARC-Type:%20x");
        assert_eq!(uri("http://h/é?<\">[]"), "http://h/%C3%A9?%3C%22%3E[]");
        assert_eq!(word("a\r\nb\u{85}c\0d é"), "a  b c d é");
    }
}
