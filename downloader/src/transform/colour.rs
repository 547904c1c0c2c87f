//! Copies are in sRGB, which is what those who read them without a thought of colour take them for. A picture that says, by
//! an ICC profile, that its numbers mean other colours is converted; one that says nothing is taken to be sRGB.

use image::DynamicImage;
use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};

use super::resize::like;

/// The picture in sRGB. One whose profile cannot be used stays as it is.
pub(super) fn to_srgb(picture: DynamicImage, profile: Option<&[u8]>) -> DynamicImage {
    match profile.filter(|profile| !is_srgb(profile)).and_then(|profile| converted(&picture, profile)) {
        Some(converted) => converted,
        None => picture,
    }
}

/// Whether a profile's description says that it is sRGB, as most do: in ASCII (ICC version 2) or UTF-16 (version 4).
fn is_srgb(profile: &[u8]) -> bool {
    profile.windows(4).any(|text| text == b"sRGB") || profile.windows(8).any(|text| text == b"\0s\0R\0G\0B")
}

fn converted(picture: &DynamicImage, profile: &[u8]) -> Option<DynamicImage> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    let (from, to, space) = match picture {
        DynamicImage::ImageLuma8(_) => (Layout::Gray, Layout::Rgb, DataColorSpace::Gray),
        DynamicImage::ImageLumaA8(_) => (Layout::GrayAlpha, Layout::Rgba, DataColorSpace::Gray),
        DynamicImage::ImageRgb8(_) => (Layout::Rgb, Layout::Rgb, DataColorSpace::Rgb),
        DynamicImage::ImageRgba8(_) => (Layout::Rgba, Layout::Rgba, DataColorSpace::Rgb),
        _ => return None,
    };
    // A profile of other colours than the pixels have: that of a CMYK picture, which is decoded to RGB.
    if profile.color_space != space {
        return None;
    }
    let srgb = ColorProfile::new_srgb();
    let transform = profile.create_transform_8bit(from, &srgb, to, TransformOptions::default()).ok()?;
    let channels = if to == Layout::Rgba { 4 } else { 3 };
    let pixels = usize::try_from(picture.width()).ok()?.checked_mul(usize::try_from(picture.height()).ok()?)?;
    let mut colours = vec![0; pixels.checked_mul(channels)?];
    transform.transform(picture.as_bytes(), &mut colours).ok()?;
    let made = match space {
        // Grey stays grey: its three colours are the same.
        DataColorSpace::Gray if channels == 4 => {
            colours.chunks_exact(4).flat_map(|pixel| [pixel[0], pixel[3]]).collect()
        }
        DataColorSpace::Gray => colours.chunks_exact(3).map(|pixel| pixel[0]).collect(),
        _ => colours,
    };
    like(picture, (picture.width(), picture.height()), made)
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};

    use super::*;

    fn profile(profile: &ColorProfile) -> Vec<u8> {
        profile.encode().expect("a profile of the library's own")
    }

    #[test]
    fn what_says_nothing_or_srgb_stays_as_it_is() {
        let picture: DynamicImage = RgbImage::from_pixel(2, 2, Rgb([200, 10, 10])).into();
        assert_eq!(to_srgb(picture.clone(), None), picture);
        assert_eq!(to_srgb(picture.clone(), Some(&profile(&ColorProfile::new_srgb()))), picture);
        assert_eq!(to_srgb(picture.clone(), Some(b"no profile")), picture);
    }

    #[test]
    fn other_colours_become_those_of_srgb() {
        let p3 = profile(&ColorProfile::new_display_p3());
        // The red of Display P3 is beyond that of sRGB; a grey is the same in both.
        let picture: DynamicImage =
            RgbImage::from_fn(2, 1, |x, _| Rgb([[180, 60, 60], [90, 90, 90]][x as usize])).into();
        let made = to_srgb(picture, Some(&p3)).to_rgb8();
        let (red, grey) = (made.get_pixel(0, 0).0, made.get_pixel(1, 0).0);
        assert!(red[0] > 190 && red[1] < 56, "{red:?}");
        assert!(grey.iter().all(|value| value.abs_diff(90) <= 1), "{grey:?}");
        let clear: DynamicImage = RgbaImage::from_pixel(1, 1, Rgba([180, 60, 60, 77])).into();
        assert_eq!(to_srgb(clear, Some(&p3)).to_rgba8().get_pixel(0, 0).0[3], 77);
    }

    #[test]
    fn grey_stays_grey_and_a_profile_of_other_channels_is_no_use() {
        let picture: DynamicImage = GrayImage::from_pixel(3, 1, Luma([100])).into();
        let linear = profile(&ColorProfile::new_gray_with_gamma(1.0));
        let made = to_srgb(picture.clone(), Some(&linear));
        assert!(matches!(&made, DynamicImage::ImageLuma8(grey) if grey.get_pixel(0, 0).0[0] > 150), "{made:?}");
        assert_eq!(to_srgb(picture.clone(), Some(&profile(&ColorProfile::new_display_p3()))), picture);
    }
}
