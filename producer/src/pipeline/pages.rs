//! The pages of a run: which may be fetched now, what is on those that came, what becomes of those that did not.
//!
//! Pages are fetched level by level: one that is further from the seeds waits while a nearer one is under way. So on one
//! host a page is first met on a shortest way to it, and what `--depth` lets in does not depend on timing. A page that is
//! waited for (at rest, or to be tried again) is not under way, and does not hold up the others.

use std::collections::BTreeMap;
use std::sync::Arc;

use common::reason::Reason;
use tokio::time::Instant;
use url::Url;

use super::hosts::Gate;
use super::{Alarm, Event, Pipeline, PipelineError};
use crate::backlog::{Backlog, Item, READING, Reading};
use crate::extract::{self, Candidate};
use crate::frontier::Frontier;
use crate::ledger::{HostId, Ledger, NewImage, NewPage, PageDone, PageState, PendingPage, RowId};
use crate::page_fetch::{Fetched, Missed, PageFetch};
use crate::retry;
use crate::scope::authority;
use crate::stream::Stream;

/// Pages under way at once, from request to record. Their bodies are in memory meanwhile.
const AT_ONCE: usize = 32;

/// What it takes to work on pages.
#[derive(Debug)]
pub struct PageWork {
    /// Fetches them.
    pub fetch: PageFetch,
    /// Says what is accepted.
    pub frontier: Frontier,
    /// How they are read.
    pub extract: extract::Options,
    /// `--max-pages`.
    pub max_pages: Option<u64>,
    /// `--max-images`.
    pub max_images: Option<u64>,
}

/// The pages' part of a run's state.
pub(super) struct Pages {
    work: Option<Arc<PageWork>>,
    pub(super) backlog: Backlog<PendingPage>,
    /// Pages under way, by depth.
    under_way: BTreeMap<u32, usize>,
    /// Tries so far of pages that are tried again.
    attempts: BTreeMap<RowId, u32>,
    waiting_for_retry: usize,
    retries: u32,
    started: u64,
    stopped: bool,
}

impl Item for PendingPage {
    fn id(&self) -> RowId {
        self.id
    }

    fn host(&self) -> HostId {
        self.host
    }
}

impl Pages {
    /// `started` pages were begun by an earlier producer of the run.
    pub(super) fn new(work: Option<Arc<PageWork>>, retries: u32, started: u64) -> Self {
        Self {
            stopped: work.is_none(),
            work,
            backlog: Backlog::default(),
            under_way: BTreeMap::new(),
            attempts: BTreeMap::new(),
            waiting_for_retry: 0,
            retries,
            started,
        }
    }

    pub(super) fn are_done(&self) -> bool {
        let nothing_waits = self.waiting_for_retry == 0 && self.backlog.is_done();
        self.under_way.is_empty() && (self.stopped || nothing_waits)
    }

    pub(super) fn try_again(&mut self, page: PendingPage) {
        self.waiting_for_retry -= 1;
        self.backlog.put_back(page);
    }

    pub(super) fn recorded(&mut self, depth: u32) {
        if let Some(count) = self.under_way.get_mut(&depth) {
            *count -= 1;
            if *count == 0 {
                self.under_way.remove(&depth);
            }
        }
    }

    fn has_room(&self) -> bool {
        let nearest = self.under_way.keys().next();
        let next = self.backlog.peek();
        self.under_way.values().sum::<usize>() < AT_ONCE
            && next.is_some_and(|next| nearest.is_none_or(|nearest| next.depth <= *nearest))
    }
}

/// Reads pages that wait from the ledger.
pub(super) async fn read(ledger: Ledger, reading: Reading) -> Result<Event, PipelineError> {
    let (host, after) = reading.of();
    let found = ledger.pending_pages(host, after, READING).await;
    Ok(Event::PagesRead(reading, found?))
}

impl Pipeline {
    /// Starts the pages that may start. Says whether any did.
    pub(super) fn start_pages(&mut self, now: Instant) -> bool {
        let Some(work) = self.pages.work.clone() else { return false };
        let mut started = false;
        while !self.pages.stopped && self.pages.has_room() {
            let retried = self.pages.backlog.peek().is_some_and(|page| self.pages.attempts.contains_key(&page.id));
            let enough = work.max_pages.is_some_and(|most| self.pages.started >= most)
                || work.max_images.is_some_and(|most| self.ledger.counts().found() >= most);
            if enough && !retried {
                // Pages that were begun and failed for the moment are still to be ended; others are not begun any more.
                self.pages.stopped = self.pages.attempts.is_empty();
                self.pages.backlog.take();
                continue;
            }
            let Some((host, url)) = self.pages.backlog.peek().map(|page| (page.host, Url::parse(&page.url))) else {
                break;
            };
            let gate = match &url {
                Ok(url) => self.hosts.gate(host, url, now),
                Err(_) => Gate::Closed(common::outcome::Status::Failed, Reason::BadUrl),
            };
            match (gate, url) {
                (Gate::Open, Ok(url)) => {
                    self.hosts.pace.begin(host, now);
                    self.pages.started += u64::from(!retried);
                    self.start_page(&work, url);
                    started = true;
                }
                (Gate::AskRobots, Ok(url)) => {
                    self.pages.backlog.park();
                    self.ask_robots(host, url, now);
                }
                (Gate::Later(at), _) => {
                    self.pages.backlog.park();
                    self.wake(host, at);
                }
                (Gate::Closed(_, reason), _) => {
                    if let Some(page) = self.pages.backlog.take() {
                        self.begin(&page);
                        self.page_missed(&page, reason.into());
                    }
                }
                (Gate::NoRoom, _) | (Gate::Open | Gate::AskRobots, Err(_)) => break,
            }
        }
        started
    }

