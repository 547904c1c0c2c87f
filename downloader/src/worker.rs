//! Wires the rooms of the downloader: deliveries in, outcomes out, and an orderly end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::chain::Chain;
use common::outcome::{Outcome, Status};
use common::reason::Reason;
use common::shutdown::Shutdown;
use common::task::ImageTask;
use common::transport::{Consumer, Message, Queue, Transport, TransportError};
use sha2::{Digest, Sha256};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};
use url::Url;

use crate::batch::Batch;
use crate::host_limits::HostLimits;
use crate::image_fetch::{Fetched, ImageFetch};
use crate::reply::{Finished, Replier};
use crate::runs::{Holding, Runs};
use crate::settings::Settings;
use crate::store::{Image, Store};
use crate::store_trouble::StoreTrouble;
use crate::verify::{Verified, verify};
use crate::{intake, settle};

/// Bodies from this length on are hashed away from the threads that serve the network, in bytes: about a millisecond.
const LARGE: usize = 512 << 10;

/// Bodies in memory for each image that is fetched at once: so many may wait for the store while the next are fetched.
const BODIES_PER_SLOT: usize = 4;

/// How much longer than the longest fetch a drain may take, for replies and goodbyes.
const DRAIN_MARGIN: Duration = Duration::from_secs(10);

/// Why a downloader ended without an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StopReason {
    /// Told to; everything that was begun is settled.
    Drained,
    /// Without work for as long as `--exit-when-idle` says.
    Idle,
    /// Told to leave at once, or the drain took too long; what was in hand comes again.
    Abandoned,
}

/// The broker went away for good while this downloader worked.
#[derive(Debug, thiserror::Error)]
#[error("lost the broker for good")]
pub struct BrokerLost(#[source] TransportError);

/// Works until told to stop.
pub async fn run(settings: Settings, transport: Transport, shutdown: Shutdown) -> anyhow::Result<StopReason> {
    let (store, store_closed) = Store::open(&settings.store, &settings.worker)?;
    // A message may hold a single slow image, so fewer messages than images at once would leave slots empty.
    let consumer = transport.consume(Queue::Tasks, settings.concurrency).await?;
    tracing::info!(
        worker = settings.worker,
        store = %settings.store.display(),
        concurrency = settings.concurrency,
        "ready for work"
    );
    let (finished, received) = mpsc::channel(usize::from(settings.concurrency));
    let replier = Arc::new(Replier {
        transport: transport.clone(),
        worker: settings.worker.clone(),
        concurrency: settings.concurrency,
    });
    let runs = Runs::new(transport.clone());
    let _signs = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&replier).give_signs_of_life(Arc::clone(&runs))));
    let _watch = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&runs).watch()));
    let sending = tokio::spawn(replier.run(received));
    let worker = Arc::new(Worker {
        fetch: ImageFetch::new(&settings)?,
        slots: Semaphore::new(settings.concurrency.into()),
        bodies: Semaphore::new(usize::from(settings.concurrency) * BODIES_PER_SLOT),
        hosts: HostLimits::new(settings.per_host),
        store,
        trouble: StoreTrouble::default(),
        runs,
        finished,
        draining: shutdown.drain.clone(),
        settings,
    });
    let reason = worker.work(consumer, sending, &shutdown).await?;
    if reason != StopReason::Abandoned {
        // The worker is gone, and with it the last handle on the store. The sender is dropped without a word.
        store_closed.await.unwrap_or(());
        transport.close().await;
    }
    Ok(reason)
}

struct Worker {
    settings: Settings,
    fetch: ImageFetch,
    slots: Semaphore,
    bodies: Semaphore,
    hosts: HostLimits,
    store: Store,
    trouble: StoreTrouble,
    runs: Arc<Runs>,
    finished: mpsc::Sender<Finished>,
    draining: CancellationToken,
}

/// What an image in hand comes to.
enum End {
    /// It was tried; this is what the producer is told.
    Outcome(Box<Outcome>),
    /// Its batch goes back to the queue.
    GivenBack,
    /// Its run is gone.
    Unwanted,
}

type Replies = tokio::task::JoinHandle<Result<(), TransportError>>;

