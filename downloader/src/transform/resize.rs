//! Makes a picture of another size of a picture. Shrinking weighs every pixel of the picture by a Hamming window, which is as
//! free of steps and moiré as the mean over the area and sharper; enlarging is by Lanczos's window of three lobes.
//! Colours are weighed by their opacity, so that what hides under transparent pixels does not bleed into their neighbours.
//! Values are averaged as they are (in sRGB), as nearly all tools do.

use fast_image_resize as fir;
use fir::images::{Image, ImageRef};
use fir::{FilterType, PixelType, ResizeAlg, ResizeOptions};
use image::{DynamicImage, GenericImageView, GrayAlphaImage, GrayImage, RgbImage, Rgba, RgbaImage};

use super::geometry::Plan;

/// Carries out a plan on a picture of eight bits a channel. `None` for one of another kind, which decoding makes none of.
pub(super) fn carry_out(picture: &DynamicImage, plan: &Plan) -> Option<DynamicImage> {
    let source = picture.dimensions();
    let scaled = (plan.scaled.width, plan.scaled.height);
    let (left, top) = ((f64::from(source.0) - plan.part.0) / 2.0, (f64::from(source.1) - plan.part.1) / 2.0);
    if plan.part == (f64::from(scaled.0), f64::from(scaled.1)) {
        // Only cut, at whole pixels: between them everything would be blurred.
        return Some(picture.crop_imm((source.0 - scaled.0) / 2, (source.1 - scaled.1) / 2, scaled.0, scaled.1));
    }
    let (wider, higher) = (f64::from(scaled.0) > plan.part.0, f64::from(scaled.1) > plan.part.1);
    let part = (left, top, plan.part.0, plan.part.1);
    if wider == higher {
        return scale(picture, if wider { GROWS } else { SHRINKS }, part, scaled);
    }
    // Stretched. First the side that shrinks: between the two steps nothing is larger than the picture, or than the copy.
    let between = if wider { (source.0, scaled.1) } else { (scaled.0, source.1) };
    let small = scale(picture, SHRINKS, part, between)?;
    scale(&small, GROWS, (0.0, 0.0, f64::from(between.0), f64::from(between.1)), scaled)
}

const GROWS: FilterType = FilterType::Lanczos3;

const SHRINKS: FilterType = FilterType::Hamming;

/// Makes `size` of the part of a picture that is described by left, top, width and height.
pub(super) fn scale(
    picture: &DynamicImage,
    filter: FilterType,
    (left, top, width, height): (f64, f64, f64, f64),
    size: (u32, u32),
) -> Option<DynamicImage> {
    let kind = match picture {
        DynamicImage::ImageLuma8(_) => PixelType::U8,
        DynamicImage::ImageLumaA8(_) => PixelType::U8x2,
        DynamicImage::ImageRgb8(_) => PixelType::U8x3,
        DynamicImage::ImageRgba8(_) => PixelType::U8x4,
        _ => return None,
    };
    let source = ImageRef::new(picture.width(), picture.height(), picture.as_bytes(), kind).ok()?;
    let mut target = Image::new(size.0, size.1, kind);
    let options = ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).crop(left, top, width, height);
    fir::Resizer::new().resize(&source, &mut target, &options).ok()?;
    like(picture, size, target.into_vec())
}

/// A picture of the same kind as another, of pixels in memory.
pub(super) fn like(picture: &DynamicImage, (width, height): (u32, u32), pixels: Vec<u8>) -> Option<DynamicImage> {
    Some(match picture {
        DynamicImage::ImageLuma8(_) => GrayImage::from_raw(width, height, pixels)?.into(),
        DynamicImage::ImageLumaA8(_) => GrayAlphaImage::from_raw(width, height, pixels)?.into(),
        DynamicImage::ImageRgb8(_) => RgbImage::from_raw(width, height, pixels)?.into(),
        DynamicImage::ImageRgba8(_) => RgbaImage::from_raw(width, height, pixels)?.into(),
        _ => return None,
    })
}

/// Puts a picture into the middle of a canvas of at least its size: transparent if the picture can be, else white.
pub(super) fn pad(picture: DynamicImage, (width, height): (u32, u32)) -> DynamicImage {
    if (picture.width(), picture.height()) == (width, height) {
        return picture;
    }
    let mut canvas = DynamicImage::new(width, height, picture.color());
    if !picture.color().has_alpha() {
        fill_white(&mut canvas);
    }
    let (left, top) = ((width - picture.width()) / 2, (height - picture.height()) / 2);
    image::imageops::replace(&mut canvas, &picture, left.into(), top.into());
    canvas
}

fn fill_white(canvas: &mut DynamicImage) {
    match canvas {
        DynamicImage::ImageLuma8(grey) => grey.fill(255),
        DynamicImage::ImageRgb8(colours) => colours.fill(255),
        _ => {}
    }
}

/// Puts a picture on white, for formats without transparency.
pub(super) fn flatten(picture: DynamicImage) -> DynamicImage {
    match picture {
        DynamicImage::ImageLumaA8(picture) => {
            let grey = picture.pixels().map(|pixel| on_white(pixel.0[0], pixel.0[1])).collect();
            GrayImage::from_raw(picture.width(), picture.height(), grey).map_or(picture.into(), DynamicImage::from)
        }
        DynamicImage::ImageRgba8(picture) => {
            let colours = picture.pixels().flat_map(|Rgba([r, g, b, a])| [*r, *g, *b].map(|value| on_white(value, *a)));
            let colours = colours.collect();
            RgbImage::from_raw(picture.width(), picture.height(), colours).map_or(picture.into(), DynamicImage::from)
        }
        opaque => opaque,
    }
}

