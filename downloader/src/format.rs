//! The formats of images that are taken, and how each is known by its first bytes.

use std::fmt;

use clap::ValueEnum;

/// A format that browsers, or some of them, show. Its name is the manifest's `format` and a file's ending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ValueEnum)]
pub enum Format {
    /// AV1 in HEIF.
    Avif,
    /// Windows and OS/2 bitmaps.
    Bmp,
    /// GIF, 87a and 89a.
    Gif,
    /// HEIF with any other codec than AV1, HEVC as a rule.
    #[value(alias = "heif")]
    Heic,
    /// Windows icons.
    Ico,
    /// JPEG.
    #[value(alias = "jpeg")]
    Jpg,
    /// JPEG XL, bare or in its container.
    Jxl,
    /// PNG, animated ones too.
    Png,
    /// SVG, not compressed.
    Svg,
    /// TIFF and `BigTIFF`, and so the raw formats of cameras that are TIFF.
    #[value(alias = "tif")]
    Tiff,
    /// WebP.
    Webp,
}

impl Format {
    /// Its name, which is also the ending of a file.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Avif => "avif",
            Self::Bmp => "bmp",
            Self::Gif => "gif",
            Self::Heic => "heic",
            Self::Ico => "ico",
            Self::Jpg => "jpg",
            Self::Jxl => "jxl",
            Self::Png => "png",
            Self::Svg => "svg",
            Self::Tiff => "tiff",
            Self::Webp => "webp",
        }
    }

    /// The binary format that `bytes` begin as; SVG is text, which `verify::svg` knows.
    pub(crate) fn of_binary(bytes: &[u8]) -> Option<Self> {
        Some(match bytes {
            [0xff, 0xd8, 0xff, ..] => Self::Jpg,
            [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Self::Png,
            [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => Self::Gif,
            [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Self::Webp,
            [b'I', b'I', b'*' | b'+', 0, ..] | [b'M', b'M', 0, b'*' | b'+', ..] => Self::Tiff,
            [0, 0, 1, 0, ..] => Self::Ico,
            [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', b'\r', b'\n', 0x87, b'\n', ..] => Self::Jxl,
            [_, _, _, _, b'f', b't', b'y', b'p', ..] => return of_brands(bytes),
            // Two letters alone would make a bitmap of any text that begins with them.
            [b'B', b'M', ..] if is_bitmap_header(bytes) => Self::Bmp,
            _ => return None,
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whether the length of the second header is one that there is: OS/2 has 12, 16 and 64, Windows the others.
fn is_bitmap_header(bytes: &[u8]) -> bool {
    matches!(bytes.get(14..18), Some([12 | 16 | 40 | 52 | 56 | 64 | 108 | 124, 0, 0, 0]))
}

/// The format that the brands of a `ftyp` box name, the major one first (ISO/IEC 23008-12, MIAF and AVIF). Files of the same
/// boxes that are no pictures, MP4 for one, have other brands.
fn of_brands(bytes: &[u8]) -> Option<Format> {
    let length = u32::from_be_bytes(*bytes.first_chunk()?);
    let end = bytes.len().min(usize::try_from(length).unwrap_or(usize::MAX));
    let major = bytes.get(8..12)?;
    // Behind it stands a version, which is no brand.
    let brands = || std::iter::once(major).chain(bytes.get(16..end).unwrap_or_default().chunks_exact(4));
    brands()
        .find_map(|brand| match brand {
            b"avif" | b"avis" | b"avio" => Some(Format::Avif),
            b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" => Some(Format::Heic),
            _ => None,
        })
        // Pictures of a codec that no brand names.
        .or_else(|| matches!(major, b"mif1" | b"mif2" | b"msf1" | b"miaf").then_some(Format::Heic))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_on_the_command_line_is_that_of_the_manifest() {
        for format in Format::value_variants() {
            assert_eq!(format.to_possible_value().expect("shown").get_name(), format.name());
            assert_eq!(Format::from_str(format.name(), false), Ok(*format));
        }
        for (alias, format) in [("jpeg", Format::Jpg), ("tif", Format::Tiff), ("heif", Format::Heic)] {
            assert_eq!(Format::from_str(alias, false), Ok(format));
        }
    }

    #[test]
    fn brands_tell_pictures_from_films() {
        for (bytes, format) in [
            (&b"\0\0\0\x14ftypavif\0\0\0\0mif1"[..], Some(Format::Avif)),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1avif", Some(Format::Avif)),
            (b"\0\0\0\x14ftypheic\0\0\0\0mif1", Some(Format::Heic)),
            (b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic", Some(Format::Heic)),
            (b"\0\0\0\x10ftypmif1\0\0\0\0", Some(Format::Heic)),
            (b"\0\0\0\x18ftypisom\0\0\0\0isommp41", None),
            // What follows the box is none of its brands, and a version is none either.
            (b"\0\0\0\x14ftypisom\0\0\0\0mp41avif", None),
            (b"\0\0\0\x10ftypisomavif", None),
            (b"\0\0\0\x14ftyp", None),
        ] {
            assert_eq!(Format::of_binary(bytes), format, "{:?}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn text_is_no_bitmap() {
        assert_eq!(Format::of_binary(b"BMW and Mercedes are cars"), None);
        assert_eq!(Format::of_binary(b"BM\0\0\0\0\0\0\0\0\0\0\0\0\x28\0\0\0"), Some(Format::Bmp));
    }
}
