//! PNG (third edition of the specification): chunks up to `IEND`, with the checksums of those that a picture cannot do without.
//! Viewers refuse a picture where one of these is wrong, and only warn of the others.

use super::walk::{Fault, Seen, Walked, be32, slice};

/// How every PNG begins.
pub(super) const SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// Walks the chunks (5.3) to `IEND`.
pub(super) fn walk(bytes: &[u8], seen: &mut Seen) -> Walked {
    let mut at = SIGNATURE.len();
    let mut has_data = false;
    loop {
        let length = usize::try_from(be32(bytes, at)?)?;
        let name = slice(bytes, at + 4, 4)?;
        if !name.iter().all(u8::is_ascii_alphabetic) {
            return Err(Fault::Broken);
        }
        let data = slice(bytes, at + 8, length)?;
        let sum = be32(bytes, at + 8 + length)?;
        // The case of the first letter says which are critical (5.4).
        if name[0].is_ascii_uppercase() && crc32fast::hash(&bytes[at + 4..at + 8 + length]) != sum {
            return Err(Fault::Broken);
        }
        match name {
            b"IHDR" if length == 13 => seen.image(be32(data, 0)?, be32(data, 4)?)?,
            _ if seen.size().is_none() => return Err(Fault::Broken),
            b"IDAT" => has_data = true,
            b"IEND" => return if has_data { Ok(()) } else { Err(Fault::Broken) },
            _ => {}
        }
        // Length, name and checksum are four bytes each.
        at += 12 + length;
    }
}
