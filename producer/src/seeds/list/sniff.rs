//! What a list's first bytes say: text, or something that looks like a list only by its name. Rows are not looked at.

use std::io::{Chain, Cursor, Read};

use super::ListError;

/// How far we look, in bytes.
const REACH: u64 = 8 * 1024;

/// The whole of `input` again, without a byte order mark, if its beginning is text.
pub(super) fn only_text<R: Read>(mut input: R, name: &str) -> Result<Chain<Cursor<Vec<u8>>, R>, ListError> {
    let mut head = Vec::new();
    let read = input.by_ref().take(REACH).read_to_end(&mut head);
    read.map_err(|source| ListError::Read { name: name.to_owned(), source })?;
    if let Some(error) = refusal(&head, name) {
        return Err(error);
    }
    let mark = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    let mut head = Cursor::new(head);
    head.set_position(mark);
    Ok(head.chain(input))
}

fn refusal(head: &[u8], name: &str) -> Option<ListError> {
    let name = name.to_owned();
    let compressed = |kind, tool| Some(ListError::Compressed { name: name.clone(), kind, tool });
    match head {
        [0x1f, 0x8b, ..] => compressed("gzip", "zcat"),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => compressed("zstd", "zstdcat"),
        [0xfd, b'7', b'z', b'X', b'Z', 0, ..] => compressed("xz", "xzcat"),
        [b'B', b'Z', b'h', b'1'..=b'9', 0x31, 0x41, 0x59, 0x26, ..] => compressed("bzip2", "bzcat"),
        [b'P', b'A', b'R', b'1', ..] => Some(ListError::Parquet { name }),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some(ListError::Utf16 { name }),
        _ => is_binary(head).then_some(ListError::Binary { name }),
    }
}

/// A NUL, or more than one control character in ten bytes. Bytes that are not UTF-8 are the rows' trouble.
fn is_binary(head: &[u8]) -> bool {
    let controls = head.iter().filter(|byte| **byte < b' ' && !byte.is_ascii_whitespace()).count();
    head.contains(&0) || controls * 10 > head.len()
}
