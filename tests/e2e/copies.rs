//! Copies of another size and format, EXIF and perceptual hashes: what is stored, and what the manifest says of it.

use std::fs;
use std::io::Cursor;

use harness::shards::Shards;
use harness::store::sha256;
use harness::{Finished, Response, Row, Store, World, png};
use image::{ImageFormat, RgbImage};

use crate::{embedded, world};

/// As Adobe's programs store pictures for printers: CMYK, inverted.
const CMYK: &[u8] = include_bytes!("../../downloader/src/transform/samples/cmyk.jpg");

/// Whole, and of a format of which no copies are made.
const HEIC: &[u8] = include_bytes!("../../downloader/tests/images/plain.heic");

/// Of formats whose decoders are apart from those of the others.
const AVIF: &[u8] = include_bytes!("../../downloader/tests/images/alpha.avif");
const JXL: &[u8] = include_bytes!("../../downloader/tests/images/lossless.jxl");

fn picture(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| image::Rgb([x * 3, y * 5, (x ^ y) * 2].map(|value| value.to_le_bytes()[0])))
}

fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture(width, height).write_to(&mut bytes, format).expect("memory takes it");
    bytes.into_inner()
}

/// A JPEG whose EXIF says that it lies on its side, and who made it.
fn photo(width: u32, height: u32) -> Vec<u8> {
    let mut exif = b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x02".to_vec();
    exif.extend(b"\x01\x0f\0\x02\0\0\0\x04Abc\0");
    exif.extend(b"\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0");
    let mut bytes = b"\xff\xd8\xff\xe1".to_vec();
    bytes.extend(u16::try_from(exif.len() + 2).expect("short").to_be_bytes());
    bytes.extend(exif);
    bytes.extend(&encoded(width, height, ImageFormat::Jpeg)[2..]);
    bytes
}

/// The copy that a row names is in the store, of the size, length and hash that the row says.
fn expect_copy(store: &Store, row: &Row, format: &str, width: u64, height: u64) {
    let path = row.text("copy_path").unwrap_or_else(|| panic!("no copy: {row}"));
    let bytes = fs::read(store.folder().join(path)).unwrap_or_else(|error| panic!("{error}: {row}"));
    assert_eq!(row.text("copy_sha256"), Some(sha256(&bytes).as_str()), "{row}");
    assert_eq!(row.number("copy_bytes"), u64::try_from(bytes.len()).ok(), "{row}");
    assert_eq!(row.text("copy_format"), Some(format), "{row}");
    assert!(path.ends_with(&format!("{}.{format}", sha256(&bytes))), "{row}");
    let picture = image::load_from_memory(&bytes).unwrap_or_else(|error| panic!("{error}: {row}"));
    assert_eq!((u64::from(picture.width()), u64::from(picture.height())), (width, height), "{row}");
    assert_eq!((row.number("copy_width"), row.number("copy_height")), (Some(width), Some(height)), "{row}");
}

/// What the row says of what was received is true of `bytes`.
fn expect_received(row: &Row, bytes: &[u8], format: &str, width: u64, height: u64) {
    assert_eq!(row.text("sha256"), Some(sha256(bytes).as_str()), "{row}");
    assert_eq!(row.number("bytes"), u64::try_from(bytes.len()).ok(), "{row}");
    assert_eq!(row.text("format"), Some(format), "{row}");
    assert_eq!((row.number("width"), row.number("height")), (Some(width), Some(height)), "{row}");
}

