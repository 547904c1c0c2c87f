//! Decodes an image and throws the pixels away, for `--verify decode`: a picture that the decoder refuses is none that others
//! can show. The decoders are those of the crates `image` and `jxl-oxide`, without a line of C, and that of AVIF in a process of
//! its own ([`crate::avif`]). HEIC has none that is fit for bytes of strangers, and SVG has nothing to decode: these are checked
//! by their structure alone.

use std::error::Error;
use std::io::Cursor;

use common::chain::Chain;
use common::reason::Reason;
use common::wire::MAX_DETAIL;
use image::codecs::bmp::BmpDecoder;
use image::codecs::gif::GifDecoder;
use image::codecs::ico::IcoDecoder;
use image::codecs::jpeg::JpegDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::tiff::TiffDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::LimitError;
use image::{AnimationDecoder, Frames, ImageDecoder, ImageError, ImageResult, Limits};

use super::walk::Seen;
use super::{Rejected, ico, jxl, png};
use crate::avif::{self, Room};
use crate::format::Format;
use crate::one_line::one_line;
use crate::picture::Judged;

/// What any image may take while it is decoded, in bytes: decoders hold tables and profiles beside few pixels too.
const LEAST_MEMORY: u64 = 16 << 20;

/// Most memory that one image may take while it is decoded, in bytes.
pub(super) const MOST_MEMORY: u64 = 2 << 30;

/// Most frames of an animation that are decoded; further ones are checked by their structure alone.
const MOST_FRAMES: usize = 10_000;

/// Whether there is a decoder for the format.
pub(super) fn is_known(format: Format) -> bool {
    bytes_a_pixel(format).is_some()
}

/// How much memory decoding so many pixels may take at its height, in bytes; `None` if that is more than [`MOST_MEMORY`].
pub(super) fn memory(format: Format, pixels: u64) -> Option<u64> {
    pixels
        .checked_mul(bytes_a_pixel(format)?)
        .map(|bytes| bytes.max(LEAST_MEMORY))
        .filter(|bytes| *bytes <= MOST_MEMORY)
}

/// What a pixel takes at the height of decoding, with what the decoder itself holds, in bytes.
fn bytes_a_pixel(format: Format) -> Option<u64> {
    match format {
        Format::Bmp => Some(4),
        // Four samples of 16 bits; of animations and icons a few copies of four of 8.
        Format::Ico | Format::Png => Some(8),
        // A progressive one is held as coefficients, six bytes, beside the three of the result.
        Format::Jpg => Some(10),
        Format::Gif | Format::Webp => Some(12),
        // Four samples of 32 bits.
        Format::Tiff => Some(16),
        // The same, and as much again twice for what frames are made of.
        Format::Jxl => Some(48),
        Format::Avif => Some(avif::BYTES_PER_PIXEL),
        Format::Heic | Format::Svg => None,
    }
}

/// How much decoding may still take.
struct Left {
    /// Bytes at one time.
    memory: u64,
    /// Of all pictures together.
    pixels: u64,
}

/// Decodes all of it with no more than `memory` bytes, as far as the decoder counts them: of an animation or an icon all
/// pictures, until together they have as many pixels as a single one may; of a TIFF the first page, of an AVIF the picture that
/// is shown where it does not move.
pub(super) fn decode(bytes: &[u8], format: Format, memory: u64, most_pixels: u64) -> Judged<Result<(), Rejected>> {
    if format == Format::Avif {
        let room = Room { pixels: memory / avif::BYTES_PER_PIXEL, memory };
        return Ok(avif::check(bytes, room)?.map_err(|error| refused(format, &error)));
    }
    Ok(decode_here(bytes, format, Left { memory, pixels: most_pixels }))
}

fn decode_here(bytes: &[u8], format: Format, mut left: Left) -> Result<(), Rejected> {
    if format == Format::Jxl {
        return decode_jxl(bytes, &left).map_err(|error| refused(format, &*error));
    }
    decode_by_image(bytes, format, &mut left).map_err(|error| match error {
        ImageError::Limits(_) => Rejected::new(Reason::TooManyPixels, Some(format)),
        error => refused(format, &error),
    })
}

