//! The perceptual hash: 64 bits of which few change when a picture is scaled, re-encoded or touched up. It is that of the crate
//! `image_hasher`: grey, 16 by 16, a discrete cosine transform, and of its 64 lowest frequencies whether each is at least their
//! median.

use std::sync::LazyLock;

use image::DynamicImage;
use image::metadata::Orientation;
use image_hasher::{BitOrder, HashAlg, Hasher, HasherConfig};

/// The hash as 16 hexadecimal digits, of the picture as it is seen when turned upright.
pub(super) fn phash(picture: &DynamicImage, orientation: Orientation) -> String {
    static HASHER: LazyLock<Hasher<[u8; 8]>> = LazyLock::new(|| {
        let config = HasherConfig::with_bytes_type().hash_alg(HashAlg::Median).preproc_dct();
        config.bit_order(BitOrder::MsbFirst).to_hasher()
    });
    // Grey first: there is less to turn, and nothing to turn in place.
    let mut grey = DynamicImage::ImageLuma8(picture.to_luma8());
    grey.apply_orientation(orientation);
    common::image_id::hex(HASHER.hash_image(&grey).as_bytes())
}

#[cfg(test)]
mod tests {
    use image::{Rgb, RgbImage};

    use super::*;

    fn hash(picture: &DynamicImage) -> u64 {
        let text = phash(picture, Orientation::NoTransforms);
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

    /// What `image_hasher` 3.1.1 says of it: hashes of different runs must be comparable.
    #[test]
    fn the_hash_of_a_picture_stays_what_it_is() {
        let found = [picture(300, 200), picture(61, 100)].map(|picture| phash(&picture, Orientation::NoTransforms));
        assert_eq!(found, ["e0c0ca6a4b6e5a6f", "e0c0ca6a4b674f6b"]);
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
        let seen = u64::from_str_radix(&phash(&lying, Orientation::Rotate90), 16).expect("hexadecimal");
        assert_eq!(seen, hash(&upright));
    }
}