/// The images of most tests, on the world's site: path, bytes, format, width, height.
fn put_images(world: &World) -> Vec<(String, Vec<u8>, &'static str, u64, u64)> {
    let images = vec![
        ("/noise.png", png(200, 100, 1), "png", 200, 100),
        ("/tall.png", encoded(60, 301, ImageFormat::Png), "png", 60, 301),
        ("/wide.jpg", encoded(640, 201, ImageFormat::Jpeg), "jpg", 640, 201),
        ("/photo.jpg", photo(300, 150), "jpg", 300, 150),
        ("/small.gif", encoded(9, 7, ImageFormat::Gif), "gif", 9, 7),
        ("/print.jpg", CMYK.to_vec(), "jpg", 16, 16),
        ("/clear.avif", AVIF.to_vec(), "avif", 24, 18),
        ("/clear.jxl", JXL.to_vec(), "jxl", 24, 18),
    ];
    for (path, bytes, ..) in &images {
        world.image(path, bytes.clone());
    }
    images.into_iter().map(|(path, bytes, format, w, h)| (world.url(path), bytes, format, w, h)).collect()
}

fn urls(images: &[(String, Vec<u8>, &'static str, u64, u64)]) -> Vec<String> {
    images.iter().map(|(url, ..)| url.clone()).collect()
}

#[tokio::test]
async fn a_copy_is_stored_instead_of_each_image() {
    let mut world = embedded("copies").await;
    let images = put_images(&world);
    let options = ["--resize", "64x48", "--fit", "cover", "--encode", "jpeg", "--quality", "90"];
    let finished = world.urls(&urls(&images), &options).await;
    finished.expect_complete().expect_stored(images.len()).expect_in_store(&world.store());
    for (url, bytes, format, width, height) in &images {
        let row = finished.row(url);
        expect_received(row, bytes, format, *width, *height);
        expect_copy(&world.store(), row, "jpg", 64, 48);
        assert_eq!(row.text("path"), row.text("copy_path"), "{row}");
    }
    assert_eq!(world.store().hashes().len(), images.len(), "nothing but the copies");
    // A server with several formats is not asked for one that takes long to decode.
    for request in world.site().log().requests().iter().filter(|request| request.path != "/robots.txt") {
        let accept = request.header("accept").unwrap_or_default();
        assert!(accept.contains("image/webp") && !accept.contains("avif"), "{accept}");
    }
}

#[tokio::test]
async fn the_original_is_kept_beside_its_copy_where_that_is_asked_for() {
    let mut world = embedded("copies-kept").await;
    let images = put_images(&world);
    let options = ["--resize", "100x100", "--encode", "png", "--no-enlarge", "--keep-original"];
    let finished = world.urls(&urls(&images), &options).await;
    finished.expect_complete().expect_stored(images.len()).expect_in_store(&world.store());
    let copies = [(100, 50), (20, 100), (100, 31), (50, 100), (9, 7), (16, 16), (24, 18), (24, 18)];
    for ((url, bytes, format, width, height), copy) in images.iter().zip(copies) {
        let row = finished.row(url);
        expect_received(row, bytes, format, *width, *height);
        expect_copy(&world.store(), row, "png", copy.0, copy.1);
        let original = fs::read(world.store().folder().join(row.text("path").expect("a path"))).expect("a file");
        assert_eq!(&original, bytes, "{row}");
    }
    assert_eq!(world.store().hashes().len(), images.len() * 2);
}

#[tokio::test]
async fn copies_are_made_by_a_fleet_and_equal_images_have_one() {
    let mut world = world("copies-fleet").await;
    let twin = encoded(320, 240, ImageFormat::Png);
    let mut page = String::new();
    for number in 0..40_u64 {
        let path = format!("/{number}.png");
        page.extend(["<img src=", &path, ">"]);
        world.image(&path, if number < 4 { twin.clone() } else { png(90, 120, number) });
    }
    world.page("/", &page);
    for _ in 0..2 {
        world.downloader(&["--resize", "32x32", "--fit", "pad", "--encode", "webp", "--phash"]).await;
    }
    let finished = world.crawl(&[]).await;
    finished.expect_complete().expect_stored(37).expect_in_store(&world.store());
    for row in &finished.rows {
        expect_copy(&world.store(), row, "webp", 32, 32);
        assert_eq!(row.text("phash").map(str::len), Some(16), "{row}");
    }
    let twins: Vec<&Row> = (0..4).map(|number| finished.row(&world.url(&format!("/{number}.png")))).collect();
    assert_eq!(twins.iter().filter(|row| row.status() == "duplicate").count(), 3);
    for row in &twins {
        assert_eq!(row.text("copy_path"), twins[0].text("copy_path"), "{row}");
        assert_eq!(row.text("phash"), twins[0].text("phash"), "{row}");
    }
    assert_eq!(world.store().hashes().len(), 37);
}

/// Images that no copy can be made of, and the reason for each.
fn put_bad_images(world: &World) -> Vec<(String, &'static str)> {
    let whole = encoded(64, 64, ImageFormat::Png);
    let mut broken = whole.clone();
    let middle = broken.len() / 2;
    broken[middle..middle + 16].fill(0x55);
    // GIF has no checksums: its structure is whole, and its data are codes that there are not.
    let mut senseless = encoded(64, 64, ImageFormat::Gif);
    let frame = senseless.windows(9).position(|part| part == b"\x2c\0\0\0\0\x40\0\x40\0").expect("a frame");
    let data = frame + 12 + if senseless[frame + 9] & 0x80 == 0 { 0 } else { 6 << (senseless[frame + 9] & 7) };
    senseless[data..data + 16].fill(0xff);
    // Its header announces 65,535 by 65,535 pixels.
    let mut bomb = encoded(64, 64, ImageFormat::Gif);
    bomb[6..10].fill(0xff);
    let bad = [
        ("/broken.png", broken, "malformed"),
        ("/senseless.gif", senseless, "undecodable"),
        ("/bomb.gif", bomb, "too-many-pixels"),
        ("/cut.png", whole[..whole.len() - 20].to_vec(), "truncated"),
        ("/drawing.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>".to_vec(), "undecodable"),
        ("/whole.heic", HEIC.to_vec(), "undecodable"),
    ];
    let put = |(path, bytes, reason): (&str, Vec<u8>, &'static str)| {
        world.route(path, Response::ok("image/png", bytes));
        (world.url(path), reason)
    };
    bad.into_iter().map(put).collect()
}

async fn of_bad_images(world: &mut World, options: &[&str]) -> Finished {
    let bad = put_bad_images(world);
    let good = world.image("/good.png", png(50, 50, 1)).url("/good.png");
    let urls: Vec<String> = bad.iter().map(|(url, _)| url.clone()).chain([good.clone()]).collect();
    let options = [&["--resize", "16x16", "--retries", "0"], options].concat();
    let finished = world.urls(&urls, &options).await;
    finished.expect_complete().expect_in_store(&world.store());
    finished.row(&good).expect("stored", None);
    finished
}

#[tokio::test]
async fn what_no_copy_can_be_made_of_is_rejected_and_says_why() {
    let mut world = embedded("copies-bad").await;
    let finished = of_bad_images(&mut world, &[]).await;
    for (url, reason) in put_bad_images(&world) {
        let row = finished.row(&url).expect("rejected", Some(reason));
        assert_eq!((row.text("path"), row.text("copy_path")), (None, None), "{row}");
        assert_eq!(row.text("detail").is_some(), reason == "undecodable", "{row}");
    }
    assert_eq!(world.store().hashes().len(), 1);
}

#[tokio::test]
async fn an_original_that_is_kept_is_not_lost_for_want_of_a_copy() {
    let mut world = embedded("copies-bad-kept").await;
    let finished = of_bad_images(&mut world, &["--keep-original"]).await;
    for (url, reason) in put_bad_images(&world) {
        let row = finished.row(&url);
        if reason == "undecodable" {
            row.expect("stored", None);
            assert!(row.text("path").is_some() && row.text("copy_path").is_none(), "{row}");
            assert!(row.text("detail").is_some(), "{row}");
        } else {
            row.expect("rejected", Some(reason));
        }
    }
}

#[tokio::test]
async fn exif_and_hashes_are_columns_and_the_bytes_stay_as_they_came() {
    let mut world = embedded("exif").await;
    let images = put_images(&world);
    let finished = world.urls(&urls(&images), &["--exif", "--phash"]).await;
    finished.expect_complete().expect_stored(images.len()).expect_in_store(&world.store());
    for (url, ..) in &images {
        let row = finished.row(url);
        assert_eq!(row.text("copy_path"), None, "{row}");
        let hash = row.text("phash").unwrap_or_else(|| panic!("no hash: {row}"));
        assert!(hash.len() == 16 && u64::from_str_radix(hash, 16).is_ok(), "{row}");
    }
    let photo = finished.row(&images[3].0);
    let exif: serde_json::Value = serde_json::from_str(photo.text("exif").expect("EXIF")).expect("JSON");
    assert_eq!(exif["Image Make"], "Abc", "{exif}");
    assert!(exif["Image Orientation"].is_string(), "{exif}");
    assert_eq!(finished.row(&images[0].0).text("exif"), None);

    let plain = world.urls(&urls(&images), &[]).await;
    plain.expect_complete();
    let row = plain.row(&images[3].0);
    assert_eq!(["exif", "phash", "copy_path", "copy_format"].map(|field| row.text(field)), [None; 4], "{row}");
}

#[tokio::test]
async fn a_sample_of_a_shard_has_the_copy_and_says_of_what() {
    let mut world = embedded("copies-shards").await;
    let images = put_images(&world);
    let options =
        ["--layout", "webdataset", "--resize", "64x48", "--fit", "cover", "--encode", "webp", "--exif", "--phash"];
    let finished = world.urls(&urls(&images), &options).await;
    finished.expect_complete().expect_stored(images.len());
    let shards = Shards::read(&world.store());
    shards.expect_holds(&finished.rows);
    for (url, bytes, format, width, height) in &images {
        let row = finished.row(url);
        expect_received(row, bytes, format, *width, *height);
        assert_eq!(row.text("path"), row.text("copy_path"), "{row}");
        let about = shards.about(row);
        assert_eq!([&about["width"], &about["height"]], [64, 48], "{about}");
        assert_eq!([&about["original_width"], &about["original_height"]], [*width, *height], "{about}");
        for field in ["sha256", "format", "copy_format", "copy_sha256", "exif", "phash"] {
            assert_eq!(about[field].as_str(), row.text(field), "{field}: {row}");
        }
        for field in ["bytes", "copy_bytes"] {
            assert_eq!(about[field].as_u64(), row.number(field), "{field}: {row}");
        }
    }
    assert!(finished.row(&images[3].0).text("exif").is_some_and(|exif| exif.contains("Abc")));
}

#[tokio::test]
async fn options_that_contradict_each_other_are_refused_before_anything_begins() {
    let mut world = embedded("copies-options").await;
    let url = world.image("/1.png", png(3, 3, 1)).url("/1.png");
    for (options, said) in [
        (&["--fit", "pad"][..], "--resize"),
        (&["--quality", "80"], "--encode"),
        (&["--keep-original"], "--encode"),
        (&["--encode", "png", "--quality", "80"], "lossless"),
        (&["--resize", "0x5"], "640x480"),
        (&["--resize", "99999x5"], "16383"),
        (&["--resize", "5x5", "--quality", "101"], "101"),
        (&["--resize", "5x5", "--keep-original", "--layout", "webdataset"], "--layout files"),
        (&["--resize", "5x5", "--layout", "warc"], "another --layout"),
    ] {
        let finished = world.urls(std::slice::from_ref(&url), options).await;
        assert!(finished.expect_code(2).talk.contains(said), "{options:?}: {}", finished.talk);
    }
    assert_eq!(world.site().log().hits("/1.png"), 0);
}
