//! The pace of each host: how many requests are out to it at once across the whole fleet, how long the pause between two
//! is, and until when it is left alone. Pages and images of a host share its window. Pure bookkeeping on a clock that is
//! handed in; nobody waits here.
//!
//! With a pause, one request is out at a time and the pause begins when it is known to be done. Spacing what is handed out
//! would be quicker and would promise nothing: two messages that waited differently long in the queue reach the server
//! closer together than they left.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::ledger::HostId;

/// Whether a request may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Now.
    Begin,
    /// Not before this moment.
    Wait(Instant),
    /// When one that is out comes back.
    Full,
}

#[derive(Debug, Default, Clone, Copy)]
struct Host {
    out: usize,
    /// Earliest start of the next request.
    next: Option<Instant>,
    /// What robots.txt asks for.
    crawl_delay: Duration,
}

impl Host {
    /// Between two requests: the longer of the user's delay and what robots.txt asks for.
    fn pause(&self, delay: Duration) -> Duration {
        delay.max(self.crawl_delay)
    }
}

/// The paces of all hosts that are busy or resting.
#[derive(Debug)]
pub struct Pace {
    per_host: usize,
    delay: Duration,
    hosts: HashMap<HostId, Host>,
}

/// Above so many hosts, those that are idle are forgotten.
const REMEMBERED: usize = 50_000;

impl Pace {
    /// `per_host` requests of a host at once (0: no limit), or one at a time with a pause of `delay` between two.
    #[must_use]
    pub fn new(per_host: usize, delay: Duration) -> Self {
        Self { per_host, delay, hosts: HashMap::new() }
    }

    /// Whether a request to `host` may begin.
    #[must_use]
    pub fn may_begin(&self, host: HostId, now: Instant) -> May {
        let Some(state) = self.hosts.get(&host) else {
            return May::Begin;
        };
        let limit = if state.pause(self.delay).is_zero() { self.per_host } else { 1 };
        match state.next {
            Some(next) if next > now => May::Wait(next),
            _ if limit > 0 && state.out >= limit => May::Full,
            _ => May::Begin,
        }
    }

    /// A request to `host` begins.
    pub fn begin(&mut self, host: HostId, now: Instant) {
        if self.hosts.len() >= REMEMBERED {
            self.hosts.retain(|_, host| {
                host.out > 0 || !host.crawl_delay.is_zero() || host.next.is_some_and(|next| next > now)
            });
        }
        self.hosts.entry(host).or_default().out += 1;
    }

    /// A request to `host` is done.
    pub fn finish(&mut self, host: HostId, now: Instant) {
        let Some(state) = self.hosts.get_mut(&host) else { return };
        state.out = state.out.saturating_sub(1);
        let pause = state.pause(self.delay);
        if !pause.is_zero() {
            state.next = state.next.max(Some(now + pause));
        }
    }

    /// Leaves `host` alone until a moment; an earlier one than was said before changes nothing.
    pub fn rest(&mut self, host: HostId, until: Instant) {
        let state = self.hosts.entry(host).or_default();
        state.next = state.next.max(Some(until));
    }

    /// What robots.txt of `host` asks for; the longer of it and the user's delay holds.
    pub fn set_crawl_delay(&mut self, host: HostId, delay: Duration) {
        self.hosts.entry(host).or_default().crawl_delay = delay;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_window_is_full_at_its_limit_and_opens_when_one_comes_back() {
        let (mut pace, now) = (Pace::new(2, Duration::ZERO), Instant::now());
        pace.begin(1, now);
        assert_eq!(pace.may_begin(1, now), May::Begin);
        pace.begin(1, now);
        assert_eq!(pace.may_begin(1, now), May::Full);
        assert_eq!(pace.may_begin(2, now), May::Begin, "another host");
        pace.finish(1, now);
        assert_eq!(pace.may_begin(1, now), May::Begin);
    }

    #[test]
    fn without_a_limit_a_host_is_never_full() {
        let (mut pace, now) = (Pace::new(0, Duration::ZERO), Instant::now());
        (0..10_000).for_each(|_| pace.begin(1, now));
        assert_eq!(pace.may_begin(1, now), May::Begin);
    }

    #[test]
    fn with_a_pause_one_is_out_at_a_time_and_the_next_begins_a_pause_after_its_end() {
        let (mut pace, now) = (Pace::new(8, SECOND), Instant::now());
        pace.begin(1, now);
        assert_eq!(pace.may_begin(1, now + SECOND * 5), May::Full);
        pace.finish(1, now + SECOND * 5);
        assert_eq!(pace.may_begin(1, now + SECOND * 5), May::Wait(now + SECOND * 6));
        assert_eq!(pace.may_begin(1, now + SECOND * 6), May::Begin);
        assert_eq!(pace.may_begin(2, now), May::Begin, "another host");
    }

    #[test]
    fn robots_may_only_lengthen_the_pause() {
        let (mut pace, now) = (Pace::new(8, SECOND), Instant::now());
        for (host, crawl_delay, pause) in [(1, SECOND * 5, SECOND * 5), (2, SECOND / 5, SECOND)] {
            pace.set_crawl_delay(host, crawl_delay);
            pace.begin(host, now);
            pace.finish(host, now);
            assert_eq!(pace.may_begin(host, now), May::Wait(now + pause));
        }
    }

    #[test]
    fn a_resting_host_stays_at_rest_and_others_do_not() {
        let (mut pace, now) = (Pace::new(8, Duration::ZERO), Instant::now());
        pace.rest(1, now + SECOND * 9);
        pace.rest(1, now + SECOND);
        assert_eq!(pace.may_begin(1, now), May::Wait(now + SECOND * 9));
        assert_eq!(pace.may_begin(2, now), May::Begin);
    }
}
