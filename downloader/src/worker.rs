//! Wires the rooms of the downloader: deliveries in, outcomes out, and an orderly end.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use common::chain::Chain;
use common::shutdown::Shutdown;
use common::telemetry::Otlp;
use common::transport::{Consumer, Queue, Transport, TransportError};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::spawn_blocking;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use crate::avif;
use crate::body::Room;
use crate::caution::Caution;
use crate::claims::Claims;
use crate::cli::Verify;
use crate::control::{self, About};
use crate::deliveries::Deliveries;
use crate::format::Format;
use crate::host_limits::HostLimits;
use crate::image_fetch::ImageFetch;
use crate::memory::Memory;
use crate::metrics::Metrics;
use crate::open_shards;
use crate::reply::{Finished, Replier};
use crate::runs::Runs;
use crate::settings::Settings;
use crate::store::Store;
use crate::store_trouble::StoreTrouble;
use crate::transform::Pool;
use crate::verify::Verifier;
use crate::vitals::Vitals;

/// How much longer than the longest fetch a drain may take, for replies and goodbyes.
pub const DRAIN_MARGIN: Duration = Duration::from_secs(10);

/// How long a downloader that leaves at once takes to complete its open shard, which is a fraction of a second's work.
const LAST_SHARD: Duration = Duration::from_secs(2);

/// File descriptors for all but fetching: the runtime, the broker, the store.
const OTHER_FILES: u64 = 32;

/// What those are told who want images decoded where it cannot be done.
const NO_DECODER: &str = "AVIF cannot be decoded here, for which `--verify decode`, copies and `--phash` start this program again, \
     by /proc/self/exe (is /proc mounted, and may this user start processes? `--formats` without avif does without)";

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
pub struct BrokerLost(#[source] pub(crate) TransportError);

/// Works until told to stop. `metrics` are those of a worker of these settings; images that the tasks say are followed are told
/// of to `otlp`, if that is there.
pub async fn run(
    mut settings: Settings,
    transport: Transport,
    shutdown: Shutdown,
    metrics: Arc<Metrics>,
    otlp: Option<Otlp>,
) -> anyhow::Result<StopReason> {
    settings.concurrency = affordable(settings.concurrency, common::descriptors::limit());
    if settings.decodes(Format::Avif) {
        // A worker that could never decode would give its batches back until they are dead letters.
        spawn_blocking(avif::try_out).await?.context(NO_DECODER)?;
    }
    let (store, store_closed) = Store::open(&settings, Arc::clone(&metrics.shards)).await?;
    // A message may hold a single slow image, so fewer messages than images at once would leave slots empty.
    let caution = Caution::new(settings.concurrency);
    let consumer = transport.consume(Queue::Tasks, caution.prefetch()).await?;
    tracing::info!(
        worker = settings.worker,
        store = %settings.store,
        concurrency = settings.concurrency,
        "ready for work"
    );
    let (finished, received) = mpsc::channel(usize::from(settings.concurrency));
    let vitals = Arc::new(Vitals::new());
    let replier = Arc::new(Replier {
        transport: transport.clone(),
        worker: settings.worker.clone(),
        concurrency: settings.concurrency,
        vitals: Arc::clone(&vitals),
        metrics: Arc::clone(&metrics),
    });
    let runs = Runs::new(transport.clone());
    let _signs = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&replier).give_signs_of_life(Arc::clone(&runs))));
    let _watch = AbortOnDropHandle::new(tokio::spawn(Arc::clone(&runs).watch()));
    let trouble = Arc::new(StoreTrouble::default());
    let (mended, tried) = (Arc::clone(&trouble), store.clone());
    let mending = AbortOnDropHandle::new(tokio::spawn(async move { mended.mend(&tried).await }));
    let about = About {
        worker: settings.worker.clone(),
        concurrency: settings.concurrency,
        vitals: Arc::clone(&vitals),
        trouble: Arc::clone(&trouble),
    };
    let _listening = control::listen(&transport, about);
    let (shards, broker) = (store.clone(), transport.clone());
    let completing = AbortOnDropHandle::new(tokio::spawn(open_shards::complete_after_runs(shards, broker)));
    let sending = tokio::spawn(replier.run(received));
    let writer = store.clone();
    let worker = Arc::new(Worker {
        fetch: ImageFetch::new(&settings)?,
        verifier: Verifier::new(settings.checks(), settings.verify == Verify::Decode),
        pool: Pool::start(settings.transform).context("cannot start threads for copies")?,
        slots: Semaphore::new(settings.concurrency.into()),
        room: Room::new(Memory::new(settings.max_memory), store.spool()),
        hosts: HostLimits::new(settings.per_host),
        store,
        trouble,
        vitals,
        claims: Arc::default(),
        runs,
        finished,
        otlp,
        draining: shutdown.drain.clone(),
        metrics: Arc::clone(&metrics),
        settings,
    });
    metrics.works(&worker);
    let ended = worker.work(consumer, caution, sending, &shutdown).await;
    metrics.leaves();
    drop((mending, completing));
    if matches!(ended, Ok(StopReason::Drained | StopReason::Idle)) {
        drop(writer);
        // The worker is gone, and with it the last handle on the store. The sender is dropped without a word. What is in a
        // spool may take long to upload, and keeps until the next start.
        tokio::select! {
            _ = store_closed => {}
            () = shutdown.now.cancelled() => return Ok(StopReason::Abandoned),
        }
        transport.close().await;
    } else {
        // Images in hand hold the store; what it has is put in order all the same.
        complete_last_shard(&writer).await;
        if matches!(transport, Transport::Embedded(_)) {
            // Perhaps nobody ever starts on this spool again. What the bucket refuses is told of, and stays there.
            drop(writer.upload_shards().await);
        }
    }
    ended
}

