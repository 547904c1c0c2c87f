//! A body as it comes: never more of it than the cap, never more slowly than it may. The length that a server announces is a
//! promise, not a fact: bytes are counted as they come, and again as they are decompressed, so that neither an endless
//! stream nor a bomb can fill the memory.

use std::time::Instant;

use bytes::Bytes;
use reqwest::Response;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::encoding::{Encoding, EncodingError};
use super::rate::{DEFAULT_MIN_RATE, RATE_WINDOW, Rate, TooSlow};
use crate::failpoint;
use crate::reason::Reason;

/// Why a body could not be read whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Longer than the cap.
    #[error("the body is longer than {cap} bytes")]
    TooLarge {
        /// The cap in bytes.
        cap: usize,
    },
    /// Slower than the lowest rate.
    #[error("the body comes too slowly: fewer than {bytes_a_second} bytes a second for {} s", RATE_WINDOW.as_secs())]
    TooSlow {
        /// The lowest rate.
        bytes_a_second: u64,
    },
    /// The transfer broke off.
    #[error("the transfer broke off")]
    Transfer(#[source] reqwest::Error),
    /// It came, and could not be decompressed.
    #[error(transparent)]
    Encoding(#[from] EncodingError),
}

impl BodyError {
    /// The manifest's word for it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::TooSlow { .. } => Reason::TooSlow,
            Self::Transfer(error) => match super::reason_of(error) {
                // The bytes stop before the length that was announced.
                Reason::Network => Reason::Truncated,
                reason => reason,
            },
            Self::Encoding(error) => error.into(),
        }
    }
}

/// A body that is on its way, as the server sends it: its encoding is not undone.
#[derive(Debug)]
pub struct Incoming {
    response: Response,
    cap: usize,
    left: usize,
    /// Whether what came was cut at the cap.
    is_over: bool,
    bytes_a_second: u64,
    rate: Rate,
}

impl Incoming {
    /// Of which at most `cap` bytes are taken, at `bytes_a_second` at least (0: at any rate).
    #[must_use]
    pub fn new(response: Response, cap: usize, bytes_a_second: u64) -> Self {
        Self { response, cap, left: cap, is_over: false, bytes_a_second, rate: Rate::new(bytes_a_second) }
    }

    /// The length that the server announced; `None` where it did not.
    #[must_use]
    pub fn announced(&self) -> Option<u64> {
        self.response.content_length()
    }

    /// Waits for the next bytes; `None` after the last ones. What is over the cap is an error, after all that is not.
    pub async fn next(&mut self) -> Result<Option<Bytes>, BodyError> {
        if self.is_over {
            return Err(BodyError::TooLarge { cap: self.cap });
        }
        let Some(mut bytes) = self.chunk().await? else { return Ok(None) };
        // Whoever asks for more gets the error, whether more comes or not.
        self.is_over = bytes.len() > self.left;
        bytes.truncate(self.left);
        self.left -= bytes.len();
        Ok(Some(bytes))
    }

    async fn chunk(&mut self) -> Result<Option<Bytes>, BodyError> {
        if failpoint::strikes("http.body") {
            return Err(BodyError::Transfer(super::made_to_fail()));
        }
        loop {
            let begun = Instant::now();
            let waiting = timeout(self.rate.left(), self.response.chunk());
            let came = match waiting.await {
                Ok(chunk) => Some(chunk.map_err(BodyError::Transfer)?),
                Err(_) => None,
            };
            let length = came.as_ref().and_then(Option::as_ref).map_or(0, Bytes::len);
            // A window that ended without bytes is over, however the clocks were read.
            let waited = if came.is_some() { begun.elapsed() } else { self.rate.left() };
            let judged = self.rate.waited(waited, length);
            match (came, judged) {
                // What is whole is not too slow.
                (Some(None), _) => return Ok(None),
                (_, Err(TooSlow)) => return Err(BodyError::TooSlow { bytes_a_second: self.bytes_a_second }),
                (Some(chunk), Ok(())) => return Ok(chunk),
                (None, Ok(())) => {}
            }
        }
    }
}

/// The beginning of a body, or all of it.
#[derive(Debug)]
pub struct Part {
    /// The bytes, decompressed.
    pub bytes: Bytes,
    /// Whether there was more.
    pub cut: bool,
}

/// Reads the first `cap` bytes of a body, for those who can use a part: bytes as they come and decompressed ones.
pub async fn read_part(response: Response, cap: usize) -> Result<Part, BodyError> {
    let encoding = Encoding::of(response.headers())?;
    let mut incoming = Incoming::new(response, cap, DEFAULT_MIN_RATE);
    let mut bytes = Vec::new();
    let cut = loop {
        match incoming.next().await {
            Ok(Some(chunk)) => bytes.extend_from_slice(&chunk),
            Ok(None) => break false,
            Err(BodyError::TooLarge { .. }) => break true,
            Err(error) => return Err(error),
        }
    };
    match encoding {
        None => Ok(Part { bytes: bytes.into(), cut }),
        Some(encoding) => match spawn_blocking(move || undo_part(encoding, &bytes, cap, cut)).await {
            Ok(part) => Ok(part?),
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        },
    }
}

/// Undoes the encoding of a part. One that was cut ends too early by its own account, of course.
fn undo_part(encoding: Encoding, raw: &[u8], cap: usize, cut: bool) -> Result<Part, EncodingError> {
    let mut plain = Vec::new();
    let cut = match encoding.undo(raw, cap, &mut plain) {
        Ok(()) => false,
        Err(EncodingError::TooLarge { .. }) => true,
        Err(_) if cut => true,
        Err(error) => return Err(error),
    };
    Ok(Part { bytes: plain.into(), cut })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_byte_over_the_cap_is_seen_even_if_nothing_comes_after_it() {
        for (length, is_over) in [(0, false), (99, false), (100, false), (101, true), (10_000, true)] {
            let response = |length| Response::from(hyper::Response::new(vec![7; length]));
            let mut incoming = Incoming::new(response(length), 100, 0);
            let mut taken = 0;
            let end = loop {
                match incoming.next().await {
                    Ok(Some(bytes)) => taken += bytes.len(),
                    Ok(None) => break Ok(()),
                    Err(error) => break Err(error.reason()),
                }
            };
            assert_eq!(end, if is_over { Err(Reason::TooLarge) } else { Ok(()) }, "{length}");
            assert_eq!(taken, length.min(100));
            let part = read_part(response(length), 100).await.expect("a part");
            assert_eq!((part.bytes.len(), part.cut), (length.min(100), is_over), "{length}");
        }
    }
}
