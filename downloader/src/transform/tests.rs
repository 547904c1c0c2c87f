//! Copies from bytes to bytes.

use image::{GrayImage, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use super::options::{Encoding, Fit};
use super::*;

const JPEG: Encoding = Encoding::Jpeg { quality: 90 };
const PIXELS: u64 = 1 << 20;

/// The four quarters in four colours, so that every turn of it is seen.
pub(crate) fn picture(width: u32, height: u32) -> DynamicImage {
    RgbImage::from_fn(width, height, |x, y| {
        Rgb(match (x < width / 2, y < height / 2) {
            (true, true) => [200, 0, 0],
            (false, true) => [0, 200, 0],
            (true, false) => [0, 0, 200],
            (false, false) => [200, 200, 200],
        })
    })
    .into()
}

pub(crate) fn encoded(picture: &DynamicImage, encoding: Encoding) -> Vec<u8> {
    encode::encode(picture, encoding).expect("small enough")
}

fn spec(size: Option<(u32, u32)>, fit: Fit, encoding: Encoding) -> CopySpec {
    let resize = size.map(|(width, height)| options::Resize { size: Dimensions { width, height }, fit, enlarge: true });
    CopySpec { resize, encoding }
}

fn made(bytes: &[u8], format: &str, most_pixels: u64, wanted: &Transform) -> Made {
    make(bytes, format, most_pixels, wanted).expect("no process is started")
}

fn copy_of(bytes: &[u8], format: &str, most_pixels: u64, spec: &CopySpec) -> Result<Copy, Undecodable> {
    let wanted = Transform { copy: Some(*spec), ..Transform::default() };
    made(bytes, format, most_pixels, &wanted).copy.expect("one is wanted")
}

fn seen(copy: &Copy) -> RgbImage {
    let picture = image::load_from_memory(&copy.bytes).expect("a copy can be decoded").to_rgb8();
    assert_eq!(picture.dimensions(), (copy.width, copy.height));
    picture
}

/// A JPEG with its EXIF saying how to turn it.
fn turned_by(picture: &DynamicImage, orientation: u8) -> Vec<u8> {
    let jpeg = encoded(picture, JPEG);
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0".to_vec();
    exif.extend([orientation, 0, 0, 0, 0, 0, 0]);
    let mut bytes = b"\xff\xd8\xff\xe1".to_vec();
    bytes.extend(u16::try_from(exif.len() + 2).expect("short").to_be_bytes());
    bytes.extend(exif);
    bytes.extend(&jpeg[2..]);
    bytes
}

#[test]
fn every_orientation_comes_out_upright() {
    let upright = picture(80, 40);
    for number in 1..=8 {
        let orientation = Orientation::from_exif(number).expect("one to eight");
        // As a camera would have stored it: turned the other way.
        let mut lying = upright.clone();
        lying.apply_orientation(match orientation {
            Orientation::Rotate90 => Orientation::Rotate270,
            Orientation::Rotate270 => Orientation::Rotate90,
            its_own_inverse => its_own_inverse,
        });
        let bytes = turned_by(&lying, number);
        for (size, fit, made) in [
            (None, Fit::Contain, (80, 40)),
            (Some((40, 40)), Fit::Contain, (40, 20)),
            (Some((20, 30)), Fit::Stretch, (20, 30)),
            (Some((40, 40)), Fit::Pad, (40, 40)),
            (Some((160, 20)), Fit::Contain, (40, 20)),
        ] {
            let copy = copy_of(&bytes, "jpg", PIXELS, &spec(size, fit, Encoding::Png)).expect("a copy");
            let found = seen(&copy);
            assert_eq!(found.dimensions(), made, "orientation {number}, {fit:?}");
            let band = if fit == Fit::Pad { made.1 / 4 } else { 0 };
            let near = |x: u32, y: u32, colour: [u8; 3]| {
                let pixel = found.get_pixel(x, y).0;
                let close = pixel.iter().zip(colour).all(|(a, b)| a.abs_diff(b) < 40);
                assert!(close, "orientation {number}, {fit:?}: {pixel:?} at {x},{y} is not {colour:?}");
            };
            let (left, right) = (made.0 / 4, made.0 * 3 / 4);
            let (top, bottom) = (band + (made.1 - 2 * band) / 4, made.1 - 1 - band - (made.1 - 2 * band) / 4);
            near(left, top, [200, 0, 0]);
            near(right, top, [0, 200, 0]);
            near(left, bottom, [0, 0, 200]);
            near(right, bottom, [200, 200, 200]);
        }
    }
}

#[test]
fn equal_images_with_equal_settings_give_equal_bytes() {
    let bytes = encoded(&picture(301, 203), Encoding::Png);
    for encoding in [JPEG, Encoding::Png, Encoding::Webp { quality: 80 }] {
        let make = || copy_of(&bytes, "png", PIXELS, &spec(Some((64, 64)), Fit::Cover, encoding)).expect("a copy");
        assert_eq!(make(), make());
        assert_eq!(make().format, encoding.name());
    }
}

#[test]
fn transparency_becomes_white_in_a_jpeg_and_stays_elsewhere() {
    let clear: DynamicImage = RgbaImage::from_fn(60, 60, |x, _| Rgba([0, 90, 0, if x < 30 { 255 } else { 0 }])).into();
    let bytes = encoded(&clear, Encoding::Png);
    let flat = seen(&copy_of(&bytes, "png", PIXELS, &spec(Some((20, 20)), Fit::Cover, JPEG)).expect("a copy"));
    assert!(flat.get_pixel(18, 10).0.iter().all(|value| *value > 245), "{:?}", flat.get_pixel(18, 10));
    assert!(flat.get_pixel(2, 10).0[1].abs_diff(90) < 12 && flat.get_pixel(2, 10).0[0] < 12);
    for encoding in [Encoding::Png, Encoding::Webp { quality: 90 }] {
        let copy = copy_of(&bytes, "png", PIXELS, &spec(Some((20, 30)), Fit::Pad, encoding)).expect("a copy");
        let kept = image::load_from_memory(&copy.bytes).expect("decodable").to_rgba8();
        let alpha = [(2, 15), (18, 15), (2, 0)].map(|(x, y)| kept.get_pixel(x, y).0[3]);
        assert_eq!(alpha, [255, 0, 0], "{encoding:?}: opaque, transparent, and the border");
    }
}

#[test]
fn deep_grey_and_palette_pictures_become_eight_bits_a_channel() {
    let deep = DynamicImage::ImageRgb16(image::ImageBuffer::from_pixel(9, 9, Rgb([0xffff, 0x8000, 0])));
    let grey: DynamicImage = GrayImage::from_pixel(9, 9, Luma([130])).into();
    let mut palette = Vec::new();
    image::codecs::gif::GifEncoder::new(&mut palette)
        .encode(&[255, 0, 0, 255].repeat(81), 9, 9, image::ExtendedColorType::Rgba8)
        .expect("a GIF");
    let mut page = std::io::Cursor::new(Vec::new());
    deep.write_to(&mut page, image::ImageFormat::Tiff).expect("a TIFF");
    let mut bmp = std::io::Cursor::new(Vec::new());
    picture(9, 9).write_to(&mut bmp, image::ImageFormat::Bmp).expect("a BMP");
    for (bytes, format, colour) in [
        (encoded(&deep, Encoding::Png), "png", [255, 128, 0]),
        (encoded(&grey, Encoding::Png), "png", [130; 3]),
        (palette, "gif", [255, 0, 0]),
        (page.into_inner(), "tiff", [255, 128, 0]),
        (bmp.into_inner(), "bmp", [200, 0, 0]),
    ] {
        let copy = copy_of(&bytes, format, PIXELS, &spec(None, Fit::Contain, Encoding::Png)).expect("a copy");
        assert_eq!(seen(&copy).get_pixel(1, 1).0, colour, "{format}");
    }
}

#[test]
fn the_cap_on_pixels_holds_at_the_boundary_and_before_any_decoding() {
    let bytes = encoded(&picture(20, 10), Encoding::Png);
    let make = |most| copy_of(&bytes, "png", most, &spec(None, Fit::Contain, JPEG));
    assert!(make(200).is_ok());
    assert!(make(199).is_err_and(|why| why.0.contains("20x10")));
    // Its header announces what no memory holds, and nothing follows.
    let mut bomb = encoded(&picture(20, 10), Encoding::Png);
    bomb[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    assert!(copy_of(&bomb, "png", PIXELS, &spec(None, Fit::Contain, JPEG)).is_err());
}

#[test]
fn what_cannot_be_decoded_says_why_and_never_panics() {
    let whole = encoded(&picture(64, 64), JPEG);
    let wanted =
        Transform { copy: Some(spec(Some((8, 8)), Fit::Cover, JPEG)), exif: true, phash: true, ..Transform::default() };
    for format in ["jpg", "png", "gif", "webp", "tiff", "bmp", "ico", "avif", "jxl", "svg", "heic"] {
        let made = made(b"nothing of that kind", format, PIXELS, &wanted);
        assert!(matches!(&made.copy, Some(Err(why)) if !why.0.is_empty()), "{format}");
        assert_eq!((made.exif, made.phash), (None, None), "{format}");
    }
    for cut in 0..whole.len() {
        made(&whole[..cut], "jpg", PIXELS, &wanted);
    }
    let made = made(&whole, "jpg", PIXELS, &wanted);
    assert!(matches!(made.copy, Some(Ok(_))) && made.phash.is_some());
}

/// The pictures are those of `tests/images`: a gradient to the right and downwards.
#[test]
fn a_picture_of_the_longest_side_has_everything_and_one_of_a_longer_side_says_why_not() {
    let wanted = |fit| Transform { copy: Some(spec(Some((256, 256)), fit, JPEG)), phash: true, ..Transform::default() };
    for fit in [Fit::Stretch, Fit::Pad, Fit::Contain, Fit::Cover] {
        for (width, height) in [(LONGEST_SIDE, 1), (1, LONGEST_SIDE)] {
            let made = made(&encoded(&picture(width, height), Encoding::Png), "png", PIXELS, &wanted(fit));
            let copy = made.copy.expect("wanted").unwrap_or_else(|why| panic!("{width}x{height}, {fit:?}: {why}"));
            assert_eq!(copy.width.max(copy.height), 256, "{width}x{height}, {fit:?}");
            assert!(made.phash.is_some());
        }
        let longer = encoded(&picture(1, LONGEST_SIDE + 1), Encoding::Png);
        let made = made(&longer, "png", PIXELS, &wanted(fit));
        assert!(made.copy.expect("wanted").expect_err("too long").0.contains("65536"), "{fit:?}");
        assert_eq!(made.phash, None);
    }
}

/// Left half black, right half white: a side that shrinks and one that grows are each scaled over all of the picture.
#[test]
fn what_is_stretched_both_ways_keeps_its_parts_where_they_were() {
    for (from, to) in [((400, 4), (20, 40)), ((4, 400), (40, 20))] {
        let halves = RgbImage::from_fn(from.0, from.1, |x, _| Rgb(if x < from.0 / 2 { [0; 3] } else { [255; 3] }));
        let copy = copy_of(
            &encoded(&halves.into(), Encoding::Png),
            "png",
            PIXELS,
            &spec(Some(to), Fit::Stretch, Encoding::Png),
        );
        let seen = seen(&copy.expect("a copy"));
        assert_eq!(seen.dimensions(), to);
        for (x, y, pixel) in seen.enumerate_pixels().filter(|(x, ..)| x.abs_diff(to.0 / 2) > to.0 / 4) {
            assert!(pixel.0[0].abs_diff(if x < to.0 / 2 { 0 } else { 255 }) < 40, "{x},{y}: {pixel:?}");
        }
    }
}

#[test]
fn avif_and_jpeg_xl_have_copies_and_hashes_like_others() {
    let image = |name: &str| {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
        std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    };
    let wanted =
        Transform { copy: Some(spec(Some((12, 9)), Fit::Stretch, Encoding::Png)), phash: true, ..Transform::default() };
    let of = |name: &str, format| {
        let made = made(&image(name), format, PIXELS, &wanted);
        let copy = made.copy.expect("wanted").unwrap_or_else(|why| panic!("{name}: {why}"));
        (seen(&copy), u64::from_str_radix(&made.phash.expect("a hash"), 16).expect("hexadecimal"))
    };
    let (png, hash) = of("plain.png", "png");
    for (name, format) in [
        ("plain.avif", "avif"),
        ("alpha.avif", "avif"),
        ("grid.avif", "avif"),
        ("deep.avif", "avif"),
        ("bare.jxl", "jxl"),
        ("container.jxl", "jxl"),
        ("lossless.jxl", "jxl"),
    ] {
        let (copy, other) = of(name, format);
        assert_eq!(copy.dimensions(), (12, 9), "{name}");
        assert!((hash ^ other).count_ones() <= 16, "{name}: {hash:x} and {other:x}");
        let off =
            |(a, b): (&Rgb<u8>, &Rgb<u8>)| a.0.iter().zip(b.0).map(|(a, b)| u32::from(a.abs_diff(b))).sum::<u32>();
        // Opacity has been laid on white in the first alone.
        let off = copy.pixels().zip(png.pixels()).map(off).sum::<u32>() / (12 * 9);
        assert!(off < 60, "{name}: {off}");
        assert!(made(&image(name), format, 24 * 18 - 1, &wanted).copy.is_some_and(|copy| copy.is_err()), "{name}");
    }
}

#[test]
fn a_jpeg_xl_of_too_many_layers_has_no_copy() {
    let copy = |layers: usize| {
        let bytes = crate::verify::jxl_animation(&[vec![false; layers - 1], vec![true; 2]].concat());
        copy_of(&bytes, "jxl", PIXELS, &spec(None, Fit::Contain, Encoding::Png))
    };
    for layers in [1, 2, 200] {
        assert_eq!(copy(layers).map(|copy| (copy.width, copy.height)), Ok((1, 1)), "{layers}");
    }
    for layers in [201, 9_999] {
        assert!(copy(layers).is_err_and(|why| why.0.contains("too many layers")), "{layers}");
    }
}

/// Pure cyan, in CMYK as Adobe stores it (inverted), made with Python's imaging library.
#[test]
fn printers_colours_become_screen_colours() {
    let bytes = include_bytes!("samples/cmyk.jpg");
    let copy = copy_of(bytes, "jpg", PIXELS, &spec(None, Fit::Contain, Encoding::Png)).expect("a copy");
    let colour = seen(&copy).get_pixel(1, 1).0;
    assert!(colour[0] < 30 && colour[1] > 200 && colour[2] > 200, "{colour:?}");
}
