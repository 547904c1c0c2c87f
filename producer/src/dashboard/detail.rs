//! What is shown of a run that somebody looks at closely: its hosts at rest, its workers, and the newest images, kept and not.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::outcome::Status;
use common::run_name::RunName;
use serde::Serialize;

use super::card::Card;
use super::glimpse::{Glimpse, Resting};
use super::runs::{RunView, Runs};
use crate::insight::{Filter, Image, Insight, Order};
use crate::ledger::LedgerError;
use crate::pipeline::Recent;

/// How often the newest images of a run at work are shown anew: each is a thumbnail to make, and the crawl needs the processor.
const NEWEST_EVERY: Duration = Duration::from_secs(5);

/// Newest images of each kind.
const NEWEST: usize = 12;

/// A run, closely.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(super) struct Detail {
    run: String,
    /// Hosts at rest; `None` where no producer says.
    resting: Option<Vec<HostAtRest>>,
    /// Workers of the run.
    workers: Vec<WorkerOfRun>,
    /// The newest images that were kept.
    stored: Vec<Card>,
    /// The newest images that were not.
    failed: Vec<Card>,
    /// The search for the newest ended by its time: there may be more of them than these.
    is_in_part: InPart,
    error: Option<String>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
struct InPart {
    stored: bool,
    failed: bool,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct HostAtRest {
    host: String,
    for_ms: u64,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
struct WorkerOfRun {
    worker: String,
    concurrency: usize,
    ago_ms: u64,
}

/// The runs that are looked at closely.
#[derive(Debug)]
pub(crate) struct Details {
    runs: PathBuf,
    known: HashMap<RunName, Known>,
}

#[derive(Debug)]
struct Known {
    /// Of what it was made, where no producer says anything.
    changed: Option<u64>,
    detail: Arc<Detail>,
    /// The newest of a run at work, and when they were looked up.
    newest: Option<(Vec<Card>, Instant)>,
}

impl Details {
    pub(crate) fn new(runs: PathBuf) -> Self {
        Self { runs, known: HashMap::new() }
    }

    /// Looks at these runs, as far as they are there. Blocks for some milliseconds a run.
    pub(super) fn look(&mut self, names: &[RunName], views: &[RunView], runs: &Runs) -> Vec<(RunName, Arc<Detail>)> {
        self.known.retain(|name, _| names.contains(name));
        let there = views.iter().filter(|view| names.contains(&view.name));
        let mut details = Vec::new();
        for view in there {
            let folder = self.runs.join(view.name.as_str());
            let known = self.known.entry(view.name.clone()).or_insert_with(Known::new);
            let glimpse = runs.glimpse(&view.name);
            if let Err(error) = known.look(view, glimpse, || Insight::open(&folder)) {
                let error = Some(common::chain::Chain(&error).to_string());
                known.detail = Arc::new(Detail { run: view.name.to_string(), error, ..Detail::default() });
            }
            details.push((view.name.clone(), Arc::clone(&known.detail)));
        }
        details
    }
}

impl Known {
    fn new() -> Self {
        Self { changed: None, detail: Arc::default(), newest: None }
    }

    fn look(
        &mut self,
        view: &RunView,
        glimpse: Option<&Glimpse>,
        open: impl FnOnce() -> Result<Insight, LedgerError>,
    ) -> Result<(), LedgerError> {
        let run = view.name.to_string();
        match glimpse {
            Some(glimpse) => {
                self.changed = None;
                let insight = open()?;
                let detail = Detail {
                    run,
                    resting: Some(named(&insight, &glimpse.resting)?),
                    workers: workers(glimpse),
                    stored: self.newest_of(&insight, glimpse)?,
                    failed: cards(insight.images_at(&last(&glimpse.failed))?),
                    ..Detail::default()
                };
                self.detail = Arc::new(detail);
            }
            // Its producer may speak in a moment.
            None if view.held && view.tally.is_none() => {}
            // A run at work whose producer says nothing is not asked again and again.
            None if self.changed.is_some_and(|at| view.held || at == view.changed_ms) => {}
            None => {
                let insight = open()?;
                let newest = |statuses: &[Status]| {
                    let filter = Filter { statuses: statuses.to_vec(), ..Filter::default() };
                    let page = insight.images(&filter, Order::Last, None, NEWEST)?;
                    let is_in_part = page.images.len() < NEWEST && page.next.is_some();
                    Ok::<_, LedgerError>((cards(page.images), is_in_part))
                };
                let (failed, of_failed) = newest(&[Status::Failed, Status::Rejected, Status::Blocked])?;
                let (stored, of_stored) = newest(&[Status::Stored])?;
                let is_in_part = InPart { stored: of_stored, failed: of_failed };
                self.detail = Arc::new(Detail { run, stored, failed, is_in_part, ..Detail::default() });
                (self.changed, self.newest) = (Some(view.changed_ms), None);
            }
        }
        Ok(())
    }

    fn newest_of(&mut self, insight: &Insight, glimpse: &Glimpse) -> Result<Vec<Card>, LedgerError> {
        match &self.newest {
            Some((cards, at)) if at.elapsed() < NEWEST_EVERY => Ok(cards.clone()),
            _ => {
                let newest = cards(insight.images_at(&last(&glimpse.stored))?);
                // Of none there will soon be some, at no cost.
                self.newest = (!newest.is_empty()).then(|| (newest.clone(), Instant::now()));
                Ok(newest)
            }
        }
    }
}

/// The last few, the newest first. What a file of the folder says is not believed to be short.
fn last(images: &[i64]) -> Vec<i64> {
    images.iter().rev().take(NEWEST.min(Recent::MOST)).copied().collect()
}

/// Those of which the outcome is written by now.
fn cards(images: Vec<Image>) -> Vec<Card> {
    images.into_iter().filter(|image| image.status != Status::Outstanding).map(Card::from).collect()
}

fn named(insight: &Insight, resting: &[Resting]) -> Result<Vec<HostAtRest>, LedgerError> {
    let numbers: Vec<_> = resting.iter().take(100).map(|resting| resting.host).collect();
    let names = insight.host_names(&numbers)?;
    let named = names.into_iter().zip(resting);
    Ok(named.filter_map(|(host, resting)| Some(HostAtRest { host: host?, for_ms: resting.for_ms })).collect())
}

fn workers(glimpse: &Glimpse) -> Vec<WorkerOfRun> {
    let workers = glimpse.workers.iter().take(1000).map(|worker| WorkerOfRun {
        worker: worker.name.clone(),
        concurrency: worker.concurrency,
        ago_ms: worker.ago_ms,
    });
    workers.collect()
}
