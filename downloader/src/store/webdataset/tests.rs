use std::fs::OpenOptions;
use std::io::Read;
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use bytes::Bytes;
use common::context::Context;
use common::image_id::{ImageId, hex};
use common::outcome::{ImageCopy, Outcome, Status};
use common::run_name::RunName;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::*;
use crate::exchange::Asking;
use crate::store::About;

/// An image of so many bytes, which are its own.
pub(in crate::store) fn image(number: u8, length: usize) -> Image {
    let bytes = Bytes::from(vec![number; length]);
    let mut outcome = Outcome::new(ImageId::from([number; 16]), 1, Status::Stored, None);
    outcome.fetched_at = 1_795_452_711_329;
    outcome.duration_ms = 21;
    outcome.http_status = Some(200);
    (outcome.width, outcome.height) = (Some(3), Some(2));
    let context = Context {
        source: Some("img".to_owned()),
        alt: Some("A \"lake\"\nin winter, caf\u{e9}".to_owned()),
        ..Context::default()
    };
    let run: RunName = "run".parse().expect("valid");
    let asking = Asking { run: run.clone(), user_agent: "Bot/1".to_owned(), from: None, obeys_robots: true };
    let url = "http://a/1.png".to_owned();
    let about = About { run, asking: asking.into(), url, hops: 0, exchange: None, digests: None, context, outcome };
    Image { sha256: hex(&Sha256::digest(&bytes)), bytes, format: "png", about: Arc::new(about) }
}

fn with(image: Image, change: impl FnOnce(&mut Image, &mut Context)) -> Image {
    let mut image = image;
    let about = Arc::into_inner(std::mem::replace(&mut image.about, self::image(0, 1).about)).expect("nobody else's");
    let mut context = about.context.clone();
    change(&mut image, &mut context);
    Image { about: Arc::new(About { context, ..about }), ..image }
}

const NAME: &str = "202611251806000000000001.tar";

/// The tar file of some images without its end, and where each image ends.
fn shard(images: &[Image]) -> (Vec<u8>, Vec<u64>) {
    shard_of(NAME, images)
}

fn shard_of(name: &str, images: &[Image]) -> (Vec<u8>, Vec<u64>) {
    let mut layout = WebDataset::new("w", 10_000);
    let (mut group, mut ends) = (Group::default(), Vec::new());
    for (number, image) in (0..).zip(images) {
        let spot = Spot { shard: name, number, offset: group.length() };
        layout.append(&spot, image, &mut group).expect("it fits");
        ends.push(group.length());
    }
    let mut file = tempfile::tempfile().expect("a file");
    group.write_to(&file).expect("written");
    let mut bytes = Vec::new();
    io::Seek::rewind(&mut file).and_then(|()| file.read_to_end(&mut bytes)).expect("read");
    (bytes, ends)
}

fn in_file(bytes: &[u8]) -> File {
    let file = tempfile::tempfile().expect("a file");
    file.write_all_at(bytes, 0).expect("written");
    file
}

fn names(bytes: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(bytes);
    let entries = archive.entries().expect("a tar file");
    let name = |entry: io::Result<tar::Entry<'_, &[u8]>>| {
        let entry = entry.expect("a member");
        let header = entry.header();
        assert_eq!((header.mode().ok(), header.username().ok().flatten()), (Some(0o444), Some("bigdata")));
        assert_eq!((header.mtime().ok(), header.as_ustar().is_some()), (Some(1_795_452_711), true));
        entry.path().expect("a path").display().to_string()
    };
    entries.map(name).collect()
}

#[test]
fn members_of_an_image_are_neighbours_in_the_order_of_their_endings() {
    let formats = ["gif", "jpg", "png", "tiff", "webp"];
    let images: Vec<Image> = (1..).zip(formats).map(|(number, format)| Image { format, ..image(number, 9) }).collect();
    let silent = with(image(9, 9), |_, context| context.alt = None);
    let (bytes, _) = shard(&[images, vec![silent]].concat());
    let names = names(&bytes);
    let keys: Vec<&str> = names.iter().map(|name| name.split('.').next().expect("a key")).collect();
    assert!(
        keys.iter().all(|key| key.len() == SERIAL + 4 && key.bytes().all(|byte| byte.is_ascii_digit())),
        "{keys:?}"
    );
    assert!(keys.is_sorted() && keys[0].ends_with("0000") && keys[17].ends_with("0005"));
    let endings: Vec<&str> = names.iter().map(|name| name.split_once('.').expect("an ending").1).collect();
    let expected = "gif json txt jpg json txt json png txt json tiff txt json txt webp json png txt";
    assert_eq!(endings.join(" "), expected);
}

