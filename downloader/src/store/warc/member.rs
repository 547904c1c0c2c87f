//! Gzip members (RFC 1952), one a record, so that a reader can begin at any of them. Images are compressed already: their
//! bytes go into stored blocks, which cost a copy, and so do short texts. What is worth it is deflated.
//!
//! Measured here: 600 bytes of text need 3.4 µs at level 1 and shrink to 410 bytes, 11 µs at level 6 and 361 bytes. The most of
//! it is what clearing the tables takes, whatever the text's length. An image has three such texts, which are 3 % of 20 kB.

use std::io;

use bytes::Bytes;
use crc32fast::Hasher;
use flate2::{Compress, Compression, FlushCompress, Status};

use super::super::packed::Group;
use super::record::END;

/// Method deflate, no flags, no time, no system (RFC 1952, 2.3).
pub(super) const HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff];

/// Most bytes of a stored block (RFC 1951, 3.2.4).
const STORED: usize = u16::MAX as usize;

/// A text of this length, in bytes, is worth being deflated.
const LONG: usize = 2 << 10;

/// How dense bytes are already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Density {
    /// Deflating would gain nothing.
    Packed,
    /// Deflating is worth its time.
    Loose,
}

/// Writes members, one after the other. Its tables are worth keeping: to make them anew takes longer than a small member.
#[derive(Debug)]
pub(super) struct Packer(Compress);

impl Packer {
    pub(super) fn new() -> Self {
        Self(Compress::new(Compression::fast(), false))
    }

    /// Adds a record of text alone, its end included. Returns the member's length.
    pub(super) fn text(&mut self, group: &mut Group, text: &[u8]) -> io::Result<u64> {
        let begin = group.length();
        group.copy(&HEADER);
        if text.len() < LONG {
            store_text(group, text, true);
        } else {
            self.0.reset();
            group.with(|out| deflate(&mut self.0, out, text, FlushCompress::Finish))?;
        }
        group.copy(&trailer(&[text]));
        Ok(group.length() - begin)
    }

    /// Adds a record of text and an image, to which its end is added. Returns the member's length.
    pub(super) fn image(&mut self, group: &mut Group, head: &[u8], image: &Bytes, density: Density) -> io::Result<u64> {
        let begin = group.length();
        group.copy(&HEADER);
        match density {
            Density::Packed if head.len() < LONG => {
                store_text(group, head, false);
                store(group, image);
            }
            Density::Packed => {
                self.0.reset();
                // Leaves the stream at the boundary of a byte, where stored blocks can follow.
                group.with(|out| deflate(&mut self.0, out, head, FlushCompress::Sync))?;
                store(group, image);
            }
            Density::Loose => {
                self.0.reset();
                let mut out = Vec::new();
                deflate(&mut self.0, &mut out, head, FlushCompress::None)?;
                deflate(&mut self.0, &mut out, image, FlushCompress::None)?;
                deflate(&mut self.0, &mut out, END, FlushCompress::Finish)?;
                group.body(&out.into());
            }
        }
        group.copy(&trailer(&[head, image, END]));
        Ok(group.length() - begin)
    }
}

/// Checksum, and length modulo 2^32 (RFC 1952, 2.3). That of an image is most of the work with it: `crc32fast` needs 0.3 µs for
/// 20 kB where `flate2`'s own needs 1.2 µs.
fn trailer(parts: &[&[u8]]) -> [u8; 8] {
    let (mut checksum, mut length) = (Hasher::new(), 0);
    for part in parts {
        checksum.update(part);
        length += part.len() as u64;
    }
    let mut trailer = [0; 8];
    trailer[..4].copy_from_slice(&checksum.finalize().to_le_bytes());
    trailer[4..].copy_from_slice(&length.to_le_bytes()[..4]);
    trailer
}

/// Deflates all of `input`; with `Sync` or `Finish` also all that the stream still holds back.
fn deflate(stream: &mut Compress, out: &mut Vec<u8>, mut input: &[u8], flush: FlushCompress) -> io::Result<()> {
    loop {
        // More than what is left can need, and than a flush adds, so that one round does as a rule.
        out.reserve(input.len() + 64);
        let before = stream.total_in();
        let status = stream.compress_vec(input, out, flush).map_err(io::Error::other)?;
        // No more was taken than was there.
        input = &input[usize::try_from(stream.total_in() - before).unwrap_or(input.len())..];
        let has_room = out.len() < out.capacity();
        let done = match flush {
            FlushCompress::Finish => status == Status::StreamEnd,
            _ => input.is_empty() && has_room,
        };
        if done {
            return Ok(());
        }
    }
}

/// Adds a short text in a stored block.
fn store_text(group: &mut Group, text: &[u8], is_last: bool) {
    group.copy(&block_header(text.len(), is_last));
    group.copy(text);
}

