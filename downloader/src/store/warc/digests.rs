//! The digests of records, as replay tools write them and look things up by: `sha1:` and base32.

use data_encoding::BASE32;
use sha1::{Digest, Sha1};

use super::head;
use crate::exchange::Exchange;

/// Those over an image's bytes. They are made where the image is hashed anyway, many at a time: the store has one thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digests {
    /// Of the image.
    pub(super) payload: String,
    /// Of its record's block: with the answer's head before it, if somebody answered.
    pub(super) block: String,
}

impl Digests {
    /// Of an image as it is stored, and what was said for it; `None` for one that stood in its page.
    pub(crate) fn of(exchange: Option<&Exchange>, image: &[u8]) -> Self {
        let payload = digest(&[image]);
        let block = match exchange {
            Some(exchange) => digest(&[&head::response(exchange, image.len()), image]),
            None => payload.clone(),
        };
        Self { payload, block }
    }
}

/// The digest of all parts, one behind the other.
pub(super) fn digest(parts: &[&[u8]]) -> String {
    let mut hash = Sha1::new();
    for part in parts {
        hash.update(part);
    }
    format!("sha1:{}", BASE32.encode(&hash.finalize()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_are_sha1_in_base32_over_all_parts() {
        // Of nothing, by RFC 3174 and RFC 4648: da39a3ee 5e6b4b0d 3255bfef 95601890 afd80709.
        assert_eq!(digest(&[]), "sha1:3I42H3S6NNFQ2MSVX7XZKYAYSCX5QBYJ");
        assert_eq!(digest(&[b"ab", b"c"]), digest(&[b"abc"]));
        assert_eq!(digest(&[b"abc"]), "sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5");
    }

    #[test]
    fn a_block_is_the_answers_head_and_the_image_or_the_image_alone() {
        let exchange = head::tests::exchange("http://h/a.png", &[]);
        let Digests { payload, block } = Digests::of(Some(&exchange), b"abc");
        assert_eq!(payload, digest(&[b"abc"]));
        assert_eq!(block, digest(&[b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nabc"]));
        assert_eq!(Digests::of(None, b"abc"), Digests { block: payload.clone(), payload });
    }
}
