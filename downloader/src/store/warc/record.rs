//! One record of a WARC file (WARC 1.1, clauses 4 to 6): its head, of which the block's digest and length are a part.

use std::fmt::{self, Display, Write};

use common::image_id::hex;
use sha2::{Digest, Sha256};
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

/// A digest as browsertrix writes it, and as validators and replay tools take it: `sha256:` and hexadecimal digits. It is the
/// manifest's, and known already of every image; SHA-1 would be a second one to make, and hostile images can share that.
pub(super) fn named(sha256: &str) -> String {
    format!("sha256:{sha256}")
}

/// The digest of a block.
pub(super) fn digest(block: &[u8]) -> String {
    named(&hex(&Sha256::digest(block)))
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

    /// Ends the head, of a record whose block has this length. A block's digest is a field that it need not have.
    pub(super) fn end(self, content_type: &str, length: usize) -> String {
        let mut head = self.field("Content-Type", content_type).field("Content-Length", length);
        head.0.push_str("\r\n");
        head.0
    }

    /// The whole record of a short block.
    pub(super) fn record(self, content_type: &str, block: &[u8]) -> Vec<u8> {
        let head = self.field("WARC-Block-Digest", digest(block)).end(content_type, block.len());
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
             WARC-Block-Digest: sha256:e505daf90d06d6c7018708e22c8cf15ecc6583db26dc015c6af9fcad01a4041b\r\n\
             Content-Type: application/warc-fields\r\n\
             Content-Length: 16\r\n\
             \r\n\
             via: http://h/\r\n\
             \r\n\r\n"
        );
    }

    #[test]
    fn digests_are_sha256() {
        // Of nothing and of `abc`, by FIPS 180-4.
        assert_eq!(digest(b""), "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
        assert_eq!(digest(b"abc"), named("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"));
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
