//! What can be typed about copies, and what it comes to once it is checked.

use clap::builder::FalseyValueParser;
use clap::{Args, ValueEnum};
use common::config::Dimensions;

/// Longest side of a copy in pixels, which is the most that a WebP picture can have.
pub const LONGEST_SIDE: u32 = 16_383;

/// Quality where none is given: what shows no difference at a usual distance, and what img2dataset takes.
const QUALITY: u8 = 95;

/// Options for copies of images, and for what is read of their pixels.
#[derive(Debug, Clone, Default, Args)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
pub struct CopyOptions {
    /// Store a copy of this size (width x height in pixels) instead of each image
    #[arg(long, env = "WARREN_RESIZE", value_name = "WxH", help_heading = "Copies")]
    pub resize: Option<Dimensions>,

    /// How an image comes into that size [default: contain]
    #[arg(long, env = "WARREN_FIT", value_enum, value_name = "FIT", help_heading = "Copies")]
    pub fit: Option<Fit>,

    /// Leave images that are smaller than that size as small as they are; otherwise they are enlarged
    #[arg(long, env = "WARREN_NO_ENLARGE", value_parser = FalseyValueParser::new(), help_heading = "Copies")]
    pub no_enlarge: bool,

    /// Store a copy in this format instead of each image [default with --resize: jpeg]
    #[arg(long, env = "WARREN_ENCODE", value_enum, value_name = "FORMAT", help_heading = "Copies")]
    pub encode: Option<Format>,

    /// Quality of a copy in jpeg or webp, 1 to 100 [default: 95]
    #[arg(long, env = "WARREN_QUALITY", value_name = "N", help_heading = "Copies",
          value_parser = clap::value_parser!(u8).range(1..=100))]
    pub quality: Option<u8>,

    /// Store the image as it came beside its copy
    #[arg(long, env = "WARREN_KEEP_ORIGINAL", value_parser = FalseyValueParser::new(), help_heading = "Copies")]
    pub keep_original: bool,

    /// Put what an image's EXIF says into the manifest
    #[arg(long, env = "WARREN_EXIF", value_parser = FalseyValueParser::new(), help_heading = "Copies")]
    pub exif: bool,

    /// Put a perceptual hash of each image into the manifest, by which images that look alike are found
    #[arg(long, env = "WARREN_PHASH", value_parser = FalseyValueParser::new(), help_heading = "Copies")]
    pub phash: bool,
}

/// How an image comes into a size of another shape.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Fit {
    /// Fill the size; what sticks out is cut off, as much on either side
    Cover,
    /// As large as fits into the size, which one side of the copy may then fall short of
    #[default]
    Contain,
    /// As `contain`, with white (transparent, where the copy can be) around it up to just that size
    Pad,
    /// Just that size, whatever becomes of the shape
    Stretch,
}

/// In which format a copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// Lossy, without transparency: what is transparent becomes white
    Jpeg,
    /// Lossless
    Png,
    /// Lossy, with transparency
    Webp,
}

/// What is made of each image besides storing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transform {
    /// A copy, if one is wanted.
    pub copy: Option<CopySpec>,
    /// Whether the image is stored beside its copy.
    pub keep_original: bool,
    /// Whether its EXIF is read.
    pub exif: bool,
    /// Whether its perceptual hash is computed.
    pub phash: bool,
}

/// A copy as it is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CopySpec {
    /// Another size; `None`: the image's own.
    pub resize: Option<Resize>,
    /// The format.
    pub encoding: Encoding,
}

/// Another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resize {
    /// Sides of at most [`LONGEST_SIDE`] pixels.
    pub size: Dimensions,
    /// What happens to the shape.
    pub fit: Fit,
    /// Whether small images are enlarged.
    pub enlarge: bool,
}

/// A format with its settings. Equal pixels and equal settings give equal bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// JPEG (ITU T.81), baseline, chroma at half the resolution.
    Jpeg {
        /// 1 to 100, by libjpeg's scale.
        quality: u8,
    },
    /// PNG.
    Png,
    /// WebP, lossy.
    Webp {
        /// 1 to 100, by libwebp's scale.
        quality: u8,
    },
}

