//! Files, tar files and WARC files in a folder. What real downloaders store is read in the end-to-end tests, and by buckets.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn folder() -> (tempfile::TempDir, Stored) {
    let folder = tempfile::tempdir().expect("a folder");
    let stored = Stored::at(&Location::Folder(folder.path().to_owned())).expect("a store");
    (folder, stored)
}

fn tar_of(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut builder = ::tar::Builder::new(Vec::new());
    for (name, content) in members {
        let mut header = ::tar::Header::new_ustar();
        header.set_path(name).expect("a short name");
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, *content).expect("written");
    }
    builder.into_inner().expect("written")
}

fn put(folder: &Path, name: &str, bytes: &[u8]) {
    let file = folder.join(name);
    fs::create_dir_all(file.parent().expect("a folder")).expect("made");
    fs::write(file, bytes).expect("written");
}

#[test]
fn a_file_is_read_up_to_the_bytes_that_are_wanted() {
    let (folder, stored) = folder();
    put(folder.path(), "ab/ab34.png", b"12345");
    assert!(stored.is_there());
    assert_eq!(stored.read("ab/ab34.png", 6).expect("read"), "12345");
    assert_eq!(stored.read("ab/ab34.png", 5).expect("read"), "12345");
    assert!(matches!(stored.read("ab/ab34.png", 4), Err(StoredError::TooLong(4))));
    let missing = stored.read("ab/none.png", 4).expect_err("not there").to_string();
    assert!(missing.contains("ab/none.png") && missing.contains(&folder.path().display().to_string()), "{missing}");
}

#[test]
fn no_path_leads_out_of_the_store() {
    let (folder, stored) = folder();
    put(folder.path(), "secret", b"secret");
    let inside = Stored::at(&Location::Folder(folder.path().join("store"))).expect("a store");
    assert!(!inside.is_there());
    for path in [
        "../secret",
        "/etc/passwd",
        "a/../../secret",
        "..",
        "",
        "a//b",
        "./secret",
        "a\0b",
        "../secret#0,5",
        "../s#x.png",
    ] {
        assert!(matches!(inside.read(path, 100), Err(StoredError::Path(_))), "{path:?}");
    }
    assert_eq!(stored.read("secret", 100).expect("read"), "secret");
}

#[test]
fn members_of_a_tar_file_are_found_in_any_order() {
    let (folder, stored) = folder();
    let images: Vec<(String, Vec<u8>)> =
        (0..50_u8).map(|n| (format!("0{n}.png"), vec![n; 400 + usize::from(n) * 9])).collect();
    let mut members: Vec<(&str, &[u8])> = Vec::new();
    for (name, bytes) in &images {
        members.extend([("k.json", &b"{}"[..]), (name.as_str(), &bytes[..]), ("k.txt", b"")]);
    }
    put(folder.path(), "1.tar", &tar_of(&members));
    for (name, bytes) in images.iter().rev().chain(&images) {
        assert_eq!(&stored.read(&format!("1.tar#{name}"), 1 << 20).expect("read")[..], &bytes[..]);
    }
    assert!(matches!(stored.read("1.tar#00.png", 399), Err(StoredError::TooLong(399))));
    for none in ["1.tar#k.json", "1.tar#none.png", "2.tar#00.png"] {
        assert!(matches!(stored.read(none, 100), Err(StoredError::Read { .. })), "{none}");
    }
}

#[test]
fn a_shard_that_is_still_written_is_read_where_it_is() {
    let (folder, stored) = folder();
    let whole = tar_of(&[("1.png", b"one"), ("2.png", b"two")]);
    put(folder.path(), ".part/w-1/1.tar", &whole[..1024]);
    assert_eq!(stored.read("1.tar#1.png", 9).expect("read"), "one");
    assert!(stored.read("1.tar#2.png", 9).is_err());
    put(folder.path(), ".part/w-1/1.tar", &whole);
    assert_eq!(stored.read("1.tar#2.png", 9).expect("it has grown"), "two");
}

#[test]
fn damaged_shards_are_errors_and_nothing_more() {
    let (folder, stored) = folder();
    let whole = tar_of(&[("1.png", &[7; 700])]);
    for cut in [0, 1, 511, 512, 513, 1100] {
        let name = format!("{cut}.tar");
        put(folder.path(), &name, &whole[..cut]);
        assert!(stored.read(&format!("{name}#1.png"), 1 << 20).is_err(), "{cut}");
    }
    put(folder.path(), "x.warc.gz", b"no gzip at all");
    for path in ["x.warc.gz#0,14", "x.warc.gz#0,99", "x.warc.gz#18446744073709551615,1", "x.warc.gz#0,0"] {
        assert!(stored.read(path, 1 << 20).is_err(), "{path}");
    }
}

#[test]
fn a_record_is_read_by_its_place_and_bounded_when_unpacked() {
    let (folder, stored) = folder();
    let gzip = |text: &[u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(text).expect("packed");
        packer.finish().expect("packed")
    };
    let record = |length: usize| {
        let head = format!("WARC/1.1\r\nContent-Type: image/png\r\nContent-Length: {length}\r\n\r\n");
        gzip(&[head.as_bytes(), &vec![0; length], b"\r\n\r\n"].concat())
    };
    let (first, second, bomb) = (record(10), record(1000), record(50 << 20));
    put(folder.path(), "x.warc.gz", &[&first[..], &second, &bomb].concat());
    let at = |offset: usize, length: usize| format!("x.warc.gz#{offset},{length}");
    assert_eq!(stored.read(&at(0, first.len()), 10).expect("read").len(), 10);
    assert_eq!(stored.read(&at(first.len(), second.len()), 1000).expect("read").len(), 1000);
    assert!(matches!(stored.read(&at(first.len(), second.len()), 999), Err(StoredError::TooLong(999))));
    assert!(stored.read(&at(first.len() + second.len(), bomb.len()), 1000).is_err());
}
