//! Looks at the bytes themselves: which format they are, how large the picture is, and whether it is there to its end. What the
//! server says of them does not count. HTTP cannot always tell that a body was cut (a server that closes the connection instead of
//! announcing a length), the format's own structure can. What stands behind an image's end is nobody's business.
//!
//! The rooms: a walk through each format ([`jpeg`], [`png`]... on the ground of [`mod@walk`]), which decodes nothing; [`filters`], what
//! a user lets in; [`decode`], for `--verify decode`; and [`Verifier`], which keeps all that away from the threads that serve the
//! network.

mod active;
mod bmp;
mod decode;
pub(crate) mod filters;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzzing;
mod gif;
pub(crate) mod heif;
mod ico;
mod iso;
mod jpeg;
mod jxl;
mod png;
mod svg;
#[cfg(test)]
mod tests;
mod tiff;
mod verifier;
mod walk;
mod webp;

use common::reason::Reason;

#[cfg(test)]
pub(crate) use self::jxl::tests::animation as jxl_animation;
pub(crate) use self::jxl::{affordable as affordable_jxl, open as open_jxl};
pub(crate) use self::verifier::Verifier;

use self::filters::Filters;
use self::walk::{Fault, Seen, Walked};
use crate::format::Format;

/// What an image has to be like.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Checks {
    /// Width times height, at most, of any picture in it.
    pub(crate) max_pixels: u64,
    /// What is let in.
    pub(crate) filters: Filters,
}

/// What the bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    /// By their structure.
    pub(crate) format: Format,
    /// Pixels; unknown for SVG, which has no size of its own.
    pub(crate) size: Option<(u32, u32)>,
    /// How many a decoder makes of it: more than it has where a part of a picture is shown. 0 for SVG.
    pub(crate) pixels: u64,
    /// Of an SVG: whether it carries script, or what can bring some.
    pub(crate) scripted: Option<bool>,
}

/// Why an image is not taken, and what is known of it all the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rejected {
    /// The word for it.
    pub(crate) reason: Reason,
    /// The cause in words, where the word alone does not say it.
    pub(crate) detail: Option<String>,
    /// What it began as.
    pub(crate) format: Option<Format>,
    /// Pixels, by its header.
    pub(crate) size: Option<(u32, u32)>,
}

impl Rejected {
    fn new(reason: Reason, format: Option<Format>) -> Self {
        Self { reason, detail: None, format, size: None }
    }
}

/// Checks that `bytes` are an image, whole and let in, by their structure. Nothing is decoded.
pub(crate) fn verify(bytes: &[u8], checks: &Checks) -> Result<Verified, Rejected> {
    let (format, document) = match Format::of_binary(bytes) {
        Some(format) => (format, None),
        None => match svg::walk(bytes).transpose() {
            Some(document) => (Format::Svg, Some(document)),
            None => return Err(Rejected::new(Reason::NotAnImage, None)),
        },
    };
    if let Some(reason) = checks.filters.refuse(format, bytes.len()) {
        return Err(Rejected::new(reason, Some(format)));
    }
    let mut seen = Seen::new(checks.max_pixels);
    let walked = match document {
        Some(document) => document.map(|svg| Some(svg.is_scripted)),
        None => walk(format, bytes, &mut seen).map(|()| None),
    };
    let size = seen.size();
    let filtered = size.and_then(|size| checks.filters.refuse_size(size));
    let reason = match (walked, filtered) {
        (Err(Fault::TooManyPixels), _) => Reason::TooManyPixels,
        (Err(Fault::NoSize), _) => Reason::NotAnImage,
        // Before what another try may mend: an image that is not wanted is not asked for again.
        (_, Some(reason)) => reason,
        (Err(Fault::Cut), None) => Reason::Truncated,
        (Err(Fault::Broken), None) => Reason::Malformed,
        (Ok(scripted), None) => return Ok(Verified { format, size, pixels: seen.pixels(), scripted }),
    };
    Err(Rejected { size, ..Rejected::new(reason, Some(format)) })
}

/// Walks through the structure of a format that is no text; all of these have a size.
fn walk(format: Format, bytes: &[u8], seen: &mut Seen) -> Walked {
    let walked = match format {
        Format::Avif | Format::Heic => heif::walk(bytes, seen),
        Format::Bmp => bmp::walk(bytes, seen),
        Format::Gif => gif::walk(bytes, seen),
        Format::Ico => ico::walk(bytes, seen),
        Format::Jpg => jpeg::walk(bytes, seen),
        Format::Jxl => jxl::walk(bytes, seen),
        Format::Png => png::walk(bytes, seen),
        // Text, which has been read to be known at all.
        Format::Svg => return Ok(()),
        Format::Tiff => tiff::walk(bytes, seen),
        Format::Webp => webp::walk(bytes, seen),
    };
    walked.and_then(|()| seen.size().map(drop).ok_or(Fault::Broken))
}
