//! Whether a host may be asked for something now: its robots.txt, its window, its pause; and what its answers lead to.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::Duration;

use common::outcome::Status;
use tokio::time::Instant;
use url::Url;

use super::{Alarm, Event, Pipeline, PipelineError};
use crate::ledger::{HostId, Verdict};
use crate::pace::{Heard, May, News, Pace};
use crate::page_fetch::{Missed, PageFetch};
use crate::retry;
use crate::robots::{self, Known, RobotsCache, Rules};
use crate::scope::authority;
use crate::settings::RunSettings;

/// robots.txt files that are fetched at once.
const ROBOTS_AT_ONCE: usize = 64;

/// A robots.txt is asked for again no later than after this try's back-off: the host's own rest grows beside it.
const LAST_BACKOFF: u32 = 3;

/// Hosts in trouble that are named in the log; of further ones only their number is told.
const NAMED: u64 = 50;

/// Rests from this long on are worth a line to whoever watches the run.
const LONG_REST: Duration = Duration::from_secs(10);

/// What stands between a URL and its request.
pub(super) enum Gate {
    /// Nothing.
    Open,
    /// This outcome.
    Closed(Verdict),
    /// The host is not to be asked before something happens (or a moment comes).
    Later(Option<Instant>),
    /// The host's robots.txt is not known.
    AskRobots,
    /// The host's robots.txt is not known, and enough of them are being fetched.
    NoRoom,
}

/// All hosts of a run.
pub(super) struct Hosts {
    pub(super) pace: Pace,
    robots: Option<RobotsCache>,
    robots_under_way: usize,
    /// Tries so far of robots.txt files that did not come.
    robots_tries: HashMap<HostId, u32>,
    /// Hosts whose robots.txt is to be asked for when there is room.
    robots_wait: BTreeSet<HostId>,
    agent: String,
    fetch: PageFetch,
}

impl Hosts {
    pub(super) fn new(settings: &RunSettings, fetch: PageFetch) -> Self {
        Self {
            pace: Pace::new(settings.per_host, settings.delay, settings.longest_rest),
            robots: settings.obey_robots.then(RobotsCache::default),
            robots_under_way: 0,
            robots_tries: HashMap::new(),
            robots_wait: BTreeSet::new(),
            agent: settings.robots_agent().to_owned(),
            fetch,
        }
    }

    pub(super) fn gate(&self, host: HostId, url: &Url, now: Instant) -> Gate {
        let known = self.robots.as_ref().map(|robots| robots.of(url, now));
        if let Some(Known::Awaited) = known {
            return Gate::Later(None);
        }
        match self.pace.may_begin(host, now) {
            May::Never(reason) => Gate::Closed(Verdict {
                status: Status::Failed,
                reason,
                detail: Some("the host was given up".to_owned()),
            }),
            May::Wait(until) => Gate::Later(Some(until)),
            May::Full => Gate::Later(None),
            // The rules last: they may be many, and a host is looked at more often than it is asked.
            May::Begin => match known {
                Some(Known::Rules(rules)) => rules.against(url).map_or(Gate::Open, Gate::Closed),
                Some(Known::Nothing) if self.robots_under_way < ROBOTS_AT_ONCE => Gate::AskRobots,
                Some(Known::Nothing) => Gate::NoRoom,
                Some(Known::Awaited) | None => Gate::Open,
            },
        }
    }

    fn learned(&mut self, host: HostId, url: &Url, rules: Rules, now: Instant) {
        self.robots_tries.remove(&host);
        if let Some(delay) = rules.crawl_delay() {
            self.pace.set_crawl_delay(host, delay);
        }
        if let Some(robots) = &mut self.robots {
            robots.learned(url, Arc::new(rules), now);
        }
    }

    /// There was no room for one more robots.txt; the host is offered again when there is.
    pub(super) fn wait_for_robots(&mut self, host: HostId) {
        self.robots_wait.insert(host);
    }
}

impl Pipeline {
    /// Fetches a host's robots.txt, which is a request to the host like any other.
    pub(super) fn ask_robots(&mut self, host: HostId, url: Url, now: Instant) {
        self.hosts.pace.begin(host, now);
        self.hosts.robots_under_way += 1;
        self.hosts.robots_wait.remove(&host);
        if let Some(robots) = &mut self.hosts.robots {
            robots.asked(&url);
        }
        let (fetch, agent) = (self.hosts.fetch.clone(), self.hosts.agent.clone());
        self.tasks.spawn(async move {
            let begun = Instant::now();
            let rules = robots::fetch(&fetch, &agent, &url).await;
            Ok::<_, PipelineError>(Event::RobotsLearned { host, url, rules, took: begun.elapsed() })
        });
    }

