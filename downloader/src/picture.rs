//! What decoders give to those who want pixels.

use image::DynamicImage;
use image::metadata::Orientation;

/// Longest colour profile that is looked at, in bytes; those of printing presses are longer.
pub(crate) const LONGEST_PROFILE: usize = 1 << 20;

/// A picture, not yet turned upright.
#[derive(Debug)]
pub(crate) struct Picture {
    /// Grey or RGB, with or without opacity, eight bits a channel.
    pub(crate) pixels: DynamicImage,
    /// How to turn it so that it is upright.
    pub(crate) orientation: Orientation,
    /// Its colour profile (ICC), if it has one.
    pub(crate) profile: Option<Vec<u8>>,
}

/// Why there are no pixels, in words for a manifest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Undecodable(pub(crate) String);

impl From<&str> for Undecodable {
    fn from(why: &str) -> Self {
        Self(why.to_owned())
    }
}

/// What is known of an image, unless trouble of this program's own keeps it from being looked at.
pub(crate) type Judged<T> = Result<T, Unjudged>;

/// Why nothing is known of an image, which is not at fault: another try, or another downloader, may do better.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Unjudged(pub(crate) String);

/// Undoes that a pixel's three colours were multiplied by its opacity, which is the fourth value.
pub(crate) fn divide_by_opacity(pixel: &mut [u8]) {
    let [colours @ .., opacity] = pixel else { return };
    let opacity = u32::from(*opacity).max(1);
    for value in colours {
        *value = u8::try_from((u32::from(*value) * 255 + opacity / 2) / opacity).unwrap_or(255);
    }
}
