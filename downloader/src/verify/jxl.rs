//! JPEG XL (ISO/IEC 18181): the frames to the last, each with all the sections that its table of contents lists. The headers are
//! coded like the picture, so they are read by the decoder, which is asked for no pixel.

use jxl_bitstream::Bitstream;
use jxl_oxide::{AllocTracker, ImageHeader, InitializeResult, JxlImage, JxlThreadPool};
use jxl_oxide_common::Bundle;

use super::iso::Boxes;
use super::walk::{Fault, Seen, Walked, be32};

/// How the coded image begins.
const SIGNATURE: [u8; 2] = [0xff, 0x0a];

/// What is handed over at once, in bytes: few bytes can be many frames, and these are counted in between.
const STEP: usize = 64 << 10;

/// Longest header before the first frame, in bytes: a colour profile may be in it.
const MOST_HEADER: usize = 4 << 20;

/// Longest colour profile as its header tells it, in bytes. A few hundred bytes can be coded for as much as they like.
const MOST_PROFILE: u64 = 4 << 20;

/// Most frames: each takes memory beyond its bytes.
const MOST_FRAMES: usize = 10_000;

/// Most frames that one picture is made of: its decoder calls itself once for each. The stack of a thread has room for 900.
const MOST_LAYERS: usize = 200;

/// Most that the sections of frames may take, in bytes. They are kept as they are coded, and what a table of contents says of
/// their length is reserved before they come.
const MOST_SECTIONS: usize = 256 << 20;

/// Walks the frames.
pub(super) fn walk(bytes: &[u8], seen: &mut Seen) -> Walked {
    read(bytes, MOST_SECTIONS, seen).map(drop)
}

/// Reads all of it without decoding a pixel, with no more than `memory` bytes for what is coded and, later, for pixels. The
/// image and every frame are `seen` as soon as their sizes are known: those of frames are their own.
pub(super) fn read(bytes: &[u8], memory: usize, seen: &mut Seen) -> Walked<JxlImage> {
    let mut codestream = Codestream::of(bytes);
    let mut image = begin(&mut codestream, memory)?;
    seen.image(image.width(), image.height())?;
    let mut frames = 0;
    loop {
        while let Some(frame) = image.frame(frames) {
            seen.part(frame.header().width, frame.header().height)?;
            frames += 1;
        }
        if frames > MOST_FRAMES {
            return Err(Fault::Broken);
        }
        if image.is_loading_done() {
            return Ok(image);
        }
        let piece = codestream.take(STEP)?;
        if piece.is_empty() {
            return Err(Fault::Cut);
        }
        image.feed_bytes(&piece).map_err(|_| Fault::Broken)?;
    }
}

/// For those who want its pixels: the image, if it is whole and no picture in it has more than so many.
pub(crate) fn open(bytes: &[u8], memory: usize, most_pixels: u64) -> Option<JxlImage> {
    read(bytes, memory, &mut Seen::new(most_pixels)).ok()
}

/// How many of its pictures may be decoded, the first of them first: as long as all frames so far have no more than
/// `most_pixels` together, and none is made of too many. A frame that is shown is made of all before it that are not, each laid
/// over the whole picture.
pub(crate) fn affordable(image: &JxlImage, most_pixels: u64) -> usize {
    let pixels = u64::from(image.width()) * u64::from(image.height());
    let frames = usize::try_from(most_pixels / pixels.max(1)).unwrap_or(usize::MAX).clamp(1, MOST_FRAMES);
    let ends = (0..image.num_loaded_keyframes())
        .map_while(|shown| image.frame_by_keyframe(shown).map(|frame| frame.index() + 1));
    let mut begin = 0;
    ends.take_while(|end| *end <= frames && end - std::mem::replace(&mut begin, *end) <= MOST_LAYERS).count()
}

