//! What a decoder is given of a file: the coded images that make its picture, and how they are put together (ISO/IEC 23008-12,
//! 6.4 to 6.6, and the specification of AVIF). The file has been walked through; what it says of itself is looked at again all the
//! same.

use std::borrow::Cow;
use std::collections::BTreeMap;

use image::metadata::Orientation;

use super::locations::{Item, Locations, Place};
use super::meta::Meta;
use crate::verify::iso::{Boxes, IsoBox};
use crate::verify::walk::{Fault, Walked, be16, be32, byte, rest, slice};

/// Kinds of items: an image that AV1 has coded, and one that is put together of others.
const CODED: [u8; 4] = *b"av01";
const GRID: [u8; 4] = *b"grid";

/// What an item says that is the opacity of another.
const OPACITY: [&[u8]; 2] = [b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0", b"urn:mpeg:hevc:2015:auxid:1\0"];

/// Most images beside a picture that are looked at: depth, gain and opacity are what there is.
const MOST_BESIDES: usize = 16;

/// The picture of an AVIF file, as it is coded.
#[derive(Debug)]
pub(crate) struct Coded<'a> {
    /// Its colours.
    pub(crate) colours: Tiles<'a>,
    /// How opaque it is, if it is not all so.
    pub(crate) opacity: Option<Tiles<'a>>,
    /// Whether the colours have been multiplied by it.
    pub(crate) is_premultiplied: bool,
    /// What the colours mean: a profile (ICC), if there is one.
    pub(crate) profile: Option<&'a [u8]>,
    /// The same in numbers.
    pub(crate) cicp: Option<Cicp>,
    /// What is shown of it.
    pub(crate) crop: Option<Crop>,
    /// How it is turned then.
    pub(crate) orientation: Orientation,
}

/// An image of one or several that have been coded alone, all of one size, row by row.
#[derive(Debug)]
pub(crate) struct Tiles<'a> {
    /// Of the whole, in pixels.
    pub(crate) width: u32,
    /// Of the whole, in pixels.
    pub(crate) height: u32,
    /// How many are in a row.
    pub(crate) columns: u32,
    /// Each as AV1 has coded it.
    pub(crate) coded: Vec<Cow<'a, [u8]>>,
}

/// Colours in numbers (ITU-T H.273).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cicp {
    /// What red, green and blue are.
    pub(crate) primaries: u16,
    /// How numbers become light.
    pub(crate) transfer: u16,
    /// How red, green and blue were made brightness and two colours.
    pub(crate) matrix: u16,
    /// Whether all numbers are used.
    pub(crate) is_full: bool,
}

/// A part of a picture, in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crop {
    /// Left out on the left.
    pub(crate) left: u32,
    /// Left out above.
    pub(crate) top: u32,
    /// Kept.
    pub(crate) width: u32,
    /// Kept.
    pub(crate) height: u32,
}

/// What the boxes of a file say, to look items up in.
struct Items<'a> {
    bytes: &'a [u8],
    meta: Meta<'a>,
    kinds: BTreeMap<u32, [u8; 4]>,
    parts: BTreeMap<u64, (Item, Vec<(usize, usize)>)>,
}

impl<'a> Coded<'a> {
    /// Reads what a file says of its picture.
    ///
    /// # Errors
    ///
    /// Where that contradicts itself, or is made in a way that nothing here knows; in words for a manifest.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, &'static str> {
        let unreadable = |_| "its boxes cannot be read";
        let items = Items::read(bytes).map_err(unreadable)?;
        let primary = items.meta.primary().map_err(unreadable)?;
        if !matches!(items.kinds.get(&primary), Some(&CODED | &GRID)) {
            return Err("its picture is of a kind that is not decoded");
        }
        items.picture(primary).map_err(unreadable)
    }
}

impl<'a> Items<'a> {
    fn read(bytes: &'a [u8]) -> Walked<Self> {
        let meta = meta(bytes)?;
        let mut locations = Locations::open(meta.locations)?;
        let mut parts = BTreeMap::new();
        for _ in 0..locations.count {
            let item = locations.item()?;
            let of_item = if locations.has_no_numbers() { 0 } else { item.parts };
            let found = (0..of_item).map(|_| locations.part(&item)).collect::<Walked<Vec<_>>>()?;
            parts.entry(item.id).or_insert((item, found));
        }
        Ok(Self { kinds: meta.kinds()?, bytes, meta, parts })
    }

