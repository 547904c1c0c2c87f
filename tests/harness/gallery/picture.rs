//! Valid PNG files from a number: all different, of 64 sizes from 300 bytes to 60 kB, and cheap to make. The costly part,
//! noise and its checksums, is made once for each size; a comment chunk makes each file its own.

use crate::png::{chunk, noise_chunk, start};

/// How many sizes there are.
const SHAPES: u32 = 64;

/// The largest picture's data, in bytes.
const LARGEST: u32 = 60_000;

/// What the site makes its pictures of.
#[derive(Debug)]
pub(super) struct Pictures {
    seed: u64,
    shapes: Vec<Shape>,
}

#[derive(Debug)]
struct Shape {
    width: u32,
    height: u32,
    head: Vec<u8>,
    tail: Vec<u8>,
}

/// A picture.
#[derive(Debug)]
pub(super) struct Picture {
    pub(super) bytes: Vec<u8>,
    pub(super) width: u32,
    pub(super) height: u32,
}

impl Pictures {
    pub(super) fn new(seed: u64) -> Self {
        Self { seed, shapes: (0..SHAPES).map(shape).collect() }
    }

    /// The picture of a number: always the same.
    pub(super) fn picture(&self, number: u64) -> Picture {
        // A stride without common divisor with the number of sizes, so that neighbours differ.
        let shape = number.wrapping_mul(29) % u64::from(SHAPES);
        let Shape { width, height, head, tail } = &self.shapes[usize::try_from(shape).expect("below SHAPES")];
        let mut bytes = head.clone();
        chunk(&mut bytes, *b"tEXt", format!("Comment\0picture {number} of seed {}", self.seed).as_bytes());
        bytes.extend_from_slice(tail);
        Picture { bytes, width: *width, height: *height }
    }
}

fn shape(index: u32) -> Shape {
    let width = 8 + 4 * index;
    // Many small ones and few large ones, as on the web.
    let share = f64::from(index) / f64::from(SHAPES - 1);
    let data = 120.0 + f64::from(LARGEST - 120) * share.powi(3);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
    let height = (data / f64::from(width)) as u32;
    let mut tail = noise_chunk(width, height, index.into());
    chunk(&mut tail, *b"IEND", &[]);
    Shape { width, height, head: start(width, height), tail }
}