/// The image as soon as its header is there.
fn begin(codestream: &mut Codestream<'_>, memory: usize) -> Walked<JxlImage> {
    let builder = JxlImage::builder().pool(JxlThreadPool::none()).alloc_tracker(AllocTracker::with_limit(memory));
    let mut waiting = builder.build_uninit();
    let mut head = Vec::new();
    // Each try begins from the front, so there is one for each doubling.
    while head.len() < MOST_HEADER {
        let piece = codestream.take(head.len().max(STEP))?;
        if piece.is_empty() {
            return Err(Fault::Cut);
        }
        head.extend_from_slice(&piece);
        check(&head)?;
        waiting.feed_bytes(&piece).map_err(|_| Fault::Broken)?;
        match waiting.try_init().map_err(|_| Fault::Broken)? {
            InitializeResult::Initialized(image) => return Ok(image),
            InitializeResult::NeedMoreData(more) => waiting = more,
        }
    }
    Err(Fault::Broken)
}

/// Refuses what the decoder must not be given: another container, whose boxes it would inflate, and a colour profile that it
/// would make hundreds of megabytes of.
fn check(head: &[u8]) -> Walked {
    if !head.starts_with(&SIGNATURE) {
        return Err(if SIGNATURE.starts_with(head) { Fault::Cut } else { Fault::Broken });
    }
    let mut bits = Bitstream::new(head);
    // What is wrong with a header the decoder tells, or that more of it is needed.
    let Ok(header) = ImageHeader::parse(&mut bits, ()) else { return Ok(()) };
    let has_profile = header.metadata.colour_encoding.want_icc();
    if has_profile && bits.read_u64().is_ok_and(|length| length > MOST_PROFILE) { Err(Fault::Broken) } else { Ok(()) }
}

/// The coded image in a file: all of it, or what the container's boxes for it hold (18181-2, 9.8 and 9.9). The decoder gets no
/// other box: it would inflate those that are compressed, however much becomes of them.
struct Codestream<'a> {
    boxes: Boxes<'a>,
    /// What is there before the next box.
    piece: &'a [u8],
    parts: Parts,
}

/// Which boxes for the image came before.
#[derive(Clone, Copy)]
enum Parts {
    None,
    /// As many, and there are more.
    Some(u32),
    All,
}

impl<'a> Codestream<'a> {
    fn of(bytes: &'a [u8]) -> Self {
        let (boxes, piece): (&[u8], &[u8]) = if bytes.starts_with(&SIGNATURE) { (&[], bytes) } else { (bytes, &[]) };
        Self { boxes: Boxes::of(boxes), piece, parts: Parts::None }
    }

    /// The next `length` bytes; fewer are the last. Together, however small the boxes are: the decoder begins again with each
    /// piece.
    fn take(&mut self, length: usize) -> Walked<Vec<u8>> {
        let mut taken = Vec::new();
        while taken.len() < length {
            if self.piece.is_empty() && !self.open()? {
                break;
            }
            let (now, later) = self.piece.split_at(self.piece.len().min(length - taken.len()));
            taken.extend_from_slice(now);
            self.piece = later;
        }
        Ok(taken)
    }

    /// Goes on to the next box, if there is one. Of one that was cut, what is there counts.
    fn open(&mut self) -> Walked<bool> {
        let Some(found) = self.boxes.next().and_then(|found| found.map_or_else(|begun| begun, Some)) else {
            return Ok(false);
        };
        match (found.name, self.parts) {
            (b"jxlc", Parts::None) => {
                self.piece = found.content;
                self.parts = Parts::All;
            }
            (b"jxlp", Parts::None) => self.part(found.content, 0)?,
            (b"jxlp", Parts::Some(count)) => self.part(found.content, count)?,
            (b"jxlc" | b"jxlp", _) => return Err(Fault::Broken),
            _ => {}
        }
        Ok(true)
    }

    /// One of several boxes: its number, with a bit that marks the last, and its piece.
    fn part(&mut self, content: &'a [u8], count: u32) -> Walked {
        let number = be32(content, 0)?;
        if number & !LAST != count {
            return Err(Fault::Broken);
        }
        self.piece = &content[4..];
        self.parts = if number & LAST == 0 { Parts::Some(count + 1) } else { Parts::All };
        Ok(())
    }
}