/// A value of that opacity over white, rounded.
fn on_white(value: u8, alpha: u8) -> u8 {
    let (value, alpha) = (u16::from(value), u16::from(alpha));
    // At most 255 * 255 + 127.
    u8::try_from((value * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(255)
}

#[cfg(test)]
mod tests {
    use common::config::Dimensions;
    use image::{LumaA, Rgb};

    use super::*;
    use crate::transform::geometry::plan;
    use crate::transform::options::{Fit, Resize};

    fn resized(picture: &DynamicImage, width: u32, height: u32, fit: Fit) -> DynamicImage {
        let source = Dimensions { width: picture.width(), height: picture.height() };
        let resize = Resize { size: Dimensions { width, height }, fit, enlarge: true };
        let plan = plan(source, &resize);
        pad(carry_out(picture, &plan).expect("eight bits a channel"), (plan.canvas.width, plan.canvas.height))
    }

    /// Red on the left, green in the middle third, blue on the right.
    fn thirds(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |x, _| {
            let mut colour = [0; 3];
            colour[usize::try_from(x * 3 / width).expect("small")] = 255;
            Rgb(colour)
        })
        .into()
    }

    #[test]
    fn every_fit_shows_what_it_should() {
        let picture = thirds(300, 100);
        let cover = resized(&picture, 50, 50, Fit::Cover).to_rgb8();
        // At the edges of the part its neighbours are weighed in.
        assert!([1, 25, 48].iter().all(|x| cover.get_pixel(*x, 25).0 == [0, 255, 0]), "the middle third alone");
        let contain = resized(&picture, 60, 60, Fit::Contain).to_rgb8();
        assert_eq!(contain.dimensions(), (60, 20));
        assert_eq!([5, 30, 55].map(|x| contain.get_pixel(x, 10).0), [[255, 0, 0], [0, 255, 0], [0, 0, 255]]);
        let pad = resized(&picture, 60, 60, Fit::Pad).to_rgb8();
        assert_eq!(pad.dimensions(), (60, 60));
        assert_eq!([0, 19, 40, 59].map(|y| pad.get_pixel(5, y).0), [[255; 3]; 4]);
        assert_eq!([20, 39].map(|y| pad.get_pixel(5, y).0), [[255, 0, 0]; 2]);
        let stretch = resized(&picture, 9, 90, Fit::Stretch).to_rgb8();
        assert_eq!(stretch.dimensions(), (9, 90));
        assert_eq!([0, 4, 8].map(|x| stretch.get_pixel(x, 45).0), [[255, 0, 0], [0, 255, 0], [0, 0, 255]]);
    }

    #[test]
    fn odd_sizes_come_out_as_asked_for() {
        for (width, height) in [(1, 1), (1, 999), (7, 3), (255, 257), (1000, 1)] {
            let picture = thirds(width, height);
            for fit in [Fit::Cover, Fit::Pad, Fit::Stretch] {
                let made = resized(&picture, 13, 17, fit);
                assert_eq!((made.width(), made.height()), (13, 17), "{fit:?} of {width}x{height}");
            }
            let made = resized(&picture, 13, 17, Fit::Contain);
            assert!(made.width() == 13 || made.height() == 17, "{width}x{height}");
            assert!(made.width() <= 13 && made.height() <= 17, "{width}x{height}");
        }
    }

    #[test]
    fn a_picture_of_one_colour_keeps_it_whatever_the_size() {
        let picture: DynamicImage = RgbImage::from_pixel(101, 67, Rgb([12, 200, 77])).into();
        for size in [7, 67, 500] {
            let made = resized(&picture, size, size, Fit::Cover).to_rgb8();
            assert!(made.pixels().all(|pixel| pixel.0 == [12, 200, 77]), "{size}");
        }
    }

    #[test]
    fn what_hides_under_transparent_pixels_does_not_bleed() {
        // Opaque red beside green that is not to be seen.
        let picture: DynamicImage =
            RgbaImage::from_fn(64, 64, |x, _| if x < 32 { Rgba([255, 0, 0, 255]) } else { Rgba([0, 255, 0, 0]) })
                .into();
        let made = resized(&picture, 9, 9, Fit::Stretch);
        for pixel in made.to_rgba8().pixels() {
            assert!(pixel.0[3] == 0 || (pixel.0[0] > 250 && pixel.0[1] < 5), "{pixel:?}");
        }
        let flat = flatten(made).to_rgb8();
        assert_eq!((flat.get_pixel(0, 4).0, flat.get_pixel(8, 4).0), ([255, 0, 0], [255, 255, 255]));
        let middle = flat.get_pixel(4, 4).0;
        assert!(middle[0] == 255 && middle[1].abs_diff(128) < 8 && middle[1] == middle[2], "{middle:?}");
    }

    #[test]
    fn transparency_is_put_on_white_and_kept_around_a_padded_picture() {
        let clear: DynamicImage = GrayAlphaImage::from_pixel(2, 1, LumaA([9, 0])).into();
        assert_eq!(flatten(clear.clone()).to_luma8().into_raw(), [255, 255]);
        assert_eq!([0, 100, 255].map(|alpha| on_white(10, alpha)), [255, 159, 10]);
        let padded = pad(clear, (4, 3));
        assert_eq!(padded.to_luma_alpha8().get_pixel(0, 0).0, [0, 0]);
    }
}