    fn begin(&mut self, page: &PendingPage) {
        *self.pages.under_way.entry(page.depth).or_default() += 1;
    }

    fn start_page(&mut self, work: &Arc<PageWork>, url: Url) {
        let Some(page) = self.pages.backlog.take() else { return };
        self.begin(&page);
        let work = Arc::clone(work);
        self.tasks.spawn(async move {
            let result = work.fetch.fetch(&url).await;
            Ok(Event::PageArrived { page, result })
        });
    }

    pub(super) fn page_arrived(&mut self, page: PendingPage, result: Result<Fetched, Missed>) {
        let attempt = self.pages.attempts.get(&page.id).copied().unwrap_or(0) + 1;
        match result {
            Ok(fetched) => {
                self.pages.attempts.remove(&page.id);
                self.read_page(page, fetched);
            }
            Err(missed) => {
                self.throttle(page.host, missed.status, missed.retry_after);
                match retry::delay(missed.reason, attempt, self.pages.retries, missed.retry_after) {
                    Some(delay) => {
                        tracing::debug!(page.url, reason = %missed.reason, attempt, "a page failed; trying again");
                        self.pages.attempts.insert(page.id, attempt);
                        self.pages.waiting_for_retry += 1;
                        self.pages.recorded(page.depth);
                        self.alarms.push(Instant::now() + delay, Alarm::Page(page));
                    }
                    None => self.page_missed(&page, missed),
                }
            }
        }
    }

    fn page_missed(&mut self, page: &PendingPage, missed: Missed) {
        self.pages.attempts.remove(&page.id);
        let blocked = matches!(missed.reason, Reason::Robots | Reason::PrivateAddress | Reason::Scheme);
        let state = if blocked { PageState::Blocked } else { PageState::Failed };
        tracing::info!(page.url, reason = %missed.reason, "a page was {}", if blocked { "blocked" } else { "missed" });
        let done =
            PageDone { reason: Some(missed.reason), http_status: missed.status, ..found_nothing(page.id, state) };
        let (ledger, depth) = (self.ledger.clone(), page.depth);
        self.tasks.spawn(async move {
            ledger.page_done(done, false).await?;
            Ok(Event::PageRecorded { depth })
        });
    }

    /// Parses a page away from the threads that serve the network, and records what is on it.
    fn read_page(&mut self, page: PendingPage, fetched: Fetched) {
        let Some(work) = self.pages.work.clone() else { return };
        let (ledger, stream) = (self.ledger.clone(), self.stream.clone());
        self.tasks.spawn(async move {
            let depth = page.depth;
            let led_to = (fetched.url.as_str() != page.url).then(|| fetched.url.clone());
            let id = page.id;
            let searched = tokio::task::spawn_blocking(move || search(&work, &page, &fetched)).await;
            let done = searched.unwrap_or_else(|error| {
                tracing::error!(error = %error, "a page could not be read; this is a bug worth reporting");
                found_nothing(id, PageState::Failed)
            });
            if let Some(url) = led_to {
                ledger.page_seen(url.to_string(), authority(&url).to_owned(), depth).await?;
            }
            let settled = ledger.page_done(done, stream.is_some()).await?;
            Stream::write(stream.as_ref(), settled).await;
            Ok(Event::PageRecorded { depth })
        });
    }
}

fn found_nothing(id: RowId, state: PageState) -> PageDone {
    PageDone {
        id,
        state,
        reason: None,
        http_status: None,
        final_url: None,
        truncated: None,
        images: Vec::new(),
        pages: Vec::new(),
    }
}

/// What is on a page that came, and is within what the run accepts.
fn search(work: &PageWork, page: &PendingPage, fetched: &Fetched) -> PageDone {
    let led_elsewhere = fetched.url.as_str() != page.url;
    let mut done = PageDone {
        http_status: Some(fetched.status),
        final_url: led_elsewhere.then(|| fetched.url.to_string()),
        truncated: fetched.cut.then(|| "too long".to_owned()),
        ..found_nothing(page.id, PageState::Fetched)
    };
    if led_elsewhere && page.depth == 0 {
        work.frontier.seed_moved(&fetched.url);
    } else if led_elsewhere && !work.frontier.in_scope(&fetched.url) {
        return done;
    }
    let content_type = fetched.content_type.as_deref().unwrap_or("text/html").to_ascii_lowercase();
    if content_type.starts_with("image/") {
        done.images = image_behind_link(work, &fetched.url).into_iter().collect();
    } else if content_type.contains("html") || content_type.contains("xml") {
        let found = extract::extract(&fetched.body, fetched.content_type.as_deref(), &fetched.url, &work.extract);
        done.truncated = done.truncated.or(found.truncated.map(|why| why.to_string()));
        done.images = found.images.into_iter().filter_map(|image| work.frontier.candidate(image)).collect();
        done.pages =
            found.links.into_iter().filter_map(|link| work.frontier.link(link, page.depth)).collect::<Vec<NewPage>>();
    }
    if let Some(why) = &done.truncated {
        tracing::warn!(page.url, why, "a page was read in part");
    }
    done
}

/// A link that looked like a page's and is an image's.
fn image_behind_link(work: &PageWork, url: &Url) -> Option<NewImage> {
    work.frontier.candidate(Candidate {
        url: url.clone(),
        source: extract::Source::Link,
        descriptor: None,
        alt: None,
        title: None,
        caption: None,
    })
}
