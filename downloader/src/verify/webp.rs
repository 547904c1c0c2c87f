//! WebP (RFC 9649): a RIFF file of the length that it says, with a picture among its chunks.

use super::walk::{Fault, Seen, Walked, byte, inside, le16, le24, le32, slice};

/// Compares with the length in the header, and walks the chunks within it.
pub(super) fn walk(bytes: &[u8], seen: &mut Seen) -> Walked {
    let length = usize::try_from(le32(bytes, 4)?)?;
    let file = slice(bytes, 8, length)?;
    let chunks = file.get(4..).ok_or(Fault::Broken)?;
    if inside(pictures(chunks, seen))? { Ok(()) } else { Err(Fault::Broken) }
}

/// Walks chunks; whether one of them is a picture.
fn pictures(chunks: &[u8], seen: &mut Seen) -> Walked<bool> {
    let mut at = 0;
    let mut found = false;
    while at < chunks.len() {
        let name = slice(chunks, at, 4)?;
        let length = usize::try_from(le32(chunks, at + 4)?)?;
        let data = slice(chunks, at + 8, length)?;
        found |= match name {
            b"VP8X" => {
                seen.image(le24(data, 4)? + 1, le24(data, 7)? + 1)?;
                false
            }
            b"VP8 " => lossy(data, seen).map(|()| true)?,
            b"VP8L" => lossless(data, seen).map(|()| true)?,
            b"ANMF" => {
                seen.part(le24(data, 6)? + 1, le24(data, 9)? + 1)?;
                has_picture(slice(data, 16, data.len().saturating_sub(16))?)?
            }
            _ => false,
        };
        // A chunk of an odd length has a byte behind it, which some writers leave out at the end.
        at += 8 + length + length % 2;
    }
    Ok(found)
}

/// Whether a frame of an animation has a picture; its parts are chunks again.
fn has_picture(chunks: &[u8]) -> Walked<bool> {
    let mut at = 0;
    let mut found = false;
    while at < chunks.len() {
        let name = slice(chunks, at, 4)?;
        let length = usize::try_from(le32(chunks, at + 4)?)?;
        slice(chunks, at + 8, length)?;
        found |= matches!(name, b"VP8 " | b"VP8L");
        at += 8 + length + length % 2;
    }
    Ok(found)
}

/// The header of a key frame (RFC 6386, 9.1).
fn lossy(data: &[u8], seen: &mut Seen) -> Walked {
    if slice(data, 3, 3)? != b"\x9d\x01\x2a" {
        return Err(Fault::Broken);
    }
    // The two high bits say how to scale.
    let side = |at| le16(data, at).map(|side| u32::from(side & 0x3fff));
    seen.image(side(6)?, side(8)?)
}

/// The header of a lossless picture (RFC 9649, 3.4): a signature, and 14 bits for each side.
fn lossless(data: &[u8], seen: &mut Seen) -> Walked {
    if byte(data, 0)? != 0x2f {
        return Err(Fault::Broken);
    }
    let sides = le32(data, 1)?;
    seen.image((sides & 0x3fff) + 1, (sides >> 14 & 0x3fff) + 1)
}
