//! JPEG XL (ISO/IEC 18181): the frames to the last, each with all the sections that its table of contents lists. The headers are
//! coded like the picture, so they are read by the decoder, which is asked for no pixel.

use jxl_oxide::{AllocTracker, InitializeResult, JxlImage, JxlThreadPool};

use super::walk::{Fault, Seen, Walked};

/// What is handed over at once, in bytes: few bytes can be many frames, and these are counted in between.
const STEP: usize = 64 << 10;

/// Longest header before the first frame, in bytes: a colour profile may be in it.
const MOST_HEADER: usize = 4 << 20;

/// Most frames: each takes memory beyond its bytes.
const MOST_FRAMES: usize = 10_000;

/// Most that the sections of frames may take, in bytes. They are kept as they are coded, and what a table of contents says of
/// their length is reserved before they come.
const MOST_SECTIONS: usize = 256 << 20;

/// Walks the frames.
pub(super) fn walk(bytes: &[u8], seen: &mut Seen) -> Walked {
    read(bytes, MOST_SECTIONS, |image| seen.image(image.width(), image.height())).map(drop)
}

/// Reads all of it without decoding a pixel, with no more than `memory` bytes for what is coded and, later, for pixels; `look`
/// is asked as soon as the size is known.
pub(super) fn read(bytes: &[u8], memory: usize, look: impl FnOnce(&JxlImage) -> Walked) -> Walked<JxlImage> {
    let mut rest = bytes;
    let mut image = begin(&mut rest, memory)?;
    look(&image)?;
    while !image.is_loading_done() && !rest.is_empty() {
        let taken = image.feed_bytes(step(rest)).map_err(|_| Fault::Broken)?;
        if taken == 0 {
            break;
        }
        rest = rest.get(taken..).ok_or(Fault::Broken)?;
        if image.num_loaded_frames() > MOST_FRAMES {
            return Err(Fault::Broken);
        }
    }
    if image.is_loading_done() { Ok(image) } else { Err(Fault::Cut) }
}

/// The image as soon as its header is there; `rest` is then what was not needed for it.
fn begin(rest: &mut &[u8], memory: usize) -> Walked<JxlImage> {
    let builder = JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(AllocTracker::with_limit(memory));
    let mut waiting = builder.build_uninit();
    for _ in 0..MOST_HEADER / STEP {
        // What is not taken is the beginning of a box's header, which is offered again with what follows.
        let taken = waiting.feed_bytes(step(rest)).map_err(|_| Fault::Broken)?;
        *rest = rest.get(taken..).ok_or(Fault::Broken)?;
        match waiting.try_init().map_err(|_| Fault::Broken)? {
            InitializeResult::Initialized(image) => return Ok(image),
            InitializeResult::NeedMoreData(more) => waiting = more,
        }
        if taken == 0 {
            break;
        }
    }
    Err(Fault::Cut)
}

fn step(rest: &[u8]) -> &[u8] {
    &rest[..rest.len().min(STEP)]
}