#[test]
fn a_row_has_img2datasets_columns_first_and_comes_back_as_it_was() {
    let listed = with(image(1, 9), |_, context| {
        context.source = Some("list".to_owned());
        context.caption = Some("of the list".to_owned());
        context.url = Some("http://a/first".to_owned());
        context.extra = Some(r#"{"licence": "CC0"}"#.to_owned());
    });
    let row = Row::new("000", &listed, "w");
    let mut json = Vec::new();
    row.write(&mut json).expect("written");
    let text = String::from_utf8(json).expect("text");
    assert!(
        text.starts_with(
            "{\n    \"caption\": \"of the list\",\n    \"url\": \"http://a/first\",\n    \"key\": \"000\""
        )
    );
    assert_eq!(serde_json::from_str::<Row>(&text).expect("a row"), row);
    assert_eq!((row.seconds(), row.span().1 - row.span().0), (1_795_452_711, 21));
    let names: Vec<String> = Row::columns().into_iter().map(|column| column.name).collect();
    let theirs = "caption url key status error_message width height original_width original_height exif sha256 run";
    assert_eq!(names[..12].join(" "), theirs);
    let order: Vec<usize> =
        names.iter().map(|name| text.find(&format!("\n    \"{name}\": ")).expect("it is there")).collect();
    assert!(order.is_sorted());
    assert_eq!(row.values(None).len(), names.len());
    let found = Row::new("000", &with(image(1, 9), |_, context| context.caption = Some("figure".to_owned())), "w");
    assert_eq!(found.caption.as_deref(), Some("A \"lake\"\nin winter, caf\u{e9}"), "what a page says of it is in alt");
}

/// The copy of an image, in its place.
fn copy(original: &Image, length: usize) -> Image {
    let bytes = Bytes::from(vec![0xc0; length]);
    let sha256 = hex(&Sha256::digest(&bytes));
    let mut outcome = original.about.outcome.clone();
    outcome.sha256 = Some(original.sha256.clone());
    outcome.format = Some("png".to_owned());
    outcome.bytes = Some(original.bytes.len() as u64);
    outcome.exif = Some(r#"{"Image Make": "Abc"}"#.to_owned());
    outcome.phash = Some("0123456789abcdef".to_owned());
    outcome.copy = Some(Box::new(ImageCopy {
        path: String::new(),
        format: "jpg".to_owned(),
        width: 30,
        height: 20,
        bytes: length as u64,
        sha256: sha256.clone(),
    }));
    let about = &original.about;
    let about = About {
        run: about.run.clone(),
        asking: Arc::clone(&about.asking),
        url: about.url.clone(),
        hops: about.hops,
        exchange: None,
        digests: None,
        context: about.context.clone(),
        outcome,
    };
    Image { bytes, sha256, format: "jpg", about: Arc::new(about) }
}

#[test]
fn a_row_of_a_copy_tells_of_the_image_too_and_the_sample_is_whole_by_the_copy() {
    let original = image(1, 600);
    let copy = copy(&original, 90);
    let row = serde_json::to_value(Row::new("000", &copy, "w")).expect("a row");
    for (field, value) in [
        ("width", json!(30)),
        ("height", json!(20)),
        ("original_width", json!(3)),
        ("original_height", json!(2)),
        ("format", json!("png")),
        ("bytes", json!(600)),
        ("sha256", json!(original.sha256)),
        ("copy_format", json!("jpg")),
        ("copy_bytes", json!(90)),
        ("copy_sha256", json!(copy.sha256)),
        ("exif", json!(r#"{"Image Make": "Abc"}"#)),
        ("phash", json!("0123456789abcdef")),
    ] {
        assert_eq!(row[field], value, "{field}");
    }
    let (bytes, ends) = shard(&[copy, image(2, 9)]);
    assert!(matches!(names(&bytes)[0].split_once('.'), Some((_, "jpg"))));
    assert_eq!(read::whole(&in_file(&bytes), NAME).expect("read"), Whole { bytes: ends[1], images: 2 });
    let mut damaged = bytes;
    damaged[512] ^= 1;
    assert_eq!(read::whole(&in_file(&damaged), NAME).expect("read"), Whole::default(), "the copy's bytes count");
}

/// As versions without copies wrote it: its shard may have been left open.
#[test]
fn a_row_without_the_fields_of_copies_is_read() {
    let row = Row::new("000", &image(1, 9), "w");
    let mut value = serde_json::to_value(&row).expect("a row");
    let fields = value.as_object_mut().expect("an object");
    for field in ["copy_format", "copy_bytes", "copy_sha256", "phash"] {
        assert_eq!(fields.remove(field), Some(json!(null)), "{field}");
    }
    assert_eq!(serde_json::from_value::<Row>(value).expect("a row"), row);
}

#[test]
fn columns_that_cannot_be_read_back_are_dropped_and_their_image_is_kept() {
    let nested = |levels: usize, inside: &str| {
        let extra = format!("{{\"x\": {}{inside}{}}}", "[".repeat(levels), "]".repeat(levels));
        with(image(1, 600), |_, context| context.extra = Some(extra))
    };
    // With the object, and with the row around it: 127 levels are what the reader takes.
    let wide = vec!["1"; 7_900].join(",");
    for (listed, is_kept) in [(nested(125, ""), true), (nested(126, ""), false), (nested(60, &wide), false)] {
        assert!(listed.about.context.extra.as_ref().is_some_and(|extra| extra.len() < 16 << 10));
        let (bytes, ends) = shard(&[listed, image(2, 600)]);
        let file = in_file(&bytes);
        assert_eq!(read::whole(&file, NAME).expect("read"), Whole { bytes: ends[1], images: 2 });
        let row = read::Samples::of(&file, NAME).expect("read").next().expect("a sample").expect("read").row;
        assert_eq!(row.extra().is_some(), is_kept);
    }
}

#[test]
fn a_shard_that_is_cut_anywhere_is_whole_up_to_its_last_whole_image() {
    // Of one whole block, of a block and a bit, and of none that is left over.
    let silent = with(image(3, 700), |_, context| context.alt = None);
    let (bytes, ends) = shard(&[image(1, 512), image(2, 513), silent]);
    let file = in_file(&bytes);
    // The last member is the silent one's empty text, without which it is whole as well.
    let without_text = ends[2] - 512;
    for length in (0..=bytes.len() as u64).rev() {
        file.set_len(length).expect("cut");
        let ends = [0, ends[0], ends[1], without_text, ends[2]];
        let last = ends.iter().rposition(|end| *end <= length).expect("the first is 0");
        let whole = Whole { bytes: ends[last], images: last.min(3) as u64 };
        assert_eq!(read::whole(&file, NAME).expect("read"), whole, "cut at {length}");
    }
}

#[test]
fn texts_longer_than_what_is_read_ahead_are_read() {
    let alt = "a lake ".repeat(10_000);
    let first = with(image(1, 9), |_, context| context.alt = Some(alt.clone()));
    let (bytes, ends) = shard(&[first, image(2, 20_000), image(3, 0)]);
    let file = in_file(&bytes);
    assert_eq!(read::whole(&file, NAME).expect("read"), Whole { bytes: ends[2], images: 3 });
    let row = read::Samples::of(&file, NAME).expect("read").next().expect("a sample").expect("read").row;
    assert!(row.caption == Some(alt), "another caption, of {:?} bytes", row.caption.map(|caption| caption.len()));
}

/// As versions wrote it that had a text only where there was something to say.
#[test]
fn samples_without_a_text_are_read() {
    let silent = |number, format| {
        let image = with(image(number, 600), |_, context| context.alt = None);
        Image { format, ..image }
    };
    let (bytes, ends) = shard(&[image(1, 600), silent(2, "png"), silent(3, "webp"), silent(4, "png")]);
    let mut earlier = Vec::new();
    let mut archive = tar::Archive::new(&bytes[..]);
    for entry in archive.entries().expect("a tar file") {
        let entry = entry.expect("a member");
        if entry.size() > 0 {
            let begin = usize::try_from(entry.raw_header_position()).expect("small");
            let length = usize::try_from(entry.size().next_multiple_of(512)).expect("small");
            earlier.extend_from_slice(&bytes[begin..begin + 512 + length]);
        }
    }
    assert_eq!(bytes.len() - earlier.len(), 3 * 512);
    let whole = read::whole(&in_file(&earlier), NAME).expect("read");
    assert_eq!(whole, Whole { bytes: ends[3] - 3 * 512, images: 4 });
}

#[test]
fn what_a_power_cut_left_behind_the_last_sync_is_no_image() {
    let (bytes, ends) = shard(&[image(1, 600), image(2, 600)]);
    let first = Whole { bytes: ends[0], images: 1 };
    let whole = |bytes: &[u8]| read::whole(&in_file(bytes), NAME).expect("read");
    let ended = |from: &[u8]| [from, &[0; 1024]].concat();
    assert_eq!(whole(&ended(&bytes)), Whole { bytes: ends[1], images: 2 });
    let first_end = usize::try_from(ends[0]).expect("small");
    // Zeros, other content, and blocks of which one did not come to the disk.
    assert_eq!(whole(&[&bytes[..first_end], &vec![0; 4096][..]].concat()), first);
    assert_eq!(whole(&[&bytes[..first_end], &vec![0xa5; 4096][..]].concat()), first);
    for block in (first_end..bytes.len()).step_by(512) {
        let mut damaged = bytes.clone();
        damaged[block..(block + 512).min(bytes.len())].fill(0);
        assert_eq!(whole(&damaged), first, "without the block at {block}");
    }
    let (others, _) = shard_of("202611251806000000000002.tar", &[image(1, 600)]);
    assert_eq!(whole(&[&bytes[..first_end], &others].concat()), first, "a deleted shard's samples are not ours");
    assert_eq!(whole(&others), Whole::default());
    assert_eq!(whole(b"no tar file"), Whole::default());
    assert_eq!(whole(&vec![b'9'; 100_000]), Whole::default());
}

#[test]
fn what_stands_beside_a_shard_tells_of_all_of_it() {
    let folder = tempfile::tempdir().expect("a folder");
    let (bytes, ends) = shard(&[image(1, 600), image(2, 600)]);
    let path: PathBuf = folder.path().join(NAME);
    std::fs::write(&path, &bytes).expect("written");
    let beside = Shards.write_beside(&path, 2).expect("written");
    assert_eq!(beside, ["202611251806000000000001.parquet", "202611251806000000000001_stats.json"]);
    assert!(beside.iter().all(|name| Shards.shard_of(name).as_deref() == Some("202611251806000000000001.tar")));
    let stats = std::fs::read(folder.path().join(&beside[1])).expect("read");
    let stats: serde_json::Value = serde_json::from_slice(&stats).expect("JSON");
    assert_eq!((&stats["count"], &stats["status_dict"]["success"]), (&2.into(), &2.into()));
    let start = stats["start_time"].as_f64().expect("a number");
    assert!((start - 1_795_452_711.329).abs() < 0.001, "{start}");
    let cut = OpenOptions::new().write(true).open(&path).expect("opened");
    cut.set_len(ends[1] - 1).expect("cut");
    assert!(Shards.write_beside(&path, 2).is_err(), "a table that lacks an image is none");
}

#[test]
fn names_are_told_apart() {
    let name = format!("{}.tar", serial(SystemTime::now()));
    assert!(Shards.is_shard(&name) && Shards.shard_of(&name).is_none());
    for other in ["lock", "1", "a.tar", "00012.tar", ".tar", "2026112518060000000000012.tar"] {
        assert!(!Shards.is_shard(other), "{other}");
    }
    assert!(Shards.shard_of("x_stats.json").is_none());
    assert_eq!(WebDataset::new("w", 1).digits, 4);
    assert_eq!([10_000, 10_001].map(|images| WebDataset::new("w", images).digits), [4, 5]);
}
