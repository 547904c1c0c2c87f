//! Lists in gzip and zstd.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(text: &str) -> Vec<u8> {
    zstd::encode_all(text.as_bytes(), 1).expect("memory")
}

type Compress = fn(&str) -> Vec<u8>;

const BOTH: [(Compress, &str); 2] = [(gzip, "gz"), (zstd, "zst")];

#[test]
fn every_text_format_is_read_compressed() {
    for (compress, ending) in BOTH {
        for (name, list) in [
            ("l.txt", "\u{feff}http://a/\nhttp://b/\n"),
            ("l.csv", "url\nhttp://a/\nhttp://b/"),
            ("l.tsv", "x\turl\n1\thttp://a/\n2\thttp://b/"),
            ("l.jsonl", "\"http://a/\"\n{\"url\": \"http://b/\"}"),
        ] {
            let urls: Vec<_> = shown(&format!("{name}.{ending}"), compress(list));
            let urls: Vec<_> = urls.iter().filter_map(|row| row.split(' ').nth(1)).collect();
            assert_eq!(urls, ["http://a/", "http://b/"], "{name}.{ending}");
        }
        assert_eq!(shown("no-ending", compress("http://a/")), ["1 http://a/"], "it is the bytes that say so");
    }
}

#[test]
fn members_and_frames_follow_each_other() {
    for (compress, ending) in BOTH {
        let several = [compress("http://a/\nhttp"), compress(""), compress("://b/\n")].concat();
        assert_eq!(shown(&format!("l.txt.{ending}"), several), ["1 http://a/", "2 http://b/"]);
    }
    let skipped = [&b"\x50\x2a\x4d\x18\x04\0\0\0abcd"[..], &zstd("http://a/")].concat();
    assert_eq!(shown("l.txt.zst", skipped), ["1 http://a/"]);
}

#[test]
fn what_breaks_off_gives_its_rows_and_then_says_where() {
    let list: Vec<_> = (0..50_000).map(|row| format!("http://h/{}\n", row * 7919 % 50_021)).collect();
    let list = list.concat();
    for (compress, ending) in BOTH {
        let whole = compress(&list);
        let (_folder, path) = file(&format!("l.txt.{ending}"), &whole[..whole.len() / 2]);
        let mut rows = open(&[path], &ListOptions::default()).expect("a list");
        let good = rows.by_ref().take_while(Result::is_ok).count();
        assert!(good > 5_000 && good < 50_000, "{ending}: {good}");
        assert_eq!(rows.rows_read(), good as u64);
        assert!(rows.next().is_none(), "an error is the end");
        let (_folder, path) = file(&format!("l.txt.{ending}"), &whole[..whole.len() / 2]);
        let error =
            open(&[path], &ListOptions::default()).expect("a list").last().expect("an end").expect_err("cut off");
        let text = error.to_string();
        assert!(matches!(error, ListError::Read { rows, .. } if rows == good as u64), "{text}");
        assert!(text.contains(&format!("l.txt.{ending}: cannot be read beyond row {good}\n")), "{text}");
    }
}

#[test]
fn what_is_compressed_twice_or_empty() {
    for (compress, ending) in BOTH {
        let name = format!("l.txt.{ending}");
        let twice = zstd::encode_all(&compress("http://a/")[..], 1).expect("memory");
        assert!(matches!(error(&name, twice), ListError::Wrapped { .. }));
        assert!(matches!(error(&name, compress("PAR1....")), ListError::Wrapped { .. }));
        assert!(matches!(error(&name, compress("")), ListError::Empty { .. }));
        assert!(matches!(error(&name, compress("\0\0\0\0")), ListError::Binary { .. }));
        assert!(matches!(error(&name, &compress("http://a/")[..5]), ListError::Read { rows: 0, .. }));
    }
}

/// A line of 1 GiB in a file of 1 MB.
#[test]
fn a_decompression_bomb_is_one_bad_row() {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("memory");
    let piece = vec![b'a'; 1 << 20];
    for _ in 0..256 {
        encoder.write_all(&piece).expect("memory");
    }
    encoder.write_all(b"\nhttp://a/\n").expect("memory");
    let rows = rows("bomb.txt.zst", encoder.finish().expect("memory"));
    assert!(matches!(&rows[..], [Row::Bad { why, .. }, Row::Url { line: 2, .. }] if why == "longer than 64 KiB"));
}
