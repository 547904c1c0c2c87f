//! From pixels to the bytes of a copy. The encoders run without threads, clocks and chance, so equal pixels with equal settings
//! are equal bytes: what is stored twice is one file.

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{DynamicImage, ExtendedColorType, ImageEncoder};
use jpeg_encoder::{ColorType, SamplingFactor};

use super::options::{Encoding, LONGEST_SIDE};
use crate::picture::Undecodable;

impl Encoding {
    /// The format's common short name; also the file's ending.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jpeg { .. } => "jpg",
            Self::Png => "png",
            Self::Webp { .. } => "webp",
        }
    }

    /// Whether a copy can be transparent.
    pub(super) fn has_alpha(self) -> bool {
        !matches!(self, Self::Jpeg { .. })
    }
}

/// Encodes a picture of eight bits a channel, without transparency where the format has none. The error is one that the
/// format has with the picture's size.
pub(super) fn encode(picture: &DynamicImage, encoding: Encoding) -> Result<Vec<u8>, Undecodable> {
    match encoding {
        Encoding::Jpeg { quality } => jpeg(picture, quality),
        Encoding::Png => png(picture),
        Encoding::Webp { quality } => webp(picture, quality),
    }
}

fn jpeg(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>, Undecodable> {
    let (Ok(width), Ok(height)) = (u16::try_from(picture.width()), u16::try_from(picture.height())) else {
        return Err(too_large("JPEG", picture, u16::MAX.into()));
    };
    let colours = if picture.color().has_color() { ColorType::Rgb } else { ColorType::Luma };
    let mut bytes = Vec::new();
    let mut encoder = jpeg_encoder::Encoder::new(&mut bytes, quality);
    encoder.set_sampling_factor(SamplingFactor::F_2_2);
    encoder
        .encode(picture.as_bytes(), width, height, colours)
        .map_err(|error| Undecodable(format!("no JPEG can be made of it: {error}")))?;
    Ok(bytes)
}

fn png(picture: &DynamicImage) -> Result<Vec<u8>, Undecodable> {
    let mut bytes = Vec::new();
    let encoder = PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    encoder
        .write_image(picture.as_bytes(), picture.width(), picture.height(), ExtendedColorType::from(picture.color()))
        .map_err(|error| Undecodable(format!("no PNG can be made of it: {error}")))?;
    Ok(bytes)
}

fn webp(picture: &DynamicImage, quality: u8) -> Result<Vec<u8>, Undecodable> {
    if picture.width().max(picture.height()) > LONGEST_SIDE {
        return Err(too_large("WebP", picture, LONGEST_SIDE));
    }
    let mut config = webp::WebPConfig::new().map_err(|()| Undecodable("libwebp has another version".to_owned()))?;
    config.quality = quality.into();
    let colours;
    let encoder = if picture.color().has_alpha() {
        colours = picture.to_rgba8().into_raw();
        webp::Encoder::from_rgba(&colours, picture.width(), picture.height())
    } else {
        colours = picture.to_rgb8().into_raw();
        webp::Encoder::from_rgb(&colours, picture.width(), picture.height())
    };
    let made = encoder.encode_advanced(&config);
    made.map(|bytes| bytes.to_vec()).map_err(|error| Undecodable(format!("no WebP can be made of it: {error:?}")))
}

fn too_large(format: &str, picture: &DynamicImage, most: u32) -> Undecodable {
    let (width, height) = (picture.width(), picture.height());
    Undecodable(format!("it is {width}x{height}, and a {format} has at most {most} pixels a side; use --resize"))
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    const ALL: [Encoding; 3] = [Encoding::Jpeg { quality: 90 }, Encoding::Png, Encoding::Webp { quality: 90 }];

    fn picture() -> DynamicImage {
        RgbImage::from_fn(61, 47, |x, y| Rgb([x * 4, y * 5, (x + y) * 2].map(|value| value.to_le_bytes()[0]))).into()
    }

    fn again(bytes: &[u8]) -> DynamicImage {
        image::load_from_memory(bytes).expect("what was encoded can be decoded")
    }

    #[test]
    fn every_format_holds_what_was_put_into_it_and_always_the_same_bytes() {
        for encoding in ALL {
            let bytes = encode(&picture(), encoding).expect("small enough");
            assert_eq!(bytes, encode(&picture(), encoding).expect("small enough"), "{encoding:?}");
            let (made, meant) = (again(&bytes).to_rgb8(), picture().to_rgb8());
            assert_eq!(made.dimensions(), meant.dimensions());
            let off: u64 = made.iter().zip(meant.iter()).map(|(a, b)| u64::from(a.abs_diff(*b))).sum();
            assert!(off < meant.len() as u64 * 4, "{encoding:?} is off by {off} over {} values", meant.len());
        }
    }

    #[test]
    fn grey_stays_grey_and_transparency_is_kept_where_it_can_be() {
        let grey: DynamicImage = GrayImage::from_pixel(9, 9, Luma([77])).into();
        assert!(!again(&encode(&grey, ALL[0]).expect("encoded")).color().has_color());
        assert!(!again(&encode(&grey, ALL[1]).expect("encoded")).color().has_color());
        let clear: DynamicImage = RgbaImage::from_pixel(9, 9, Rgba([0, 0, 0, 0])).into();
        for encoding in ALL.into_iter().filter(|encoding| encoding.has_alpha()) {
            let made = again(&encode(&clear, encoding).expect("encoded"));
            assert_eq!(made.to_rgba8().get_pixel(4, 4).0[3], 0, "{encoding:?}");
        }
    }

    #[test]
    fn sides_beyond_what_a_format_holds_are_told() {
        let long: DynamicImage = GrayImage::new(LONGEST_SIDE + 1, 1).into();
        assert!(encode(&long, ALL[2]).is_err_and(|error| error.0.contains("16384x1")));
        assert!(encode(&long, ALL[0]).is_ok());
        let longest: DynamicImage = GrayImage::new(LONGEST_SIDE, 1).into();
        assert!(encode(&longest, ALL[2]).is_ok());
        let longer: DynamicImage = GrayImage::new(65_536, 1).into();
        assert!(encode(&longer, ALL[0]).is_err());
    }
}
