//! From an AVIF file to its picture. Its decoder is the only one here that has unsafe code, and that ends the whole process where
//! one of its own checks fails. So each file is decoded in a process of its own ([`process`]), which is this program again ([`mod@serve`]):
//! it has no environment, no more memory than was set aside, and some time. What happens to it happens to one image.
//!
//! In that process a file goes from [`Coded`] through [`av1`], which decodes, and [`paint`], which makes colours of it.

mod answer;
mod av1;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod paint;
mod process;
mod profile;
mod serve;
#[cfg(test)]
mod tests;

pub(crate) use self::serve::serve;

use self::answer::Answer;
use self::paint::Canvas;
use crate::picture::{Judged, Picture, Undecodable, Unjudged};
use crate::verify::heif::Coded;

/// What a pixel takes at the height of decoding, in bytes: three samples of 16 bits, the same again with film grain, what the
/// decoder knows of blocks, and four samples of 8 bits here and in the process that asked.
pub(crate) const BYTES_PER_PIXEL: u64 = 28;

/// What there is room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Room {
    /// Most pixels of a picture.
    pub(crate) pixels: u64,
    /// Most memory that decoding may take, in bytes.
    pub(crate) memory: u64,
}

/// Decodes a file's picture, colours and opacity, and throws it away. Takes a processor for as long as that takes.
pub(crate) fn check(bytes: &[u8], room: Room) -> Judged<Result<(), Undecodable>> {
    Ok(ask(bytes, room, false)?.map(drop))
}

/// Decodes a file's picture. Takes a processor for as long as that takes.
pub(crate) fn picture(bytes: &[u8], room: Room) -> Judged<Result<Picture, Undecodable>> {
    Ok(ask(bytes, room, true)?.and_then(pixels))
}

/// Whether there are processes for decoding at all: one is started, with nothing to decode, and has to say what is known of
/// that. One that dies would count against every image.
pub(crate) fn try_out() -> Judged<()> {
    let nothing = Room { pixels: 1, memory: 0 };
    let expected = decode(&[], nothing.pixels, false).err();
    let said = ask(&[], nothing, false)?.err();
    if said == expected {
        Ok(())
    } else {
        Err(Unjudged(said.map_or_else(|| "it saw a picture in nothing".to_owned(), |why| why.0)))
    }
}

fn pixels(Answer { width, height, has_opacity, orientation, profile, pixels }: Answer) -> Result<Picture, Undecodable> {
    let made = if has_opacity {
        image::RgbaImage::from_raw(width, height, pixels).map(Into::into)
    } else {
        image::RgbImage::from_raw(width, height, pixels).map(Into::into)
    };
    let pixels = made.ok_or_else(|| Undecodable::from("its decoder gave fewer pixels than it has"))?;
    Ok(Picture { pixels, orientation, profile })
}

fn ask(bytes: &[u8], room: Room, wanted: bool) -> Judged<Result<Answer, Undecodable>> {
    // The program that runs is not one of Warren's there.
    if cfg!(any(test, feature = "fuzzing")) {
        return Ok(decode(bytes, room.pixels, wanted));
    }
    process::ask(&mut process::own_program(bytes, room, wanted), &process::USUAL, bytes, room.pixels, wanted)
}

/// All that is done in the process of its own: decodes a file's picture, of no more than so many pixels. These are kept only if
/// they are `wanted`.
fn decode(bytes: &[u8], most_pixels: u64, wanted: bool) -> Result<Answer, Undecodable> {
    let coded = Coded::read(bytes).map_err(Undecodable::from)?;
    let (width, height) = (coded.colours.width, coded.colours.height);
    if u64::from(width) * u64::from(height) > most_pixels {
        return Err(Undecodable(format!("it has {width}x{height} pixels, more than its header announces")));
    }
    let mut canvas = Canvas::new(&coded, wanted)?;
    for tile in 0..coded.colours.coded.len() {
        let picture = av1::decode(&coded.colours.coded[tile], most_pixels).map_err(Undecodable)?;
        canvas.colours(&coded.colours, tile, &picture)?;
    }
    if let Some(opacity) = &coded.opacity {
        for (tile, data) in opacity.coded.iter().enumerate() {
            let picture = av1::decode(data, most_pixels).map_err(Undecodable)?;
            canvas.opacity(opacity, tile, &picture)?;
        }
    }
    Ok(canvas.finish(&coded))
}
