//! The way of one image through the rooms: its turn, the fetch, the checks, the store.

use std::sync::Arc;

use bytes::Bytes;
use common::outcome::{ImageCopy, Outcome, Status};
use common::reason::Reason;
use common::task::{ImageTask, Inline};
use common::wire::MAX_DETAIL;
use sha2::{Digest, Sha256};
use url::Url;

use crate::batch::Batch;
use crate::body::Body;
use crate::claims::Claimed;
use crate::exchange::Exchange;
use crate::image_fetch::Fetched;
use crate::reply::Finished;
use crate::runs::Holding;
use crate::settle;
use crate::store::{About, Image, StoreError};
use crate::transform::Copy;
use crate::verify::{Rejected, Verified};
use crate::worker::Worker;

/// Bodies from this length on are hashed away from the threads that serve the network, in bytes: about a millisecond.
const LARGE: usize = 512 << 10;

/// What an image in hand comes to.
enum End {
    /// It was tried; this is what the producer is told.
    Outcome(Box<Outcome>),
    /// Its batch goes back to the queue.
    GivenBack,
    /// Its run is gone.
    Unwanted,
}

impl Worker {
    /// The way of one image through the rooms.
    pub(crate) async fn image(&self, batch: Arc<Batch>, task: ImageTask, holding: Holding) {
        let end = tokio::select! {
            biased;
            () = holding.gone() => End::Unwanted,
            end = self.try_once(&batch, &task, &holding) => end,
        };
        match end {
            End::Outcome(outcome) => {
                let outcome = *outcome;
                tracing::debug!(
                    run = %batch.run, batch = batch.number, image.url = task.url, task.id = %task.id,
                    status = outcome.status.as_str(), duration_ms = outcome.duration_ms, "an image is done"
                );
                self.vitals.done(outcome.bytes.unwrap_or(0));
                // Fails only when the broker is lost for good, and then the delivery comes again.
                drop(self.finished.send(Finished { batch, outcome }).await);
            }
            End::Unwanted => {
                holding.dropped();
                settle::image_done(&batch).await;
            }
            End::GivenBack => settle::image_done(&batch).await,
        }
    }

    /// Tries the image, unless this process has done so, or is about to, for an earlier delivery.
    async fn try_once(&self, batch: &Batch, task: &ImageTask, holding: &Holding) -> End {
        let claim = match self.claims.claim(&batch.run, task).await {
            Claimed::Ours(claim) => claim,
            Claimed::Finished(outcome) => return End::Outcome(outcome),
        };
        let end = self.fetch_and_keep(batch, task, holding).await;
        if let End::Outcome(outcome) = &end {
            claim.finish(outcome);
        }
        end
    }

    async fn fetch_and_keep(&self, batch: &Batch, task: &ImageTask, holding: &Holding) -> End {
        let Ok(url) = Url::parse(&task.url) else {
            let outcome = Outcome::new(task.id, task.attempt, Status::Rejected, Some(Reason::BadUrl));
            return End::Outcome(outcome.into());
        };
        if let Some(inline) = &task.inline {
            return self.keep_inline(batch, task, inline).await;
        }
        // The host first: whoever waits for a busy host must not hold a slot that another host could use. The semaphore is never
        // closed.
        let turn = async { (self.hosts.enter(&url).await, self.slots.acquire().await) };
        let (host, slot) = tokio::select! {
            biased;
            () = self.trouble.begins() => {
                batch.must_come_again();
                return End::GivenBack;
            }
            turn = turn => turn,
        };
        if !holding.is_wanted().await {
            return End::Unwanted;
        }
        if !batch.begin_image(self.draining.is_cancelled()) {
            return End::GivenBack;
        }
        let _in_flight = self.vitals.begin();
        let fetched = self.fetch.fetch(task, url, &batch.manners, &self.room).await;
        drop(host);
        let fetched = match fetched {
            Ok(fetched) => self.bring(batch, task, fetched).await,
            Err(error) => self.no_room_in_store(batch, task, &error),
        };
        drop(slot);
        let Some(fetched) = fetched else { return End::GivenBack };
        self.keep(batch, task, fetched).await.map_or(End::GivenBack, |outcome| End::Outcome(outcome.into()))
    }

    /// Brings what was fetched into memory. While the store takes nothing, memory may not become free.
    async fn bring(&self, batch: &Batch, task: &ImageTask, fetched: Fetched<Body>) -> Option<Fetched<Bytes>> {
        let Fetched { outcome, body, exchange } = fetched;
        let Some(body) = body else { return Some(Fetched { outcome, body: None, exchange }) };
        tokio::select! {
            biased;
            brought = self.room.bring(body) => match brought {
                Ok(bytes) => Some(Fetched { outcome, body: Some(bytes), exchange }),
                Err(error) => self.no_room_in_store(batch, task, &error),
            },
            () = self.trouble.begins() => {
                batch.must_come_again();
                None
            }
        }
    }

    /// A body could not be put into a file of the store's, or be read from there.
    fn no_room_in_store<T>(&self, batch: &Batch, task: &ImageTask, error: &StoreError) -> Option<T> {
        batch.must_come_again();
        let outcome = Outcome::new(task.id, task.attempt, Status::Stored, None);
        self.trouble.refused(Image::to_try_with(about(batch, task, outcome, None), error), error);
        None
    }