/// Options for copies that contradict each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CopyError {
    /// An option of a size that there is not.
    #[error("{0} says how --resize is done; give --resize WxH, or leave it out")]
    NoSize(&'static str),
    /// An option of a copy that there is not.
    #[error("{0} is for copies; give --resize WxH or --encode FORMAT, or leave it out")]
    NoCopy(&'static str),
    /// PNG has no quality.
    #[error("--quality is for jpeg and webp; PNG is lossless: leave it out, or take another --encode")]
    Lossless,
    /// Beyond what formats can hold.
    #[error("--resize {0} is too large; a side has at most {LONGEST_SIDE} pixels")]
    TooLarge(Dimensions),
}

impl TryFrom<CopyOptions> for Transform {
    type Error = CopyError;

    fn try_from(options: CopyOptions) -> Result<Self, CopyError> {
        let wanted = options.resize.is_some() || options.encode.is_some();
        let given = |set: bool, name| set.then_some(name);
        let of_size = given(options.fit.is_some(), "--fit").or(given(options.no_enlarge, "--no-enlarge"));
        if let Some(name) = of_size.filter(|_| options.resize.is_none()) {
            return Err(CopyError::NoSize(name));
        }
        let of_copy = given(options.quality.is_some(), "--quality").or(given(options.keep_original, "--keep-original"));
        if let Some(name) = of_copy.filter(|_| !wanted) {
            return Err(CopyError::NoCopy(name));
        }
        if let Some(size) = options.resize.filter(|size| size.width.max(size.height) > LONGEST_SIDE) {
            return Err(CopyError::TooLarge(size));
        }
        let resize = options.resize.map(|size| Resize {
            size,
            fit: options.fit.unwrap_or_default(),
            enlarge: !options.no_enlarge,
        });
        let quality = options.quality.unwrap_or(QUALITY);
        let encoding = match options.encode {
            None | Some(Format::Jpeg) => Encoding::Jpeg { quality },
            Some(Format::Webp) => Encoding::Webp { quality },
            Some(Format::Png) if options.quality.is_some() => return Err(CopyError::Lossless),
            Some(Format::Png) => Encoding::Png,
        };
        Ok(Self {
            copy: wanted.then_some(CopySpec { resize, encoding }),
            keep_original: options.keep_original,
            exif: options.exif,
            phash: options.phash,
        })
    }
}

impl Transform {
    /// Whether there is anything to do.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.exif || self.needs_pixels()
    }

    /// Whether the picture is decoded for it.
    #[must_use]
    pub fn needs_pixels(&self) -> bool {
        self.copy.is_some() || self.phash
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(change: impl FnOnce(&mut CopyOptions)) -> Result<Transform, CopyError> {
        let mut options = CopyOptions::default();
        change(&mut options);
        options.try_into()
    }

    fn of_size(width: u32, height: u32) -> Result<Transform, CopyError> {
        checked(|options| options.resize = Some(Dimensions { width, height }))
    }

    #[test]
    fn nothing_is_done_unless_asked_for() {
        let nothing = checked(|_| ()).expect("sound");
        assert_eq!(nothing, Transform::default());
        assert!(!nothing.is_wanted());
        assert!(checked(|options| options.exif = true).is_ok_and(|what| what.is_wanted() && !what.needs_pixels()));
        assert!(checked(|options| options.phash = true).is_ok_and(|what| what.needs_pixels() && what.copy.is_none()));
    }

    #[test]
    fn a_size_alone_makes_contained_jpegs_and_a_format_alone_keeps_the_size() {
        let copy = of_size(256, 128).expect("sound").copy.expect("a copy");
        let resize = copy.resize.expect("a size");
        assert_eq!((resize.fit, resize.enlarge, copy.encoding), (Fit::Contain, true, Encoding::Jpeg { quality: 95 }));
        let copy = checked(|options| options.encode = Some(Format::Png)).expect("sound").copy.expect("a copy");
        assert_eq!((copy.resize, copy.encoding), (None, Encoding::Png));
    }

    #[test]
    fn options_without_what_they_are_for_are_refused() {
        assert_eq!(checked(|options| options.fit = Some(Fit::Pad)), Err(CopyError::NoSize("--fit")));
        assert_eq!(checked(|options| options.no_enlarge = true), Err(CopyError::NoSize("--no-enlarge")));
        assert_eq!(checked(|options| options.quality = Some(1)), Err(CopyError::NoCopy("--quality")));
        assert_eq!(checked(|options| options.keep_original = true), Err(CopyError::NoCopy("--keep-original")));
        let of_png = checked(|options| (options.encode, options.quality) = (Some(Format::Png), Some(9)));
        assert_eq!(of_png, Err(CopyError::Lossless));
        assert!(checked(|options| (options.encode, options.quality) = (Some(Format::Webp), Some(9))).is_ok());
    }

    #[test]
    fn sides_are_capped_at_what_formats_hold() {
        assert!(of_size(LONGEST_SIDE, 1).is_ok());
        assert!(of_size(1, LONGEST_SIDE + 1).is_err());
    }
}
