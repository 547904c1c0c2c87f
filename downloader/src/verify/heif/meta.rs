//! What the box `meta` says of the items in a file: which is the picture, of what kind they are, what they refer to, where they
//! lie, how large they are.

use std::collections::BTreeMap;

use super::super::iso::{Boxes, IsoBox};
use super::super::walk::{Fault, Seen, Walked, be16, be32, byte, inside, rest};

/// More properties than an association can number, and as many of one item as an entry can list.
const MOST_PROPERTIES: usize = 0x7fff;
const MOST_OF_AN_ITEM: usize = 0xff;

/// The boxes of `meta` that matter here.
pub(super) struct Meta<'a> {
    primary: Option<u32>,
    /// The content of `iloc`.
    pub(super) locations: &'a [u8],
    /// The content of `idat`, where small items are.
    pub(super) data: &'a [u8],
    kinds: &'a [u8],
    references: &'a [u8],
    properties: Vec<IsoBox<'a>>,
    associations: Vec<&'a [u8]>,
}

impl<'a> Meta<'a> {
    pub(super) fn read(content: &'a [u8]) -> Walked<Self> {
        let mut meta = Self {
            primary: None,
            locations: &[],
            data: &[],
            kinds: &[],
            references: &[],
            properties: Vec::new(),
            associations: Vec::new(),
        };
        // A version and flags come before the boxes.
        for found in Boxes::of(inside(rest(content, 4))?) {
            let found = found.map_err(|_| Fault::Broken)?;
            match found.name {
                b"pitm" => meta.primary = Some(inside(primary(found.content))?),
                b"iloc" => meta.locations = found.content,
                b"idat" => meta.data = found.content,
                b"iinf" => meta.kinds = found.content,
                b"iref" => meta.references = found.content,
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

    /// The size of the primary item as it is shown: cropped and turned as its properties say. It is a part of what the file's
    /// largest item is: a tile may be larger than the grid that it is in.
    pub(super) fn size(&self, seen: &mut Seen) -> Walked {
        for property in self.properties.iter().filter(|property| property.name == b"ispe") {
            let (width, height) = (be32(property.content, 4)?, be32(property.content, 8)?);
            seen.part(width, height)?;
            seen.is_part_of(width, height);
        }
        let mut size = None;
        for property in self.of_item(self.primary()?)? {
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

    /// The identity of the primary item.
    pub(super) fn primary(&self) -> Walked<u32> {
        self.primary.ok_or(Fault::Broken)
    }

    /// An item's properties, in their order.
    pub(super) fn of_item(&self, wanted: u32) -> Walked<Vec<IsoBox<'a>>> {
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
                    if item == wanted && properties.len() < MOST_OF_AN_ITEM {
                        let known = usize::from(index).checked_sub(1).and_then(|index| self.properties.get(index));
                        properties.extend(known.copied());
                    }
                }
            }
        }
        Ok(properties)
    }

    /// Of what kind each item is: `av01` for what AV1 has coded, `grid` for what is put together of others...
    pub(super) fn kinds(&self) -> Walked<BTreeMap<u32, [u8; 4]>> {
        let mut kinds = BTreeMap::new();
        // How many there are comes first, in more bytes from version 1 on.
        let before = if byte(self.kinds, 0)? == 0 { 6 } else { 8 };
        for found in Boxes::of(rest(self.kinds, before)?) {
            let IsoBox { name, content } = found.map_err(|_| Fault::Broken)?;
            // Earlier versions are of other files than pictures.
            if name != b"infe" || byte(content, 0)? < 2 {
                continue;
            }
            let (item, at) =
                if byte(content, 0)? == 2 { (be16(content, 4)?.into(), 8) } else { (be32(content, 4)?, 10) };
            kinds.insert(item, be32(content, at)?.to_be_bytes());
        }
        Ok(kinds)
    }

    /// What refers to what as `kind`: an item, and those it refers to.
    pub(super) fn references(&self, kind: [u8; 4]) -> Walked<Vec<(u32, Vec<u32>)>> {
        if self.references.is_empty() {
            return Ok(Vec::new());
        }
        let width = if byte(self.references, 0)? == 0 { 2 } else { 4 };
        let number = |content, at| if width == 2 { be16(content, at).map(u32::from) } else { be32(content, at) };
        let mut found = Vec::new();
        for reference in Boxes::of(rest(self.references, 4)?) {
            let IsoBox { name, content } = reference.map_err(|_| Fault::Broken)?;
            if *name == kind {
                let count = usize::from(be16(content, width)?);
                let to = (0..count).map(|index| number(content, width + 2 + index * width)).collect::<Walked<_>>()?;
                found.push((number(content, 0)?, to));
            }
        }
        Ok(found)
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
