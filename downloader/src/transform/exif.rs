//! What an image's EXIF says, as a JSON object of texts: the tags that people have a use for, of the picture itself, under the
//! names that `exifread` has for them, and so img2dataset. Left out are maker notes, thumbnails, addresses within the file, and
//! whatever no bound would hold.

use std::fmt::{self, Write};
use std::io::Cursor;

use common::wire::MAX_EXIF;
use exif::{Context, Exif, In, Reader, Tag, Value};

use super::decode::exif_part;

/// Longest text of a tag, in bytes. What is longer is cut.
const MAX_TEXT: usize = 1_000;

/// Longest TIFF that is looked at, in bytes: it is EXIF altogether, and each of its tags may be as long as it is.
const MAX_TIFF: usize = 1 << 20;

/// Longest EXIF in other formats, in bytes. Cameras write at most 64 KiB, which is all that a JPEG can hold.
const MAX_PART: usize = 128 << 10;

/// Most memory that the values of the tags may take before no further one is read, in bytes: tags may share their bytes.
const MAX_VALUES: usize = 1 << 20;

/// Tags that are told, in this order.
const TOLD: &[Tag] = &[
    Tag::ImageDescription,
    Tag::Make,
    Tag::Model,
    Tag::Orientation,
    Tag::XResolution,
    Tag::YResolution,
    Tag::ResolutionUnit,
    Tag::Software,
    Tag::DateTime,
    Tag::Artist,
    Tag::Copyright,
    Tag::DateTimeOriginal,
    Tag::DateTimeDigitized,
    Tag::OffsetTime,
    Tag::OffsetTimeOriginal,
    Tag::OffsetTimeDigitized,
    Tag::SubSecTimeOriginal,
    Tag::ExposureTime,
    Tag::FNumber,
    Tag::ExposureProgram,
    Tag::PhotographicSensitivity,
    Tag::ShutterSpeedValue,
    Tag::ApertureValue,
    Tag::BrightnessValue,
    Tag::ExposureBiasValue,
    Tag::MaxApertureValue,
    Tag::SubjectDistance,
    Tag::MeteringMode,
    Tag::LightSource,
    Tag::Flash,
    Tag::FocalLength,
    Tag::FocalLengthIn35mmFilm,
    Tag::ColorSpace,
    Tag::PixelXDimension,
    Tag::PixelYDimension,
    Tag::SensingMethod,
    Tag::CustomRendered,
    Tag::ExposureMode,
    Tag::WhiteBalance,
    Tag::DigitalZoomRatio,
    Tag::SceneCaptureType,
    Tag::Contrast,
    Tag::Saturation,
    Tag::Sharpness,
    Tag::SubjectDistanceRange,
    Tag::ImageUniqueID,
    Tag::CameraOwnerName,
    Tag::BodySerialNumber,
    Tag::LensSpecification,
    Tag::LensMake,
    Tag::LensModel,
    Tag::LensSerialNumber,
    Tag::ExifVersion,
    Tag::GPSLatitudeRef,
    Tag::GPSLatitude,
    Tag::GPSLongitudeRef,
    Tag::GPSLongitude,
    Tag::GPSAltitudeRef,
    Tag::GPSAltitude,
    Tag::GPSTimeStamp,
    Tag::GPSDateStamp,
    Tag::GPSSpeedRef,
    Tag::GPSSpeed,
    Tag::GPSTrackRef,
    Tag::GPSTrack,
    Tag::GPSImgDirectionRef,
    Tag::GPSImgDirection,
    Tag::GPSMapDatum,
    Tag::InteroperabilityIndex,
];