async fn complete_last_shard(store: &Store) {
    match timeout(LAST_SHARD, store.complete_shards()).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(error = %Chain(&error), "the open shard is completed at the next start"),
        Err(_) => tracing::warn!(
            waited = ?LAST_SHARD,
            "the open shard could not be completed so soon; its images are safe, and the next start on the store completes it"
        ),
    }
}

/// How many images at once the limit of open files allows: of each may be a connection in use, one that is kept, and a file that
/// its body is in.
fn affordable(concurrency: u16, limit: Option<u64>) -> u16 {
    let Some(limit) = limit else { return concurrency };
    let affordable = u16::try_from(limit.saturating_sub(OTHER_FILES) / 3).unwrap_or(u16::MAX).max(1);
    if affordable < concurrency {
        tracing::warn!(
            concurrency,
            affordable,
            limit,
            "too few file descriptors for so many images at once; doing fewer (raise `ulimit -n`)"
        );
    }
    concurrency.min(affordable)
}

/// What the rooms share.
pub(crate) struct Worker {
    pub(crate) settings: Settings,
    pub(crate) fetch: ImageFetch,
    pub(crate) verifier: Verifier,
    /// One for each image that is fetched, until its body is in memory: so the files of those that wait for room are bounded too.
    pub(crate) slots: Semaphore,
    pub(crate) room: Room,
    pub(crate) hosts: HostLimits,
    /// Makes copies.
    pub(crate) pool: Pool,
    pub(crate) store: Store,
    pub(crate) trouble: Arc<StoreTrouble>,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) claims: Arc<Claims>,
    pub(crate) runs: Arc<Runs>,
    pub(crate) finished: mpsc::Sender<Finished>,
    /// Where spans go, if anywhere.
    pub(crate) otlp: Option<Otlp>,
    pub(crate) draining: CancellationToken,
    pub(crate) metrics: Arc<Metrics>,
}

/// The task that sends replies.
pub(crate) type Replies = tokio::task::JoinHandle<Result<(), TransportError>>;

impl Worker {
    async fn work(
        self: Arc<Self>,
        consumer: Consumer,
        caution: Caution,
        mut replies: Replies,
        shutdown: &Shutdown,
    ) -> anyhow::Result<StopReason> {
        let mut deliveries = Deliveries::new(Arc::clone(&self), consumer, caution);
        let reason = deliveries.take(&mut replies).await?;
        self.metrics.leaves();
        let (consumer, images) = deliveries.stop().await;
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
}