    fn picture(&self, primary: u32) -> Walked<Coded<'a>> {
        let properties = self.meta.of_item(primary)?;
        let colours = self.tiles(primary, size(&properties)?)?;
        let opacity = self.opacity(primary)?;
        let premultiplied = self.meta.references(*b"prem")?;
        let mut coded = Coded {
            is_premultiplied: premultiplied.iter().any(|(from, _)| *from == primary),
            profile: None,
            cicp: None,
            crop: None,
            orientation: orientation(&properties)?,
            opacity,
            colours,
        };
        for IsoBox { name, content } in properties {
            match name {
                b"colr" => match content.first_chunk() {
                    Some(b"nclx") => coded.cicp = coded.cicp.or(Some(numbers(content)?)),
                    Some(b"prof" | b"rICC") => coded.profile = coded.profile.or(content.get(4..)),
                    _ => {}
                },
                b"clap" => coded.crop = Some(crop(content, (coded.colours.width, coded.colours.height))?),
                _ => {}
            }
        }
        Ok(coded)
    }

    /// The image that says how opaque `primary` is.
    fn opacity(&self, primary: u32) -> Walked<Option<Tiles<'a>>> {
        let others = self.meta.references(*b"auxl")?.into_iter().filter(|(_, of)| of.contains(&primary));
        for (item, _) in others.take(MOST_BESIDES) {
            let properties = self.meta.of_item(item)?;
            let is_opacity = |property: &IsoBox<'_>| {
                property.name == b"auxC"
                    && rest(property.content, 4).is_ok_and(|kind| OPACITY.iter().any(|known| kind.starts_with(known)))
            };
            if properties.iter().any(is_opacity) {
                return self.tiles(item, size(&properties)?).map(Some);
            }
        }
        Ok(None)
    }

    /// An image of one coded item, or of those that a grid is made of.
    fn tiles(&self, item: u32, (width, height): (u32, u32)) -> Walked<Tiles<'a>> {
        match self.kinds.get(&item) {
            Some(&CODED) => Ok(Tiles { width, height, columns: 1, coded: vec![self.data(item, self.bytes.len())?] }),
            Some(&GRID) => {
                let description = self.data(item, self.bytes.len())?;
                let (rows, columns) = (u32::from(byte(&description, 2)?) + 1, u32::from(byte(&description, 3)?) + 1);
                let (width, height) = if byte(&description, 1)? & 1 == 0 {
                    (be16(&description, 4)?.into(), be16(&description, 6)?.into())
                } else {
                    (be32(&description, 4)?, be32(&description, 8)?)
                };
                let references = self.meta.references(*b"dimg")?;
                let tiles = references.into_iter().find(|(from, _)| *from == item).map(|(_, tiles)| tiles);
                let tiles = tiles.filter(|tiles| tiles.len() as u64 == u64::from(rows) * u64::from(columns));
                let mut coded = Vec::new();
                // No more bytes in all than the file has, however often it names them.
                let mut left = self.bytes.len();
                for tile in tiles.ok_or(Fault::Broken)? {
                    if self.kinds.get(&tile) != Some(&CODED) {
                        return Err(Fault::Broken);
                    }
                    let data = self.data(tile, left)?;
                    left -= data.len();
                    coded.push(data);
                }
                Ok(Tiles { width, height, columns, coded })
            }
            _ => Err(Fault::Broken),
        }
    }

    /// An item's bytes, of which there may be no more than `most`.
    fn data(&self, item: u32, most: usize) -> Walked<Cow<'a, [u8]>> {
        let (item, parts) = self.parts.get(&u64::from(item)).ok_or(Fault::Broken)?;
        let from = match item.place {
            Place::File => self.bytes,
            Place::Data => self.meta.data,
            Place::Elsewhere => return Err(Fault::Broken),
        };
        let mut data = Cow::Borrowed(&[][..]);
        for (at, length) in parts {
            if data.len().saturating_add(*length) > most {
                return Err(Fault::Broken);
            }
            let part = slice(from, *at, *length)?;
            if data.is_empty() { data = Cow::Borrowed(part) } else { data.to_mut().extend_from_slice(part) }
        }
        Ok(data)
    }
}

fn meta(bytes: &[u8]) -> Walked<Meta<'_>> {
    let mut boxes = Boxes::of(bytes).map_while(Result::ok);
    Meta::read(boxes.find(|found| found.name == b"meta").ok_or(Fault::Broken)?.content)
}

