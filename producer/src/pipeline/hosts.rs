//! Whether a host may be asked for something now: its robots.txt, its window, its pause.

use std::sync::Arc;

use tokio::time::Instant;
use url::Url;

use super::{Alarm, Event, Pipeline, PipelineError};
use crate::ledger::{HostId, Verdict};
use crate::pace::{May, Pace};
use crate::page_fetch::PageFetch;
use crate::robots::{self, Known, RobotsCache, Rules};
use crate::settings::RunSettings;

/// robots.txt files that are fetched at once.
const ROBOTS_AT_ONCE: usize = 64;

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
    agent: String,
    fetch: PageFetch,
}

impl Hosts {
    pub(super) fn new(settings: &RunSettings, fetch: PageFetch) -> Self {
        Self {
            pace: Pace::new(settings.per_host, settings.delay),
            robots: settings.obey_robots.then(RobotsCache::default),
            robots_under_way: 0,
            agent: settings.robots_agent().to_owned(),
            fetch,
        }
    }

    pub(super) fn gate(&self, host: HostId, url: &Url, now: Instant) -> Gate {
        let known = self.robots.as_ref().map(|robots| robots.of(url, now));
        match &known {
            Some(Known::Awaited) => return Gate::Later(None),
            Some(Known::Rules(rules)) => {
                if let Some(verdict) = rules.against(url) {
                    return Gate::Closed(verdict.into());
                }
            }
            Some(Known::Nothing) | None => {}
        }
        match self.pace.may_begin(host, now) {
            May::Wait(until) => Gate::Later(Some(until)),
            May::Full => Gate::Later(None),
            May::Begin if matches!(known, Some(Known::Nothing)) => {
                if self.robots_under_way < ROBOTS_AT_ONCE {
                    Gate::AskRobots
                } else {
                    Gate::NoRoom
                }
            }
            May::Begin => Gate::Open,
        }
    }

    pub(super) fn learned(&mut self, host: HostId, url: &Url, rules: Rules, now: Instant) {
        self.robots_under_way -= 1;
        if let Some(delay) = rules.crawl_delay() {
            self.pace.set_crawl_delay(host, delay);
        }
        if let Some(robots) = &mut self.robots {
            robots.learned(url, Arc::new(rules), now);
        }
    }
}

impl Pipeline {
    /// Fetches a host's robots.txt, which is a request to the host like any other.
    pub(super) fn ask_robots(&mut self, host: HostId, url: Url, now: Instant) {
        self.hosts.pace.begin(host, now);
        self.hosts.robots_under_way += 1;
        if let Some(robots) = &mut self.hosts.robots {
            robots.asked(&url);
        }
        let (fetch, agent) = (self.hosts.fetch.clone(), self.hosts.agent.clone());
        self.tasks.spawn(async move {
            let rules = robots::fetch(&fetch, &agent, &url).await;
            Ok::<_, PipelineError>(Event::RobotsLearned { host, url, rules })
        });
    }

    /// Remembers to offer a host again at a moment.
    pub(super) fn wake(&mut self, host: HostId, at: Option<Instant>) {
        if let Some(at) = at {
            self.alarms.push(at, Alarm::Host(host));
        }
    }
}
