//! Makes small pictures of images, for people who look at what was stored. It is a copy as [`crate::transform`] makes them, and
//! so in sRGB, upright, and bounded in the memory that it takes. An SVG is a program rather than a picture and is not drawn.

use std::io;

use bytes::Bytes;
use clap::ValueEnum as _;
use common::config::Dimensions;

use crate::format::Format;
use crate::transform::Pool;
use crate::transform::options::{CopySpec, Encoding, Fit, Resize, Transform};

/// Longest side in pixels.
pub const SIDE: u32 = 160;

/// By libwebp's scale. At this size a photograph takes some 3 kB.
const QUALITY: u8 = 60;

/// An image of more pixels is not decoded for this: all that are decoded at once share half a gigabyte.
pub const MOST_PIXELS: u64 = 100_000_000;

/// A small picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbnail {
    /// WebP.
    pub bytes: Bytes,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoThumbnail {
    /// It may carry script, and nothing here runs or draws it.
    #[error("an SVG is not drawn")]
    Svg,
    /// More than [`MOST_PIXELS`].
    #[error("it has more than {MOST_PIXELS} pixels")]
    TooLarge,
    /// No decoder makes a picture of it.
    #[error("{0}")]
    Undecodable(String),
    /// Nothing is known of it, by no fault of its own: another try may do better.
    #[error("{0}")]
    Unjudged(String),
}

/// Threads that make thumbnails, one a processor. They end when it is dropped.
#[derive(Debug)]
pub struct Thumbnailer {
    pool: Pool,
}

impl Thumbnailer {
    /// Starts the threads.
    pub fn start() -> io::Result<Self> {
        let size = Dimensions { width: SIDE, height: SIDE };
        let resize = Some(Resize { size, fit: Fit::Contain, enlarge: false });
        let copy = Some(CopySpec { resize, encoding: Encoding::Webp { quality: QUALITY } });
        Ok(Self { pool: Pool::start(Transform { copy, ..Transform::default() })? })
    }

    /// Makes one of an image whose `format` is the manifest's word, and which has so many `pixels`. Waits for its turn.
    pub async fn make(&self, bytes: &Bytes, format: &str, pixels: u64) -> Result<Thumbnail, NoThumbnail> {
        let known = Format::value_variants().iter().copied().find(|known| known.name() == format);
        let Some(format) = known else {
            return Err(NoThumbnail::Undecodable(format!("{format} is no format that is known")));
        };
        if format == Format::Svg {
            return Err(NoThumbnail::Svg);
        }
        if pixels > MOST_PIXELS {
            return Err(NoThumbnail::TooLarge);
        }
        let made = self.pool.make(bytes, format.name(), pixels).await;
        let made = made.map_err(|unjudged| NoThumbnail::Unjudged(unjudged.to_string()))?;
        match made.copy {
            Some(Ok(copy)) => Ok(Thumbnail { bytes: copy.bytes.into(), width: copy.width, height: copy.height }),
            Some(Err(why)) => Err(NoThumbnail::Undecodable(why.to_string())),
            None => Err(NoThumbnail::Undecodable("nothing was made".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::tests::{encoded, picture};

    #[tokio::test]
    async fn a_thumbnail_is_small_and_has_the_shape_of_its_image() {
        let maker = Thumbnailer::start().expect("threads");
        let png = Bytes::from(encoded(&picture(640, 320), Encoding::Png));
        let made = maker.make(&png, "png", 640 * 320).await.expect("a thumbnail");
        assert_eq!((made.width, made.height), (160, 80));
        assert!(made.bytes.len() < 4096 && made.bytes.starts_with(b"RIFF"), "{}", made.bytes.len());
        let icon = Bytes::from(encoded(&picture(16, 8), Encoding::Png));
        let made = maker.make(&icon, "png", 16 * 8).await.expect("a thumbnail");
        assert_eq!((made.width, made.height), (16, 8), "nothing is enlarged");
    }

    #[tokio::test]
    async fn what_has_none_says_why_before_anything_is_decoded() {
        let maker = Thumbnailer::start().expect("threads");
        let of = async |format, pixels| maker.make(&Bytes::from_static(b"<svg/>"), format, pixels).await;
        assert_eq!(of("svg", 1).await, Err(NoThumbnail::Svg));
        assert_eq!(of("png", MOST_PIXELS + 1).await, Err(NoThumbnail::TooLarge));
        for format in ["png", "exe", "heic"] {
            assert!(matches!(of(format, 1).await, Err(NoThumbnail::Undecodable(_))), "{format}");
        }
    }
}
