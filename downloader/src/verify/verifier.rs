//! Where checking runs: small images where they are, large ones and all decoding away from the threads that serve the network,
//! with bounds on how many are decoded at once and how much memory their pixels take together.

use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use common::reason::Reason;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::{Checks, Rejected, Verified, decode, verify};

/// Images from this length on are walked through elsewhere, in bytes: a fraction of a millisecond.
const LARGE: usize = 512 << 10;

/// Most that the pixels of all images that are decoded at one time may take, in bytes; a single image may take more, alone, up
/// to [`decode::MOST_MEMORY`].
const PIXEL_MEMORY: u64 = 256 << 20;

/// What memory is counted in, in bytes.
const UNIT: u64 = 64 << 10;

/// Checks images as the settings say.
#[derive(Debug)]
pub(crate) struct Verifier {
    checks: std::sync::Arc<Checks>,
    decoders: Option<Decoders>,
}

/// What bounds decoding.
#[derive(Debug)]
struct Decoders {
    /// One for each core.
    turns: Semaphore,
    /// One for each [`UNIT`] of [`PIXEL_MEMORY`].
    memory: Semaphore,
}

impl Verifier {
    /// For `--verify header`, or with `decodes` for `--verify decode`.
    pub(crate) fn new(checks: Checks, decodes: bool) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let decoders =
            || Decoders { turns: Semaphore::new(cores), memory: Semaphore::new(units(PIXEL_MEMORY) as usize) };
        Self { checks: checks.into(), decoders: decodes.then(decoders) }
    }

    /// Whether `body` is an image that is to be stored.
    pub(crate) async fn verify(&self, body: &Bytes) -> Result<Verified, Rejected> {
        let (checks, bytes) = (self.checks.clone(), body.clone());
        let look = move || guarded(&bytes, Reason::Malformed, || verify(&bytes, &checks));
        let verified = run(body.len() >= LARGE, look).await?;
        let (Some(decoders), Some(size)) = (&self.decoders, verified.size) else { return Ok(verified) };
        if !decode::is_known(verified.format) {
            return Ok(verified);
        }
        let Some(memory) = decode::memory(verified.format, size) else {
            return Err(rejected(&verified, Reason::TooManyPixels));
        };
        // The semaphores are never closed. Memory first: who waits for it holds nothing.
        let _memory = decoders.memory.acquire_many(units(memory.min(PIXEL_MEMORY))).await;
        let _turn = decoders.turns.acquire().await;
        let (bytes, known, most) = (body.clone(), verified.clone(), self.checks.max_pixels);
        let decoded = move || guarded(&bytes, Reason::Undecodable, || decode::decode(&bytes, known.format, most));
        match run(true, decoded).await {
            Ok(()) => Ok(verified),
            Err(found) => Err(Rejected { detail: found.detail, ..rejected(&verified, found.reason) }),
        }
    }
}

fn rejected(verified: &Verified, reason: Reason) -> Rejected {
    Rejected { size: verified.size, ..Rejected::new(reason, Some(verified.format)) }
}

/// How many units `bytes` are, at least one.
fn units(bytes: u64) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT).max(1)).unwrap_or(u32::MAX)
}

/// Runs `work` here, or on a thread that may take its time.
async fn run<T: Send + 'static>(elsewhere: bool, work: impl FnOnce() -> T + Send + 'static) -> T {
    if !elsewhere {
        return work();
    }
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// A parser that panics is a bug, and must not take the image's outcome with it; `reason` is what that is then.
fn guarded<T>(bytes: &[u8], reason: Reason, look: impl FnOnce() -> Result<T, Rejected>) -> Result<T, Rejected> {
    catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|_| {
        tracing::error!(size_bytes = bytes.len(), "a parser of images failed; this is a bug worth reporting");
        Err(Rejected::new(reason, None))
    })
}