    /// Offers as many hosts again as there is room for further robots.txt files.
    pub(super) fn offer_waiting_for_robots(&mut self) {
        for _ in self.hosts.robots_under_way..ROBOTS_AT_ONCE {
            let Some(host) = self.hosts.robots_wait.pop_first() else { return };
            self.unpark(host);
        }
    }

    /// A host's robots.txt came, or not. It decides about everything on the host, so passing trouble is waited out: a few
    /// times if the server says so, and as long as the pace does not give the host up if it says nothing at all.
    pub(super) fn robots_learned(&mut self, host: HostId, url: &Url, rules: Result<Rules, Missed>, took: Duration) {
        let now = Instant::now();
        self.hosts.robots_under_way -= 1;
        match rules {
            Ok(rules) => {
                self.hosts.learned(host, url, rules, now);
                self.answered(host, url.as_str(), &Heard { status: Some(200), took: Some(took), ..Heard::default() });
            }
            Err(missed) => {
                let tries = self.hosts.robots_tries.entry(host).or_default();
                *tries += 1;
                let (tries, retries) = match missed.status {
                    Some(_) => (*tries, robots::RETRIES),
                    None => ((*tries).min(LAST_BACKOFF), LAST_BACKOFF),
                };
                let again = self.next_try(host, url.as_str(), &Heard::of(&missed, took), tries, retries);
                let is_given_up = matches!(self.hosts.pace.may_begin(host, now), May::Never(_));
                if again.is_none() && !is_given_up {
                    self.hosts.learned(host, url, robots::closed(missed.reason), now);
                    return;
                }
                if is_given_up {
                    self.hosts.robots_tries.remove(&host);
                }
                if let Some(robots) = &mut self.hosts.robots {
                    robots.missed(url);
                }
                if let Some(delay) = again {
                    self.hosts.pace.rest(host, now + delay);
                }
            }
        }
    }

    /// A request to a host is done and came to `heard`: the pace learns from it, and the next one may begin. Returns how
    /// long to wait before it is tried again, if it is.
    pub(super) fn next_try(
        &mut self,
        host: HostId,
        url: &str,
        heard: &Heard,
        attempt: u32,
        retries: u32,
    ) -> Option<Duration> {
        let is_final = self.hosts.pace.is_final(host, heard);
        self.answered(host, url, heard);
        if is_final || matches!(self.hosts.pace.may_begin(host, Instant::now()), May::Never(_)) {
            return None;
        }
        retry::delay(heard.reason?, attempt, retries, heard.retry_after)
    }

    /// A request to a host is done and came to `heard`; it is not to be tried again.
    pub(super) fn answered(&mut self, host: HostId, url: &str, heard: &Heard) {
        let news = self.hosts.pace.answered(host, heard, Instant::now());
        if news != News::None {
            self.tell(url, news);
        }
        self.unpark(host);
    }

    /// Says what became of the host of `url`.
    fn tell(&self, url: &str, news: News) {
        let url = Url::parse(url).ok();
        let host = url.as_ref().map(authority).unwrap_or_default();
        match news {
            News::None => {}
            News::Rests(rest) if rest < LONG_REST => tracing::debug!(host, ?rest, "a host is left alone for a while"),
            News::Rests(rest) => tracing::info!(host, ?rest, "a host is left alone for a while"),
            News::Back => tracing::info!(host, "a host that was given up answers after all"),
            News::Outage => {
                tracing::warn!(host, "no host answers any more: is the network gone? Waiting for it, and trying again");
            }
            News::GivenUp(reason) => match self.hosts.pace.given_up() {
                number if number <= NAMED => {
                    tracing::warn!(host, %reason, "a host is given up; what else is wanted of it has failed");
                }
                number if number.is_power_of_two() => {
                    tracing::warn!(hosts = number, "many hosts are given up; further ones are not named");
                }
                _ => tracing::debug!(host, %reason, "a host is given up"),
            },
        }
    }

    /// Remembers to offer a host again at a moment.
    pub(super) fn wake(&mut self, host: HostId, at: Option<Instant>) {
        if let Some(at) = at {
            self.alarms.push(at, Alarm::Host(host));
        }
    }
}
