//! AVIF and HEIC (ISO/IEC 14496-12 and 23008-12): boxes to their ends, and every item of the picture within the file. Of a
//! sequence the boxes are all that is looked at; its first picture is an item.

use super::iso::{Boxes, IsoBox};
use super::walk::{Fault, Seen, Walked, be16, be32, be64, byte, inside, rest, slice};

/// Boxes of the file itself that end where they say, or were cut. What has another name and does not end in the file is
/// something that was put behind it.
const KNOWN: [&[u8; 4]; 10] =
    [b"ftyp", b"meta", b"mdat", b"moov", b"moof", b"free", b"skip", b"uuid", b"idat", b"mpvd"];

/// Walks the boxes of the file, and the items that its `meta` lists.
pub(super) fn walk(bytes: &[u8], seen: &mut Seen) -> Walked {
    let (mut meta, mut has_film) = (None, false);
    for found in Boxes::of(bytes) {
        match found {
            Ok(IsoBox { name: b"meta", content }) => meta = meta.or(Some(content)),
            Ok(IsoBox { name: b"moov", .. }) => has_film = true,
            Ok(_) => {}
            Err(begun) if begun.is_some_and(|begun| KNOWN.contains(&begun.name)) => return Err(Fault::Cut),
            Err(_) => break,
        }
    }
    // The box is whole, and what it says of itself cannot be cut.
    let meta = Meta::read(meta.ok_or(Fault::Cut)?)?;
    inside(meta.size(seen))?;
    // Files that are sequences first of all have a film too, which may come last.
    if matches!(bytes.get(8..12), Some(b"avis" | b"hevc" | b"hevx" | b"msf1")) && !has_film {
        return Err(Fault::Cut);
    }
    meta.items(bytes)
}

/// The boxes of `meta` that matter here.
struct Meta<'a> {
    primary: Option<u32>,
    locations: &'a [u8],
    data: &'a [u8],
    properties: Vec<IsoBox<'a>>,
    associations: Vec<&'a [u8]>,
}

/// More properties than an association can number, and as many of one item as an entry can list.
const MOST_PROPERTIES: usize = 0x7fff;
const MOST_OF_AN_ITEM: usize = 0xff;

impl<'a> Meta<'a> {
    fn read(content: &'a [u8]) -> Walked<Self> {
        let mut meta =
            Self { primary: None, locations: &[], data: &[], properties: Vec::new(), associations: Vec::new() };
        // A version and flags come before the boxes.
        for found in Boxes::of(inside(rest(content, 4))?) {
            let found = found.map_err(|_| Fault::Broken)?;
            match found.name {
                b"pitm" => meta.primary = Some(inside(primary(found.content))?),
                b"iloc" => meta.locations = found.content,
                b"idat" => meta.data = found.content,
                b"iprp" => meta.read_properties(found.content)?,
                _ => {}
            }
        }
        if meta.locations.is_empty() { Err(Fault::Broken) } else { Ok(meta) }
    }

    fn read_properties(&mut self, content: &'a [u8]) -> Walked {
        for found in Boxes::of(content) {
            let found = found.map_err(|_| Fault::Broken)?;
            match found.name {
                b"ipco" => {
                    let properties = Boxes::of(found.content).take(MOST_PROPERTIES);
                    self.properties = properties.collect::<Result<_, _>>().map_err(|_| Fault::Broken)?;
                }
                b"ipma" => self.associations.push(found.content),
                _ => {}
            }
        }
        Ok(())
    }

    /// The size of the primary item as it is shown: cropped and turned as its properties say.
    fn size(&self, seen: &mut Seen) -> Walked {
        for property in self.properties.iter().filter(|property| property.name == b"ispe") {
            seen.part(be32(property.content, 4)?, be32(property.content, 8)?)?;
        }
        let mut size = None;
        for index in self.of_primary()? {
            let Some(property) = index.checked_sub(1).and_then(|index| self.properties.get(index)) else { continue };
            match (property.name, size) {
                (b"ispe", _) => size = Some((be32(property.content, 4)?, be32(property.content, 8)?)),
                (b"clap", Some(_)) => size = Some(clean_aperture(property.content)?),
                (b"irot", Some((width, height))) if byte(property.content, 0)? & 1 == 1 => size = Some((height, width)),
                _ => {}
            }
        }
        let (width, height) = size.ok_or(Fault::Broken)?;
        seen.image(width, height)
    }