fn refused(format: Format, error: &(dyn Error + 'static)) -> Rejected {
    let detail = Some(one_line(&Chain(error).to_string(), MAX_DETAIL));
    Rejected { detail, ..Rejected::new(Reason::Undecodable, Some(format)) }
}

fn decode_by_image(bytes: &[u8], format: Format, left: &mut Left) -> ImageResult<()> {
    match format {
        Format::Bmp => still(BmpDecoder::new(Cursor::new(bytes))?, left),
        Format::Gif => {
            let mut decoder = GifDecoder::new(Cursor::new(bytes))?;
            decoder.set_limits(left.limits())?;
            frames(decoder.into_frames(), left)
        }
        Format::Ico => ico::pictures(bytes)
            .try_for_each(|picture| if left.pixels > 0 { decode_of_icon(&picture, left) } else { Ok(()) }),
        Format::Jpg => still(JpegDecoder::new(Cursor::new(bytes))?, left),
        Format::Png => decode_png(bytes, left),
        Format::Tiff => still(TiffDecoder::new(Cursor::new(bytes))?, left),
        Format::Webp => {
            let decoder = WebPDecoder::new(Cursor::new(bytes))?;
            if decoder.has_animation() { frames(decoder.into_frames(), left) } else { still(decoder, left) }
        }
        Format::Avif | Format::Heic | Format::Jxl | Format::Svg => Ok(()),
    }
}

/// The decoder for icons wants a PNG in one to be of a certain kind, which viewers do not; so each picture is decoded alone.
fn decode_of_icon(picture: &ico::Picture<'_>, left: &mut Left) -> ImageResult<()> {
    if picture.bytes.starts_with(png::SIGNATURE) {
        return decode_png(picture.bytes, left);
    }
    still(IcoDecoder::new(Cursor::new(picture.alone()))?, left)
}

fn decode_png(bytes: &[u8], left: &mut Left) -> ImageResult<()> {
    let decoder = PngDecoder::with_limits(Cursor::new(bytes), left.limits())?;
    if decoder.is_apng()? { frames(decoder.apng()?.into_frames(), left) } else { still(decoder, left) }
}

/// A picture that does not move.
fn still(mut decoder: impl ImageDecoder, left: &mut Left) -> ImageResult<()> {
    decoder.set_limits(left.limits())?;
    let length = decoder.total_bytes();
    if length > left.memory {
        return Err(ImageError::Limits(LimitError::from_kind(image::error::LimitErrorKind::InsufficientMemory)));
    }
    let (width, height) = decoder.dimensions();
    left.spend(width, height);
    let mut pixels = vec![0; usize::try_from(length).unwrap_or(usize::MAX)];
    decoder.read_image(&mut pixels)
}

/// The frames of an animation, one after the other.
fn frames(frames: Frames<'_>, left: &mut Left) -> ImageResult<()> {
    for frame in frames.take(MOST_FRAMES) {
        let (width, height) = frame?.into_buffer().dimensions();
        left.spend(width, height);
        if left.pixels == 0 {
            break;
        }
    }
    Ok(())
}

impl Left {
    fn limits(&self) -> Limits {
        let mut limits = Limits::no_limits();
        limits.max_alloc = Some(self.memory);
        limits
    }

    fn spend(&mut self, width: u32, height: u32) {
        self.pixels = self.pixels.saturating_sub(u64::from(width) * u64::from(height));
    }
}

/// The pictures that can be afforded.
fn decode_jxl(bytes: &[u8], left: &Left) -> Result<(), Box<dyn Error + Send + Sync>> {
    let memory = usize::try_from(left.memory).unwrap_or(usize::MAX);
    let image = jxl::read(bytes, memory, &mut Seen::new(left.pixels)).map_err(|_| "its frames cannot be read")?;
    for shown in 0..jxl::affordable(&image, left.pixels) {
        image.render_frame(shown)?;
    }
    Ok(())
}
