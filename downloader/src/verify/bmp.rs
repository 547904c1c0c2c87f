//! BMP of Windows and OS/2, and the bitmaps within icons: the array of pixels by the header's numbers, run lengths to their end
//! mark. The length in the file's header is not believed: many writers get it wrong, and viewers do not look.

use super::walk::{Fault, Seen, Walked, le16, le32, slice};

/// Length of the file's own header, before the bitmap's.
const FILE_HEADER: usize = 14;

/// Length of the longest header of OS/2, whose compressions are its own from 3 on.
const OS2_HEADER: usize = 64;

/// What stands where the last header says how colours are meant, if a profile follows.
const PROFILE_EMBEDDED: u32 = u32::from_be_bytes(*b"MBED");

/// Walks a file.
pub(super) fn walk(bytes: &[u8], seen: &mut Seen) -> Walked {
    let header = Header::read(bytes, FILE_HEADER)?;
    seen.image(header.width, header.height)?;
    let offset = usize::try_from(le32(bytes, 10)?)?.max(FILE_HEADER + header.length);
    header.pixels(bytes, offset)?;
    header.profile(bytes)
}

/// Walks a bitmap within an icon. Its height counts the mask too, of which little more than half the icons have the whole.
pub(super) fn walk_icon(bitmap: &[u8], seen: &mut Seen) -> Walked {
    let mut header = Header::read(bitmap, 0)?;
    header.height /= 2;
    seen.image(header.width, header.height)?;
    let offset = header.length + header.colours();
    header.pixels(bitmap, offset)
}

/// The bitmap's header, as far as it says how long the pixels are.
struct Header {
    length: usize,
    width: u32,
    height: u32,
    bits: u16,
    /// 0 for none, 1 and 2 for run lengths, 3 and 6 for pixels with masks; in the longest header of OS/2, 3 and 4 are codes.
    compression: u32,
    /// Length of the pixels in bytes; 0 if it is not said.
    pixel_bytes: usize,
    colours_used: u32,
}

impl Header {
    fn read(bytes: &[u8], at: usize) -> Walked<Self> {
        let length = usize::try_from(le32(bytes, at)?)?;
        if length == 12 {
            let (width, height, bits) = (le16(bytes, at + 4)?, le16(bytes, at + 6)?, le16(bytes, at + 10)?);
            let sides = (width.into(), height.into());
            return Self {
                length,
                bits,
                width: sides.0,
                height: sides.1,
                compression: 0,
                pixel_bytes: 0,
                colours_used: 0,
            }
            .checked();
        }
        // The shortest of OS/2 ends after the number of bits.
        let after = |offset| if length >= 40 { le32(bytes, at + offset) } else { Ok(0) };
        if length < 16 {
            return Err(Fault::Broken);
        }
        Self {
            length,
            width: le32(bytes, at + 4)?,
            // Negative if the top row comes first.
            height: le32(bytes, at + 8)?.cast_signed().unsigned_abs(),
            bits: le16(bytes, at + 14)?,
            compression: after(16)?,
            pixel_bytes: usize::try_from(after(20)?)?,
            colours_used: after(32)?,
        }
        .checked()
    }

    fn checked(self) -> Walked<Self> {
        let is_known = matches!(self.bits, 1 | 2 | 4 | 8 | 16 | 24 | 32) || matches!(self.compression, 4 | 5);
        if is_known && i32::try_from(self.width).is_ok() { Ok(self) } else { Err(Fault::Broken) }
    }

    /// The length of the masks and of the table of colours of a bitmap within an icon, which stand before the pixels.
    fn colours(&self) -> usize {
        let masks = if self.compression == 3 && self.length == 40 { 12 } else { 0 };
        let most = if self.bits <= 8 { 1 << self.bits } else { 0 };
        let colours = if self.colours_used == 0 { most } else { self.colours_used.min(256) };
        masks + usize::try_from(colours).unwrap_or(0) * if self.length == 12 { 3 } else { 4 }
    }

    /// Whether the pixels, which begin at `offset`, are all there.
    fn pixels(&self, bytes: &[u8], offset: usize) -> Walked {
        match self.compression {
            // Huffman's code for fax, and run lengths of three bytes: the header's word for their length is all there is.
            3 | 4 if self.length == OS2_HEADER && self.pixel_bytes > 0 => {
                slice(bytes, offset, self.pixel_bytes).map(drop)
            }
            0 | 3 | 6 => {
                // Rows are filled up to four bytes.
                let row = (u64::from(self.width) * u64::from(self.bits)).div_ceil(32) * 4;
                let length = row.checked_mul(self.height.into()).ok_or(Fault::Cut)?;
                slice(bytes, offset, usize::try_from(length)?).map(drop)
            }
            1 | 2 => self.runs(bytes, offset),
            // A JPEG or PNG, which printers know and viewers do not.
            4 | 5 if self.pixel_bytes > 0 => slice(bytes, offset, self.pixel_bytes).map(drop),
            _ => Err(Fault::Broken),
        }
    }

    /// Passes over run lengths to the mark that ends the picture, or to the end that the header says.
    fn runs(&self, bytes: &[u8], offset: usize) -> Walked {
        let end = (self.pixel_bytes > 0).then_some(offset.saturating_add(self.pixel_bytes));
        let mut at = offset;
        while end.is_none_or(|end| at < end) {
            let pair = slice(bytes, at, 2)?;
            at += 2;
            match (pair[0], pair[1]) {
                (0, 1) => return Ok(()),
                // A move, whose two distances follow.
                (0, 2) => at += 2,
                (0, count @ 3..) => {
                    let literal = usize::from(if self.compression == 2 { count.div_ceil(2) } else { count });
                    at += literal + literal % 2;
                }
                _ => {}
            }
        }
        slice(bytes, offset, at - offset).map(drop)
    }

    /// Whether the colour profile that the longest header may announce is there.
    fn profile(&self, bytes: &[u8]) -> Walked {
        if self.length < 124 || le32(bytes, FILE_HEADER + 56)? != PROFILE_EMBEDDED {
            return Ok(());
        }
        let offset = usize::try_from(le32(bytes, FILE_HEADER + 112)?)?.saturating_add(FILE_HEADER);
        let length = usize::try_from(le32(bytes, FILE_HEADER + 116)?)?;
        slice(bytes, offset, length).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes of OS/2 are as long as the header says, not as long as the pixels would be.
    #[test]
    fn codes_of_os2_are_as_long_as_they_say() {
        for (compression, bits) in [(3_u32, 1_u16), (4, 24)] {
            let mut header = [0; OS2_HEADER];
            header[0] = 64;
            header[4..8].copy_from_slice(&800_u32.to_le_bytes());
            header[8..12].copy_from_slice(&600_u32.to_le_bytes());
            header[12] = 1;
            header[14..16].copy_from_slice(&bits.to_le_bytes());
            header[16..20].copy_from_slice(&compression.to_le_bytes());
            header[20] = 10;
            let bitmap = [b"BM", &[0; 8][..], &78_u32.to_le_bytes(), &header, b"0123456789"].concat();
            let walked = |length| walk(&bitmap[..length], &mut Seen::new(u64::MAX));
            assert_eq!(walked(bitmap.len()), Ok(()), "compression {compression}");
            assert_eq!(walked(bitmap.len() - 1), Err(Fault::Cut), "compression {compression}");
        }
    }
}