/// Width and height that an item's properties tell.
fn size(properties: &[IsoBox<'_>]) -> Walked<(u32, u32)> {
    let known = properties.iter().rev().find(|property| property.name == b"ispe").ok_or(Fault::Broken)?;
    Ok((be32(known.content, 4)?, be32(known.content, 8)?))
}

fn numbers(content: &[u8]) -> Walked<Cicp> {
    let number = |at| be16(content, at);
    Ok(Cicp {
        primaries: number(4)?,
        transfer: number(6)?,
        matrix: number(8)?,
        is_full: byte(content, 10)? & 0x80 != 0,
    })
}

/// What `clap` leaves of a picture: a size, and how far its middle is from the picture's, each a fraction.
fn crop(content: &[u8], (width, height): (u32, u32)) -> Walked<Crop> {
    let side = |at: usize, whole: u32| {
        let number = |at| be32(content, at);
        let kept = number(at)?.checked_div(number(at + 4)?).filter(|kept| *kept > 0).ok_or(Fault::Broken)?;
        let (off, parts) = (i64::from(number(at + 16)?.cast_signed()), i64::from(number(at + 20)?));
        let before = (i64::from(whole) - i64::from(kept)).checked_mul(parts).and_then(|both| both.checked_add(2 * off));
        let before =
            before.and_then(|before| before.checked_div(2 * parts)).and_then(|before| u32::try_from(before).ok());
        let before = before.filter(|before| u64::from(*before) + u64::from(kept) <= u64::from(whole));
        before.map(|before| (before, kept)).ok_or(Fault::Broken)
    };
    let ((left, width), (top, height)) = (side(0, width)?, side(8, height)?);
    Ok(Crop { left, top, width, height })
}

/// Turned first, by quarters against the clock, and then mirrored: bottom up (0), or left and right (1).
fn orientation(properties: &[IsoBox<'_>]) -> Walked<Orientation> {
    let of = |name| properties.iter().find(|property| property.name == name).map(|found| byte(found.content, 0));
    let (quarters, mirror) = (of(b"irot").transpose()?.unwrap_or(0) & 3, of(b"imir").transpose()?.map(|axis| axis & 1));
    Ok(match (quarters, mirror) {
        (0, None) => Orientation::NoTransforms,
        (1, None) => Orientation::Rotate270,
        (2, None) => Orientation::Rotate180,
        (_, None) => Orientation::Rotate90,
        (0, Some(1)) | (2, Some(0)) => Orientation::FlipHorizontal,
        (2, Some(1)) | (0, Some(0)) => Orientation::FlipVertical,
        (1, Some(1)) | (3, Some(0)) => Orientation::Rotate270FlipH,
        (_, Some(_)) => Orientation::Rotate90FlipH,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u32 = u32::MAX;

    #[test]
    fn what_is_cropped_lies_in_the_picture_whatever_the_numbers() {
        let content = |numbers: [u32; 8]| numbers.map(u32::to_be_bytes).concat();
        let cropped = crop(&content([4, 1, 6, 2, 1, 1, (-1_i32).cast_unsigned(), 2]), (10, 8));
        assert_eq!(cropped, Ok(Crop { left: 4, top: 2, width: 4, height: 3 }));
        for hostile in [
            [1, 1, 1, 1, 0, MOST, 0, MOST],
            [1, 1, 1, 1, i32::MAX.cast_unsigned(), MOST, i32::MIN.cast_unsigned(), 1],
            [MOST, 1, MOST, 1, i32::MIN.cast_unsigned(), MOST, 0, 0],
            [MOST; 8],
            [0; 8],
        ] {
            for whole in [(MOST, MOST), (1, 1), (0, 0), (1 << 31, 1 << 31)] {
                if let Ok(Crop { left, top, width, height }) = crop(&content(hostile), whole) {
                    assert!(left.checked_add(width).is_some_and(|right| right <= whole.0), "{hostile:?}");
                    assert!(top.checked_add(height).is_some_and(|bottom| bottom <= whole.1), "{hostile:?}");
                }
            }
        }
        // More than any number has room for.
        assert_eq!(crop(&content([1, 1, 1, 1, 0, MOST, 0, MOST]), (MOST, MOST)), Err(Fault::Broken));
    }
}
