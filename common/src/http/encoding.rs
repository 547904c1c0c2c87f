//! `Content-Encoding` (RFC 9110, 8.4): which one a body has, and its undoing, within a cap on what comes out of it and a
//! bound on the memory that it takes.

use std::io::{self, BufRead, Read, Write};

use brotli_decompressor::{BrotliDecoderParameter, Decompressor};
use flate2::bufread::GzDecoder;
use flate2::{Decompress, FlushDecompress, Status};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use zstd::zstd_safe::DParameter;

use crate::reason::Reason;

/// What is asked for where compression is welcome: all that can be undone.
pub(super) const ACCEPTED: &str = "gzip, deflate, br, zstd";

/// Largest window of zstd, as a power of two: 8 MiB, which is all that HTTP allows (RFC 9659). Brotli's is 16 MiB at most
/// (RFC 7932, 9.1), those of the others 32 KiB.
const ZSTD_WINDOW_LOG: u32 = 23;

/// Bytes that are undone at a time.
const STEP: usize = 64 << 10;

/// How a body is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// RFC 1952.
    Gzip,
    /// The zlib format, RFC 1950; or bare deflate, RFC 1951, which some servers send under this name, and browsers take.
    Deflate,
    /// RFC 7932.
    Brotli,
    /// RFC 8878.
    Zstd,
}

/// Why an encoding could not be undone.
#[derive(Debug, thiserror::Error)]
pub enum EncodingError {
    /// One in another. No server needs that, bombs do.
    #[error("the body has encodings inside encodings")]
    Nested,
    /// More came out than is allowed.
    #[error("the body is longer than {cap} bytes when it is decompressed")]
    TooLarge {
        /// The cap in bytes.
        cap: usize,
    },
    /// The bytes end before the encoding does.
    #[error("the compressed body ends too early")]
    Truncated,
    /// The bytes are not of this encoding, or want a larger window than is allowed.
    #[error("the compressed body is broken")]
    Broken(#[source] io::Error),
    /// What came out could not be written. This is not the body's fault.
    #[error("cannot write what was decompressed")]
    Write(#[source] io::Error),
}

impl From<&EncodingError> for Reason {
    fn from(error: &EncodingError) -> Self {
        match error {
            EncodingError::TooLarge { .. } => Self::TooLarge,
            EncodingError::Truncated => Self::Truncated,
            EncodingError::Nested | EncodingError::Broken(_) | EncodingError::Write(_) => Self::Encoding,
        }
    }
}

impl Encoding {
    /// Which encoding the headers name; `None` where they name none, or one that nobody knows: browsers take such a body as it
    /// came, because servers write all sorts of things here.
    pub fn of(headers: &HeaderMap) -> Result<Option<Self>, EncodingError> {
        let values = headers.get_all(CONTENT_ENCODING).iter().filter_map(|value| value.to_str().ok());
        let names = values.flat_map(|value| value.split(',')).map(|name| name.trim().to_ascii_lowercase());
        let mut names = names.filter(|name| !matches!(name.as_str(), "" | "identity"));
        let first = names.next();
        if names.next().is_some() {
            return Err(EncodingError::Nested);
        }
        Ok(first.and_then(|name| match name.as_str() {
            "gzip" | "x-gzip" => Some(Self::Gzip),
            "deflate" => Some(Self::Deflate),
            "br" => Some(Self::Brotli),
            "zstd" => Some(Self::Zstd),
            _ => None,
        }))
    }

    /// Undoes it, and writes at most `cap` bytes into `plain`; what has come up to an error is written. Bytes after the end are
    /// passed over, as browsers do, and where there are none at all none come out. It takes time: not for a thread that serves the
    /// network.
    pub fn undo(self, mut raw: impl BufRead, cap: usize, plain: &mut impl Write) -> Result<(), EncodingError> {
        if raw.fill_buf().map_err(EncodingError::Broken)?.is_empty() {
            return Ok(());
        }
        match self {
            Self::Gzip => pass(GzDecoder::new(raw), cap, plain),
            Self::Deflate => {
                let has_header = is_zlib(raw.fill_buf().map_err(EncodingError::Broken)?);
                pass(Inflater { raw, state: Decompress::new(has_header), is_over: false }, cap, plain)
            }
            Self::Brotli => {
                let mut raw = Watched { raw, has_ended: false };
                let mut decoder = Decompressor::new(&mut raw, STEP);
                // Windows up to 1 GiB are no part of HTTP's brotli, and on unless refused.
                decoder.set_parameter(BrotliDecoderParameter::BROTLI_DECODER_PARAM_LARGE_WINDOW, 0);
                let passed = pass(decoder, cap, plain);
                // The decoder calls both broken; and it asks for more only where all that it has makes sense.
                let is_cut = raw.has_ended && matches!(passed, Err(EncodingError::Broken(_)));
                if is_cut { Err(EncodingError::Truncated) } else { passed }
            }
            Self::Zstd => {
                let mut decoder = zstd::Decoder::with_buffer(raw).map_err(EncodingError::Broken)?.single_frame();
                decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW_LOG)).map_err(EncodingError::Broken)?;
                pass(decoder, cap, plain)
            }
        }
    }
}

