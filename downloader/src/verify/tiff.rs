//! TIFF 6.0 and `BigTIFF`: the chain of directories, and that what makes the picture lies within the file: sizes, strips, tiles,
//! coded pictures. What other entries name is not looked at.

use super::walk::{Fault, Seen, Walked, be16, be32, be64, le16, le32, le64, slice};

/// Walks the directories. The size is that of the first, as for viewers.
pub(super) fn walk(bytes: &[u8], seen: &mut Seen) -> Walked {
    let file = Tiff::open(bytes)?;
    // Every step of an honest file stands in it by itself; a chain that bites its tail, or entries that share what they name,
    // take more.
    let mut budget = Budget(bytes.len());
    let mut directories = vec![file.offset(if file.is_big { 8 } else { 4 })?];
    let mut has_data = false;
    while let Some(at) = directories.pop() {
        if at != 0 {
            has_data |= file.directory(at, &mut directories, &mut budget, seen)?;
        }
    }
    if has_data { Ok(()) } else { Err(Fault::Broken) }
}

/// How many steps are left.
struct Budget(usize);

impl Budget {
    fn spend(&mut self, steps: usize) -> Walked {
        self.0 = self.0.checked_sub(steps).ok_or(Fault::Broken)?;
        Ok(())
    }
}

/// A file, its order of bytes, and whether its offsets have 64 bits.
struct Tiff<'a> {
    bytes: &'a [u8],
    is_little: bool,
    is_big: bool,
}

/// Numbers that an entry names: their kind, and where they stand.
#[derive(Clone, Copy)]
struct Numbers {
    kind: u16,
    count: usize,
    at: usize,
}

/// What the entries of a directory say of its picture.
#[derive(Default)]
struct Directory {
    width: Option<Numbers>,
    height: Option<Numbers>,
    strips: Option<Numbers>,
    strip_lengths: Option<Numbers>,
    tile_width: Option<Numbers>,
    tile_height: Option<Numbers>,
    tiles: Option<Numbers>,
    tile_lengths: Option<Numbers>,
    jpeg: Option<Numbers>,
    jpeg_length: Option<Numbers>,
}

impl<'a> Tiff<'a> {
    fn open(bytes: &'a [u8]) -> Walked<Self> {
        let is_little = bytes.starts_with(b"II");
        let mut file = Self { bytes, is_little, is_big: false };
        file.is_big = file.u16(2)? == 43;
        // BigTIFF says how long its offsets are, and that nothing follows.
        if file.is_big && (file.u16(4)?, file.u16(6)?) != (8, 0) {
            return Err(Fault::Broken);
        }
        Ok(file)
    }

    fn u16(&self, at: usize) -> Walked<u16> {
        if self.is_little { le16(self.bytes, at) } else { be16(self.bytes, at) }
    }

    fn u32(&self, at: usize) -> Walked<u32> {
        if self.is_little { le32(self.bytes, at) } else { be32(self.bytes, at) }
    }

    fn u64(&self, at: usize) -> Walked<u64> {
        if self.is_little { le64(self.bytes, at) } else { be64(self.bytes, at) }
    }

    /// A number as long as the file's offsets.
    fn offset(&self, at: usize) -> Walked<usize> {
        let offset = if self.is_big { self.u64(at)? } else { self.u32(at)?.into() };
        Ok(usize::try_from(offset)?)
    }

    /// Reads the directory at `at`, and notes those that it leads to. Whether it has a picture.
    fn directory(&self, at: usize, others: &mut Vec<usize>, budget: &mut Budget, seen: &mut Seen) -> Walked<bool> {
        slice(self.bytes, at, 2)?;
        let (count, first, entry) =
            if self.is_big { (self.offset(at)?, at.saturating_add(8), 20) } else { (self.u16(at)?.into(), at + 2, 12) };
        // All of it, before any entry is believed.
        let length = count.checked_mul(entry).ok_or(Fault::Cut)?;
        slice(self.bytes, first, length)?;
        budget.spend(count.saturating_add(1))?;
        let mut directory = Directory::default();
        for index in 0..count {
            self.entry(first + index * entry, &mut directory, others, budget)?;
        }
        others.push(self.offset(first + length)?);
        self.picture(&directory, budget, seen)
    }

