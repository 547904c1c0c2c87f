//! Images of every format: whole, cut, damaged and disguised. They are those of `tests/images`, whose README.md says how they
//! were made.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use common::reason::Reason;

use super::filters::Filters;
use super::{Checks, Rejected, Verified, Verifier, decode, verify};
use crate::avif::{self, Room};
use crate::format::Format;

const SIZE: (u32, u32) = (24, 18);

fn checks() -> Checks {
    Checks { max_pixels: 1 << 20, filters: Filters::default() }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images")
}

fn image(name: &str) -> Vec<u8> {
    fs::read(folder().join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every image with its name and format, which is its ending.
fn images() -> Vec<(String, Format, Vec<u8>)> {
    let mut images = Vec::new();
    for entry in fs::read_dir(folder()).expect("there is a folder of images") {
        let name = entry.expect("an entry").file_name().into_string().expect("a name of ours");
        let ending = name.rsplit('.').next().unwrap_or_default();
        if let Ok(format) = <Format as clap::ValueEnum>::from_str(ending, false) {
            images.push((name.clone(), format, image(&name)));
        }
    }
    for format in <Format as clap::ValueEnum>::value_variants() {
        assert!(images.iter().any(|(_, known, _)| known == format), "no image is {format}");
    }
    images
}

/// Pixels that a decoder makes of an image. HEIC and grids are coded in larger pieces than what is shown of them.
fn pixels(name: &str) -> u64 {
    match name {
        "bmp.ico" => 16 * 12,
        "grid.avif" => 72 * 64,
        "plain.heic" => 64 * 64,
        _ => u64::from(SIZE.0) * u64::from(SIZE.1),
    }
}

fn reason(bytes: &[u8], checks: &Checks) -> Option<Reason> {
    verify(bytes, checks).err().map(|rejected| rejected.reason)
}

#[test]
fn format_and_size_come_from_the_bytes() {
    for (name, format, bytes) in images() {
        let size = (format != Format::Svg).then_some(if name == "bmp.ico" { (16, 12) } else { SIZE });
        let scripted = (format == Format::Svg).then_some(name == "scripted.svg");
        let pixels = if size.is_some() { pixels(&name) } else { 0 };
        assert_eq!(verify(&bytes, &checks()), Ok(Verified { format, size, pixels, scripted }), "{name}");
    }
}

#[test]
fn what_stands_behind_an_image_does_not_matter() {
    for (name, _, bytes) in images() {
        for behind in [&b"\n"[..], b"trailing", b"\n<!-- made by a page of ours -->\n", &[0; 100], &[0xff; 100]] {
            assert_eq!(reason(&[&bytes, behind].concat(), &checks()), None, "{name} with {behind:?}");
        }
    }
}

#[test]
fn an_image_that_is_cut_anywhere_is_not_whole() {
    for (name, format, bytes) in images() {
        // What ends an SVG is its root's last tag; a line's end behind it is not missed.
        let end = if format == Format::Svg { bytes.trim_ascii_end().len() } else { bytes.len() };
        for length in 0..end {
            let found = reason(&bytes[..length], &checks());
            // So little may be anything.
            let unknown = length < 12
                || format == Format::Svg
                    && !bytes[..length].starts_with(b"<?xml")
                    && !bytes[..length].starts_with(b"<svg")
                || format == Format::Bmp && length < 18;
            let expected = [Some(Reason::Truncated), unknown.then_some(Reason::NotAnImage)];
            assert!(found.is_some() && expected.contains(&found), "{name} cut at {length} of {end}: {found:?}");
        }
    }
}

/// The same of images that are larger than one look of any walk.
#[test]
fn a_long_image_that_is_cut_is_not_whole() {
    let png = {
        let noise: Vec<u8> = (0..400 * 400_u32).map(|index| (index.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let mut png = Vec::new();
        let picture = image::GrayImage::from_raw(400, 400, noise).expect("as many pixels");
        picture.write_to(&mut std::io::Cursor::new(&mut png), image::ImageFormat::Png).expect("a PNG");
        png
    };
    assert!(png.len() > 100_000);
    assert_eq!(reason(&png, &checks()), None);
    for tenth in 0..10 {
        let found = reason(&png[..png.len() * tenth / 10], &checks());
        let expected = if tenth == 0 { Reason::NotAnImage } else { Reason::Truncated };
        assert_eq!(found, Some(expected), "cut at {tenth} tenths");
    }
}

#[test]
fn pixels_are_capped_at_the_boundary() {
    for (name, format, bytes) in images() {
        let at = |max_pixels| reason(&bytes, &Checks { max_pixels, ..checks() });
        let least = pixels(&name);
        assert_eq!(at(least + 1), None, "{name}");
        assert_eq!(at(least), None, "{name}");
        let expected = (format != Format::Svg).then_some(Reason::TooManyPixels);
        assert_eq!(at(least - 1), expected, "{name}");
    }
}

#[test]
fn a_filter_comes_before_what_another_try_could_mend() {
    let png = image("plain.png");
    let cut = &png[..png.len() - 1];
    let with = |filters| Checks { filters, ..checks() };
    let small = with(Filters { min_size: Some("25x1".parse().expect("a size")), ..Filters::default() });
    let expected = |reason| Err(Rejected { size: Some(SIZE), ..Rejected::new(reason, Some(Format::Png)) });
    assert_eq!(verify(cut, &small), expected(Reason::FilteredMinSize));
    assert_eq!(verify(cut, &checks()), expected(Reason::Truncated));
    let gifs = with(Filters { formats: vec![Format::Gif], ..Filters::default() });
    assert_eq!(reason(&png, &gifs), Some(Reason::FilteredFormat));
    let long = with(Filters { min_bytes: png.len() as u64 + 1, ..Filters::default() });
    assert_eq!(reason(&png, &long), Some(Reason::FilteredMinBytes));
    // SVG has no size that could be too small.
    assert_eq!(reason(&image("plain.svg"), &small), None);
}

#[test]
fn what_is_no_image_is_rejected() {
    let film = b"\0\0\0\x18ftypisom\0\0\0\0isommp41\0\0\0\x08mdat";
    let others = [
        &b""[..],
        b"\0",
        b"hello",
        b"%PDF-1.4",
        b"<!--",
        b"<?xm",
        b"BMW and others",
        b"RIFF\x04\0\0\0WAVE",
        film,
        b"<!DOCTYPE html><html><svg></svg></html>",
        b"\x1f\x8b\x08\0",
        b"\0\0\x01\0\0\0",
    ];
    for bytes in others {
        assert_eq!(reason(bytes, &checks()), Some(Reason::NotAnImage), "{:?}", String::from_utf8_lossy(bytes));
    }
}

/// A page that is served as an image, and images by each other's names: what they are called has no part in it.
#[test]
fn no_name_makes_an_image() {
    let page = b"<!DOCTYPE html>\n<html><head><title>404</title></head><body><img src='a.png'></body></html>";
    for (name, format, bytes) in images() {
        assert_eq!(verify(&bytes, &checks()).map(|verified| verified.format), Ok(format), "{name}");
        // Its first bytes, and then a page.
        let disguised = [&bytes[..bytes.len().min(12)], page].concat();
        assert!(verify(&disguised, &checks()).is_err(), "{name}");
    }
    assert_eq!(reason(page, &checks()), Some(Reason::NotAnImage));
}

/// Every byte of every image changed in three ways: no panic, and what passes has a size if its format has any.
#[test]
fn damaged_images_are_no_trouble() {
    for (name, _, bytes) in images() {
        for at in 0..bytes.len() {
            for change in [0x01, 0x80, 0xff] {
                let mut damaged = bytes.clone();
                damaged[at] ^= change;
                if let Ok(Verified { format, size, .. }) = verify(&damaged, &checks()) {
                    let has_size = size.is_some_and(|(width, height)| width > 0 && height > 0);
                    assert_eq!(has_size, format != Format::Svg, "{name}, byte {at}");
                }
            }
        }
    }
}

#[test]
fn a_damaged_png_is_noticed_by_its_checksums() {
    let bytes = image("plain.png");
    for at in 8..bytes.len() {
        let mut damaged = bytes.clone();
        damaged[at] ^= 0x10;
        assert!(verify(&damaged, &checks()).is_err(), "byte {at}");
    }
}

fn decode_with(bytes: &[u8], format: Format, memory: u64, most_pixels: u64) -> Result<(), Rejected> {
    decode::decode(bytes, format, memory, most_pixels).expect("no process is started")
}

fn decoded(bytes: &[u8], format: Format, pixels: u64) -> Result<(), Rejected> {
    // What there is no decoder for takes nothing.
    let memory = decode::memory(format, pixels).unwrap_or_default();
    if decode::is_known(format) { decode_with(bytes, format, memory, checks().max_pixels) } else { Ok(()) }
}

#[test]
fn every_image_that_there_is_a_decoder_for_decodes() {
    for (name, format, bytes) in images() {
        assert_eq!(decoded(&bytes, format, pixels(&name)), Ok(()), "{name}");
    }
}

/// What the decoder refuses is not let in, and nothing that is cut or damaged makes it panic.
#[tokio::test]
async fn nothing_that_the_decoder_refuses_is_let_in() {
    let verifier = Verifier::new(checks(), true);
    let mut refused = 0;
    for (name, _, bytes) in images() {
        assert!(verifier.verify(&bytes.clone().into()).await.expect("judged").is_ok(), "{name}");
        for at in (0..bytes.len()).step_by(7) {
            let mut damaged = bytes.clone();
            damaged[at] ^= 0xff;
            let found = verifier.verify(&Bytes::from(damaged.clone())).await.expect("judged");
            let decoded = verify(&damaged, &checks()).and_then(|known| decoded(&damaged, known.format, known.pixels));
            assert_eq!(found.is_ok(), decoded.is_ok(), "{name}, byte {at}");
            if let Err(Rejected { reason: Reason::Undecodable, detail, .. }) = found {
                assert!(detail.is_some_and(|detail| !detail.is_empty()), "{name}, byte {at}");
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "only {refused} were refused by a decoder");
}

#[tokio::test]
async fn a_picture_that_would_take_too_much_memory_is_not_decoded() {
    let png = image("plain.png");
    let (width, height) = (1_u32 << 15, 1_u32 << 13);
    assert!(decode::memory(Format::Png, 1 << 28).is_some());
    assert!(decode::memory(Format::Png, (1 << 28) + 1).is_none());
    // The same picture under a header that says so.
    let mut header = png[12..29].to_vec();
    header[4..8].copy_from_slice(&width.to_be_bytes());
    header[8..12].copy_from_slice(&(height + 1).to_be_bytes());
    let sum = crc32fast::hash(&header).to_be_bytes();
    let large: Bytes = [&png[..12], &header, &sum, &png[33..]].concat().into();
    let checks = Checks { max_pixels: u64::MAX, ..checks() };
    assert!(Verifier::new(checks.clone(), false).verify(&large).await.expect("judged").is_ok());
    let found = Verifier::new(checks, true).verify(&large).await.expect("judged");
    assert_eq!(found.map_err(|rejected| rejected.reason), Err(Reason::TooManyPixels));
}

/// What is decoded of a grid is a tile first, which may have more pixels than the grid.
#[test]
fn the_largest_tile_of_a_grid_counts() {
    let mut bytes = image("grid.avif");
    let at = |bytes: &[u8], what: &[u8]| bytes.windows(what.len()).position(|part| part == what).expect("it is there");
    let clap = at(&bytes, b"clap");
    bytes[clap..clap + 4].copy_from_slice(b"none");
    let size = at(&bytes, &[0, 0, 0, 72, 0, 0, 0, 64]);
    bytes[size..size + 8].copy_from_slice(&[0, 0, 0, 65, 0, 0, 0, 30]);
    let description = at(&bytes, &[0, 72, 0, 64]);
    bytes[description..description + 4].copy_from_slice(&[0, 65, 0, 30]);
    let known = verify(&bytes, &checks()).expect("whole");
    assert_eq!((known.size, known.pixels), (Some((65, 30)), 64 * 64));
    let room = Room { pixels: known.pixels, memory: known.pixels * avif::BYTES_PER_PIXEL };
    assert_eq!(avif::check(&bytes, room).expect("no process is started"), Ok(()));
    assert_eq!(avif::picture(&bytes, room).expect("no process is started").map(|made| made.pixels.width()), Ok(65));
}

/// Each of these made a walk take time or memory that its bytes do not warrant, or a number leave its range.
#[test]
fn hostile_numbers_are_no_trouble() {
    let begun = std::time::Instant::now();
    let entry = |length: u32| [&[0; 8][..], &length.to_le_bytes(), &22_u32.to_le_bytes()].concat();
    let mut icons = b"\0\0\x01\0\xff\xff".to_vec();
    (0..0xffff).for_each(|_| icons.extend(entry(1 << 20)));
    icons.resize(4 << 20, 0);
    let chain = b"II*\0\x08\0\0\0\0\0\x08\0\0\0".to_vec();
    let mut strips = b"II*\0\x08\0\0\0\x01\0\x11\x01\x04\0\xff\xff\xff\x3f\x1a\0\0\0\0\0\0\0".to_vec();
    strips.resize(1 << 20, 0);
    let far = b"MM\0+\0\x08\0\0\xff\xff\xff\xff\xff\xff\xff\xff".to_vec();
    let bmp =
        [b"BM", &[0; 8][..], b"\xff\xff\xff\xff\x28\0\0\0\xff\xff\xff\x7f\0\0\0\x80\x01\0\x20\0", &[0; 24]].concat();
    for (bytes, what) in [(icons, "icons"), (chain, "chain"), (strips, "strips"), (far, "far"), (bmp, "bmp")] {
        assert!(verify(&bytes, &Checks { max_pixels: u64::MAX, ..checks() }).is_err(), "{what}");
    }
    assert!(begun.elapsed() < std::time::Duration::from_secs(10), "{:?}", begun.elapsed());
}

/// A picture whose header tells less than it takes has no more memory than was set aside for it.
#[test]
fn decoding_takes_no_more_than_was_set_aside() {
    for (name, format) in [("plain.png", Format::Png), ("bare.jxl", Format::Jxl)] {
        let most = checks().max_pixels;
        assert_eq!(decode_with(&image(name), format, 16 << 20, most), Ok(()), "{name}");
        assert!(decode_with(&image(name), format, 100, most).is_err(), "{name}");
    }
}

/// Pictures behind those that have as many pixels together as one may are not decoded.
#[test]
fn the_pictures_of_an_icon_share_their_pixels() {
    let png = image("plain.png");
    let mut broken = png.clone();
    broken.truncate(png.len() - 20);
    let entry = |length: usize, offset: usize| {
        let number = |number| u32::try_from(number).expect("short").to_le_bytes();
        [&[0; 8][..], &number(length), &number(offset)].concat()
    };
    let icon =
        [b"\0\0\x01\0\x02\0".to_vec(), entry(png.len(), 38), entry(broken.len(), 38 + png.len()), png, broken].concat();
    let pixels = u64::from(SIZE.0) * u64::from(SIZE.1);
    assert_eq!(decode_with(&icon, Format::Ico, 16 << 20, pixels), Ok(()));
    assert!(decode_with(&icon, Format::Ico, 16 << 20, pixels + 1).is_err());
}
