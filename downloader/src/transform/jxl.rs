//! From a JPEG XL to its pixels: of an animation the first picture. The decoder turns it upright, and makes sRGB of all colours that
//! it knows by name; those that a profile tells stay as they are, with the profile.

use image::DynamicImage;
use image::metadata::Orientation;
use jxl_oxide::color::ColourEncoding;
use jxl_oxide::image::ExtraChannelType;
use jxl_oxide::{EnumColourEncoding, PixelFormat, RenderingIntent};

use crate::picture::{LONGEST_PROFILE, Picture, Undecodable, divide_by_opacity};
use crate::verify::{affordable_jxl, open_jxl};

/// Memory that decoding may take, in bytes a pixel: what [`crate::verify`] allows it, and four channels of 8 bits.
pub(super) const BYTES_PER_PIXEL: u64 = 52;

/// Most pixels of all layers that the first picture is made of, each as large as the whole: what `--max-pixels` allows one picture
/// by default. It bounds the time that they take.
const MOST_PIXELS: u64 = 250_000_000;

/// Decodes `bytes` with no more than `memory`, unless it has more than `most_pixels`.
pub(super) fn decode(bytes: &[u8], most_pixels: u64, memory: u64) -> Result<Picture, Undecodable> {
    let memory = usize::try_from(memory).unwrap_or(usize::MAX);
    let mut image =
        open_jxl(bytes, memory, most_pixels).ok_or_else(|| Undecodable::from("its frames cannot be read"))?;
    if affordable_jxl(&image, MOST_PIXELS) == 0 {
        return Err("it is made of too many layers".into());
    }
    let header = &image.image_header().metadata;
    let is_named = matches!(header.colour_encoding, ColourEncoding::Enum(_));
    let is_multiplied =
        header.ec_info.iter().any(|channel| matches!(channel.ty, ExtraChannelType::Alpha { alpha_associated: true }));
    let format = image.pixel_format();
    if is_named {
        let intent = RenderingIntent::Relative;
        let is_grey = format.is_grayscale();
        let srgb = if is_grey { EnumColourEncoding::gray_srgb(intent) } else { EnumColourEncoding::srgb(intent) };
        image.request_color_encoding(srgb);
    }
    let shown = image.render_frame(0).map_err(|error| Undecodable(error.to_string()))?;
    let mut stream = shown.stream();
    let (width, height, channels) = (stream.width(), stream.height(), stream.channels());
    let length = u64::from(width) * u64::from(height) * u64::from(channels);
    let mut samples = vec![0_u8; usize::try_from(length).map_err(|_| Undecodable::from("it has no size"))?];
    stream.write_to_buffer(&mut samples);
    if is_multiplied && matches!(format, PixelFormat::Rgba) {
        samples.chunks_exact_mut(4).for_each(divide_by_opacity);
    }
    let made = match channels {
        1 => image::GrayImage::from_raw(width, height, samples).map(DynamicImage::from),
        2 => image::GrayAlphaImage::from_raw(width, height, samples).map(Into::into),
        3 => image::RgbImage::from_raw(width, height, samples).map(Into::into),
        4 if format == PixelFormat::Rgba => image::RgbaImage::from_raw(width, height, samples).map(Into::into),
        _ => return Err("its colours are those of printers".into()),
    };
    let profile = if is_named { None } else { Some(image.rendered_icc()) };
    Ok(Picture {
        pixels: made.ok_or_else(|| Undecodable::from("it has no size"))?,
        orientation: Orientation::NoTransforms,
        profile: profile.filter(|profile| profile.len() <= LONGEST_PROFILE),
    })
}
