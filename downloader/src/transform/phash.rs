//! The perceptual hash: 64 bits of which few change when a picture is scaled, re-encoded or touched up. It is the one that
//! Python's `ImageHash` calls `phash`, so that the hashes of both can be compared: grey, 32 by 32, a discrete cosine
//! transform, and of its 64 lowest frequencies whether each is above their median.
//! See <https://www.hackerfactor.com/blog/index.php?/archives/432-Looks-Like-It.html>.
//!
//! No crate gives this value: `image_hasher` transforms 16 by 16 pixels, and `imagehash` has the simple form, of rows alone and
//! against the mean.

use std::f64::consts::PI;

use fast_image_resize::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, GrayImage};

use super::resize::scale;

/// Side of the picture that is transformed.
const SIDE: usize = 32;

/// Lowest frequencies that are looked at in each direction.
const LOWEST: usize = 8;

/// The hash as 16 hexadecimal digits, of the picture as it is seen when turned upright. `None` for a picture that is not of
/// eight bits a channel.
pub(super) fn phash(picture: &DynamicImage, orientation: Orientation) -> Option<String> {
    let grey = DynamicImage::ImageLuma8(grey(picture)?);
    let all = (0.0, 0.0, f64::from(grey.width()), f64::from(grey.height()));
    let mut small = scale(&grey, FilterType::Lanczos3, all, (32, 32))?;
    small.apply_orientation(orientation);
    let frequencies = lowest_frequencies(small.as_bytes());
    let median = median(frequencies);
    let hash = frequencies.iter().fold(0_u64, |bits, value| bits << 1 | u64::from(*value > median));
    Some(format!("{hash:016x}"))
}

/// The brightness by ITU-R 601, whatever is transparent, in the rounding that Python's imaging library has.
fn grey(picture: &DynamicImage) -> Option<GrayImage> {
    let brightness = |[r, g, b]: [u8; 3]| {
        let sum = u32::from(r) * 19_595 + u32::from(g) * 38_470 + u32::from(b) * 7_471 + 0x8000;
        // The factors sum to 2^16.
        u8::try_from(sum >> 16).unwrap_or(255)
    };
    let values: Vec<u8> = match picture {
        DynamicImage::ImageLuma8(picture) => return Some(picture.clone()),
        DynamicImage::ImageLumaA8(picture) => picture.pixels().map(|pixel| pixel.0[0]).collect(),
        DynamicImage::ImageRgb8(picture) => picture.pixels().map(|pixel| brightness(pixel.0)).collect(),
        DynamicImage::ImageRgba8(picture) => {
            picture.pixels().map(|pixel| brightness([pixel.0[0], pixel.0[1], pixel.0[2]])).collect()
        }
        _ => return None,
    };
    GrayImage::from_raw(picture.width(), picture.height(), values)
}

/// The lowest frequencies of a picture of [`SIDE`] by [`SIDE`], row by row: the DCT-II, not normalised, of its columns and then
/// of its rows.
fn lowest_frequencies(pixels: &[u8]) -> [f64; LOWEST * LOWEST] {
    let waves = waves();
    // Down the columns: a row for each frequency.
    let mut columns = [[0.0; SIDE]; LOWEST];
    for (wave, row) in waves.iter().zip(&mut columns) {
        for (value, line) in wave.iter().zip(pixels.chunks_exact(SIDE)) {
            for (sum, pixel) in row.iter_mut().zip(line) {
                *sum += value * f64::from(*pixel);
            }
        }
    }
    let mut found = [0.0; LOWEST * LOWEST];
    for (place, value) in found.iter_mut().enumerate() {
        let (row, wave) = (&columns[place / LOWEST], &waves[place % LOWEST]);
        *value = row.iter().zip(wave).map(|(value, wave)| value * wave).sum();
    }
    found
}

/// Cosines of the lowest frequencies.
fn waves() -> [[f64; SIDE]; LOWEST] {
    let mut waves = [[0.0; SIDE]; LOWEST];
    for (frequency, wave) in (0_u32..).zip(&mut waves) {
        for (place, value) in (0_u32..).zip(wave) {
            *value = 2.0 * (PI * f64::from(frequency) * f64::from(2 * place + 1) / 64.0).cos();
        }
    }
    waves
}

fn median(mut values: [f64; LOWEST * LOWEST]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    f64::midpoint(values[values.len() / 2 - 1], values[values.len() / 2])
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    fn hash(picture: &DynamicImage) -> u64 {
        let text = phash(picture, Orientation::NoTransforms).expect("eight bits a channel");
        assert_eq!(text.len(), 16);
        u64::from_str_radix(&text, 16).expect("hexadecimal")
    }

    /// Blobs and slopes, whatever the size.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 254")]
    fn picture(width: u32, height: u32) -> DynamicImage {
        RgbImage::from_fn(width, height, |x, y| {
            let (x, y) = (f64::from(x) / f64::from(width), f64::from(y) / f64::from(height));
            let wave = |value: f64| (127.0 + 127.0 * value.sin()) as u8;
            Rgb([wave(x * 7.0 + y), wave(y * 9.0), wave((x - y) * 5.0)])
        })
        .into()
    }

    /// The bytes of a simple generator of pseudo-random numbers.
    fn noise(mut state: u32, length: usize) -> Vec<u8> {
        let mut next = || {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345) & 0x7fff_ffff;
            state.to_le_bytes()[2]
        };
        (0..length).map(|_| next()).collect()
    }

    /// The hashes are what `imagehash.phash` 4.3.2 says of the same pixels.
    #[test]
    fn the_hash_is_the_one_of_the_well_known_library() {
        let small = GrayImage::from_raw(32, 32, noise(1, 32 * 32)).expect("its length").into();
        let large = GrayImage::from_raw(100, 61, noise(7, 100 * 61)).expect("its length").into();
        let [r, g, b] = [1, 2, 3].map(|seed| noise(seed, 50 * 70));
        let colours = r.iter().zip(&g).zip(&b).flat_map(|((r, g), b)| [*r, *g, *b]).collect();
        let colours = RgbImage::from_raw(50, 70, colours).expect("its length").into();
        let found =
            [&small, &large, &colours].map(|picture| phash(picture, Orientation::NoTransforms).expect("a hash"));
        assert_eq!(found, ["f741abf0c045e399", "d2ebe3b021252eec", "969b075c8dd45a95"]);
    }

    #[test]
    fn few_bits_change_with_the_size_and_many_with_the_picture() {
        let one = hash(&picture(300, 200));
        assert!((one ^ hash(&picture(75, 50))).count_ones() <= 6);
        let mut other = picture(300, 200);
        other.invert();
        assert!((one ^ hash(&other)).count_ones() > 20);
    }

    #[test]
    fn a_picture_is_hashed_as_it_is_seen() {
        let lying = picture(120, 80);
        let mut upright = lying.clone();
        upright.apply_orientation(Orientation::Rotate90);
        let seen = phash(&lying, Orientation::Rotate90).expect("eight bits a channel");
        let seen = u64::from_str_radix(&seen, 16).expect("hexadecimal");
        assert!((seen ^ hash(&upright)).count_ones() <= 2);
    }
}
