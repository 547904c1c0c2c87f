//! The downloader's metrics: their names, what they count, and whether this worker is alive and ready. `docs/metrics.md` lists
//! them. Rooms count here as they work, by atomics alone; gauges are read from the worker when somebody asks.

use std::fmt;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Instant;

use common::metrics::{BrokerMetrics, ByReason, ByStatus, Durations, Health, Page, Pulse, Source, Unready, Words};
use common::outcome::{Outcome, Status};

use crate::cli::{Layout, Verify};
use crate::location::Location;
use crate::settings::Settings;
use crate::store::ShardCounts;
use crate::worker::Worker;

/// What this worker counts.
#[derive(Debug)]
pub struct Metrics {
    images: ByStatus,
    reasons: ByReason,
    received: AtomicU64,
    stored: AtomicU64,
    stages: [Durations; Stage::ALL.len()],
    deliveries: AtomicU64,
    settled: Words<{ HOW.len() }>,
    refused: AtomicU64,
    pub(crate) shards: Arc<ShardCounts>,
    pub(crate) pulse: Pulse,
    part: AtomicU8,
    /// What gauges are read from, while it works.
    worker: OnceLock<Weak<Worker>>,
    kind: Kind,
}

/// What is known of a worker before it works.
#[derive(Debug)]
struct Kind {
    layout: &'static str,
    store: &'static str,
    verify: &'static str,
    slots: u16,
    memory: u64,
}

/// A part of an image's way. `reply` is a message's, with all the outcomes that share it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Stage {
    /// From the delivery until it may begin: its host and a slot are free.
    Wait,
    /// From the request to the last byte, or to what went wrong.
    Fetch,
    /// Hashed, and looked at.
    Verify,
    /// Copied, or read for its EXIF or its hash.
    Transform,
    /// Until it is durable.
    Store,
    /// Until the broker has confirmed the outcomes.
    Reply,
}

impl Stage {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Wait, "wait"),
        (Self::Fetch, "fetch"),
        (Self::Verify, "verify"),
        (Self::Transform, "transform"),
        (Self::Store, "store"),
        (Self::Reply, "reply"),
    ];
}

/// How a delivery was settled.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    /// Every outcome of it is with the producer.
    Acknowledged,
    /// It comes again, to somebody.
    GivenBack,
    /// Nobody can read it.
    DeadLettered,
    /// Its connection was gone, so it comes again.
    Stale,
}

const HOW: [&str; 4] = ["acknowledged", "given-back", "dead-lettered", "stale"];

/// Where a worker is.
const STARTING: u8 = 0;
const WORKING: u8 = 1;
const LEAVING: u8 = 2;

impl Metrics {
    /// Of a worker that works by these settings.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self {
            images: ByStatus::default(),
            reasons: ByReason::default(),
            received: AtomicU64::new(0),
            stored: AtomicU64::new(0),
            stages: Default::default(),
            deliveries: AtomicU64::new(0),
            settled: Words::new(HOW),
            refused: AtomicU64::new(0),
            shards: Arc::default(),
            pulse: Pulse::default(),
            part: AtomicU8::new(STARTING),
            worker: OnceLock::new(),
            kind: Kind::new(settings),
        }
    }

    /// The worker takes work from now on.
    pub(crate) fn works(&self, worker: &Arc<Worker>) {
        // A second worker would be another one's metrics.
        drop(self.worker.set(Arc::downgrade(worker)));
        self.part.store(WORKING, Ordering::Relaxed);
    }

    /// The worker takes no further work.
    pub(crate) fn leaves(&self) {
        self.part.store(LEAVING, Ordering::Relaxed);
        self.pulse.rest();
    }

    /// An image was tried, and came to this.
    pub(crate) fn tried(&self, outcome: &Outcome) {
        self.images.add(outcome.status);
        if let Some(reason) = outcome.reason {
            self.reasons.add(reason);
        }
        self.received.fetch_add(outcome.bytes.unwrap_or(0), Ordering::Relaxed);
    }

    /// The store has so many bytes, of an image or a copy.
    pub(crate) fn stored(&self, bytes: usize) {
        self.stored.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// The store refused something.
    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// A delivery came.
    pub(crate) fn delivered(&self) {
        self.deliveries.fetch_add(1, Ordering::Relaxed);
    }

    /// A delivery was settled.
    pub(crate) fn settled(&self, how: How) {
        self.settled.add(how as usize);
    }

    /// A stage that began at `begun` is over.
    pub(crate) fn over(&self, stage: Stage, begun: Instant) {
        self.stages[stage as usize].observe(begun.elapsed());
    }

    fn worker(&self) -> Option<Arc<Worker>> {
        self.worker.get()?.upgrade()
    }

    /// Whether the worker does its work, as far as the broker does not matter.
    fn at_work(&self) -> Result<(), Unready> {
        match self.part.load(Ordering::Relaxed) {
            STARTING => Err("starting"),
            WORKING => match self.worker() {
                Some(worker) if worker.draining.is_cancelled() => Err("draining"),
                Some(worker) if worker.trouble.is_on() => Err("the store takes no images"),
                Some(_) => Ok(()),
                None => Err("ended"),
            },
            _ => Err("draining"),
        }
    }
}

