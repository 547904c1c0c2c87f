//! Windows icons: a directory of pictures, each of which is a PNG or a bitmap.

use super::walk::{Fault, Seen, Walked, inside, le16, le32, slice};
use super::{bmp, png};

/// Length of the header, and of an entry of the directory.
const HEADER: usize = 6;
const ENTRY: usize = 16;

/// How often the file may be walked through: entries could all name the same long picture.
const TIMES: usize = 4;

/// A picture of an icon, and its entry in the directory.
pub(super) struct Picture<'a> {
    entry: &'a [u8],
    pub(super) bytes: &'a [u8],
}

impl Picture<'_> {
    /// An icon of this picture alone.
    pub(super) fn alone(&self) -> Vec<u8> {
        let behind = u32::try_from(HEADER + ENTRY).unwrap_or_default().to_le_bytes();
        [&[0, 0, 1, 0, 1, 0], &self.entry[..12], &behind, self.bytes].concat()
    }
}

/// The pictures of the directory, up to the first that is not there.
pub(super) fn pictures(bytes: &[u8]) -> impl Iterator<Item = Picture<'_>> {
    let count = le16(bytes, 4).unwrap_or_default().into();
    (0..count).map_while(|index| picture(bytes, index).ok())
}

fn picture(bytes: &[u8], index: usize) -> Walked<Picture<'_>> {
    let entry = slice(bytes, HEADER + index * ENTRY, ENTRY)?;
    let (length, offset) = (usize::try_from(le32(entry, 8)?)?, usize::try_from(le32(entry, 12)?)?);
    Ok(Picture { entry, bytes: slice(bytes, offset, length)? })
}

/// Walks every picture. The icon's size is that of the largest, by the picture itself: the directory cannot tell more than 256.
pub(super) fn walk(bytes: &[u8], seen: &mut Seen) -> Walked {
    let count = usize::from(le16(bytes, 4)?);
    if count == 0 {
        return Err(Fault::NoSize);
    }
    let mut budget = bytes.len().saturating_mul(TIMES);
    let mut largest = (0, 0);
    for index in 0..count {
        let Picture { bytes: picture, .. } = picture(bytes, index)?;
        budget = budget.checked_sub(picture.len()).ok_or(Fault::Broken)?;
        let mut of_picture = seen.alike();
        let walked = if picture.starts_with(png::SIGNATURE) {
            png::walk(picture, &mut of_picture)
        } else {
            bmp::walk_icon(picture, &mut of_picture)
        };
        inside(walked)?;
        let size = of_picture.size().unwrap_or_default();
        largest = std::cmp::max_by_key(largest, size, |size| u64::from(size.0) * u64::from(size.1));
    }
    seen.image(largest.0, largest.1)
}
