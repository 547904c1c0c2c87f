//! What the walks through the formats share: what they may find wrong, what they find out, and reading numbers that may not be
//! there. Nothing here or in the walks decodes a picture.

use std::num::TryFromIntError;

/// Why a walk ended before the image did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// The bytes end before the image does.
    Cut,
    /// The structure contradicts itself or its format.
    Broken,
    /// It has no width or no height.
    NoSize,
    /// A picture in it has more pixels than are let in.
    TooManyPixels,
}

impl From<TryFromIntError> for Fault {
    /// An offset or a length that does not fit into memory is behind any end.
    fn from(_: TryFromIntError) -> Self {
        Self::Cut
    }
}

/// What a walk comes to.
pub(super) type Walked<T = ()> = Result<T, Fault>;

/// Within a part of the file that is there whole, nothing can be cut.
pub(super) fn inside<T>(walked: Walked<T>) -> Walked<T> {
    walked.map_err(|fault| if fault == Fault::Cut { Fault::Broken } else { fault })
}

/// What is known so far of an image.
#[derive(Debug)]
pub(super) struct Seen {
    most_pixels: u64,
    size: Option<(u32, u32)>,
    whole: Option<(u32, u32)>,
}

impl Seen {
    /// Nothing yet; no picture may have more than `most_pixels`.
    pub(super) fn new(most_pixels: u64) -> Self {
        Self { most_pixels, size: None, whole: None }
    }

    /// For a picture that is an image of its own within this one.
    pub(super) fn alike(&self) -> Self {
        Self::new(self.most_pixels)
    }

    /// Width and height of the image in pixels, if they have been met.
    pub(super) fn size(&self) -> Option<(u32, u32)> {
        self.size
    }

    /// Pixels of the picture that a decoder makes of the image.
    pub(super) fn pixels(&self) -> u64 {
        self.whole.or(self.size).map_or(0, |(width, height)| u64::from(width) * u64::from(height))
    }

    /// Of what the image is a part, if a part of it is all that is shown: the largest of all that it is.
    pub(super) fn is_part_of(&mut self, width: u32, height: u32) {
        let pixels = |(width, height)| u64::from(width) * u64::from(height);
        self.whole = self.whole.into_iter().chain([(width, height)]).max_by_key(|size| pixels(*size));
    }

    /// The image's own width and height; the first that are told count.
    pub(super) fn image(&mut self, width: u32, height: u32) -> Walked {
        if width == 0 || height == 0 {
            return Err(Fault::NoSize);
        }
        self.size.get_or_insert((width, height));
        self.part(width, height)
    }

    /// A picture of the image that a viewer may decode too: a frame, a page, a tile, a smaller copy.
    pub(super) fn part(&self, width: u32, height: u32) -> Walked {
        let pixels = u64::from(width) * u64::from(height);
        if pixels > self.most_pixels { Err(Fault::TooManyPixels) } else { Ok(()) }
    }
}

/// `length` bytes from `at` on.
pub(super) fn slice(bytes: &[u8], at: usize, length: usize) -> Walked<&[u8]> {
    let end = at.checked_add(length).ok_or(Fault::Cut)?;
    bytes.get(at..end).ok_or(Fault::Cut)
}

/// What is behind `at`.
pub(super) fn rest(bytes: &[u8], at: usize) -> Walked<&[u8]> {
    bytes.get(at..).ok_or(Fault::Cut)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Walked<[u8; N]> {
    rest(bytes, at)?.first_chunk().copied().ok_or(Fault::Cut)
}

/// The byte at `at`.
pub(super) fn byte(bytes: &[u8], at: usize) -> Walked<u8> {
    bytes.get(at).copied().ok_or(Fault::Cut)
}

/// Two bytes, the high one first.
pub(super) fn be16(bytes: &[u8], at: usize) -> Walked<u16> {
    array(bytes, at).map(u16::from_be_bytes)
}

/// Four bytes, the high one first.
pub(super) fn be32(bytes: &[u8], at: usize) -> Walked<u32> {
    array(bytes, at).map(u32::from_be_bytes)
}

/// Eight bytes, the high one first.
pub(super) fn be64(bytes: &[u8], at: usize) -> Walked<u64> {
    array(bytes, at).map(u64::from_be_bytes)
}

/// Two bytes, the low one first.
pub(super) fn le16(bytes: &[u8], at: usize) -> Walked<u16> {
    array(bytes, at).map(u16::from_le_bytes)
}

/// Three bytes, the low one first.
pub(super) fn le24(bytes: &[u8], at: usize) -> Walked<u32> {
    array(bytes, at).map(|[low, middle, high]| u32::from_le_bytes([low, middle, high, 0]))
}

/// Four bytes, the low one first.
pub(super) fn le32(bytes: &[u8], at: usize) -> Walked<u32> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// Eight bytes, the low one first.
pub(super) fn le64(bytes: &[u8], at: usize) -> Walked<u64> {
    array(bytes, at).map(u64::from_le_bytes)
}
