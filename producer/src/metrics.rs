//! The producer's metrics: their names, what they count, and whether the run is alive and ready. `docs/metrics.md` lists them.
//!
//! What the ledger counts is read from it when somebody asks, so that the two never differ; what it does not know is counted by
//! the rooms as they work.

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use common::metrics::{BrokerMetrics, ByReason, ByStatus, Durations, Health, Page, Pulse, Source, Unready, Words};
use common::outcome::Status;
use tokio::sync::watch;

use crate::ledger::{Counts, Ledger, PageCounts};
use crate::pipeline::Live;

/// What a run counts.
#[derive(Debug)]
pub struct Metrics {
    /// How long a page took, from the request to the last byte or to what went wrong.
    pub(crate) page_fetches: Durations,
    retries: Words<{ RETRIED.len() }>,
    /// Batches that are safe in the task queue.
    batches: AtomicU64,
    /// Images that were sent again because nobody worked on them.
    sent_again: AtomicU64,
    replies: Words<{ REPLIES.len() }>,
    /// Outcomes of tries that were not out.
    repeated: AtomicU64,
    pub(crate) pulse: Pulse,
    ended: AtomicBool,
    run: OnceLock<Run>,
    grown: Grown,
}

/// What is tried again.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Retried {
    Page,
    Image,
}

const RETRIED: [&str; 2] = ["page", "image"];

/// What came by the reply queue.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Came {
    /// What a downloader says.
    Reply,
    /// A batch that died.
    DeadBatch,
    /// What nobody can read.
    Unreadable,
}

const REPLIES: [&str; 3] = ["reply", "dead-batch", "unreadable"];

/// Where a run is looked at.
#[derive(Debug)]
struct Run {
    counts: watch::Receiver<Counts>,
    ledger_writes: Arc<Durations>,
    live: watch::Receiver<Live>,
}

/// The highest that the ledger's counts have been. A verdict of the producer's own may be replaced by an outcome that comes all
/// the same; a counter that went down by one would look to Prometheus like a new start.
#[derive(Debug)]
struct Grown {
    found: AtomicU64,
    images: ByStatus,
    reasons: ByReason,
    bytes: AtomicU64,
    pages: Words<{ OUTCOMES.len() }>,
}

/// What pages come to.
const OUTCOMES: [&str; 3] = ["fetched", "failed", "blocked"];

impl Default for Metrics {
    fn default() -> Self {
        Self {
            page_fetches: Durations::default(),
            retries: Words::new(RETRIED),
            batches: AtomicU64::new(0),
            sent_again: AtomicU64::new(0),
            replies: Words::new(REPLIES),
            repeated: AtomicU64::new(0),
            pulse: Pulse::default(),
            ended: AtomicBool::new(false),
            run: OnceLock::new(),
            grown: Grown::default(),
        }
    }
}

impl Default for Grown {
    fn default() -> Self {
        Self {
            found: AtomicU64::new(0),
            images: ByStatus::default(),
            reasons: ByReason::default(),
            bytes: AtomicU64::new(0),
            pages: Words::new(OUTCOMES),
        }
    }
}

impl Metrics {
    /// The run begins: this is where to look at it. Nothing here keeps the ledger open.
    pub(crate) fn runs(&self, ledger: &Ledger, live: watch::Receiver<Live>) {
        let run = Run { counts: ledger.watch_counts(), ledger_writes: ledger.write_durations(), live };
        // A process has one run.
        drop(self.run.set(run));
    }

    /// The run is over but for its manifest.
    pub(crate) fn ends(&self) {
        self.ended.store(true, Ordering::Relaxed);
        self.pulse.rest();
    }

    /// Something is to be tried again.
    pub(crate) fn retried(&self, what: Retried) {
        self.retries.add(what as usize);
    }

    /// A batch is safe in the task queue.
    pub(crate) fn published(&self) {
        self.batches.fetch_add(1, Ordering::Relaxed);
    }

    /// So many images were sent once more.
    pub(crate) fn sent_again(&self, images: usize) {
        self.sent_again.fetch_add(images as u64, Ordering::Relaxed);
    }

    /// Something came by the reply queue.
    pub(crate) fn came(&self, what: Came) {
        self.replies.add(what as usize);
    }

    /// An outcome is of a try that is not out.
    pub(crate) fn repeated(&self) {
        self.repeated.fetch_add(1, Ordering::Relaxed);
    }
}

impl Grown {
    fn to(&self, counts: &Counts) {
        self.found.fetch_max(counts.found(), Ordering::Relaxed);
        self.bytes.fetch_max(counts.bytes, Ordering::Relaxed);
        for status in Status::ALL {
            self.images.raise(status, counts.of(status));
        }
        self.reasons.raise(&counts.reasons);
        let PageCounts { fetched, failed, blocked, .. } = counts.pages;
        for (index, pages) in [fetched, failed, blocked].into_iter().enumerate() {
            self.pages.raise(index, pages);
        }
    }

    fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        page.counter("producer_images_found", "Images that the run has accepted.", read(&self.found))?;
        let help = "Images of the run that have their outcome, by status.";
        page.counters("producer_images_settled", help, "status", self.images.read())?;
        let help = "Images of the run that have an outcome other than being stored, by reason.";
        page.counters("producer_image_reasons", help, "reason", self.reasons.read())?;
        let help = "Bytes of the images that the run stored, equal ones once.";
        page.counter("producer_stored_bytes", help, read(&self.bytes))?;
        page.counters(
            "producer_pages",
            "Pages of the run that are done with, by outcome.",
            "outcome",
            self.pages.read(),
        )
    }
}

impl Source for Metrics {
    fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let (counts, live) = match self.run.get() {
            Some(run) => (run.counts.borrow().clone(), run.live.borrow().clone()),
            None => (Counts::default(), Live::default()),
        };
        self.grown.to(&counts);
        self.grown.write(page)?;
        let outstanding = counts.of(Status::Outstanding);
        page.gauge("producer_images_outstanding", "Images of the run that have no outcome yet.", outstanding)?;
        page.gauge("producer_pages_pending", "Pages of the run that wait to be fetched.", counts.pages.pending)?;
        write_live(page, &live)?;
        self.write_work(page)
    }
}

fn write_live(page: &mut Page<'_>, live: &Live) -> fmt::Result {
    page.gauge("producer_images_out", "Images that the fleet has in hand, or in the task queue.", live.out as u64)?;
    page.gauge("producer_window", "Images that may be out at once.", live.window as u64)?;
    let help = "Downloaders that consume the task queue, asked of the broker once a second.";
    page.gauge("producer_downloaders", help, live.downloaders as u64)?;
    let help = "Batches in the task queue that nobody has in hand, asked likewise.";
    page.gauge("producer_task_queue_batches", help, live.queued.into())?;
    let help = "Hosts that are left alone for a while because they asked for it or do not answer.";
    page.gauge("producer_hosts_resting", help, live.at_rest.hosts as u64)?;
    page.counter("producer_hosts_given_up", "Hosts that were given up.", live.at_rest.given_up)
}

impl Metrics {
    fn write_work(&self, page: &mut Page<'_>) -> fmt::Result {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let help = "Time from a page's request to its last byte, or to what went wrong.";
        page.durations("producer_page_fetch_duration_seconds", help, &self.page_fetches)?;
        page.counters("producer_retries", "Pages and images to be tried again.", "what", self.retries.read())?;
        page.counter("producer_batches_published", "Batches that the broker has taken.", read(&self.batches))?;
        let help = "Images sent once more because nobody worked on them and none waited.";
        page.counter("producer_images_sent_again", help, read(&self.sent_again))?;
        let help = "Messages of the reply queue: replies, batches that died, and what nobody can read.";
        page.counters("producer_replies", help, "kind", self.replies.read())?;
        let help = "Outcomes of tries that are not out: told before, or of an earlier try.";
        page.counter("producer_outcomes_repeated", help, read(&self.repeated))?;
        let (help, none) = ("Time that transactions of the ledger took.", Durations::default());
        let writes = self.run.get().map_or(&none, |run| &run.ledger_writes);
        page.durations("producer_ledger_write_duration_seconds", help, writes)
    }
}

/// Whether a run is alive and ready.
#[derive(Debug)]
pub struct Condition {
    metrics: Arc<Metrics>,
    broker: Arc<BrokerMetrics>,
    /// The downloader's, where there is one in this process.
    worker: Option<downloader::metrics::Condition>,
}

impl Condition {
    /// Of the run with these metrics.
    #[must_use]
    pub fn new(
        metrics: Arc<Metrics>,
        broker: Arc<BrokerMetrics>,
        worker: Option<downloader::metrics::Condition>,
    ) -> Self {
        Self { metrics, broker, worker }
    }
}

impl Health for Condition {
    fn is_alive(&self) -> bool {
        self.metrics.pulse.is_alive() && self.worker.as_ref().is_none_or(Health::is_alive)
    }

    fn ready(&self) -> Result<(), Unready> {
        if self.metrics.run.get().is_none() {
            return Err("starting");
        }
        if self.metrics.ended.load(Ordering::Relaxed) {
            return Err("the run is over");
        }
        if !self.broker.are_up() {
            return Err("not connected to the broker");
        }
        self.worker.as_ref().map_or(Ok(()), Health::ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_ledger_counts_never_goes_down() {
        let grown = Grown::default();
        let counts = |failed, stored| Counts {
            images: [(Status::Failed, failed), (Status::Stored, stored), (Status::Outstanding, 9)].into(),
            reasons: [(common::reason::Reason::Http(404), failed)].into(),
            ..Counts::default()
        };
        grown.to(&counts(3, 1));
        grown.to(&counts(2, 2));
        let images: Vec<_> = grown.images.read().filter(|(_, images)| *images > 0).collect();
        assert_eq!(images, [("stored", 2), ("failed", 3)]);
        assert_eq!(grown.reasons.read().find(|(_, images)| *images > 0), Some(("http-404", 3)));
        assert_eq!(grown.found.load(Ordering::Relaxed), 13);
    }
}
