//! GIF (87a and 89a): blocks up to the trailer.

use super::walk::{Fault, Seen, Walked, byte, le16, rest};

/// Walks the blocks to the trailer (`GIF89a` specification, 27), or to what is no block, where browsers stop and show what they
/// have. The pictures themselves are passed over by the lengths of their parts.
pub(super) fn walk(bytes: &[u8], seen: &mut Seen) -> Walked {
    let screen = (le16(bytes, 6)?, le16(bytes, 8)?);
    if screen.0 != 0 && screen.1 != 0 {
        seen.image(screen.0.into(), screen.1.into())?;
    }
    let mut at = 13 + colours(byte(bytes, 10)?);
    let mut has_frame = false;
    loop {
        at = match byte(bytes, at)? {
            0x21 => sub_blocks(bytes, at + 2)?,
            0x2c => {
                let (width, height) = (le16(bytes, at + 5)?.into(), le16(bytes, at + 7)?.into());
                if seen.size().is_none() {
                    // A screen without a size is as large as the first frame, as browsers have it.
                    seen.image(width, height)?;
                }
                seen.part(width, height)?;
                has_frame = true;
                sub_blocks(bytes, at + 11 + colours(byte(bytes, at + 9)?))?
            }
            _ => return if has_frame { Ok(()) } else { Err(Fault::Broken) },
        };
    }
}

/// The length of the table of colours that `flags` announce.
fn colours(flags: u8) -> usize {
    if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) }
}

/// Passes over data sub-blocks (15) to behind their terminator.
fn sub_blocks(bytes: &[u8], mut at: usize) -> Walked<usize> {
    loop {
        let length = usize::from(*rest(bytes, at)?.first().ok_or(Fault::Cut)?);
        at += 1 + length;
        if length == 0 {
            return Ok(at);
        }
    }
}
