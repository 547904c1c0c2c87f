//! One record of a WARC file (WARC 1.1, clauses 4 to 6): its head, of which the block's digest and length are a part.

use std::fmt::{self, Display, Write};

use data_encoding::BASE32;
use sha1::{Digest, Sha1};
use uuid::Uuid;

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

/// A digest as replay tools write and look it up: `sha1:` and base32.
pub(super) fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part);
    }
    format!("sha1:{}", BASE32.encode(&hash.finalize()))
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

    /// Ends the head, of a record that has this block.
    pub(super) fn block(self, content_type: &str, block: &[&[u8]]) -> String {
        let length: usize = block.iter().map(|part| part.len()).sum();
        let mut head = self
            .field("Content-Type", content_type)
            .field("WARC-Block-Digest", digest(block))
            .field("Content-Length", length);
        head.0.push_str("\r\n");
        head.0
    }

    /// The whole record, where it is text.
    pub(super) fn text(self, content_type: &str, block: &str) -> String {
        let mut record = self.block(content_type, &[block.as_bytes()]);
        record.push_str(block);
        record.push_str("\r\n\r\n");
        record
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
            .text("application/warc-fields", "via: http://h/\r\n");
        assert_eq!(
            record,
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
    fn digests_are_sha1_in_base32_over_all_parts() {
        // Of nothing, by RFC 3174 and RFC 4648: da39a3ee 5e6b4b0d 3255bfef 95601890 afd80709.
        assert_eq!(digest(&[]), "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ");
        assert_eq!(digest(&[b"ab", b"c"]), digest(&[b"abc"]));
        assert_eq!(digest(&[b"abc"]), "sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5");
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