impl Kind {
    fn new(settings: &Settings) -> Self {
        Self {
            layout: match settings.layout {
                Layout::Files => "files",
                Layout::Webdataset => "webdataset",
                Layout::Warc => "warc",
            },
            store: match settings.store {
                Location::Folder(_) => "folder",
                Location::Bucket(_) => "bucket",
            },
            verify: match settings.verify {
                Verify::Header => "header",
                Verify::Decode => "decode",
            },
            slots: settings.concurrency,
            memory: settings.max_memory,
        }
    }
}

impl Source for Metrics {
    fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let labels = [("layout", self.kind.layout), ("store", self.kind.store), ("verify", self.kind.verify)];
        page.info("downloader_info", "What this downloader does with images: always 1.", &labels)?;
        // That an image is a duplicate is found by the producer.
        let statuses = self.images.read().filter(|(status, _)| *status != Status::Duplicate.as_str());
        page.counters("downloader_images", "Tries of images, by what they came to.", "status", statuses)?;
        let help = "Tries of images that were not stored, by reason.";
        page.counters("downloader_image_reasons", help, "reason", self.reasons.read())?;
        let help = "Bytes of bodies that came whole, decompressed.";
        page.counter("downloader_received_bytes", help, read(&self.received))?;
        let help = "Bytes of images and copies that the store has taken, those that it had already included.";
        page.counter("downloader_stored_bytes", help, read(&self.stored))?;
        let stages = Stage::ALL.map(|(stage, name)| (name, &self.stages[stage as usize]));
        let help = "Time that the stages of an image took; of replies, that of a message.";
        page.durations_by("downloader_stage_duration_seconds", help, "stage", stages)?;
        page.counter("downloader_deliveries", "Batches that the broker delivered.", read(&self.deliveries))?;
        let help = "Batches that were settled, by how.";
        page.counters("downloader_deliveries_settled", help, "how", self.settled.read())?;
        page.counter("downloader_store_refusals", "Images that the store could not take.", read(&self.refused))?;
        self.write_gauges(page)?;
        self.shards.write(page)
    }
}

impl Metrics {
    fn write_gauges(&self, page: &mut Page<'_>) -> fmt::Result {
        let worker = self.worker();
        let worker = worker.as_deref();
        let slots = worker.map_or(self.kind.slots, |worker| worker.settings.concurrency);
        let free = worker.map_or(usize::from(slots), |worker| worker.slots.available_permits());
        let used = usize::from(slots).saturating_sub(free);
        let memory = worker.map_or(self.kind.memory, |worker| worker.room.memory.limit());
        let in_use = worker.map_or(0, |worker| memory.saturating_sub(worker.room.memory.free()));
        let in_flight = worker.map_or(0, |worker| worker.vitals.in_flight());
        let is_well = worker.is_none_or(|worker| !worker.trouble.is_on());
        page.gauge("downloader_images_in_flight", "Images that are fetched, checked or stored now.", in_flight.into())?;
        page.gauge("downloader_slots", "Images that may be fetched at once (--concurrency).", slots.into())?;
        page.gauge("downloader_slots_used", "Images that are fetched now.", used as u64)?;
        page.gauge("downloader_memory_limit_bytes", "Memory that bodies may take (--max-memory).", memory)?;
        page.gauge("downloader_memory_used_bytes", "Memory that bodies take now.", in_use)?;
        page.truth("downloader_store_healthy", "Whether the store takes images (1).", is_well)
    }
}

/// Whether a worker is alive and ready.
#[derive(Debug)]
pub struct Condition {
    metrics: Arc<Metrics>,
    broker: Arc<BrokerMetrics>,
}

impl Condition {
    /// Of the worker with these metrics.
    #[must_use]
    pub fn new(metrics: Arc<Metrics>, broker: Arc<BrokerMetrics>) -> Self {
        Self { metrics, broker }
    }
}

impl Health for Condition {
    fn is_alive(&self) -> bool {
        self.metrics.pulse.is_alive()
    }

    fn ready(&self) -> Result<(), Unready> {
        self.metrics.at_work()?;
        if self.broker.are_up() { Ok(()) } else { Err("not connected to the broker") }
    }
}
