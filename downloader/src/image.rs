//! The way of one image through the rooms: its turn, the fetch, the checks, the store.

use std::sync::Arc;

use bytes::Bytes;
use common::outcome::{Outcome, Status};
use common::reason::Reason;
use common::task::{ImageTask, Inline};
use sha2::{Digest, Sha256};
use url::Url;

use crate::batch::Batch;
use crate::body::Body;
use crate::claims::Claimed;
use crate::image_fetch::Fetched;
use crate::reply::Finished;
use crate::runs::Holding;
use crate::settle;
use crate::store::{Image, StoreError};
use crate::verify::{Verified, verify};
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
            Ok(fetched) => self.bring(batch, fetched).await,
            Err(error) => self.no_room_in_store(batch, &error),
        };
        drop(slot);
        let Some(fetched) = fetched else { return End::GivenBack };
        self.keep(batch, fetched).await.map_or(End::GivenBack, |outcome| End::Outcome(outcome.into()))
    }

    /// Brings what was fetched into memory. While the store takes nothing, memory may not become free.
    async fn bring(&self, batch: &Batch, Fetched { outcome, body }: Fetched<Body>) -> Option<Fetched<Bytes>> {
        let Some(body) = body else { return Some(Fetched { outcome, body: None }) };
        tokio::select! {
            biased;
            brought = self.room.bring(body) => match brought {
                Ok(bytes) => Some(Fetched { outcome, body: Some(bytes) }),
                Err(error) => self.no_room_in_store(batch, &error),
            },
            () = self.trouble.begins() => {
                batch.must_come_again();
                None
            }
        }
    }

    /// A body could not be put into a file of the store's, or be read from there.
    fn no_room_in_store<T>(&self, batch: &Batch, error: &StoreError) -> Option<T> {
        batch.must_come_again();
        self.trouble.refused(Image::to_try_with(), error);
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
        let Fetched { outcome, body } = self.fetch.inline(task, inline);
        let body = body.map(|bytes| share.hold(bytes));
        let kept = self.keep(batch, Fetched { outcome, body }).await;
        kept.map_or(End::GivenBack, |outcome| End::Outcome(outcome.into()))
    }

    /// Checks and stores what was fetched.
    async fn keep(&self, batch: &Batch, Fetched { mut outcome, body }: Fetched<Bytes>) -> Option<Outcome> {
        let Some(body) = body else { return Some(outcome) };
        outcome.bytes = Some(body.len() as u64);
        let sha256 = sha256(body.clone()).await;
        outcome.sha256 = Some(sha256.clone());
        match self.verified(&body) {
            Ok(verified) => {
                outcome.format = Some(verified.format.to_owned());
                (outcome.width, outcome.height) = verified.size.unzip();
                let image = Image { bytes: body, sha256, format: verified.format };
                let path = self.put(batch, image).await?;
                outcome.status = Status::Stored;
                outcome.path = Some(path);
            }
            Err(reason) => {
                outcome.status = Status::Rejected;
                outcome.reason = Some(reason);
            }
        }
        Some(outcome)
    }

    /// Looks at the bytes. A parser that panics on them is a bug, and must not take the image's outcome with it.
    fn verified(&self, body: &[u8]) -> Result<Verified, Reason> {
        let most = self.settings.limits.max_pixels;
        let looked = std::panic::catch_unwind(|| verify(body, most));
        looked.unwrap_or_else(|_| {
            tracing::error!(size_bytes = body.len(), "a parser of images failed; this is a bug worth reporting");
            Err(Reason::NotAnImage)
        })
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