/// The object as JSON text of at most [`MAX_EXIF`] bytes; `None` where there is no EXIF, or none of these tags.
pub(super) fn exif(bytes: &[u8], format: &str) -> Option<String> {
    let mut reader = Reader::new();
    reader.continue_on_error(true);
    let read = match format {
        // The reader bounds the part itself.
        "jpg" | "heic" | "avif" => reader.read_from_container(&mut Cursor::new(bytes)),
        "png" | "webp" => reader.read_raw(exif_part(bytes, format).filter(|part| part.len() <= MAX_PART)?),
        "tiff" if bytes.len() <= MAX_TIFF => reader.read_raw(bytes.to_vec()),
        _ => return None,
    };
    // What could be read of a broken one is told.
    let exif = read.or_else(|error| error.distill_partial_result(|_| ())).ok()?;
    let json = told(&exif);
    (json.len() > 2).then_some(json)
}

fn told(exif: &Exif) -> String {
    let (mut json, mut taken) = ("{".to_owned(), 0);
    for tag in TOLD {
        if taken > MAX_VALUES {
            break;
        }
        let Some(field) = exif.get_field(*tag, In::PRIMARY) else { continue };
        taken += size(&field.value);
        let text = text(&field.value, *tag);
        if text.is_empty() {
            continue;
        }
        let comma = if json.len() > 1 { "," } else { "" };
        let entry = format!("{comma}{}:{}", quoted(&name(*tag)), quoted(&text));
        // One that does not fit is left out, and a shorter one may still come.
        if json.len() + entry.len() < MAX_EXIF {
            json += &entry;
        }
    }
    json + "}"
}

/// The name by which `exifread` has the tag.
fn name(tag: Tag) -> String {
    match tag {
        Tag::PhotographicSensitivity => return "EXIF ISOSpeedRatings".to_owned(),
        Tag::PixelXDimension => return "EXIF ExifImageWidth".to_owned(),
        Tag::PixelYDimension => return "EXIF ExifImageLength".to_owned(),
        _ => {}
    }
    let part = match tag.context() {
        Context::Exif => "EXIF",
        Context::Gps => "GPS",
        Context::Interop => "Interoperability",
        _ => "Image",
    };
    format!("{part} {tag}")
}

/// The value for people: texts as they are, other values in words and numbers, without units.
fn text(value: &Value, tag: Tag) -> String {
    let mut text = Bounded(String::new());
    let written = match value {
        Value::Ascii(parts) => parts.iter().try_for_each(|part| text.write_str(&lossy(part))),
        Value::Undefined(..) if tag != Tag::ExifVersion => Ok(()),
        other => write!(text, "{}", other.display_as(tag)),
    };
    // An error is that it was cut.
    written.unwrap_or_default();
    text.0.trim().to_owned()
}

/// The beginning of a text that is UTF-8, or nearly.
fn lossy(part: &[u8]) -> String {
    String::from_utf8_lossy(&part[..part.len().min(MAX_TEXT)]).into_owned()
}

/// Takes a text up to [`MAX_TEXT`] bytes, without control characters.
struct Bounded(String);

