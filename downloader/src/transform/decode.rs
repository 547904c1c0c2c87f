//! From an image's bytes to its pixels, eight bits a channel. Of an animation the first picture, of a TIFF the first page, of
//! an icon the largest.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageFormat, ImageReader, Limits};

use super::jxl;
use crate::avif::{self, Room};
use crate::picture::{Judged, LONGEST_PROFILE, Picture, Undecodable};

/// Memory that decoding a `format` image may take, in bytes a pixel: four channels of 16 bits as they are decoded, and of 8 bits
/// as they are used. A progressive JPEG takes nine for its coefficients and colours.
pub(super) fn bytes_per_pixel(format: &str) -> u64 {
    match format {
        "avif" => avif::BYTES_PER_PIXEL,
        "jxl" => jxl::BYTES_PER_PIXEL,
        _ => 12,
    }
}

/// Most memory that one picture may take, in bytes.
const MOST_MEMORY: u64 = 3 << 30;

/// Allowed to every picture besides, in bytes: tables and rows.
const BESIDES: u64 = 1 << 20;

/// The EXIF of a `png` or `webp`, as it stands there.
pub(super) fn exif_part(bytes: &[u8], format: &str) -> Option<Vec<u8>> {
    let format = if format == "png" { ImageFormat::Png } else { ImageFormat::WebP };
    ImageReader::with_format(Cursor::new(bytes), format).into_decoder().ok()?.exif_metadata().ok()?
}

/// Decodes `bytes`, which are a `format` image. One that has more than `most_pixels` is not begun: whoever asks has made
/// room for no more.
pub(super) fn decode(bytes: &[u8], format: &str, most_pixels: u64) -> Judged<Result<Picture, Undecodable>> {
    let memory = most_pixels.saturating_mul(bytes_per_pixel(format)).saturating_add(BESIDES);
    if memory > MOST_MEMORY {
        let why = format!("decoding it would take more than {} GiB of memory", MOST_MEMORY >> 30);
        return Ok(Err(Undecodable(why)));
    }
    match format {
        "avif" => avif::picture(bytes, Room { pixels: most_pixels, memory }),
        "jxl" => Ok(jxl::decode(bytes, most_pixels, memory)),
        other => Ok(decode_by_image(bytes, other, most_pixels, memory)),
    }
}

fn decode_by_image(bytes: &[u8], format: &str, most_pixels: u64, memory: u64) -> Result<Picture, Undecodable> {
    let known = match format {
        "bmp" => ImageFormat::Bmp,
        "gif" => ImageFormat::Gif,
        "ico" => ImageFormat::Ico,
        "jpg" => ImageFormat::Jpeg,
        "png" => ImageFormat::Png,
        "tiff" => ImageFormat::Tiff,
        "webp" => ImageFormat::WebP,
        other => return Err(Undecodable(format!("{other} is a format that is not decoded"))),
    };
    let mut reader = ImageReader::with_format(Cursor::new(bytes), known);
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(memory);
    reader.limits(limits);
    let mut decoder = reader.into_decoder().map_err(|error| undecodable(&error))?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > most_pixels {
        return Err(Undecodable(format!("it has {width}x{height} pixels, more than its header announces")));
    }
    // What is wrong with these is not wrong with the picture.
    let profile = decoder.icc_profile().ok().flatten().filter(|profile| profile.len() <= LONGEST_PROFILE);
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let pixels = DynamicImage::from_decoder(decoder).map_err(|error| undecodable(&error))?;
    Ok(Picture { pixels: eight_bits(pixels), orientation, profile })
}

fn undecodable(error: &image::ImageError) -> Undecodable {
    Undecodable(error.to_string())
}

/// The same in eight bits a channel, without opacity where all is opaque.
fn eight_bits(pixels: DynamicImage) -> DynamicImage {
    let colour = pixels.color();
    match pixels {
        DynamicImage::ImageRgba8(picture) if picture.pixels().all(|pixel| pixel.0[3] == 255) => {
            DynamicImage::ImageRgba8(picture).to_rgb8().into()
        }
        shallow if u16::from(colour.channel_count()) * 8 == colour.bits_per_pixel() => shallow,
        deeper => match (colour.has_color(), colour.has_alpha()) {
            (true, true) => deeper.to_rgba8().into(),
            (true, false) => deeper.to_rgb8().into(),
            (false, true) => deeper.to_luma_alpha8().into(),
            (false, false) => deeper.to_luma8().into(),
        },
    }
}