impl Worker {
    async fn work(
        self: Arc<Self>,
        mut consumer: Consumer,
        mut replies: Replies,
        shutdown: &Shutdown,
    ) -> anyhow::Result<StopReason> {
        let images = TaskTracker::new();
        let reason = self.take_deliveries(&mut consumer, &images, &mut replies).await?;
        consumer.stop().await;
        images.close();
        if !images.is_empty() {
            tracing::info!(images = images.len(), "takes no further work; finishing what has begun");
        }
        let grace = self.settings.fetch_timeout + DRAIN_MARGIN;
        let drained = async {
            images.wait().await;
            // The last sender; with it gone the replier ends when everything is confirmed.
            drop(self);
            (&mut replies).await
        };
        tokio::select! {
            drained = timeout(grace, drained) => match drained {
                Ok(result) => result??,
                Err(_) => return Ok(StopReason::Abandoned),
            },
            () = shutdown.now.cancelled() => return Ok(StopReason::Abandoned),
        }
        consumer.close().await;
        Ok(reason)
    }

    /// Takes deliveries until it is told to drain, or has been idle for long enough.
    async fn take_deliveries(
        self: &Arc<Self>,
        consumer: &mut Consumer,
        images: &TaskTracker,
        replies: &mut Replies,
    ) -> anyhow::Result<StopReason> {
        let mut busy_until = Instant::now();
        loop {
            let idle = self.settings.exit_when_idle.map(|limit| busy_until + limit);
            tokio::select! {
                () = self.draining.cancelled() => return Ok(StopReason::Drained),
                message = self.next_message(consumer) => match message {
                    Ok(Some(message)) => self.accept(message, images).await,
                    Ok(None) => return Ok(StopReason::Drained),
                    Err(error) => return Err(BrokerLost(error).into()),
                },
                result = &mut *replies => {
                    // The replier ends before its senders only when the broker is lost for good.
                    result?.map_err(BrokerLost)?;
                    return Ok(StopReason::Drained);
                }
                () = sleep_until(idle.unwrap_or(busy_until)), if idle.is_some() => {
                    if images.is_empty() {
                        return Ok(StopReason::Idle);
                    }
                }
            }
            busy_until = Instant::now();
        }
    }

    async fn next_message(&self, consumer: &mut Consumer) -> Result<Option<Message>, TransportError> {
        self.trouble.passes().await;
        consumer.next().await
    }

    async fn accept(self: &Arc<Self>, message: Message, images: &TaskTracker) {
        let Some((batch, tasks)) = intake::open(message).await else {
            return;
        };
        let received = Instant::now();
        for task in tasks {
            let (worker, batch) = (Arc::clone(self), Arc::clone(&batch));
            let holding = self.runs.hold(&batch.run, received);
            images.spawn(async move { worker.image(batch, task, holding).await });
        }
    }

    /// The way of one image through the rooms.
    async fn image(&self, batch: Arc<Batch>, task: ImageTask, holding: Holding) {
        let end = tokio::select! {
            biased;
            () = holding.gone() => End::Unwanted,
            end = self.fetch_and_keep(&batch, &task, &holding) => end,
        };
        match end {
            End::Outcome(outcome) => {
                let outcome = *outcome;
                tracing::debug!(
                    run = %batch.run, batch = batch.number, image.url = task.url, task.id = %task.id,
                    status = outcome.status.as_str(), duration_ms = outcome.duration_ms, "an image is done"
                );
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

    async fn fetch_and_keep(&self, batch: &Batch, task: &ImageTask, holding: &Holding) -> End {
        let Ok(url) = Url::parse(&task.url) else {
            let outcome = Outcome::new(task.id, task.attempt, Status::Rejected, Some(Reason::BadUrl));
            return End::Outcome(outcome.into());
        };
        // The host first: whoever waits for a busy host must not hold a slot that another host could use.
        let host = self.hosts.enter(&url).await;
        // Held until the image is stored. The semaphores are never closed.
        let _body = self.bodies.acquire().await;
        let slot = self.slots.acquire().await;
        if !holding.is_wanted().await {
            return End::Unwanted;
        }
        if !batch.begin_image(self.draining.is_cancelled()) {
            return End::GivenBack;
        }
        let fetched = self.fetch.fetch(task, url, &batch.user_agent).await;
        drop((host, slot));
        self.keep(batch, fetched).await.map_or(End::GivenBack, |outcome| End::Outcome(outcome.into()))
    }

    /// Checks and stores what was fetched.
    async fn keep(&self, batch: &Batch, Fetched { mut outcome, body }: Fetched) -> Option<Outcome> {
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
        match self.store.put(image).await {
            Ok(path) => {
                if self.trouble.worked() {
                    tracing::info!("the store takes images again");
                }
                Some(path)
            }
            Err(error) => {
                batch.must_come_again();
                if self.trouble.refused() {
                    tracing::error!(error = %Chain(&error), "the store takes no images; pausing, and returning the work to the queue");
                }
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