impl Write for Bounded {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars().filter(|character| !character.is_control()) {
            if self.0.len() + character.len_utf8() > MAX_TEXT {
                return Err(fmt::Error);
            }
            self.0.push(character);
        }
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// About how much memory a value takes.
fn size(value: &Value) -> usize {
    match value {
        Value::Ascii(parts) => parts.iter().map(|part| part.len() + size_of::<Vec<u8>>()).sum(),
        Value::Byte(values) | Value::Undefined(values, _) => values.len(),
        Value::SByte(values) => values.len(),
        Value::Short(values) => values.len() * 2,
        Value::SShort(values) => values.len() * 2,
        Value::Long(values) => values.len() * 4,
        Value::SLong(values) => values.len() * 4,
        Value::Float(values) => values.len() * 4,
        Value::Rational(values) => values.len() * 8,
        Value::SRational(values) => values.len() * 8,
        Value::Double(values) => values.len() * 8,
        Value::Unknown(..) => 0,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    /// A TIFF structure of one folder of texts, each a tag, big-endian; values of up to four bytes stand in the entry.
    fn folder(texts: &[(u16, &[u8])]) -> Vec<u8> {
        let mut bytes = b"MM\0\x2a\0\0\0\x08".to_vec();
        bytes.extend(u16::try_from(texts.len()).expect("few").to_be_bytes());
        let mut values = Vec::new();
        let behind = bytes.len() + texts.len() * 12 + 4;
        for (tag, text) in texts {
            bytes.extend(tag.to_be_bytes());
            bytes.extend([0, 2]);
            bytes.extend(u32::try_from(text.len()).expect("short").to_be_bytes());
            if text.len() <= 4 {
                bytes.extend(text.iter().copied().chain([0; 4]).take(4));
            } else {
                bytes.extend(u32::try_from(behind + values.len()).expect("short").to_be_bytes());
                values.extend_from_slice(text);
            }
        }
        bytes.extend([0; 4]);
        bytes.extend(values);
        bytes
    }

    const DESCRIPTION: u16 = 0x10e;
    const MAKE: u16 = 0x10f;
    const ARTIST: u16 = 0x13b;
    const COPYRIGHT: u16 = 0x8298;

    fn read(bytes: &[u8]) -> Json {
        let text = exif(bytes, "tiff").expect("there is EXIF");
        assert!(text.len() <= MAX_EXIF);
        serde_json::from_str(&text).expect("JSON")
    }

    #[test]
    fn tags_have_the_names_of_exifread_and_texts_without_control_characters() {
        let bytes =
            folder(&[(MAKE, b"Can\x07on\0"), (ARTIST, b" \"Zo\xc3\xab\"\n\0"), (0x927c, b"maker's own note\0")]);
        assert_eq!(read(&bytes), json!({"Image Make": "Canon", "Image Artist": "\"Zo\u{eb}\""}));
        let mut jpeg = b"\xff\xd8\xff\xe1".to_vec();
        jpeg.extend(u16::try_from(bytes.len() + 8).expect("short").to_be_bytes());
        jpeg.extend(b"Exif\0\0");
        jpeg.extend(&bytes);
        jpeg.extend(b"\xff\xd9");
        assert_eq!(exif(&jpeg, "jpg"), exif(&bytes, "tiff"));
    }

    #[test]
    fn long_texts_are_cut_and_the_whole_is_bounded() {
        let long = [b"x".repeat(MAX_TEXT + 1), b"\0".to_vec()].concat();
        let found = read(&folder(&[(MAKE, &long)]));
        assert_eq!(found["Image Make"].as_str().map(str::len), Some(MAX_TEXT));
        // Quotes take twice the room in JSON.
        let quotes = [b"\"".repeat(MAX_TEXT), b"\0".to_vec()].concat();
        let many: Vec<(u16, &[u8])> =
            [DESCRIPTION, MAKE, 0x110, 0x131, ARTIST, COPYRIGHT].map(|tag| (tag, quotes.as_slice())).to_vec();
        assert_eq!(read(&folder(&many)).as_object().map(serde_json::Map::len), Some(4));
    }

    #[test]
    fn what_is_no_exif_is_none_and_what_is_broken_is_told_in_part() {
        for (bytes, format) in
            [(&b""[..], "jpg"), (b"\xff\xd8\xff\xd9", "jpg"), (b"MM\0\x2a", "tiff"), (b"<svg/>", "svg")]
        {
            assert_eq!(exif(bytes, format), None, "{format}");
        }
        assert_eq!(exif(&folder(&[]), "tiff"), None);
        let mut cut = folder(&[(MAKE, b"ab\0"), (ARTIST, b"somebody\0")]);
        cut.truncate(cut.len() - 1);
        assert_eq!(read(&cut), json!({"Image Make": "ab"}));
    }

    #[test]
    fn a_tiff_has_a_longest_length() {
        let mut bytes = folder(&[(MAKE, b"ab\0")]);
        bytes.resize(MAX_TIFF, 0);
        assert!(exif(&bytes, "tiff").is_some());
        bytes.push(0);
        assert_eq!(exif(&bytes, "tiff"), None);
    }
}
