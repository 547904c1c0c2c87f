//! How many copies one thread makes in a second, of the images in a folder: what `--resize 256x256 --encode jpeg` does. Run by
//! `benches/copies.py`, which has img2dataset do the same.
//!
//!     cargo bench -p warren-downloader --features benching --bench copies -- FOLDER
//!
//! Prints `copies seconds`, of the fastest of five passes.

#![allow(clippy::expect_used, reason = "a bench may fail loudly")]

use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use common::config::Dimensions;
use downloader::benching::copy;
use downloader::transform::options::{CopyOptions, Transform};

const PASSES: usize = 5;

fn main() -> ExitCode {
    // AVIF is decoded by this program once more.
    if let Some(code) = downloader::serve_if_asked() {
        return code;
    }
    let folder = std::env::args().skip(1).find(|word| !word.starts_with("--")).expect("a folder of images");
    let size = Some(Dimensions { width: 256, height: 256 });
    let wanted = Transform::try_from(CopyOptions { resize: size, ..CopyOptions::default() }).expect("sound options");
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).expect("readable").flatten().map(|file| file.path()).collect();
    paths.sort();
    let images: Vec<(Vec<u8>, String)> = paths
        .iter()
        .map(|path| {
            let ending = path.extension().map(|ending| ending.to_string_lossy().into_owned());
            (fs::read(path).expect("readable"), ending.expect("a format"))
        })
        .collect();
    let pass = || -> (usize, Duration) {
        let begun = Instant::now();
        let made = images.iter().filter(|(bytes, format)| copy(bytes, format, &wanted).is_some()).count();
        (made, begun.elapsed())
    };
    let (made, took) = (0..PASSES).map(|_| pass()).min_by_key(|(_, took)| *took).expect("some passes");
    println!("{made} {}", took.as_secs_f64());
    ExitCode::SUCCESS
}
