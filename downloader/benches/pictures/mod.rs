//! What the benches look at.

use std::fs;
use std::path::{Path, PathBuf};

use bytes::Bytes;

/// The first `count` files below 200 kB of Debian's openclipart-png, by name, no two of them alike.
pub(crate) fn small(count: usize) -> Vec<Bytes> {
    let root = Path::new("/usr/share/openclipart/png");
    assert!(root.is_dir(), "the pictures are there; apt-get install openclipart-png");
    let mut paths = Vec::new();
    collect(root, &mut paths);
    paths.sort();
    let read = |path: &PathBuf| fs::read(path).expect("readable");
    paths.iter().map(read).filter(|bytes| bytes.len() < 200_000).take(count).map(Bytes::from).collect()
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("readable").flatten() {
        // Links lead to what is there anyway.
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), paths),
            Ok(kind) if kind.is_file() => paths.push(entry.path()),
            _ => {}
        }
    }
}
