//! What a list's first bytes say: text, compressed or not, Parquet, or something that looks like a list only by its
//! name. Rows are not looked at.

use std::io::{self, Read};

use super::ListError;

/// How far we look, in bytes.
const REACH: usize = 8 * 1024;

/// Bytes that tell any format from the others.
const MAGIC: usize = 8;

/// The first bytes of `input`: as many as one read gives, so that a live pipe is not waited for, and at least
/// [`MAGIC`] unless the input ends.
pub(super) fn beginning(input: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = vec![0; REACH];
    let mut length = 0;
    while length < MAGIC {
        match input.read(&mut head[length..]) {
            Ok(0) => break,
            Ok(read) => length += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    head.truncate(length);
    Ok(head)
}

/// How a list is compressed that we decompress.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    Gzip,
    Zstd,
}

pub(super) fn compression(head: &[u8]) -> Option<Compression> {
    match head {
        [0x1f, 0x8b, ..] => Some(Compression::Gzip),
        // A frame, or a frame to be skipped (RFC 8878, section 3.1), with which parallel compressors begin.
        [0x28, 0xb5, 0x2f, 0xfd, ..] | [0x50..=0x5f, 0x2a, 0x4d, 0x18, ..] => Some(Compression::Zstd),
        _ => None,
    }
}

pub(super) fn is_parquet(head: &[u8]) -> bool {
    // PARE: its footer is encrypted.
    head.starts_with(b"PAR1") || head.starts_with(b"PARE")
}

/// Why this is no text.
pub(super) fn refusal(head: &[u8], name: &str) -> Option<ListError> {
    let name = name.to_owned();
    let compressed = |kind, tool| Some(ListError::Compressed { name: name.clone(), kind, tool });
    match head {
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => compressed("xz", "xzcat"),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => compressed("bzip2", "bzcat"),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(ListError::Utf16 { name }),
        _ => is_binary(head).then_some(ListError::Binary { name }),
    }
}

/// A NUL, or more than one control character in ten bytes. Bytes that are not UTF-8 are the rows' trouble.
fn is_binary(head: &[u8]) -> bool {
    let controls = head.iter().filter(|byte| **byte < b' ' && !byte.is_ascii_whitespace()).count();
    head.contains(&0) || controls * 10 > head.len()
}
