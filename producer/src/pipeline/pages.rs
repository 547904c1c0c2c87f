//! The pages of a run: which may be fetched now, what is on those that came, what becomes of those that did not.
//!
//! Pages are fetched level by level: one that is further from the seeds waits while a nearer one is under way. So on one
//! host a page is first met on a shortest way to it, and what `--depth` lets in does not depend on timing. A page that is
//! waited for (at rest, or to be tried again) is not under way, and does not hold up the others.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::outcome::Status;
use common::reason::Reason;
use tokio::time::Instant;
use url::Url;

use super::hosts::Gate;
use super::search::{PageWork, found_nothing, search};
use super::{Alarm, Event, Pipeline, PipelineError};
use crate::backlog::{Backlog, Item, Reading};
use crate::following::PageRead;
use crate::ledger::{HostId, Ledger, PageCounts, PageDone, PageKind, PageState, PendingPage, RowId};
use crate::metrics::Retried;
use crate::pace::Heard;
use crate::page_fetch::{AT_ONCE, Answer, Fetched, MAX_PAGE, MAX_SITEMAP, Missed};
use crate::scope::authority;
use crate::stream::Stream;

/// Style sheets, and sitemaps, that a run fetches at most: they cost no depth and are none of the pages that `--max-pages` counts.
const MOST_BESIDE: u64 = 50_000;

/// Sitemaps under way at once: their bodies are larger than any page's.
const SITEMAPS_AT_ONCE: usize = 2;

/// The pages' part of a run's state.
pub(super) struct Pages {
    pub(super) work: Option<Arc<PageWork>>,
    pub(super) backlog: Backlog<PendingPage>,
    /// Pages under way, by depth.
    under_way: BTreeMap<u32, usize>,
    sitemaps_under_way: usize,
    /// Hosts whose next page waits for the end of a level, or of a sitemap.
    held: BTreeSet<HostId>,
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
            sitemaps_under_way: 0,
            held: BTreeSet::new(),
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

    pub(super) fn recorded(&mut self, depth: u32, kind: PageKind) {
        let was_sitemap = kind == PageKind::Sitemap;
        self.sitemaps_under_way -= usize::from(was_sitemap);
        let mut level_ends = false;
        if let Some(count) = self.under_way.get_mut(&depth) {
            *count -= 1;
            level_ends = *count == 0;
            if level_ends {
                self.under_way.remove(&depth);
            }
        }
        if was_sitemap || level_ends {
            for host in std::mem::take(&mut self.held) {
                self.backlog.unpark(host);
            }
        }
    }

    fn has_room(&self) -> bool {
        self.under_way.values().sum::<usize>() < AT_ONCE && self.backlog.peek().is_some()
    }

    /// Whether its level and its kind let a page begin now.
    fn may_begin(&self, next: &PendingPage) -> bool {
        let sitemap_fits = next.kind != PageKind::Sitemap || self.sitemaps_under_way < SITEMAPS_AT_ONCE;
        sitemap_fits && self.under_way.keys().next().is_none_or(|nearest| next.depth <= *nearest)
    }
}

/// Reads pages that wait from the ledger.
pub(super) async fn read(ledger: Ledger, reading: Reading) -> Result<Event, PipelineError> {
    let (host, after) = reading.of();
    let found = ledger.pending_pages(host, after, reading.most()).await;
    Ok(Event::PagesRead(reading, found?))
}

