//! AVIF and HEIC (ISO/IEC 14496-12 and 23008-12): boxes to their ends, and every item of the picture within the file. Of a
//! sequence the boxes are all that is looked at; its first picture is an item. [`Coded`] is what a decoder is given of a file.

mod coded;
mod locations;
mod meta;

pub(crate) use self::coded::{Cicp, Coded, Crop, Tiles};

use self::locations::{Locations, Place};
use self::meta::Meta;
use super::iso::{Boxes, IsoBox};
use super::walk::{Fault, Seen, Walked, inside, slice};

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
    items(&meta, bytes)
}

/// Whether every part of every item is in the file, or in the box for small ones (23008-12, and 14496-12, 8.11.3).
fn items(meta: &Meta<'_>, bytes: &[u8]) -> Walked {
    let mut locations = Locations::open(meta.locations)?;
    for _ in 0..locations.count {
        let item = locations.item()?;
        if locations.has_no_numbers() {
            continue;
        }
        for _ in 0..item.parts {
            let (at, length) = locations.part(&item)?;
            match item.place {
                Place::File => slice(bytes, at, length).map(drop)?,
                Place::Data => inside(slice(meta.data, at, length).map(drop))?,
                Place::Elsewhere => {}
            }
        }
    }
    Ok(())
}
