//! JPEG (ITU T.81): segments and scans up to the marker of the image's end. The coded data of a scan is passed over, not
//! decoded: in it a byte 0xff that is no marker is followed by 0.

use memchr::memchr;

use super::walk::{Fault, Seen, Walked, be16, byte, inside, rest, slice};

/// Walks the markers (B.1) to the image's end. A thumbnail in a segment has such an end of its own, and counts no more than the
/// rest of the segment does. What is not a marker where one should be is passed over, as decoders do.
pub(super) fn walk(bytes: &[u8], seen: &mut Seen) -> Walked {
    let mut at = 2;
    let mut has_scan = false;
    loop {
        at += memchr(0xff, rest(bytes, at)?).ok_or(Fault::Cut)?;
        // A marker may have any number of these before it.
        while byte(bytes, at)? == 0xff {
            at += 1;
        }
        let marker = byte(bytes, at)?;
        at += 1;
        match marker {
            // Data, and markers that stand alone: restarts and starts.
            0x00 | 0x01 | 0xd0..=0xd8 => {}
            0xd9 => return if has_scan { Ok(()) } else { Err(Fault::Broken) },
            _ => {
                // Of the segment, in which it stands itself.
                let length = be16(bytes, at)?.into();
                let segment = slice(bytes, at, length)?;
                if length < 2 {
                    return Err(Fault::Broken);
                }
                match marker {
                    // The start of a frame, unless it is a table or an extension (B.1.1.3).
                    0xc0..=0xcf if !matches!(marker, 0xc4 | 0xc8 | 0xcc) => inside(frame(segment, seen))?,
                    0xda if seen.size().is_none() => return Err(Fault::Broken),
                    0xda => has_scan = true,
                    _ => {}
                }
                at += length;
            }
        }
    }
}

/// The picture's size in the header of a frame (B.2.2).
fn frame(segment: &[u8], seen: &mut Seen) -> Walked {
    seen.image(be16(segment, 5)?.into(), be16(segment, 3)?.into())
}