impl Pipeline {
    /// Starts the pages that may start. Says whether any did.
    pub(super) fn start_pages(&mut self, now: Instant) -> bool {
        let Some(work) = self.pages.work.clone() else { return false };
        let mut started = false;
        while !self.pages.stopped && self.pages.has_room() {
            let Some(next) = self.pages.backlog.peek() else { break };
            let begun = next.redirects > 0 || self.pages.attempts.contains_key(&next.id);
            let enough_pages = work.max_pages.is_some_and(|most| self.pages.started >= most);
            let enough_images = work.max_images.is_some_and(|most| self.ledger.counts().found() >= most);
            let beside = match next.kind {
                PageKind::StyleSheet => self.ledger.counts().style_sheets,
                PageKind::Sitemap => self.ledger.counts().sitemaps,
                PageKind::Page | PageKind::Robots => PageCounts::default(),
            };
            let enough_beside = beside.fetched + beside.failed >= MOST_BESIDE;
            // What was begun is brought to its end, and the style sheets of pages that were read belong to them.
            let enough = enough_images || enough_beside || (enough_pages && next.kind != PageKind::StyleSheet);
            if enough && !begun {
                self.pages.backlog.take();
                continue;
            }
            if !self.pages.may_begin(next) {
                // Others may be nearer, or no sitemaps: nobody waits for whoever is in front.
                let host = next.host;
                self.pages.held.insert(host);
                self.pages.backlog.park();
                continue;
            }
            let (host, url, counts) = (next.host, Url::parse(&next.url), !begun && next.kind == PageKind::Page);
            let gate = match &url {
                Ok(url) => self.hosts.gate(host, url, now),
                Err(_) => Gate::Closed((Status::Failed, Reason::BadUrl).into()),
            };
            match (gate, url) {
                (Gate::Open, Ok(url)) => {
                    self.hosts.pace.begin(host, now);
                    self.pages.started += u64::from(counts);
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
                (Gate::Closed(verdict), _) => {
                    if let Some(page) = self.pages.backlog.take() {
                        self.begin(&page);
                        self.page_missed(&page, verdict.reason.into(), verdict.detail);
                    }
                }
                (Gate::NoRoom, _) => {
                    self.pages.backlog.park();
                    self.hosts.wait_for_robots(host);
                }
                (Gate::Open | Gate::AskRobots, Err(_)) => break,
            }
        }
        started
    }

    fn begin(&mut self, page: &PendingPage) {
        *self.pages.under_way.entry(page.depth).or_default() += 1;
        self.pages.sitemaps_under_way += usize::from(page.kind == PageKind::Sitemap);
    }

    fn start_page(&mut self, work: &Arc<PageWork>, url: Url) {
        let Some(page) = self.pages.backlog.take() else { return };
        self.begin(&page);
        let work = Arc::clone(work);
        self.tasks.spawn(async move {
            let cap = if page.kind == PageKind::Sitemap { MAX_SITEMAP } else { MAX_PAGE };
            let (asked, begun) = (SystemTime::now(), Instant::now());
            let result = work.fetch.fetch_there(&url, cap).await;
            Ok(Event::PageArrived { page, result, asked, took: begun.elapsed() })
        });
    }

    /// What asking for a page came to; when it was asked for, and how long that took.
    pub(super) fn page_arrived(
        &mut self,
        page: PendingPage,
        result: Result<Answer, Missed>,
        (asked, took): (SystemTime, Duration),
    ) {
        self.metrics.page_fetches.observe(took);
        let attempt = self.pages.attempts.get(&page.id).copied().unwrap_or(0) + 1;
        match result {
            Ok(Answer::Page(fetched)) => {
                self.pages.attempts.remove(&page.id);
                let bytes = u64::try_from(fetched.body.len()).ok();
                let heard = Heard { status: Some(fetched.status), took: Some(took), bytes, ..Heard::default() };
                self.answered(page.host, &page.url, &heard);
                self.read_page(page, fetched, (asked, took));
            }
            Ok(Answer::Moved(target)) => {
                self.pages.attempts.remove(&page.id);
                // Which redirect it was makes no difference.
                let heard = Heard { status: Some(302), took: Some(took), ..Heard::default() };
                self.answered(page.host, &page.url, &heard);
                match self.follow_page(page, &target) {
                    Ok(()) => {}
                    Err((page, Some(reason))) => self.page_missed(&page, reason.into(), None),
                    Err((page, None)) => {
                        let left = found_nothing(page.id, PageState::Fetched);
                        self.record_page(&page, PageDone { final_url: Some(target.into()), ..left });
                    }
                }
            }
            Err(missed) => {
                let heard = Heard::of(&missed, took);
                match self.next_try(page.host, &page.url, &heard, attempt, self.pages.retries) {
                    Some(delay) => {
                        tracing::debug!(page.url, reason = %missed.reason, attempt, "a page failed; trying again");
                        self.metrics.retried(Retried::Page);
                        self.pages.attempts.insert(page.id, attempt);
                        self.pages.waiting_for_retry += 1;
                        self.pages.recorded(page.depth, page.kind);
                        self.alarms.push(Instant::now() + delay, Alarm::Page(page));
                    }
                    None => self.page_missed(&page, missed, None),
                }
            }
        }
    }

    fn page_missed(&mut self, page: &PendingPage, missed: Missed, detail: Option<String>) {
        self.pages.attempts.remove(&page.id);
        let blocked = matches!(missed.reason, Reason::Robots | Reason::PrivateAddress | Reason::Scheme);
        let state = if blocked { PageState::Blocked } else { PageState::Failed };
        tracing::debug!(page.url, reason = %missed.reason, "a page was {}", if blocked { "blocked" } else { "missed" });
        if !blocked {
            self.failed(page.url.clone(), missed.reason);
        }
        let nothing = found_nothing(page.id, state);
        let done = PageDone { reason: Some(missed.reason), http_status: missed.status, detail, ..nothing };
        self.record_page(page, done);
    }

    fn record_page(&mut self, page: &PendingPage, done: PageDone) {
        let (ledger, depth, kind) = (self.ledger.clone(), page.depth, page.kind);
        self.tasks.spawn(async move {
            ledger.page_done(done, false).await?;
            Ok(Event::PageRecorded { depth, kind })
        });
    }

    /// Parses a page away from the threads that serve the network, and records what is on it.
    fn read_page(&mut self, page: PendingPage, fetched: Fetched, (asked, took): (SystemTime, Duration)) {
        let Some(work) = self.pages.work.clone() else { return };
        let (ledger, stream) = (self.ledger.clone(), self.stream.clone());
        let following = self.images.dispatch.following().cloned();
        self.tasks.spawn(async move {
            let PendingPage { id, depth, kind, .. } = page;
            let led_to = (page.redirects > 0).then(|| fetched.url.clone());
            let (url, status, began) = (page.url.clone(), fetched.status, SystemTime::now());
            let size_bytes = fetched.body.len();
            let searched = tokio::task::spawn_blocking(move || search(&work, &page, &fetched)).await;
            let done = searched.unwrap_or_else(|error| {
                tracing::error!(error = %error, "a page could not be read; this is a bug worth reporting");
                found_nothing(id, PageState::Failed)
            });
            if let Some(url) = led_to {
                ledger.page_seen(url.to_string(), authority(&url).to_owned(), depth).await?;
            }
            let (searched, images, links) = ((began, SystemTime::now()), done.images.len(), done.pages.len());
            let recorded = ledger.page_done(done, stream.is_some()).await?;
            tracing::debug!(
                page.url = url,
                http_status = status,
                duration_ms = took.as_millis(),
                size_bytes,
                images,
                links,
                "a page is done"
            );
            if let Some(following) = following.filter(|_| recorded.is_followed) {
                following.page(&PageRead { page: id, url: &url, status, asked, took, searched, images });
            }
            Stream::write(stream.as_ref(), recorded.settled).await;
            Ok(Event::PageRecorded { depth, kind })
        });
    }
}
