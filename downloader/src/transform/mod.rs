//! What is made of an image besides storing it: a copy of another size or format, a perceptual hash, its EXIF. Nothing of it
//! unless asked for; then an image is decoded once for all of it.
//!
//! [`options`] says what is wanted, [`pool`] has the threads on which it is done. On them an image goes through [`mod@decode`],
//! [`geometry`] and [`resize`], [`colour`] and [`encode`]; [`phash`] and [`exif`] look on. [`make`] is all of it for one image,
//! bytes in and bytes out: a thumbnail is a copy of some other size.

mod colour;
mod decode;
mod encode;
mod exif;
mod geometry;
mod jxl;
pub mod options;
mod phash;
mod pool;
mod resize;

use common::config::Dimensions;
use image::DynamicImage;
use image::metadata::Orientation;

pub(crate) use pool::Pool;

use decode::decode;
use options::{CopySpec, Transform};

use crate::picture::{Judged, Picture, Undecodable};

/// Longest side of a picture that anything is made of, in pixels, as JPEG has it. Scaling takes some 20 bytes for each column, and
/// the perceptual hash 256, however low a picture is.
const LONGEST_SIDE: u32 = 65_535;

/// What was made of an image.
#[derive(Debug, Default)]
pub(crate) struct Made {
    /// The copy, or why there is none; `None` where none is wanted.
    pub(crate) copy: Option<Result<Copy, Undecodable>>,
    /// The EXIF as JSON text, if it is wanted and there is any.
    pub(crate) exif: Option<String>,
    /// The perceptual hash in hexadecimal, if it is wanted and the picture can be decoded.
    pub(crate) phash: Option<String>,
}

/// A copy of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Copy {
    pub(crate) bytes: Vec<u8>,
    /// The format's common short name.
    pub(crate) format: &'static str,
    /// Pixels.
    pub(crate) width: u32,
    /// Pixels.
    pub(crate) height: u32,
}

/// Makes everything that is wanted of a `format` image. One of more than `most_pixels` is not decoded; for each pixel of them
/// it takes at most what [`decode::bytes_per_pixel`] says of memory. Takes a processor for as long as that takes.
pub(crate) fn make(bytes: &[u8], format: &str, most_pixels: u64, wanted: &Transform) -> Judged<Made> {
    let mut made = Made { exif: wanted.exif.then(|| exif::exif(bytes, format)).flatten(), ..Made::default() };
    if wanted.needs_pixels() {
        let picture = decode(bytes, format, most_pixels)?.and_then(handy);
        made.phash = match &picture {
            Ok(picture) if wanted.phash => Some(phash::phash(&picture.pixels, picture.orientation)),
            _ => None,
        };
        made.copy = wanted.copy.map(|spec| picture.and_then(|picture| copy(picture, &spec)));
    }
    Ok(made)
}

/// A picture whose sides are within [`LONGEST_SIDE`].
fn handy(picture: Picture) -> Result<Picture, Undecodable> {
    let longest = picture.pixels.width().max(picture.pixels.height());
    if longest > LONGEST_SIDE {
        return Err(Undecodable(format!(
            "a side of {longest} pixels is longer than the {LONGEST_SIDE} of which copies are made"
        )));
    }
    Ok(picture)
}

fn copy(picture: Picture, spec: &CopySpec) -> Result<Copy, Undecodable> {
    let Picture { mut pixels, orientation, profile } = picture;
    let canvas = match &spec.resize {
        Some(resize) => {
            let plan = geometry::plan(upright(&pixels, orientation), resize);
            // The small picture is turned instead of the large one.
            let lying = if is_on_its_side(orientation) { plan.on_its_side() } else { plan };
            pixels = resize::carry_out(&pixels, &lying).ok_or_else(|| Undecodable("it has no size".to_owned()))?;
            plan.canvas
        }
        None => upright(&pixels, orientation),
    };
    pixels.apply_orientation(orientation);
    pixels = colour::to_srgb(pixels, profile.as_deref());
    if !spec.encoding.has_alpha() {
        pixels = resize::flatten(pixels);
    }
    // Last, because white is white in every copy.
    pixels = resize::pad(pixels, (canvas.width, canvas.height));
    Ok(Copy {
        bytes: encode::encode(&pixels, spec.encoding)?,
        format: spec.encoding.name(),
        width: pixels.width(),
        height: pixels.height(),
    })
}

/// The size of a picture when it is turned upright.
fn upright(pixels: &DynamicImage, orientation: Orientation) -> Dimensions {
    let (width, height) = (pixels.width(), pixels.height());
    if is_on_its_side(orientation) { Dimensions { width: height, height: width } } else { Dimensions { width, height } }
}

fn is_on_its_side(orientation: Orientation) -> bool {
    use Orientation::{Rotate90, Rotate90FlipH, Rotate270, Rotate270FlipH};
    matches!(orientation, Rotate90 | Rotate270 | Rotate90FlipH | Rotate270FlipH)
}

#[cfg(test)]
pub(crate) mod tests;
