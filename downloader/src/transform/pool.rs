//! Threads of their own for what takes a processor long, so that the threads that serve the network do not wait for it: as
//! many as there are processors, with a short queue before them, and a bound on the memory of all pictures that are decoded
//! at once.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, oneshot};

use super::decode::bytes_per_pixel;
use super::options::Transform;
use super::{Made, make};
use crate::picture::{Judged, Undecodable};

/// Memory that the pictures which are decoded at once may take, in bytes. One that needs more is decoded alone.
const DECODED: u64 = 512 << 20;

/// The unit in which that memory is given out, in bytes.
const UNIT: u64 = 1 << 20;

/// Pixels that room is made for at least: the sizes that an icon announces are at most 256 by 256, and may be wrong.
const LEAST_PIXELS: u64 = 256 * 256;

/// What the threads do: [`make`].
type Make = fn(&[u8], &str, u64, &Transform) -> Judged<Made>;

/// An image to be worked on.
struct Job {
    bytes: Bytes,
    format: &'static str,
    most_pixels: u64,
    done: oneshot::Sender<Judged<Made>>,
    /// Given back when the picture is gone.
    memory: Option<OwnedSemaphorePermit>,
}

/// A handle on the threads. They end when it is dropped.
#[derive(Debug)]
pub(crate) struct Pool {
    jobs: mpsc::Sender<Job>,
    memory: Arc<Semaphore>,
    wanted: Transform,
}

impl Pool {
    /// Starts a thread for each processor, or none if nothing is `wanted`.
    pub(crate) fn start(wanted: Transform) -> io::Result<Self> {
        Self::start_with(wanted, make)
    }

    fn start_with(wanted: Transform, make: Make) -> io::Result<Self> {
        let threads = if wanted.is_wanted() { thread::available_parallelism().map_or(1, usize::from) } else { 0 };
        let (jobs, received) = mpsc::channel(threads.max(1));
        let received = Arc::new(Mutex::new(received));
        for _ in 0..threads {
            let received = Arc::clone(&received);
            thread::Builder::new().name("transform".to_owned()).spawn(move || work(&received, &wanted, make))?;
        }
        Ok(Self { jobs, memory: Arc::new(Semaphore::new(units(DECODED))), wanted })
    }

    /// Makes what is wanted of an image whose header announces `pixels`. Waits for its turn.
    pub(crate) async fn make(&self, bytes: &Bytes, format: &'static str, pixels: u64) -> Judged<Made> {
        if !self.wanted.is_wanted() {
            return Ok(Made::default());
        }
        let most_pixels = pixels.max(LEAST_PIXELS);
        let memory = if self.wanted.needs_pixels() { self.room_for(format, most_pixels).await } else { None };
        let (done, made) = oneshot::channel();
        let job = Job { bytes: bytes.clone(), format, most_pixels, done, memory };
        // Neither fails while this handle lives: a thread survives whatever it works on.
        drop(self.jobs.send(job).await);
        made.await.unwrap_or_else(|_| Ok(Made::none(&self.wanted, "its thread has ended")))
    }

    /// Waits until there is room for so many pixels: those of the picture, and of the copy where that is larger.
    async fn room_for(&self, format: &str, pixels: u64) -> Option<OwnedSemaphorePermit> {
        let resize = self.wanted.copy.and_then(|copy| copy.resize);
        let pixels = pixels.saturating_add(resize.map_or(0, |resize| resize.size.pixels()));
        let needed = units(pixels.saturating_mul(bytes_per_pixel(format))).min(units(DECODED));
        // The semaphore is never closed.
        Arc::clone(&self.memory).acquire_many_owned(u32::try_from(needed).ok()?).await.ok()
    }
}

fn units(bytes: u64) -> usize {
    usize::try_from(bytes.div_ceil(UNIT)).unwrap_or(usize::MAX)
}

/// Works until the last handle is dropped.
fn work(received: &Mutex<mpsc::Receiver<Job>>, wanted: &Transform, make: Make) {
    loop {
        // One thread waits for a job and the others for that one, which lets go when it has got it.
        let job = received.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(Job { bytes, format, most_pixels, done, memory }) = job else { return };
        // A codec that panics is a bug of its own, and must not take the image's outcome with it.
        let made = catch_unwind(AssertUnwindSafe(|| make(&bytes, format, most_pixels, wanted)));
        let made = made.unwrap_or_else(|_| {
            tracing::error!(
                size_bytes = bytes.len(),
                format,
                "a codec of images failed; this is a bug worth reporting"
            );
            Ok(Made::none(wanted, "the decoder failed on it"))
        });
        drop(memory);
        // Whoever asked may have been cancelled.
        drop(done.send(made));
    }
}

impl Made {
    /// What there is where nothing could be made.
    fn none(wanted: &Transform, why: &str) -> Self {
        Self { copy: wanted.copy.map(|_| Err(Undecodable(why.to_owned()))), ..Self::default() }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;
    use crate::transform::options::{CopySpec, Encoding};
    use crate::transform::tests::{encoded, picture};

    fn png() -> Bytes {
        encoded(&picture(5, 4), Encoding::Png).into()
    }

    fn copies() -> Transform {
        Transform { copy: Some(CopySpec { resize: None, encoding: Encoding::Png }), ..Transform::default() }
    }

    #[tokio::test]
    async fn images_are_made_by_threads_that_survive_bad_ones() {
        let pool = Pool::start(copies()).expect("threads");
        for _ in 0..20 {
            let bad = pool.make(&Bytes::from_static(b"bad"), "png", 20).await.expect("judged");
            assert!(matches!(bad.copy, Some(Err(_))));
            let good = pool.make(&png(), "png", 20).await.expect("judged");
            assert!(good.copy.is_some_and(|copy| copy.is_ok_and(|copy| (copy.width, copy.height) == (5, 4))));
        }
        assert_eq!(pool.memory.available_permits(), units(DECODED), "all room is given back");
    }

    #[tokio::test]
    async fn a_codec_that_panics_costs_one_copy_and_no_thread() {
        let pool = Pool::start_with(copies(), |bytes, format, most_pixels, wanted| {
            assert!(bytes != b"poison", "a codec's bug");
            make(bytes, format, most_pixels, wanted)
        });
        let pool = pool.expect("threads");
        for _ in 0..20 {
            let poisoned = pool.make(&Bytes::from_static(b"poison"), "png", 20).await.expect("judged");
            assert!(matches!(poisoned.copy, Some(Err(_))));
        }
        assert!(pool.make(&png(), "png", 20).await.expect("judged").copy.is_some_and(|copy| copy.is_ok()));
        assert_eq!(pool.memory.available_permits(), units(DECODED), "all room is given back");
    }

    #[tokio::test]
    async fn a_picture_waits_for_room_and_one_that_needs_more_than_there_is_goes_alone() {
        let pool = Pool::start(copies()).expect("threads");
        let held = pool.room_for("png", u64::MAX).await.expect("all there is");
        assert_eq!(pool.memory.available_permits(), 0);
        let bytes = png();
        assert!(pool.make(&bytes, "png", 20).now_or_never().is_none(), "there is no room");
        drop(held);
        assert!(pool.make(&bytes, "png", 20).await.expect("judged").copy.is_some_and(|copy| copy.is_ok()));
    }

    #[tokio::test]
    async fn where_nothing_is_wanted_there_is_no_thread_and_no_wait() {
        let pool = Pool::start(Transform::default()).expect("no threads");
        let made = pool.make(&png(), "png", 20).await.expect("judged");
        assert!(made.copy.is_none() && made.exif.is_none() && made.phash.is_none());
    }
}
