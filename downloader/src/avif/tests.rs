//! AVIF files of every kind to pixels, and what is refused. The files are those of `tests/images`.

use std::fs;
use std::path::Path;

use image::DynamicImage;

use super::*;

const PIXELS: u64 = 72 * 64;

fn file(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn room(pixels: u64) -> Room {
    Room { pixels, memory: pixels * BYTES_PER_PIXEL }
}

/// No process is started here.
fn check(bytes: &[u8], room: Room) -> Result<(), Undecodable> {
    super::check(bytes, room).expect("judged")
}

fn picture(bytes: &[u8], room: Room) -> Result<Picture, Undecodable> {
    super::picture(bytes, room).expect("judged")
}

fn upright(bytes: &[u8]) -> DynamicImage {
    let Picture { mut pixels, orientation, .. } = picture(bytes, room(PIXELS)).expect("a picture");
    pixels.apply_orientation(orientation);
    pixels
}

/// The picture that all files were made of.
fn original(x: u32, y: u32) -> [u32; 4] {
    [x * 10, y * 14, x * y % 256, 255 - x * 4]
}

#[test]
fn every_kind_comes_out_as_it_was_made() {
    for name in ["plain", "alpha", "animated", "deep", "grey", "grid", "narrow"] {
        let bytes = file(&format!("{name}.avif"));
        let made = upright(&bytes);
        assert_eq!((made.width(), made.height()), (24, 18), "{name}");
        assert_eq!(made.color().has_alpha(), name == "alpha", "{name}");
        let made = made.to_rgba8();
        let mut off = [0; 4];
        for (x, y, pixel) in made.enumerate_pixels() {
            let mut expected = original(x, y);
            if name == "grey" {
                let grey = (expected[0] * 299 + expected[1] * 587 + expected[2] * 114) / 1000;
                expected = [grey, grey, grey, 255];
            }
            for ((off, found), expected) in off.iter_mut().zip(pixel.0).zip(expected) {
                *off += expected.abs_diff(found.into());
            }
        }
        let pixels = made.width() * made.height();
        let [colours @ .., opacity] = off.map(|off| off / pixels);
        // One pixel of colour is coded for two or four of brightness, and films are coded less well.
        assert!(colours.iter().all(|off| *off < if name == "animated" { 20 } else { 12 }), "{name}: {colours:?}");
        assert!(name != "alpha" || opacity < 4, "{opacity}");
    }
}

#[test]
fn what_is_let_in_is_bounded_by_the_room_for_it() {
    for (name, pixels) in [("plain", 24 * 18), ("alpha", 24 * 18), ("grid", 72 * 64)] {
        let bytes = file(&format!("{name}.avif"));
        assert_eq!(check(&bytes, room(pixels)), Ok(()), "{name}");
        let refused = check(&bytes, room(pixels - 1)).expect_err(name);
        assert!(refused.0.contains("pixels"), "{name}: {refused}");
    }
}

/// A header that announces less than what is coded: the decoder has no more room than for that.
#[test]
fn a_picture_is_no_larger_than_its_header_says() {
    let mut bytes = file("plain.avif");
    let at = bytes.windows(4).position(|name| name == b"ispe").expect("a size");
    bytes[at + 8..at + 16].copy_from_slice(&[0, 0, 0, 8, 0, 0, 0, 6]);
    assert!(check(&bytes, room(48)).is_err());
    for (width, height) in [(25, 18), (24, 19), (25, 19)] {
        bytes[at + 8..at + 16].copy_from_slice(&[0, 0, 0, width, 0, 0, 0, height]);
        let refused = check(&bytes, room(PIXELS)).expect_err("too small for its header");
        let why = format!("a part of 24x18 pixels has no place in a picture of {width}x{height}");
        assert_eq!(refused.0, why);
    }
}

#[test]
fn a_grid_has_all_its_tiles_and_no_bytes_twice() {
    let bytes = file("grid.avif");
    let refers = bytes.windows(4).position(|name| name == b"dimg").expect("references");
    let with = |at: usize, value: u8| {
        let mut bytes = bytes.clone();
        bytes[at] = value;
        check(&bytes, room(4 * PIXELS))
    };
    assert_eq!(with(refers + 5, bytes[refers + 5]), Ok(()));
    assert!(with(refers + 9, 1).is_err(), "a tile that is the grid itself");
    assert!(with(refers + 9, 9).is_err(), "a tile that there is not");
    assert!(with(refers + 7, 1).is_err(), "one tile for two places");
    // Its description: a version, flags, rows and columns less one, width, height.
    let layout = bytes.windows(8).position(|part| part == [0, 0, 0, 1, 0, 72, 0, 64]).expect("a description");
    assert!(with(layout + 3, 0).is_err(), "one place for two tiles");
    for (at, value, what) in [(5, 200, "wider than its tiles"), (7, 65, "higher than its tiles")] {
        let refused = with(layout + at, value).expect_err(what);
        assert!(refused.0.contains("has no place in a picture of"), "{what}: {refused}");
    }
}

#[test]
fn what_is_damaged_is_refused_or_another_picture() {
    for name in ["plain.avif", "alpha.avif", "grid.avif", "deep.avif"] {
        let bytes = file(name);
        let mut refused = 0;
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            let found = picture(&damaged, room(PIXELS));
            refused += usize::from(found.is_err());
            if let Err(why) = found {
                assert!(!why.0.is_empty() && why.0.len() < 200, "{name}, byte {at}: {why}");
            }
        }
        assert!(refused > 50, "{name}: only {refused} were refused");
        assert!(check(&bytes[..bytes.len() / 2], room(PIXELS)).is_err(), "{name}");
    }
    assert!(check(b"", room(PIXELS)).is_err());
    assert!(check(&file("plain.heic"), room(PIXELS)).expect_err("not AV1").0.contains("kind"));
}
