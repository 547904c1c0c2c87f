//! Where checking runs: small images where they are, large ones and all decoding away from the threads that serve the network,
//! with bounds on how many are decoded at once and how much memory their pixels take together.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use common::reason::Reason;
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::{Checks, Rejected, Verified, decode, verify};
use crate::format::Format;
use crate::picture::Judged;

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
    checks: Arc<Checks>,
    /// One for all images whose walk takes memory beyond their bytes.
    heavy: Arc<Semaphore>,
    decoders: Option<Decoders>,
}

/// What bounds decoding.
#[derive(Debug)]
struct Decoders {
    /// One for each core.
    turns: Arc<Semaphore>,
    /// One for each [`UNIT`] of [`PIXEL_MEMORY`].
    memory: Arc<Semaphore>,
}

impl Verifier {
    /// For `--verify header`, or with `decodes` for `--verify decode`.
    pub(crate) fn new(checks: Checks, decodes: bool) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let permits = |count| Arc::new(Semaphore::new(count));
        let decoders = || Decoders { turns: permits(cores), memory: permits(units(PIXEL_MEMORY) as usize) };
        Self { checks: checks.into(), heavy: permits(1), decoders: decodes.then(decoders) }
    }

    /// Whether `body` is an image that is to be stored.
    pub(crate) async fn verify(&self, body: &Bytes) -> Judged<Result<Verified, Rejected>> {
        match self.look(body).await {
            Ok(verified) => self.decode(body, verified).await,
            Err(rejected) => Ok(Err(rejected)),
        }
    }

    /// By its structure.
    async fn look(&self, body: &Bytes) -> Result<Verified, Rejected> {
        let (checks, bytes) = (self.checks.clone(), body.clone());
        let is_large = body.len() >= LARGE;
        // Headers of JPEG XL are coded, and a text may have to be copied. The semaphores are never closed; what they give stays
        // with the work, which goes on if nobody waits for it any more.
        let is_heavy = Format::of_binary(body).map_or(is_large, |format| format == Format::Jxl);
        let alone = if is_heavy { self.heavy.clone().acquire_owned().await.ok() } else { None };
        let look = move || {
            let _alone = alone;
            let failed = || Err(Rejected::new(Reason::Malformed, None));
            guarded(&bytes, || verify(&bytes, &checks), failed)
        };
        run(is_heavy || is_large, look).await
    }

    /// By its pixels, if that is wanted and there is a decoder.
    async fn decode(&self, body: &Bytes, verified: Verified) -> Judged<Result<Verified, Rejected>> {
        let Some(decoders) = self.decoders.as_ref().filter(|_| decode::is_known(verified.format)) else {
            return Ok(Ok(verified));
        };
        let Some(bytes_needed) = decode::memory(verified.format, verified.pixels) else {
            return Ok(Err(rejected(&verified, Reason::TooManyPixels)));
        };
        // Memory first: who waits for it holds nothing.
        let memory = decoders.memory.clone().acquire_many_owned(units(bytes_needed.min(PIXEL_MEMORY))).await;
        let turn = decoders.turns.clone().acquire_owned().await;
        let (bytes, known, most) = (body.clone(), verified.clone(), self.checks.max_pixels);
        let decoded = move || {
            let _held = (memory, turn);
            let failed = || Ok(Err(Rejected::new(Reason::Undecodable, None)));
            guarded(&bytes, || decode::decode(&bytes, known.format, bytes_needed, most), failed)
        };
        Ok(match run(true, decoded).await? {
            Ok(()) => Ok(verified),
            Err(found) => Err(Rejected { detail: found.detail, ..rejected(&verified, found.reason) }),
        })
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

/// A parser that panics is a bug, and must not take the image's outcome with it, which is `failed` then.
fn guarded<T>(bytes: &[u8], look: impl FnOnce() -> T, failed: impl FnOnce() -> T) -> T {
    catch_unwind(AssertUnwindSafe(look)).unwrap_or_else(|_| {
        tracing::error!(size_bytes = bytes.len(), "a parser of images failed; this is a bug worth reporting");
        failed()
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::filters::Filters;
    use super::*;

    /// Checking of which nobody waits for the end holds what it took until it ends.
    #[test]
    fn work_that_is_given_up_keeps_its_permits() {
        let runtime = tokio::runtime::Builder::new_current_thread().max_blocking_threads(1).enable_time().build();
        runtime.expect("a runtime").block_on(async {
            let verifier = Verifier::new(Checks { max_pixels: 1 << 20, filters: Filters::default() }, true);
            let decoders = verifier.decoders.as_ref().expect("decoders");
            let cores = decoders.turns.available_permits();
            for (name, taken) in [("bare.jxl", &verifier.heavy), ("plain.png", &decoders.turns)] {
                let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/images").join(name);
                let body = Bytes::from(std::fs::read(path).expect("an image"));
                let free = taken.available_permits();
                // The only thread is busy, so the work has not even begun.
                let (release, busy) = std::sync::mpsc::sync_channel::<()>(1);
                let blocker = spawn_blocking(move || busy.recv());
                let given_up = tokio::time::timeout(Duration::from_millis(50), verifier.verify(&body)).await;
                assert!(given_up.is_err(), "{name}");
                assert_eq!(taken.available_permits(), free - 1, "{name}");
                release.send(()).expect("it waits");
                blocker.await.expect("no panic").expect("released");
                spawn_blocking(|| ()).await.expect("the work before it is done");
                assert_eq!(taken.available_permits(), free, "{name}");
            }
            assert_eq!(decoders.turns.available_permits(), cores);
        });
    }
}
