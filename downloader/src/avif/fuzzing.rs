//! What must hold of any bytes, for the fuzz targets.

#![allow(clippy::expect_used, clippy::missing_panics_doc, reason = "to panic is how a finding is told")]

use super::{BYTES_PER_PIXEL, Room, picture};

/// Most pixels of a picture that a target decodes: the fuzzer's memory and patience are short.
const MOST_PIXELS: u64 = 1 << 16;

/// An AVIF file, whatever its structure, to pixels; here, and not in a process of its own.
pub fn avif(data: &[u8]) {
    let found = picture(data, Room { pixels: MOST_PIXELS, memory: MOST_PIXELS * BYTES_PER_PIXEL });
    match found.expect("no process is started") {
        Ok(made) => {
            let pixels = u64::from(made.pixels.width()) * u64::from(made.pixels.height());
            assert!((1..=MOST_PIXELS).contains(&pixels), "{pixels}");
        }
        Err(why) => assert!((1..200).contains(&why.0.len()), "{why}"),
    }
}
