//! What happened in a storm, written down by all who take part in it: faults survived, deaths, and what should not be.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use crate::fault::Kind;

/// The record of one storm.
#[derive(Debug)]
pub(crate) struct Record {
    begun: Instant,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    faults: BTreeMap<Kind, usize>,
    producer_ends: usize,
    restarts: usize,
    problems: Vec<String>,
    processes: BTreeMap<String, u32>,
}

impl Record {
    pub(crate) fn new() -> Self {
        Self { begun: Instant::now(), inner: Mutex::default() }
    }

    /// How long ago the storm was prepared.
    pub(crate) fn elapsed(&self) -> Duration {
        self.begun.elapsed()
    }

    /// A line on standard error, with the time.
    pub(crate) fn say(&self, what: &str) {
        eprintln!("{:7.1} s  {what}", self.elapsed().as_secs_f64());
    }

    /// A fault was done to its end.
    pub(crate) fn survived(&self, kind: Kind) {
        self.with(|inner| *inner.faults.entry(kind).or_default() += 1);
    }

    /// A producer ended before its run was complete, or was frozen: the pages that it was fetching may be fetched again.
    pub(crate) fn producer_ended(&self) {
        self.with(|inner| inner.producer_ends += 1);
    }

    /// A downloader left because it could not reach the broker when it started, and was started again.
    pub(crate) fn restarted(&self) {
        self.with(|inner| inner.restarts += 1);
    }

    /// Something that must not be.
    pub(crate) fn problem(&self, what: String) {
        self.say(&format!("PROBLEM: {what}"));
        self.with(|inner| inner.problems.push(what));
    }

    /// From now on `name` is the process `id`.
    pub(crate) fn runs(&self, name: &str, id: u32) {
        self.with(|inner| inner.processes.insert(name.to_owned(), id));
    }

    /// Who runs, and as which process.
    pub(crate) fn processes(&self) -> Vec<(String, u32)> {
        self.with(|inner| inner.processes.iter().map(|(name, id)| (name.clone(), *id)).collect())
    }

    /// How often each kind of fault was survived.
    pub(crate) fn faults(&self) -> BTreeMap<Kind, usize> {
        self.with(|inner| inner.faults.clone())
    }

    /// How often a producer ended early.
    pub(crate) fn producer_ends(&self) -> usize {
        self.with(|inner| inner.producer_ends)
    }

    /// How often a downloader had to be started again.
    pub(crate) fn restarts(&self) -> usize {
        self.with(|inner| inner.restarts)
    }

    /// All that must not be.
    pub(crate) fn problems(&self) -> Vec<String> {
        self.with(|inner| inner.problems.clone())
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().expect("nobody panics with the record in hand"))
    }
}