    /// The numbers of the primary item's properties, in their order.
    fn of_primary(&self) -> Walked<Vec<usize>> {
        let primary = self.primary.ok_or(Fault::Broken)?;
        let mut properties = Vec::new();
        for content in &self.associations {
            let (version, flags) = (byte(content, 0)?, be32(content, 0)?);
            let mut at = 8;
            for _ in 0..be32(content, 4)? {
                let item = if version == 0 { be16(content, at)?.into() } else { be32(content, at)? };
                at += if version == 0 { 2 } else { 4 };
                let count = byte(content, at)?;
                at += 1;
                for _ in 0..count {
                    // The highest bit says that nobody may pass over the property.
                    let (index, width) = if flags & 1 == 1 {
                        (be16(content, at)? & 0x7fff, 2)
                    } else {
                        ((byte(content, at)? & 0x7f).into(), 1)
                    };
                    at += width;
                    if item == primary && properties.len() < MOST_OF_AN_ITEM {
                        properties.push(index.into());
                    }
                }
            }
        }
        Ok(properties)
    }

    /// Whether every part of every item is in the file, or in the box for small ones (23008-12, and 14496-12, 8.11.3).
    fn items(&self, bytes: &[u8]) -> Walked {
        let mut locations = Locations::open(self.locations)?;
        for _ in 0..locations.count {
            let (method, reference) = inside(locations.item())?;
            let base = inside(locations.number(locations.base_width))?;
            let extents = inside(locations.number(2))?;
            if locations.extent_width() == 0 {
                // Not a number a part: the whole file is meant, and so many times nothing would be read.
                continue;
            }
            for _ in 0..extents {
                let (offset, length) = inside(locations.extent())?;
                let at = usize::try_from(base.saturating_add(offset))?;
                let length = usize::try_from(length)?;
                match method {
                    // In another file there is nothing to look at; 0 is this one.
                    0 if reference == 0 => slice(bytes, at, length).map(drop)?,
                    1 => inside(slice(self.data, at, length).map(drop))?,
                    _ => {}
                }
            }
        }
        Ok(())
    }
}

/// The identity of the primary item.
fn primary(content: &[u8]) -> Walked<u32> {
    if byte(content, 0)? == 0 { be16(content, 4).map(Into::into) } else { be32(content, 4) }
}

/// Width and height of what is left of a picture, each a fraction.
fn clean_aperture(content: &[u8]) -> Walked<(u32, u32)> {
    let side = |at| {
        let (numerator, denominator) = (be32(content, at)?, be32(content, at + 4)?);
        numerator.checked_div(denominator).ok_or(Fault::Broken)
    };
    Ok((side(0)?, side(8)?))
}

/// A reader of `iloc`, whose numbers have the widths that it says.
struct Locations<'a> {
    content: &'a [u8],
    at: usize,
    version: u8,
    offset_width: u8,
    length_width: u8,
    base_width: u8,
    index_width: u8,
    count: u64,
}

impl<'a> Locations<'a> {
    fn open(content: &'a [u8]) -> Walked<Self> {
        let (version, widths) = (inside(byte(content, 0))?, inside(be16(content, 4))?);
        let width = |shift: u8| u8::try_from(widths >> shift & 15).unwrap_or_default();
        let index_width = if matches!(version, 1 | 2) { width(0) } else { 0 };
        let (offset_width, length_width, base_width) = (width(12), width(8), width(4));
        let mut locations =
            Self { content, at: 6, version, offset_width, length_width, base_width, index_width, count: 0 };
        locations.count = inside(locations.number(if version < 2 { 2 } else { 4 }))?;
        Ok(locations)
    }

    /// How an item is found (0: in the file, 1: in `idat`, 2: in another item), and in which file.
    fn item(&mut self) -> Walked<(u64, u64)> {
        self.number(if self.version < 2 { 2 } else { 4 })?;
        let method = if self.version == 0 { 0 } else { self.number(2)? & 15 };
        Ok((method, self.number(2)?))
    }

    /// Offset and length of a part.
    fn extent(&mut self) -> Walked<(u64, u64)> {
        self.number(self.index_width)?;
        Ok((self.number(self.offset_width)?, self.number(self.length_width)?))
    }

    fn extent_width(&self) -> u8 {
        self.index_width + self.offset_width + self.length_width
    }

    fn number(&mut self, width: u8) -> Walked<u64> {
        let at = self.at;
        self.at += usize::from(width);
        match width {
            0 => Ok(0),
            2 => be16(self.content, at).map(Into::into),
            4 => be32(self.content, at).map(Into::into),
            8 => be64(self.content, at),
            _ => Err(Fault::Broken),
        }
    }
}