/// Adds an image in stored blocks, and the record's end in the last.
fn store(group: &mut Group, image: &Bytes) {
    for begin in (0..image.len()).step_by(STORED) {
        let block = image.slice(begin..image.len().min(begin + STORED));
        group.copy(&block_header(block.len(), false));
        group.body(&block);
    }
    group.copy(&block_header(END.len(), true));
    group.copy(END);
}

/// Of a stored block: whether it is the last, its length, and that again with all bits turned.
fn block_header(length: usize, is_last: bool) -> [u8; 5] {
    let [low, high, ..] = (length as u64).to_le_bytes();
    [u8::from(is_last), low, high, !low, !high]
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::{Read, Seek};

    use flate2::read::{GzDecoder, MultiGzDecoder};

    use super::*;

    /// What a group would write.
    pub(in super::super) fn written(group: &Group) -> Vec<u8> {
        let mut file = tempfile::tempfile().expect("a file");
        group.write_to(&file).expect("written");
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("read");
        bytes
    }

    fn unpacked(bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        MultiGzDecoder::new(bytes).read_to_end(&mut text).expect("gzip");
        text
    }

    #[test]
    fn what_was_packed_comes_back_whatever_its_length() {
        let mut packer = Packer::new();
        let bytes: Bytes = (0..200_000_u32).map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()[0]).collect();
        let lengths = [0, 1, STORED - 1, STORED, STORED + 1, 2 * STORED, 2 * STORED + 1];
        for (density, length) in [Density::Packed, Density::Loose].into_iter().flat_map(|d| lengths.map(|l| (d, l))) {
            let mut group = Group::default();
            let image = bytes.slice(..length);
            let packed = packer.image(&mut group, b"head of the record", &image, density).expect("packed");
            assert_eq!(packed, group.length());
            assert_eq!(unpacked(&written(&group)), [b"head of the record", &image[..], END].concat(), "{length}");
        }
    }

    #[test]
    fn a_dense_image_is_stored_as_it_is_behind_a_deflated_head() {
        let mut group = Group::default();
        let head = b"WARC-Type: response\r\n".repeat(LONG / 20);
        Packer::new().image(&mut group, &head, &Bytes::from_static(b"JPEG"), Density::Packed).expect("packed");
        let stored = b"\x00\x04\x00\xfb\xffJPEG\x01\x04\x00\xfb\xff\r\n\r\n";
        let out = written(&group);
        let at = out.windows(stored.len()).position(|window| window == stored).expect("it is there");
        assert!(at < head.len() / 4, "the head takes {at} bytes");
        assert_eq!(out.len(), at + stored.len() + 8);
    }

    #[test]
    fn short_texts_are_stored_and_long_ones_deflated() {
        let (mut packer, image) = (Packer::new(), Bytes::from_static(b"JPEG"));
        for (length, is_stored) in [(0, true), (LONG - 1, true), (LONG, false)] {
            let text = vec![b'x'; length];
            let (mut alone, mut before) = (Group::default(), Group::default());
            packer.text(&mut alone, &text).expect("packed");
            packer.image(&mut before, &text, &image, Density::Packed).expect("packed");
            for group in [&alone, &before] {
                assert_eq!(group.length() > length as u64, is_stored, "{length}");
            }
            assert_eq!(unpacked(&written(&alone)), text);
            assert_eq!(unpacked(&written(&before)), [&text[..], b"JPEG", END].concat());
        }
    }

    #[test]
    fn a_loose_image_shrinks_and_does_not_depend_on_what_came_before() {
        let mut packer = Packer::new();
        let image = Bytes::from(b"<svg xmlns='http://www.w3.org/2000/svg'/>".repeat(1000));
        let (mut first, mut second) = (Group::default(), Group::default());
        packer.image(&mut first, b"head", &image, Density::Loose).expect("packed");
        packer.text(&mut Group::default(), b"something else").expect("packed");
        packer.image(&mut second, b"head", &image, Density::Loose).expect("packed");
        assert_eq!(written(&first), written(&second));
        assert!(first.length() < image.len() as u64 / 50, "{}", first.length());
    }

    #[test]
    fn members_stand_alone_one_after_the_other() {
        let (mut packer, mut group) = (Packer::new(), Group::default());
        let first = packer.text(&mut group, &b"one ".repeat(10_000)).expect("packed");
        let second = packer.text(&mut group, b"").expect("packed");
        packer.text(&mut group, b"three").expect("packed");
        let out = written(&group);
        assert_eq!(unpacked(&out), [&b"one ".repeat(10_000)[..], b"three"].concat());
        let mut text = String::new();
        let third = usize::try_from(first + second).expect("short");
        GzDecoder::new(&out[third..]).read_to_string(&mut text).expect("gzip");
        assert_eq!(text, "three");
    }
}
