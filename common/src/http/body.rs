//! Reads a body up to a cap. The length that a server announces is a promise, not a fact: bytes are counted as they
//! come, after decompression, so that neither an endless stream nor a bomb can fill the memory.

use bytes::{Bytes, BytesMut};
use reqwest::Response;

use crate::failpoint;
use crate::reason::Reason;

/// Why a body could not be read whole.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// Longer than the cap. What was read up to it is kept, for those who can use a part.
    #[error("the body is longer than {cap} bytes")]
    TooLarge {
        /// The cap in bytes.
        cap: usize,
        /// The first `cap` bytes; empty when the announced length alone was too much.
        head: Bytes,
    },
    /// The transfer broke off.
    #[error("the transfer broke off")]
    Transfer(#[source] reqwest::Error),
}

impl BodyError {
    /// The manifest's word for it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::TooLarge { .. } => Reason::TooLarge,
            Self::Transfer(error) => super::reason_of(error),
        }
    }
}

/// What to do when the announced length is over the cap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Announced {
    /// Give up before the first byte.
    Believe,
    /// Read up to the cap all the same.
    Ignore,
}

/// Reads at most `cap` bytes of a body.
pub async fn read_capped(mut response: Response, cap: usize, announced: Announced) -> Result<Bytes, BodyError> {
    let length = response.content_length().and_then(|length| usize::try_from(length).ok());
    if announced == Announced::Believe && length.is_some_and(|length| length > cap) {
        return Err(BodyError::TooLarge { cap, head: Bytes::new() });
    }
    // Most bodies arrive as one chunk and need no copy; an announced length saves the others from growing step by step.
    let Some(first) = chunk(&mut response).await? else {
        return Ok(Bytes::new());
    };
    let Some(second) = chunk(&mut response).await? else {
        return within(first, cap);
    };
    let known = first.len() + second.len();
    let mut body = BytesMut::with_capacity(length.unwrap_or(0).min(cap).max(known));
    body.extend_from_slice(&first);
    body.extend_from_slice(&second);
    while body.len() <= cap
        && let Some(chunk) = chunk(&mut response).await?
    {
        body.extend_from_slice(&chunk);
    }
    within(body.freeze(), cap)
}

async fn chunk(response: &mut Response) -> Result<Option<Bytes>, BodyError> {
    if failpoint::strikes("http.body") {
        return Err(BodyError::Transfer(super::made_to_fail()));
    }
    response.chunk().await.map_err(BodyError::Transfer)
}

fn within(mut body: Bytes, cap: usize) -> Result<Bytes, BodyError> {
    if body.len() <= cap {
        return Ok(body);
    }
    body.truncate(cap);
    Err(BodyError::TooLarge { cap, head: body })
}
