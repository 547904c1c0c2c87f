//! Looks at the bytes themselves: which format they are, how large the picture is. What the server says of them does
//! not count. Nothing is decoded here.

use common::reason::Reason;
use imagesize::ImageType;

use crate::whole::is_whole;

/// What the bytes are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Verified {
    /// The format's common short name; also the file's ending.
    pub(crate) format: &'static str,
    /// Pixels; unknown for pictures without a size of their own.
    pub(crate) size: Option<(u32, u32)>,
}

/// How far an SVG's root element is searched for, in bytes: comments and licences may come first.
const SVG_PREAMBLE: usize = 64 << 10;

/// Checks that `bytes` are an image of at most `max_pixels`.
pub(crate) fn verify(bytes: &[u8], max_pixels: u64) -> Result<Verified, Reason> {
    let Some(format) = sniff(bytes) else {
        return if is_svg(bytes) { Ok(Verified { format: "svg", size: None }) } else { Err(Reason::NotAnImage) };
    };
    // The format is known, so a missing size means that the header itself is cut or broken.
    let size = imagesize::blob_size(bytes).map_err(|_| Reason::Truncated)?;
    let (Ok(width), Ok(height)) = (u32::try_from(size.width), u32::try_from(size.height)) else {
        return Err(Reason::TooManyPixels);
    };
    if width == 0 || height == 0 {
        return Err(Reason::NotAnImage);
    }
    if u64::from(width) * u64::from(height) > max_pixels {
        return Err(Reason::TooManyPixels);
    }
    if !is_whole(format, bytes) {
        return Err(Reason::Truncated);
    }
    Ok(Verified { format, size: Some((width, height)) })
}

fn sniff(bytes: &[u8]) -> Option<&'static str> {
    Some(match imagesize::image_type(bytes).ok()? {
        ImageType::Bmp => "bmp",
        ImageType::Gif => "gif",
        ImageType::Heif(imagesize::Compression::Av1) => "avif",
        ImageType::Heif(_) => "heic",
        ImageType::Ico => "ico",
        ImageType::Jpeg => "jpg",
        ImageType::Jxl => "jxl",
        ImageType::Png => "png",
        ImageType::Tiff => "tiff",
        ImageType::Webp => "webp",
        // Formats of textures and tools, which the web does not show and some of which any text would match.
        _ => return None,
    })
}

/// Whether the document's root element is `svg`: after an optional byte order mark, XML declaration, comments,
/// processing instructions and document type.
fn is_svg(bytes: &[u8]) -> bool {
    let head = &bytes[..bytes.len().min(SVG_PREAMBLE)];
    let text = String::from_utf8_lossy(head);
    let mut rest = text.trim_start_matches('\u{feff}').trim_start();
    loop {
        let end = if rest.starts_with("<?") {
            "?>"
        } else if rest.starts_with("<!--") {
            "-->"
        } else if rest.starts_with("<!") {
            // An internal subset holds declarations of its own.
            if rest.split('>').next().is_some_and(|start| start.contains('[')) { "]>" } else { ">" }
        } else {
            break;
        };
        let Some((_, after)) = rest.split_once(end) else {
            return false;
        };
        rest = after.trim_start();
    }
    let name = rest.strip_prefix('<').unwrap_or_default();
    let name = name.split(|c: char| c.is_whitespace() || matches!(c, '>' | '/')).next().unwrap_or_default();
    name == "svg" || name.ends_with(":svg")
}

#[cfg(test)]
mod tests {
    use super::*;

    const PIXELS: u64 = 100;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut bytes = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        bytes.extend_from_slice(&width.to_be_bytes());
        bytes.extend_from_slice(&height.to_be_bytes());
        bytes.extend_from_slice(b"\x08\x06\0\0\0\0\0\0\0\0\0\0\0IEND\0\0\0\0");
        bytes
    }

    #[test]
    fn the_format_comes_from_the_bytes_with_its_size() {
        assert_eq!(verify(&png(4, 3), PIXELS), Ok(Verified { format: "png", size: Some((4, 3)) }));
        assert_eq!(verify(&png(4, 3)[..40], PIXELS), Err(Reason::Truncated));
        let gif = b"GIF89a\x05\x00\x07\x00\x00\x00\x00;";
        assert_eq!(verify(gif, PIXELS), Ok(Verified { format: "gif", size: Some((5, 7)) }));
    }

    #[test]
    fn pixels_are_capped_at_the_boundary() {
        assert!(verify(&png(9, 11), PIXELS).is_ok());
        assert!(verify(&png(10, 10), PIXELS).is_ok());
        assert_eq!(verify(&png(101, 1), PIXELS), Err(Reason::TooManyPixels));
        assert_eq!(verify(&png(u32::MAX, u32::MAX), PIXELS), Err(Reason::TooManyPixels));
    }

    #[test]
    fn what_is_no_image_is_rejected() {
        let pages =
            [&b"<!DOCTYPE html><html><svg></svg></html>"[..], b"", b"hello", b"\0", b"%PDF-1.4", b"<!--", b"<?xml"];
        for bytes in pages {
            assert_eq!(verify(bytes, PIXELS), Err(Reason::NotAnImage), "{:?}", String::from_utf8_lossy(bytes));
        }
        assert_eq!(verify(&png(0, 5), PIXELS), Err(Reason::NotAnImage));
    }

    #[test]
    fn a_header_that_ends_early_is_truncated() {
        assert_eq!(verify(&png(4, 3)[..14], PIXELS), Err(Reason::Truncated));
    }

    #[test]
    fn svg_is_known_by_its_root_element() {
        for text in [
            "<svg xmlns='http://www.w3.org/2000/svg'/>",
            "\u{feff}<?xml version='1.0'?>\n<!-- a > b -->\n<!DOCTYPE svg PUBLIC 'x' 'y'>\n<svg>",
            "<!DOCTYPE svg [ <!ENTITY ns 'http://x'> ]>\n<svg:svg>",
        ] {
            assert_eq!(verify(text.as_bytes(), PIXELS), Ok(Verified { format: "svg", size: None }), "{text}");
        }
    }
}