/// Bytes of which it is known whether more of them were wanted than there are.
struct Watched<R> {
    raw: R,
    has_ended: bool,
}

impl<R: Read> Read for Watched<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let length = self.raw.read(bytes)?;
        self.has_ended |= length == 0 && !bytes.is_empty();
        Ok(length)
    }
}

/// Undoes deflate, with zlib's header or without. The library's own reader takes bytes that end too early for whole.
struct Inflater<R> {
    raw: R,
    state: Decompress,
    is_over: bool,
}

impl<R: BufRead> Read for Inflater<R> {
    fn read(&mut self, plain: &mut [u8]) -> io::Result<usize> {
        while !self.is_over && !plain.is_empty() {
            let raw = self.raw.fill_buf()?;
            let has_ended = raw.is_empty();
            let (taken, made) = (self.state.total_in(), self.state.total_out());
            let status = self.state.decompress(raw, plain, FlushDecompress::None)?;
            // Neither is longer than a slice of memory.
            let [taken, made] = [self.state.total_in() - taken, self.state.total_out() - made]
                .map(|length| usize::try_from(length).unwrap_or(usize::MAX));
            self.raw.consume(taken);
            self.is_over = status == Status::StreamEnd;
            if made > 0 {
                return Ok(made);
            }
            if taken == 0 && !self.is_over {
                let kind = if has_ended { io::ErrorKind::UnexpectedEof } else { io::ErrorKind::InvalidData };
                return Err(kind.into());
            }
        }
        Ok(0)
    }
}

/// Whether this is how the zlib format begins (RFC 1950, 2.2): its method, and a check that bare deflate passes by chance alone.
fn is_zlib(bytes: &[u8]) -> bool {
    matches!(bytes, [method, flags, ..] if method & 0x0f == 8 && u16::from_be_bytes([*method, *flags]) % 31 == 0)
}

