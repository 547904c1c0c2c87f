//! The bytes of a sitemap as UTF-8, little by little: unpacked where they are gzip, and decoded. Its end is the end of the
//! bytes or whatever cuts them short, which is remembered; so its reader needs to know of no errors.

use std::io::{self, BufReader, Read};

use encoding_rs::{CoderResult, Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use flate2::read::MultiGzDecoder;

use super::{Cut, Limits};

/// How much is looked at for an encoding's name: as much as the HTML standard looks at.
const HEAD_BYTES: usize = 1024;

/// How much is read at once.
const CHUNK_BYTES: usize = 16 * 1024;

/// A sitemap that is being read.
pub(super) struct Input<'a>(BufReader<Decoded<'a>>);

impl<'a> Input<'a> {
    /// Begins to read `bytes`.
    pub(super) fn open(bytes: &'a [u8], limits: &Limits) -> Self {
        let packed: Box<dyn Read + 'a> =
            if bytes.starts_with(b"\x1f\x8b") { Box::new(MultiGzDecoder::new(bytes)) } else { Box::new(bytes) };
        let mut source = Capped { packed, room: limits.unpacked_bytes, cut: None };
        let mut raw = vec![0; CHUNK_BYTES];
        let mut end = 0;
        while end < HEAD_BYTES {
            match source.fill(&mut raw[end..HEAD_BYTES]) {
                0 => break,
                read => end += read,
            }
        }
        let decoder = encoding(&raw[..end]).new_decoder_with_bom_removal();
        let token_bytes = limits.token_bytes.max(CHUNK_BYTES);
        let decoded = Decoded { source, decoder, raw, start: 0, end, ended: false, token_bytes, since_token: 0 };
        Self(BufReader::with_capacity(CHUNK_BYTES, decoded))
    }

    /// Whether it begins like XML: the first character is `<`, but for white space and for byte order marks in odd places.
    pub(super) fn is_markup(&mut self) -> bool {
        let mut head = io::BufRead::fill_buf(&mut self.0).unwrap_or_default().trim_ascii_start();
        while let Some(rest) = head.strip_prefix("\u{feff}".as_bytes()) {
            head = rest.trim_ascii_start();
        }
        head.starts_with(b"<")
    }

    /// Says that what was read so far is no longer held.
    pub(super) fn end_token(&mut self) {
        self.0.get_mut().since_token = 0;
    }

    /// What has cut it short so far.
    pub(super) fn cut(&self) -> Option<Cut> {
        self.0.get_ref().source.cut
    }
}

impl Read for Input<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.0.read(out)
    }
}

impl io::BufRead for Input<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.0.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.0.consume(amount);
    }
}

/// The unpacked bytes, up to the cap.
struct Capped<'a> {
    packed: Box<dyn Read + 'a>,
    room: usize,
    cut: Option<Cut>,
}

impl Capped<'_> {
    /// Reads some bytes; none at the end, and after a cut.
    fn fill(&mut self, out: &mut [u8]) -> usize {
        if self.cut.is_some() {
            return 0;
        }
        // With no room left, one byte more tells whether there is one.
        let most = out.len().min(self.room.max(1));
        match self.packed.read(&mut out[..most]) {
            Ok(read) if read > self.room => self.end(Cut::TooLarge),
            Ok(read) => {
                self.room -= read;
                read
            }
            Err(_) => self.end(Cut::Broken),
        }
    }

    fn end(&mut self, cut: Cut) -> usize {
        self.cut.get_or_insert(cut);
        0
    }
}

/// The bytes as UTF-8.
struct Decoded<'a> {
    source: Capped<'a>,
    decoder: Decoder,
    /// What is not yet decoded: `start..end` of it.
    raw: Vec<u8>,
    start: usize,
    end: usize,
    /// Whether the decoder has given its last.
    ended: bool,
    token_bytes: usize,
    /// Bytes given since the reader said that it holds none.
    since_token: usize,
}

impl Read for Decoded<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.since_token > self.token_bytes {
            return Ok(self.source.end(Cut::Broken));
        }
        while !self.ended {
            if self.start == self.end {
                self.start = 0;
                self.end = self.source.fill(&mut self.raw);
            }
            let last = self.end == 0;
            let (result, read, written, _) = self.decoder.decode_to_utf8(&self.raw[self.start..self.end], out, last);
            self.start += read;
            self.since_token += written;
            self.ended = last && result == CoderResult::InputEmpty;
            // Nothing written and nothing read: `out` has no room for a character.
            if written > 0 || read == 0 {
                return Ok(written);
            }
        }
        Ok(0)
    }
}

/// The encoding by the byte order mark, by how `<` is written, or by the XML declaration (XML 1.0, appendix F); else UTF-8.
fn encoding(head: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(head) {
        return encoding;
    }
    match head {
        [b'<', 0, ..] => return UTF_16LE,
        [0, b'<', ..] => return UTF_16BE,
        _ => {}
    }
    match declared(head) {
        // What could be read so far is not UTF-16.
        Some(encoding) if encoding != UTF_16LE && encoding != UTF_16BE => encoding,
        _ => UTF_8,
    }
}

/// The `encoding` of an XML declaration.
fn declared(head: &[u8]) -> Option<&'static Encoding> {
    let declaration = head.trim_ascii_start().strip_prefix(b"<?xml")?;
    let end = declaration.windows(2).position(|bytes| bytes == b"?>")?;
    let declaration = std::str::from_utf8(&declaration[..end]).ok()?;
    let (_, value) = declaration.split_once("encoding")?;
    let value = value.trim_start().strip_prefix('=')?.trim_start();
    let label = value.split(['"', '\'']).nth(1)?;
    Encoding::for_label(label.as_bytes())
}
