//! Everything that is counted of a run, by one pass over its images.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

use common::outcome::Status;
use common::reason::Reason;
use rusqlite::{Connection, Row};
use serde::Serialize;

use super::histogram::{self, Bin, Histogram};
use super::hosts::{Host, Hosts, Latencies, Others};
use super::overview::Overview;
use super::timeline::{Clock, Timeline};
use super::{Insight, is_kept, reason_at, status_at};
use crate::ledger::{self, Counts, HostId, LedgerError};

/// Downloaders that are told of by name, at most.
const WORKERS: usize = 50;

/// Steps between a power of two and the next by which sides are told apart.
const SIDE_STEPS: u64 = 2;

/// What a pass over the images reads of each.
const COLUMNS: &str =
    "SELECT host, status, reason, format, width, height, bytes, worker, fetched_at, duration_ms FROM images";

/// Everything that is counted of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Survey {
    /// What came when, by the downloaders' clocks: each image at the end of its fetch.
    pub timeline: Timeline,
    /// Statuses with their reasons, the most frequent first.
    pub outcomes: Vec<OutcomeCount>,
    /// The hosts with most images, then those with most failures.
    pub hosts: Vec<Host>,
    /// All other hosts, if there are any.
    pub other_hosts: Option<Others>,
    /// Downloaders, those with most images first, at most 50.
    pub workers: Vec<WorkerCount>,
    /// How many other downloaders there were.
    pub other_workers: u64,
    /// Formats of the images that are in the store, the most frequent first.
    pub formats: Vec<FormatCount>,
    /// Lengths in bytes of the images that are in the store.
    pub lengths: Vec<Bin>,
    /// Width and height in pixels of the images that are in the store, as far as they are known.
    pub sizes: Vec<SizeCount>,
    /// How long fetches took.
    pub latency: Latency,
}

/// Images with a status and a reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct OutcomeCount {
    /// The status.
    pub status: Status,
    /// The reason; `None` where there is none.
    pub reason: Option<Reason>,
    /// How many there are.
    pub images: u64,
}

/// Images of a downloader.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct WorkerCount {
    /// Its name.
    pub worker: String,
    /// Images that it told of last.
    pub images: u64,
}

/// Images of a format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FormatCount {
    /// The manifest's word.
    pub format: String,
    /// Images in the store: stored, duplicate, unchanged.
    pub images: u64,
    /// Bytes of those that were stored.
    pub bytes: u64,
}

/// Images of about the same size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct SizeCount {
    /// The least width, in pixels.
    pub width_from: u64,
    /// The first width that is too large.
    pub width_to: u64,
    /// The least height.
    pub height_from: u64,
    /// The first height that is too large.
    pub height_to: u64,
    /// How many there are.
    pub images: u64,
}

/// How long fetches took, from the request to the last byte, in milliseconds; percentiles to a quarter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Latency {
    /// How many fetches are known of: the last one of each image.
    pub images: u64,
    /// Their mean.
    pub mean_ms: Option<u64>,
    /// Half of them took no longer.
    pub median_ms: Option<u64>,
    /// Nineteen of twenty took no longer.
    pub p95_ms: Option<u64>,
    /// All of them, between powers of two.
    pub bins: Vec<Bin>,
}

/// What a pass sees of an image, beside its words.
#[derive(Debug)]
pub(super) struct Seen {
    pub(super) host: HostId,
    pub(super) status: Status,
    pub(super) bytes: Option<u64>,
    pub(super) began_ms: Option<u64>,
    pub(super) took_ms: Option<u64>,
}

impl Seen {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            host: row.get(0)?,
            status: status_at(row, 1)?,
            bytes: number(row, 6)?,
            began_ms: number(row, 8)?,
            took_ms: number(row, 9)?,
        })
    }

    /// When a fetch with an outcome began, and how long it took, in milliseconds.
    pub(super) fn fetched(&self) -> Option<(u64, u64)> {
        self.began_ms.zip(self.took_ms).filter(|_| self.status != Status::Outstanding)
    }
}

/// A number that is none below zero, whoever wrote the ledger, nor so large that sums of it are none.
fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    let number: Option<i64> = row.get(column)?;
    Ok(number.and_then(|number| u64::try_from(number).ok()).map(|number| number.min(1 << 52)))
}

/// A survey that is being made.
struct Tables {
    counts: Counts,
    clock: Clock,
    hosts: Hosts,
    outcomes: HashMap<(Status, Option<Reason>), u64>,
    workers: HashMap<String, u64>,
    formats: HashMap<String, (u64, u64)>,
    lengths: Histogram<1>,
    sizes: BTreeMap<(u64, u64), u64>,
    latencies: Latencies,
}

impl Tables {
    fn new(sql: &Connection, most_hosts: usize) -> rusqlite::Result<Self> {
        Ok(Self {
            counts: ledger::count_documents(sql)?,
            clock: Clock::default(),
            hosts: Hosts::new(sql, most_hosts)?,
            outcomes: HashMap::new(),
            workers: HashMap::new(),
            formats: HashMap::new(),
            lengths: Histogram::default(),
            sizes: BTreeMap::new(),
            latencies: Latencies::default(),
        })
    }

