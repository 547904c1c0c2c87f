//! The stable identity of an image in a run: what makes at-least-once delivery end in one outcome.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::run_name::RunName;

/// The first 16 bytes of the SHA-256 of the run's name and the normalised URL; 32 hexadecimal digits as text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageId([u8; 16]);

impl ImageId {
    /// The identity of `url` in `run`. The same two always give the same identity.
    #[must_use]
    pub fn new(run: &RunName, url: &str) -> Self {
        // A run's name has no NUL, so no two pairs run together to the same text.
        let digest = Sha256::new().chain_update(run.as_str()).chain_update([0]).chain_update(url).finalize();
        let mut id = [0; 16];
        id.copy_from_slice(&digest[..16]);
        Self(id)
    }

    /// The bytes, as the ledger keeps them.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl From<[u8; 16]> for ImageId {
    fn from(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

/// Lower-case hexadecimal digits of `bytes`.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|digit| char::from(DIGITS[usize::from(digit)])).collect()
}

/// The bytes of `N` pairs of hexadecimal digits, or `None` for any other text.
#[must_use]
pub fn unhex<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != 2 * N || !text.is_ascii() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        let digit = |d: u8| char::from(d).to_digit(16).and_then(|value| u8::try_from(value).ok());
        *byte = digit(pair[0])? << 4 | digit(pair[1])?;
    }
    Some(bytes)
}

impl fmt::Display for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex(&self.0))
    }
}

impl fmt::Debug for ImageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ImageId({self})")
    }
}

impl FromStr for ImageId {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        unhex(text).map(Self).ok_or_else(|| "an image id is 32 hexadecimal digits".to_owned())
    }
}

impl TryFrom<String> for ImageId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<ImageId> for String {
    fn from(id: ImageId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_run_and_url_give_the_same_id_and_others_do_not() {
        let (one, two): (RunName, RunName) = ("one".parse().expect("valid"), "two".parse().expect("valid"));
        let id = ImageId::new(&one, "http://a/x.png");
        assert_eq!(id, ImageId::new(&one, "http://a/x.png"));
        assert_ne!(id, ImageId::new(&two, "http://a/x.png"));
        assert_ne!(id, ImageId::new(&one, "http://a/y.png"));
    }

    #[test]
    fn text_and_bytes_round_trip() {
        let id = ImageId::from([0xab; 16]);
        assert_eq!(id.to_string().parse(), Ok(id));
        for bad in ["", "ab", &"g".repeat(32), &"é".repeat(16)] {
            assert!(bad.parse::<ImageId>().is_err(), "{bad}");
        }
    }
}
