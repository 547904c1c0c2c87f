//! Where items lie: the box `iloc` (ISO/IEC 14496-12, 8.11.3).

use super::super::walk::{Fault, Walked, be16, be32, be64, byte, inside};

/// A reader of `iloc`, whose numbers have the widths that it says.
pub(super) struct Locations<'a> {
    content: &'a [u8],
    at: usize,
    version: u8,
    offset_width: u8,
    length_width: u8,
    index_width: u8,
    base_width: u8,
    /// Items that it locates.
    pub(super) count: u64,
}

impl<'a> Locations<'a> {
    pub(super) fn open(content: &'a [u8]) -> Walked<Self> {
        let (version, widths) = (inside(byte(content, 0))?, inside(be16(content, 4))?);
        let width = |shift: u8| u8::try_from(widths >> shift & 15).unwrap_or_default();
        let index_width = if matches!(version, 1 | 2) { width(0) } else { 0 };
        let (offset_width, length_width, base_width) = (width(12), width(8), width(4));
        let mut locations =
            Self { content, at: 6, version, offset_width, length_width, base_width, index_width, count: 0 };
        locations.count = locations.number(if version < 2 { 2 } else { 4 })?;
        Ok(locations)
    }

    /// The next item, and how many parts it has, which come next.
    pub(super) fn item(&mut self) -> Walked<Item> {
        let id = self.number(if self.version < 2 { 2 } else { 4 })?;
        let method = if self.version == 0 { 0 } else { self.number(2)? & 15 };
        let reference = self.number(2)?;
        let base = self.number(self.base_width)?;
        let parts = self.number(2)?;
        // In another file there is nothing to look at; 0 is this one.
        let place = match (method, reference) {
            (0, 0) => Place::File,
            (1, _) => Place::Data,
            _ => Place::Elsewhere,
        };
        Ok(Item { id, place, base, parts })
    }

    /// Offset and length of the next part of an item.
    pub(super) fn part(&mut self, item: &Item) -> Walked<(usize, usize)> {
        self.number(self.index_width)?;
        let (offset, length) = (self.number(self.offset_width)?, self.number(self.length_width)?);
        Ok((usize::try_from(item.base.saturating_add(offset))?, usize::try_from(length)?))
    }

    /// Whether parts have no number at all: the whole file is meant, and so many times nothing would be read.
    pub(super) fn has_no_numbers(&self) -> bool {
        self.index_width + self.offset_width + self.length_width == 0
    }

    fn number(&mut self, width: u8) -> Walked<u64> {
        let at = self.at;
        self.at += usize::from(width);
        match width {
            0 => Ok(0),
            2 => inside(be16(self.content, at)).map(Into::into),
            4 => inside(be32(self.content, at)).map(Into::into),
            8 => inside(be64(self.content, at)),
            _ => Err(Fault::Broken),
        }
    }
}

/// Where something is that an item is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In the file.
    File,
    /// In the box `idat`.
    Data,
    /// In another file, or in another item.
    Elsewhere,
}

/// An item, but for its parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    /// Its identity.
    pub(super) id: u64,
    /// Where its parts are.
    pub(super) place: Place,
    base: u64,
    /// How many it has.
    pub(super) parts: u64,
}