    /// An image that stood in the page: no host to ask, and its bytes are in memory as it is.
    async fn keep_inline(&self, batch: &Batch, task: &ImageTask, inline: &Inline) -> End {
        let share = tokio::select! {
            biased;
            () = self.trouble.begins() => {
                batch.must_come_again();
                return End::GivenBack;
            }
            share = self.room.memory.take(inline.0.len()) => share,
        };
        if !batch.begin_image(self.draining.is_cancelled()) {
            return End::GivenBack;
        }
        let _in_flight = self.vitals.begin();
        let Fetched { outcome, body, exchange } = self.fetch.inline(task, inline);
        let body = body.map(|bytes| share.hold(bytes));
        let kept = self.keep(batch, task, Fetched { outcome, body, exchange }).await;
        kept.map_or(End::GivenBack, |outcome| End::Outcome(outcome.into()))
    }

    /// Checks and stores what was fetched.
    async fn keep(&self, batch: &Batch, task: &ImageTask, fetched: Fetched<Bytes>) -> Option<Outcome> {
        let Fetched { mut outcome, body, exchange } = fetched;
        let Some(body) = body else { return Some(outcome) };
        outcome.bytes = Some(body.len() as u64);
        outcome.sha256 = Some(sha256(body.clone()).await);
        match self.verifier.verify(&body).await {
            Ok(verified) => {
                outcome.format = Some(verified.format.name().to_owned());
                (outcome.width, outcome.height) = verified.size.unzip();
                outcome.scripted = verified.scripted;
                self.keep_image(batch, about(batch, task, outcome, exchange), body, &verified).await
            }
            Err(Rejected { reason, detail, format, size }) => {
                outcome.status = Status::Rejected;
                outcome.reason = Some(reason);
                outcome.detail = detail;
                outcome.format = format.map(|format| format.name().to_owned());
                (outcome.width, outcome.height) = size.unzip();
                Some(outcome)
            }
        }
    }

    /// Keeps an image: as it came, as the copy that is wanted of it, or both.
    async fn keep_image(&self, batch: &Batch, mut about: About, body: Bytes, verified: &Verified) -> Option<Outcome> {
        let format = verified.format.name();
        let pixels = verified.size.map_or(0, |(width, height)| u64::from(width) * u64::from(height));
        let made = self.pool.make(&body, format, pixels).await;
        let keeps_original = self.settings.transform.keep_original;
        let outcome = &mut about.outcome;
        (outcome.exif, outcome.phash) = (made.exif, made.phash);
        outcome.status = Status::Stored;
        let copy = match made.copy {
            None => None,
            Some(Ok(copy)) => Some(described(copy).await),
            Some(Err(why)) => {
                outcome.detail = Some(cut(why.0, MAX_DETAIL));
                if !keeps_original {
                    outcome.status = Status::Rejected;
                    outcome.reason = Some(Reason::Undecodable);
                    return Some(about.outcome);
                }
                // What was fetched is not lost for want of a copy.
                None
            }
        };
        outcome.copy = copy.as_ref().map(|(copy, ..)| copy.clone().into());
        let sha256 = outcome.sha256.clone().unwrap_or_default();
        let about = Arc::new(about);
        let image = |bytes, sha256, format| Image { bytes, sha256, format, about: Arc::clone(&about) };
        let original = (keeps_original || copy.is_none()).then(|| image(body.clone(), sha256, format));
        let copy = copy.map(|(copy, bytes, format)| image(bytes, copy.sha256, format));
        // Both at once: they may share a commit of the store.
        let (original, copy) = tokio::join!(self.put_some(batch, original), self.put_some(batch, copy));
        // Its share of the budget is what bounds how many copies wait for the store.
        drop(body);
        let (original, copy) = (original?, copy?);
        let mut outcome = about.outcome.clone();
        if let (Some(made), Some(path)) = (&mut outcome.copy, &copy) {
            made.path.clone_from(path);
        }
        outcome.path = original.or(copy);
        Some(outcome)
    }

    /// Stores an image, if there is one. `None` outside as of [`Worker::put`]: the store could not.
    async fn put_some(&self, batch: &Batch, image: Option<Image>) -> Option<Option<String>> {
        match image {
            Some(image) => self.put(batch, image).await.map(Some),
            None => Some(None),
        }
    }

    async fn put(&self, batch: &Batch, image: Image) -> Option<String> {
        match self.store.put(image.clone()).await {
            Ok(path) => {
                self.trouble.worked();
                Some(path)
            }
            Err(error) => {
                batch.must_come_again();
                self.trouble.refused(image, &error);
                None
            }
        }
    }
}

/// What packed layouts keep beside an image.
fn about(batch: &Batch, task: &ImageTask, outcome: Outcome, exchange: Option<Arc<Exchange>>) -> About {
    About {
        run: batch.run.clone(),
        asking: Arc::clone(&batch.asking),
        url: task.url.clone(),
        hops: task.hops,
        exchange,
        context: task.context.clone(),
        outcome,
    }
}

/// What is said of a copy, but for its path; its bytes, and their format.
async fn described(copy: Copy) -> (ImageCopy, Bytes, &'static str) {
    let Copy { bytes, format, width, height } = copy;
    let bytes = Bytes::from(bytes);
    let (length, sha256) = (bytes.len() as u64, sha256(bytes.clone()).await);
    (ImageCopy { path: String::new(), format: format.to_owned(), width, height, bytes: length, sha256 }, bytes, format)
}

/// The beginning of a text, of at most so many bytes.
fn cut(mut text: String, most: usize) -> String {
    text.truncate(text.floor_char_boundary(most));
    text
}

async fn sha256(body: Bytes) -> String {
    let large = body.len() >= LARGE;
    let hash = move || common::image_id::hex(&Sha256::digest(&body));
    if !large {
        return hash();
    }
    match tokio::task::spawn_blocking(hash).await {
        Ok(digest) => digest,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