/// The bit of a part's number that marks the last.
const LAST: u32 = 1 << 31;

#[cfg(test)]
pub(super) mod tests {
    use super::super::decode;
    use super::*;
    use crate::format::Format;

    fn image(name: &str) -> Vec<u8> {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images");
        std::fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    fn walked(bytes: &[u8]) -> Walked {
        walk(bytes, &mut Seen::new(1 << 20))
    }

    fn in_box(name: [u8; 4], content: &[&[u8]]) -> Vec<u8> {
        let content = content.concat();
        let length = u32::try_from(content.len() + 8).expect("short").to_be_bytes();
        [&length, &name[..], &content].concat()
    }

    fn container(boxes: &[Vec<u8>]) -> Vec<u8> {
        [&image("container.jxl")[..32], &boxes.concat()].concat()
    }

    /// Compressed boxes become as long as they like. That these are left alone shows in that nothing is wrong with them.
    #[test]
    fn no_box_is_inflated() {
        let coded = in_box(*b"jxlc", &[&image("bare.jxl")]);
        for other in [in_box(*b"brob", &[b"Exif", &[0xff; 100]]), in_box(*b"jbrd", &[&[0xff; 100]])] {
            assert_eq!(walked(&container(&[other, coded.clone()])), Ok(()));
        }
    }

    #[test]
    fn a_container_holds_no_other() {
        let inner = container(&[in_box(*b"jxlc", &[&image("bare.jxl")])]);
        assert_eq!(walked(&inner), Ok(()));
        assert_eq!(walked(&container(&[in_box(*b"jxlc", &[&inner])])), Err(Fault::Broken));
    }

    #[test]
    fn parts_come_in_their_order() {
        let bare = image("bare.jxl");
        let part = |number: u32, bytes: &[u8]| in_box(*b"jxlp", &[&number.to_be_bytes(), bytes]);
        let each: Vec<_> = bare.iter().zip(0..).map(|(byte, number)| part(number, &[*byte])).collect();
        assert_eq!(walked(&container(&each)), Ok(()));
        assert_eq!(walked(&container(&each[..bare.len() - 1])), Err(Fault::Cut));
        let (first, second) = bare.split_at(20);
        assert_eq!(walked(&container(&[part(0, first), part(1 | LAST, second)])), Ok(()));
        for parts in [
            [part(1, first), part(2 | LAST, second)],
            [part(0, first), part(2, second)],
            [part(LAST, first), part(1, second)],
            [part(0, first), in_box(*b"jxlc", &[second])],
        ] {
            assert_eq!(walked(&container(&parts)), Err(Fault::Broken));
        }
    }

    /// A header of some bytes, which announces a colour profile of `length` bytes.
    fn with_profile(length: u64) -> Vec<u8> {
        let fields: [(u64, u32); 14] = [
            (0x0aff, 16),
            // A square of eight pixels.
            (1, 1),
            (0, 5),
            (1, 3),
            // Not all by default, no further fields; whole numbers of eight bits, which 16 hold; no further channel, no XYB.
            (0, 2),
            (0, 3),
            (1, 1),
            (0, 3),
            // Colours by a profile, RGB; no extensions, all else by default.
            (0b10, 2),
            (0, 2),
            (0, 2),
            (1, 1),
            // A number of up to 28 bits.
            (3, 2),
            (length & 0xfff | 1 << 12 | (length >> 12 & 0xff) << 13 | 1 << 21 | (length >> 20) << 22, 31),
        ];
        bits(&fields)
    }

    /// Numbers with their widths, the lowest bit first.
    fn bits(fields: &[(u64, u32)]) -> Vec<u8> {
        let (mut bytes, mut at) = (vec![0; 64], 0);
        for (field, width) in fields {
            for bit in 0..*width {
                bytes[at / 8] |= u8::from(field >> bit & 1 == 1) << (at % 8);
                at += 1;
            }
        }
        bytes.truncate(at.div_ceil(8));
        bytes
    }

    /// An animation of one pixel. A frame is shown, or laid under the next alone.
    pub(crate) fn animation(shown: &[bool]) -> Vec<u8> {
        let head = bits(&[
            (0x0aff, 16),
            // A square of one pixel.
            (0, 12),
            (1, 3),
            // Not all by default, further fields: upright, an animation of 100 frames a second.
            (0b10, 2),
            (0, 5),
            (1, 1),
            (0, 7),
            // Whole numbers of eight bits, which 16 hold; no further channel; XYB, sRGB, and all else by default.
            (0, 3),
            (1, 1),
            (0, 2),
            (0b111, 3),
            (0, 2),
            (1, 1),
        ]);
        let last = shown.len() - 1;
        let frames = shown.iter().enumerate().map(|(index, is_shown)| frame(*is_shown, index == last));
        std::iter::once(head).chain(frames).collect::<Vec<_>>().concat()
    }

    fn frame(is_shown: bool, is_last: bool) -> Vec<u8> {
        let mut head = vec![
            // Not all by default, modular, laid over all of the picture before it.
            (0, 3),
            (1, 1),
            (0, 9),
            (1, 2),
            (1, 2),
            (is_shown.into(), 2),
            (is_last.into(), 1),
        ];
        if !is_last {
            // Kept for the next.
            head.push((1, 2));
        }
        // No name, no filters, no extensions; sections in their order.
        head.extend([(0, 10), (0, 1)]);
        // A picture of zeros: no tree for all, a tree of one leaf, and codes of no bits.
        let section = bits(&[(0b1001, 4), (0, 2), (0, 1), (0b1001, 4), (15, 4), (0, 2), (1, 1), (15, 4), (0, 1)]);
        let length = section.len() as u64;
        [bits(&head), bits(&[(0, 2), (length, 10)]), section].concat()
    }

    #[test]
    fn a_profile_that_would_be_huge_is_not_made() {
        for (length, expected) in [
            (MOST_PROFILE - 1, Fault::Cut),
            (MOST_PROFILE, Fault::Cut),
            (MOST_PROFILE + 1, Fault::Broken),
            (1 << 27, Fault::Broken),
        ] {
            assert_eq!(walked(&with_profile(length)), Err(expected), "{length}");
        }
    }

    fn shown(bytes: &[u8], most_pixels: u64) -> usize {
        affordable(&read(bytes, 64 << 20, &mut Seen::new(1)).expect("whole"), most_pixels)
    }

    #[test]
    fn frames_share_the_pixels_of_all() {
        let bytes = animation(&[true, false, true, false, false, true]);
        for (most, expected) in [(0, 1), (1, 1), (2, 1), (3, 2), (5, 2), (6, 3), (7, 3)] {
            assert_eq!(shown(&bytes, most), expected, "{most}");
        }
    }

    /// As many as the walk lets in would be too much for any thread's stack.
    #[test]
    fn a_picture_of_many_layers_is_not_decoded() {
        let of = |layers: usize| [vec![false; layers - 1], vec![true]].concat();
        for (frames, expected) in [
            (of(MOST_LAYERS), 1),
            (of(MOST_LAYERS + 1), 0),
            (of(MOST_FRAMES), 0),
            (vec![true; MOST_FRAMES], MOST_FRAMES),
            ([of(MOST_LAYERS), of(MOST_LAYERS), of(MOST_LAYERS + 1), of(1)].concat(), 2),
        ] {
            let bytes = animation(&frames);
            assert_eq!(shown(&bytes, u64::MAX), expected, "{}", frames.len());
            let decoded = decode::decode(&bytes, Format::Jxl, 64 << 20, 1 << 20).expect("no process is started");
            assert_eq!(decoded, Ok(()), "{}", frames.len());
        }
        assert_eq!(walked(&animation(&of(MOST_FRAMES + 1))), Err(Fault::Broken));
    }
}