fn pass(mut decoder: impl Read, cap: usize, plain: &mut impl Write) -> Result<(), EncodingError> {
    let mut step = vec![0; STEP];
    let mut left = cap;
    loop {
        let length = match decoder.read(&mut step) {
            Ok(0) => return Ok(()),
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(EncodingError::Truncated),
            Err(error) => return Err(EncodingError::Broken(error)),
        };
        plain.write_all(&step[..length.min(left)]).map_err(EncodingError::Write)?;
        left = left.checked_sub(length).ok_or(EncodingError::TooLarge { cap })?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Encoding; 4] = [Encoding::Gzip, Encoding::Deflate, Encoding::Brotli, Encoding::Zstd];

    fn encoded(encoding: Encoding, plain: &[u8]) -> Vec<u8> {
        let level = flate2::Compression::default();
        let mut raw = Vec::new();
        match encoding {
            Encoding::Gzip => flate2::read::GzEncoder::new(plain, level).read_to_end(&mut raw),
            Encoding::Deflate => flate2::read::ZlibEncoder::new(plain, level).read_to_end(&mut raw),
            Encoding::Brotli => brotli::CompressorReader::new(plain, 4096, 5, 22).read_to_end(&mut raw),
            Encoding::Zstd => zstd::Encoder::new(&mut raw, 3).and_then(|mut encoder| {
                encoder.write_all(plain)?;
                encoder.finish().map(|_| 0)
            }),
        }
        .expect("written to memory");
        raw
    }

    fn undone(encoding: Encoding, raw: &[u8], cap: usize) -> (Vec<u8>, Result<(), EncodingError>) {
        let mut plain = Vec::new();
        let result = encoding.undo(raw, cap, &mut plain);
        (plain, result)
    }

    fn named(values: &[&'static str]) -> Result<Option<Encoding>, EncodingError> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(CONTENT_ENCODING, value.parse().expect("a header value"));
        }
        Encoding::of(&headers)
    }

    #[test]
    fn one_encoding_is_known_by_its_name_and_others_are_left_alone() {
        assert_eq!(named(&["gzip"]).expect("one"), Some(Encoding::Gzip));
        assert_eq!(named(&["X-GZip"]).expect("one"), Some(Encoding::Gzip));
        assert_eq!(named(&[" br , identity"]).expect("one"), Some(Encoding::Brotli));
        assert_eq!(named(&["zstd"]).expect("one"), Some(Encoding::Zstd));
        assert_eq!(named(&["deflate"]).expect("one"), Some(Encoding::Deflate));
        for none in [&[][..], &["identity"], &["", ","], &["utf-8"], &["none"], &["aws-chunked"]] {
            assert_eq!(named(none).expect("none"), None, "{none:?}");
        }
        for nested in [&["gzip, gzip"][..], &["gzip", "br"], &["utf-8, gzip"]] {
            assert!(matches!(named(nested), Err(EncodingError::Nested)), "{nested:?}");
        }
    }

    #[test]
    fn every_encoding_is_undone_up_to_the_cap_and_no_further() {
        let plain: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        for encoding in ALL {
            let raw = encoded(encoding, &plain);
            for cap in [plain.len(), plain.len() + 1] {
                let (out, result) = undone(encoding, &raw, cap);
                result.expect("within the cap");
                assert!(out == plain, "{encoding:?}");
            }
            let (out, result) = undone(encoding, &raw, plain.len() - 1);
            assert!(matches!(result, Err(EncodingError::TooLarge { .. })), "{encoding:?}: {result:?}");
            assert!(out == plain[..plain.len() - 1], "{encoding:?}");
        }
    }

    #[test]
    fn bare_deflate_passes_under_the_name_of_the_zlib_format() {
        let plain = b"some text, some more text".repeat(50);
        let mut raw = Vec::new();
        let mut encoder = flate2::read::DeflateEncoder::new(&plain[..], flate2::Compression::best());
        encoder.read_to_end(&mut raw).expect("written to memory");
        let (out, result) = undone(Encoding::Deflate, &raw, 1 << 20);
        result.expect("undone");
        assert_eq!(out, plain);
    }

    #[test]
    fn bytes_after_the_end_are_nobodys_business() {
        for encoding in ALL {
            let mut raw = encoded(encoding, b"an image");
            raw.extend([0; 100]);
            let (out, result) = undone(encoding, &raw, 100);
            assert!(result.is_ok(), "{encoding:?}: {result:?}");
            assert_eq!(out, b"an image", "{encoding:?}");
        }
    }

    #[test]
    fn what_is_broken_or_cut_says_so() {
        for encoding in ALL {
            let (_, result) = undone(encoding, b"\xff\xfe no such thing at all, for sure", 1 << 20);
            assert!(matches!(result, Err(EncodingError::Broken(_))), "{encoding:?}: {result:?}");
        }
        let plain: Vec<u8> = (0..50_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut bare = Vec::new();
        let mut encoder = flate2::read::DeflateEncoder::new(&plain[..], flate2::Compression::fast());
        encoder.read_to_end(&mut bare).expect("written to memory");
        let all = ALL.map(|encoding| (encoding, encoded(encoding, &plain)));
        for (encoding, raw) in all.into_iter().chain([(Encoding::Deflate, bare)]) {
            for length in (1..raw.len()).step_by(raw.len() / 40).chain(raw.len() - 9..raw.len()) {
                let (_, result) = undone(encoding, &raw[..length], 1 << 20);
                let why = format!("{encoding:?} after {length} of {}: {result:?}", raw.len());
                assert!(matches!(result, Err(EncodingError::Truncated)), "{why}");
            }
        }
    }

    #[test]
    fn a_body_of_nothing_is_nothing_in_every_encoding() {
        for encoding in ALL {
            let (out, result) = undone(encoding, &[], 100);
            assert!(result.is_ok() && out.is_empty(), "{encoding:?}: {result:?}");
        }
    }

    #[test]
    fn windows_larger_than_http_allows_are_refused() {
        let mut raw = Vec::new();
        let mut encoder = zstd::Encoder::new(&mut raw, 3).expect("an encoder");
        encoder.window_log(ZSTD_WINDOW_LOG + 1).expect("a parameter");
        encoder.write_all(&[0; 1024]).and_then(|()| encoder.finish().map(drop)).expect("written to memory");
        assert!(matches!(undone(Encoding::Zstd, &raw, 1 << 20).1, Err(EncodingError::Broken(_))));
        // The first byte of brotli with a large window (0x11), then 30 bits of it.
        assert!(matches!(undone(Encoding::Brotli, &[0x11, 30, 0, 0, 0], 1 << 20).1, Err(EncodingError::Broken(_))));
    }
}