    fn add(&mut self, row: &Row<'_>) -> rusqlite::Result<()> {
        let seen = Seen::read(row)?;
        self.hosts.add(&seen);
        *self.outcomes.entry((seen.status, reason_at(row, 2)?)).or_default() += 1;
        if seen.status == Status::Stored {
            self.counts.bytes += seen.bytes.unwrap_or(0);
        }
        if let Some((began, took)) = seen.fetched() {
            self.clock.add(began + took, seen.status, seen.bytes.unwrap_or(0));
            self.latencies.add(took);
            if let Some(worker) = row.get_ref(7)?.as_str_or_null()? {
                match self.workers.get_mut(worker) {
                    Some(images) => *images += 1,
                    None => drop(self.workers.insert(worker.to_owned(), 1)),
                }
            }
        }
        if is_kept(seen.status) { self.add_kept(&seen, row) } else { Ok(()) }
    }

    fn add_kept(&mut self, seen: &Seen, row: &Row<'_>) -> rusqlite::Result<()> {
        if let Some(format) = row.get_ref(3)?.as_str_or_null()? {
            let bytes = seen.bytes.filter(|_| seen.status == Status::Stored).unwrap_or(0);
            match self.formats.get_mut(format) {
                Some((images, all)) => (*images, *all) = (*images + 1, *all + bytes),
                None => drop(self.formats.insert(format.to_owned(), (1, bytes))),
            }
        }
        if let Some(bytes) = seen.bytes {
            self.lengths.add(bytes);
        }
        if let (Some(width), Some(height)) = (number(row, 4)?, number(row, 5)?) {
            let size = (histogram::bin::<SIDE_STEPS>(width), histogram::bin::<SIDE_STEPS>(height));
            *self.sizes.entry(size).or_default() += 1;
        }
        Ok(())
    }

    /// What it comes to, and the counts for an overview.
    fn complete(self, sql: &Connection) -> rusqlite::Result<(Survey, Counts)> {
        let mut counts = self.counts;
        for ((status, reason), images) in &self.outcomes {
            *counts.images.entry(*status).or_default() += images;
            if let Some(reason) = reason.filter(|_| *status != Status::Outstanding) {
                *counts.reasons.entry(reason).or_default() += images;
            }
        }
        let (hosts, other_hosts) = self.hosts.ranked(sql)?;
        let of = |((status, reason), images)| OutcomeCount { status, reason, images };
        let mut outcomes: Vec<_> = self.outcomes.into_iter().map(of).collect();
        outcomes.sort_by_key(|count| (Reverse(count.images), count.status, count.reason));
        let of = |(worker, images)| WorkerCount { worker, images };
        let mut workers: Vec<_> = self.workers.into_iter().map(of).collect();
        workers.sort_by(|one, other| (other.images, &one.worker).cmp(&(one.images, &other.worker)));
        let other_workers = u64::try_from(workers.len().saturating_sub(WORKERS)).unwrap_or(0);
        workers.truncate(WORKERS);
        let of = |(format, (images, bytes))| FormatCount { format, images, bytes };
        let mut formats: Vec<_> = self.formats.into_iter().map(of).collect();
        formats.sort_by(|one, other| (other.images, &one.format).cmp(&(one.images, &other.format)));
        let survey = Survey {
            timeline: self.clock.timeline(),
            outcomes,
            hosts,
            other_hosts,
            workers,
            other_workers,
            formats,
            lengths: self.lengths.bins(),
            sizes: self.sizes.into_iter().map(SizeCount::of).collect(),
            latency: Latency::of(&self.latencies),
        };
        Ok((survey, counts))
    }
}

impl SizeCount {
    fn of(((width, height), images): ((u64, u64), u64)) -> Self {
        let (width_from, width_to) = histogram::edges::<SIDE_STEPS>(width);
        let (height_from, height_to) = histogram::edges::<SIDE_STEPS>(height);
        Self { width_from, width_to, height_from, height_to, images }
    }
}

impl Latency {
    fn of(latencies: &Latencies) -> Self {
        Self {
            images: latencies.count(),
            mean_ms: latencies.mean(),
            median_ms: latencies.percentile(50),
            p95_ms: latencies.percentile(95),
            bins: latencies.powers(),
        }
    }
}

impl Insight {
    /// Everything that is counted of the run, with `most_hosts` hosts by name, and as many again that fail most. Reads all
    /// images, which takes one to two seconds for a million. The overview comes with it, of the same moment.
    pub fn survey(&self, most_hosts: usize) -> Result<(Overview, Survey), LedgerError> {
        let (survey, counts) = self.look(|sql| {
            let mut tables = Tables::new(sql, most_hosts)?;
            let mut images = sql.prepare(COLUMNS)?;
            let mut rows = images.query([])?;
            while let Some(row) = rows.next()? {
                tables.add(row)?;
            }
            tables.complete(sql)
        })?;
        Ok((self.overview_of(&counts)?, survey))
    }
}