    fn entry(&self, at: usize, directory: &mut Directory, others: &mut Vec<usize>, budget: &mut Budget) -> Walked {
        let (tag, kind) = (self.u16(at)?, self.u16(at + 2)?);
        let count = self.offset(at + 4)?;
        let value = at + if self.is_big { 12 } else { 8 };
        let width = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16..=18 => 8,
            // Of a kind that nobody knows; readers pass over it.
            _ => return Ok(()),
        };
        // Editors leave entries behind whose values are gone; viewers do not look at those either.
        if !matches!(tag, 256 | 257 | 273 | 279 | 322..=325 | 330 | 513 | 514) {
            return Ok(());
        }
        let length = count.checked_mul(width).ok_or(Fault::Broken)?;
        let is_inline = length <= if self.is_big { 8 } else { 4 };
        let numbers = Numbers { kind, count, at: if is_inline { value } else { self.offset(value)? } };
        slice(self.bytes, numbers.at, length)?;
        match tag {
            256 => directory.width = Some(numbers),
            257 => directory.height = Some(numbers),
            273 => directory.strips = Some(numbers),
            279 => directory.strip_lengths = Some(numbers),
            322 => directory.tile_width = Some(numbers),
            323 => directory.tile_height = Some(numbers),
            324 => directory.tiles = Some(numbers),
            325 => directory.tile_lengths = Some(numbers),
            513 => directory.jpeg = Some(numbers),
            514 => directory.jpeg_length = Some(numbers),
            // Further directories: smaller copies, and the picture itself in raw formats.
            330 => {
                budget.spend(count)?;
                for index in 0..count {
                    others.push(usize::try_from(self.number(numbers, index)?)?);
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn picture(&self, directory: &Directory, budget: &mut Budget, seen: &mut Seen) -> Walked<bool> {
        if let Some((width, height)) = self.sides(directory.width, directory.height)? {
            seen.image(width, height)?;
        }
        // Each is decoded whole, however little of it is in the picture.
        if let Some((width, height)) = self.sides(directory.tile_width, directory.tile_height)? {
            seen.part(width, height)?;
        }
        let parts = [
            (directory.strips, directory.strip_lengths),
            (directory.tiles, directory.tile_lengths),
            (directory.jpeg, directory.jpeg_length),
        ];
        let mut found = false;
        for (offsets, lengths) in parts {
            let Some(offsets) = offsets else { continue };
            // The lengths may be left out where they follow from the size; then there is only the offset to look at.
            if lengths.is_some_and(|lengths| lengths.count < offsets.count) {
                return Err(Fault::Broken);
            }
            budget.spend(offsets.count)?;
            for index in 0..offsets.count {
                let offset = usize::try_from(self.number(offsets, index)?)?;
                let length = lengths.map_or(Ok(1), |lengths| self.number(lengths, index))?;
                slice(self.bytes, offset, usize::try_from(length)?)?;
            }
            found |= offsets.count > 0;
        }
        Ok(found)
    }

    /// Width and height, if both are told.
    fn sides(&self, width: Option<Numbers>, height: Option<Numbers>) -> Walked<Option<(u32, u32)>> {
        let (Some(width), Some(height)) = (width, height) else { return Ok(None) };
        let side = |numbers| u32::try_from(self.number(numbers, 0)?).map_err(|_| Fault::TooManyPixels);
        Ok(Some((side(width)?, side(height)?)))
    }

    /// One of the numbers of an entry.
    fn number(&self, numbers: Numbers, index: usize) -> Walked<u64> {
        let Numbers { kind, count, at } = numbers;
        if index >= count {
            return Err(Fault::Broken);
        }
        match kind {
            1 => slice(self.bytes, at + index, 1).map(|byte| byte[0].into()),
            3 => self.u16(at + index * 2).map(Into::into),
            4 | 13 => self.u32(at + index * 4).map(Into::into),
            16 | 18 => self.u64(at + index * 8),
            _ => Err(Fault::Broken),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A picture of one pixel, with further entries: tag, kind, count, value.
    fn tiff(others: &[(u16, u16, u32, u32)]) -> Vec<u8> {
        let mut entries = vec![(256, 3, 1, 1), (257, 3, 1, 1), (273, 4, 1, 8), (279, 4, 1, 1)];
        entries.extend(others);
        let mut bytes = b"II*\0\x0c\0\0\0data".to_vec();
        bytes.extend(u16::try_from(entries.len()).expect("a few").to_le_bytes());
        for (tag, kind, count, value) in entries {
            bytes.extend([tag.to_le_bytes(), kind.to_le_bytes()].concat());
            bytes.extend([count.to_le_bytes(), value.to_le_bytes()].concat());
        }
        bytes.extend([0; 4]);
        bytes
    }

    fn walked(others: &[(u16, u16, u32, u32)]) -> Walked {
        walk(&tiff(others), &mut Seen::new(1 << 20))
    }

    #[test]
    fn a_value_that_nobody_reads_may_be_anywhere() {
        assert_eq!(walked(&[]), Ok(()));
        for tag in [700, 34_665, 37_724, 50_000] {
            assert_eq!(walked(&[(tag, 7, 100, 1 << 20)]), Ok(()), "tag {tag}");
            assert_eq!(walked(&[(tag, 12, u32::MAX, 8)]), Ok(()), "tag {tag}");
        }
        assert_eq!(walked(&[(324, 4, 100, 1 << 20)]), Err(Fault::Cut));
    }

    #[test]
    fn tiles_have_as_many_pixels_as_a_picture_may() {
        for (width, expected) in [(1023, Ok(())), (1024, Ok(())), (1025, Err(Fault::TooManyPixels))] {
            assert_eq!(walked(&[(322, 4, 1, width), (323, 4, 1, 1024)]), expected, "{width}");
        }
    }
}
