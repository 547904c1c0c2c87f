//! The pace of each host: how many requests are out to it at once across the whole fleet, how long the pause between two
//! is, until when it is left alone, and whether it is worth asking at all. Pages, images and robots.txt of a host share its
//! window. Pure bookkeeping on a clock that is handed in; nobody waits here.
//!
//! With a pause, one request is out at a time and the pause begins when it is known to be done. Spacing what is handed out
//! would be quicker and would promise nothing: two messages that waited differently long in the queue reach the server
//! closer together than they left.
//!
//! What is out cannot be called back: when a host asks for rest, what is in the task queue for it still comes. The window
//! bounds that.

mod rate;
mod trouble;

use std::collections::HashMap;
use std::time::Duration;

use common::reason::Reason;
use tokio::time::Instant;

use self::rate::{Rate, Sign};
use self::trouble::{Patience, Trouble, Verdict};
use crate::ledger::HostId;
use crate::page_fetch::Missed;

/// Above so many hosts, those of which there is nothing to remember are forgotten.
const REMEMBERED: usize = 50_000;

/// A host that is given up stays so for this long, as an answer about robots.txt does.
const GIVEN_UP_FOR: Duration = Duration::from_hours(24);

/// So many hosts that fail without any host answering in between are no coincidence: the network is ours.
const OUTAGE: usize = 3;

/// Longest bodies whose time says something of the server rather than of the line, in bytes.
const SMALL: u64 = 256 << 10;

/// Whether a request may begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum May {
    /// Now.
    Begin,
    /// Not before this moment.
    Wait(Instant),
    /// When one that is out comes back.
    Full,
    /// Not any more: the host is given up, for this reason.
    Never(Reason),
}

/// What is known of a request that is done.
#[derive(Debug, Clone, Copy, Default)]
pub struct Heard {
    /// Why it came to nothing, if it did.
    pub reason: Option<Reason>,
    /// The status code, if the server answered.
    pub status: Option<u16>,
    /// What `Retry-After` asked for.
    pub retry_after: Option<Duration>,
    /// Whether another try would end in the same way: there is no such host.
    pub is_final: bool,
    /// From the request to the last byte.
    pub took: Option<Duration>,
    /// Length of what came, in bytes.
    pub bytes: Option<u64>,
}

/// The hosts that are left alone for a while, because they asked for it or do not answer.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AtRest {
    /// How many they are.
    pub hosts: usize,
    /// Those that rest longest, the longest first, [`AtRest::NAMED`] at most.
    pub longest: Vec<Resting>,
    /// How often a host was given up so far; those are not among the others.
    pub given_up: u64,
}

impl AtRest {
    /// So many hosts are told one by one.
    pub const NAMED: usize = 50;
}

/// A host at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resting {
    /// Its number in the ledger, where its name is.
    pub host: HostId,
    /// When it is asked again.
    pub until: Instant,
}

/// What it says of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// It answered as it should, be it that there is nothing.
    Well,
    /// It answered that something is wrong, and not what.
    Unwell,
    /// It answered "not now".
    Busy,
    /// It did not answer.
    Silent(Reason),
    /// Nothing: it was not asked.
    NotAsked,
}

impl Heard {
    /// A page or robots.txt that did not come.
    #[must_use]
    pub fn of(missed: &Missed, took: Duration) -> Self {
        let Missed { reason, status, retry_after, is_final } = *missed;
        Self { reason: Some(reason), status, retry_after, is_final, took: Some(took), bytes: None }
    }

    fn meaning(&self) -> Meaning {
        match (self.reason, self.status) {
            (_, Some(429 | 503)) => Meaning::Busy,
            // A body that never ends is as good as no answer.
            (Some(reason @ (Reason::Timeout | Reason::TooSlow)), _)
            | (
                Some(reason @ (Reason::Connect | Reason::Dns | Reason::Tls | Reason::Network | Reason::BadHttp)),
                None,
            ) => Meaning::Silent(reason),
            // A head that is too long is an answer, of which no status is told.
            (_, Some(500..)) | (Some(Reason::Headers), None) => Meaning::Unwell,
            (_, Some(_)) => Meaning::Well,
            (_, None) => Meaning::NotAsked,
        }
    }

    /// What it says of the host's load.
    fn sign(&self, meaning: Meaning) -> Sign {
        match meaning {
            Meaning::Well => Sign::Good(self.took.filter(|_| self.bytes.is_none_or(|bytes| bytes <= SMALL))),
            Meaning::Busy | Meaning::Silent(Reason::Timeout | Reason::TooSlow) => Sign::Bad,
            Meaning::Unwell | Meaning::Silent(_) | Meaning::NotAsked => Sign::Neither,
        }
    }
}

/// What became of a host by a request that is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Nothing new.
    None,
    /// It is left alone for so long.
    Rests(Duration),
    /// It is given up, for this reason.
    GivenUp(Reason),
    /// It would be given up, but no host answers: it is our network. Told once until one answers.
    Outage,
    /// It was given up, and answers after all.
    Back,
}

#[derive(Debug)]
struct Host {
    out: usize,
    /// Earliest start of the next request.
    next: Option<Instant>,
    /// Until when it is left alone because something is wrong; the pause between two requests is none of that.
    rests_until: Option<Instant>,
    /// What robots.txt asks for.
    crawl_delay: Duration,
    rate: Rate,
    trouble: Trouble,
    answered: bool,
    given_up: Option<GivenUp>,
}

#[derive(Debug, Clone, Copy)]
struct GivenUp {
    reason: Reason,
    until: Instant,
    /// Whether the host itself said until when. Then no answer that was under way changes it.
    at_its_wish: bool,
}

impl Host {
    fn new(per_host: usize) -> Self {
        Self {
            out: 0,
            next: None,
            rests_until: None,
            crawl_delay: Duration::ZERO,
            rate: Rate::new(per_host),
            trouble: Trouble::default(),
            answered: false,
            given_up: None,
        }
    }

    /// Between two requests: the longer of the user's delay and what robots.txt asks for.
    fn pause(&self, delay: Duration) -> Duration {
        delay.max(self.crawl_delay)
    }

    /// Requests at once; 0: no limit.
    fn limit(&self, delay: Duration) -> usize {
        if self.trouble.is_probed() || !self.pause(delay).is_zero() { 1 } else { self.rate.limit() }
    }

    fn given_up(&self, now: Instant) -> Option<Reason> {
        self.given_up.filter(|given_up| now < given_up.until).map(|given_up| given_up.reason)
    }

    fn rest(&mut self, until: Instant) {
        self.next = self.next.max(Some(until));
        self.rests_until = self.rests_until.max(Some(until));
    }

    /// Until when it is at rest, if it is, and not given up.
    fn rests_until(&self, now: Instant) -> Option<Instant> {
        self.rests_until.filter(|until| *until > now && self.given_up(now).is_none())
    }

    /// It answered as if nothing were the matter.
    fn answers(&mut self) -> News {
        self.answered = true;
        self.trouble.ends();
        match self.given_up {
            Some(given_up) if !given_up.at_its_wish => {
                self.given_up = None;
                News::Back
            }
            _ => News::None,
        }
    }

    /// Does what follows from its trouble. `wish`: for how long it asked to be left alone, if that is why it is given up.
    fn obey(&mut self, verdict: Verdict, reason: Reason, wish: Option<Duration>, now: Instant) -> News {
        match verdict {
            Verdict::GoOn => News::None,
            Verdict::Rest(rest) => {
                // Of a burst that says the same the first is news.
                let is_news = self.next.is_none_or(|next| next + Duration::from_secs(1) < now + rest);
                self.rest(now + rest);
                if is_news { News::Rests(rest) } else { News::None }
            }
            Verdict::GiveUp => {
                let before = self.given_up.filter(|given_up| now < given_up.until);
                let until = (now + wish.unwrap_or(GIVEN_UP_FOR)).max(before.map_or(now, |before| before.until));
                let at_its_wish = wish.is_some() || before.is_some_and(|before| before.at_its_wish);
                self.given_up = Some(GivenUp { reason, until, at_its_wish });
                if before.is_none() { News::GivenUp(reason) } else { News::None }
            }
        }
    }

    /// Whether forgetting it would break a promise, or forget what was learned.
    fn is_memorable(&self, now: Instant) -> bool {
        self.out > 0
            || !self.crawl_delay.is_zero()
            || self.next.is_some_and(|next| next > now)
            || !self.rate.is_full()
            || self.trouble.is_any()
            || self.given_up(now).is_some()
    }
}

/// The paces of all hosts that are busy or resting, or that something was learned of.
#[derive(Debug)]
pub struct Pace {
    per_host: usize,
    delay: Duration,
    longest_rest: Duration,
    hosts: HashMap<HostId, Host>,
    /// So many hosts make it worth looking for those that can be forgotten.
    sweep_at: usize,
    /// Whether any host ever answered.
    answered: bool,
    /// Hosts that failed since one last answered, up to [`OUTAGE`]. Only those that can answer, as far as is known: at the end
    /// of a run, hosts that never did may be all that is left.
    silent: Vec<HostId>,
    outage_told: bool,
    given_up: u64,
}

impl Pace {
    /// `per_host` requests of a host at once (0: no limit), or one at a time with a pause of `delay` between two. A host that
    /// wants to be left alone for longer than `longest_rest` is given up.
    #[must_use]
    pub fn new(per_host: usize, delay: Duration, longest_rest: Duration) -> Self {
        Self {
            per_host,
            delay,
            longest_rest,
            hosts: HashMap::new(),
            sweep_at: REMEMBERED,
            answered: false,
            silent: Vec::new(),
            outage_told: false,
            given_up: 0,
        }
    }

    /// Whether a request to `host` may begin.
    #[must_use]
    pub fn may_begin(&self, host: HostId, now: Instant) -> May {
        let Some(state) = self.hosts.get(&host) else {
            return May::Begin;
        };
        if let Some(reason) = state.given_up(now) {
            return May::Never(reason);
        }
        let limit = state.limit(self.delay);
        match state.next {
            Some(next) if next > now => May::Wait(next),
            _ if limit > 0 && state.out >= limit => May::Full,
            _ => May::Begin,
        }
    }

    /// A request to `host` begins.
    pub fn begin(&mut self, host: HostId, now: Instant) {
        if self.hosts.len() >= self.sweep_at {
            self.hosts.retain(|_, host| host.is_memorable(now));
            self.sweep_at = REMEMBERED.max(self.hosts.len() * 2);
        }
        self.host(host).out += 1;
    }

    /// A request to `host` is done, and nothing is known of it.
    pub fn finish(&mut self, host: HostId, now: Instant) {
        let Some(state) = self.hosts.get_mut(&host) else { return };
        state.out = state.out.saturating_sub(1);
        let pause = state.pause(self.delay);
        if !pause.is_zero() {
            state.next = state.next.max(Some(now + pause));
        }
    }

    /// A request to `host` is done, and came to this.
    pub fn answered(&mut self, host: HostId, heard: &Heard, now: Instant) -> News {
        let meaning = if self.is_final(host, heard) { Meaning::NotAsked } else { heard.meaning() };
        match meaning {
            Meaning::Well | Meaning::Unwell | Meaning::Busy => {
                self.answered = true;
                self.silent.clear();
                self.outage_told = false;
            }
            Meaning::Silent(_) => self.note_silence(host),
            Meaning::NotAsked => {}
        }
        let is_outage = self.silent.len() >= OUTAGE;
        let longest = self.longest_rest;
        let state = self.host(host);
        let others = state.out.saturating_sub(1);
        state.rate.hear(heard.sign(meaning), state.out, now);
        let mut news = match meaning {
            Meaning::Well | Meaning::Unwell => state.answers(),
            Meaning::Busy => {
                state.answered = true;
                let verdict = state.trouble.refusal(heard.retry_after, others, longest, now);
                let reason = heard.reason.unwrap_or(Reason::Http(heard.status.unwrap_or_default()));
                state.obey(verdict, reason, heard.retry_after.filter(|wish| *wish > longest), now)
            }
            Meaning::Silent(reason) => {
                let usual = if state.answered { Patience::KNOWN } else { Patience::STRANGER };
                let patience = if is_outage { usual.lasting(longest) } else { usual.at_most(longest) };
                let verdict = state.trouble.silence(others, patience, now);
                state.obey(verdict, reason, None, now)
            }
            Meaning::NotAsked => News::None,
        };
        let is_hopeless = state.trouble.is_hopeless(now);
        match news {
            News::GivenUp(_) => self.given_up += 1,
            _ if is_outage && is_hopeless && !self.outage_told => {
                self.outage_told = true;
                news = News::Outage;
            }
            _ => {}
        }
        self.finish(host, now);
        news
    }

    /// Whether no further try can end otherwise. That a host does not exist is believed of one that never answered, and only
    /// while others do: else it may be our resolver that is wrong.
    #[must_use]
    pub fn is_final(&self, host: HostId, heard: &Heard) -> bool {
        let known = self.hosts.get(&host).is_some_and(|host| host.answered);
        heard.is_final && self.answered && !known
    }

    fn note_silence(&mut self, host: HostId) {
        let ever = self.answered;
        let can_answer = !ever || self.host(host).answered;
        if can_answer && self.silent.len() < OUTAGE && !self.silent.contains(&host) {
            self.silent.push(host);
        }
    }

    fn host(&mut self, host: HostId) -> &mut Host {
        let per_host = self.per_host;
        self.hosts.entry(host).or_insert_with(|| Host::new(per_host))
    }

    /// Leaves `host` alone until a moment; an earlier one than was said before changes nothing.
    pub fn rest(&mut self, host: HostId, until: Instant) {
        self.host(host).rest(until);
    }

    /// What robots.txt of `host` asks for, from now on; the longest of it, what another robots.txt of the host asks for (by
    /// another scheme) and the user's delay holds.
    pub fn set_crawl_delay(&mut self, host: HostId, delay: Duration) {
        let state = self.host(host);
        state.crawl_delay = state.crawl_delay.max(delay);
    }

    /// How often a host was given up.
    #[must_use]
    pub fn given_up(&self) -> u64 {
        self.given_up
    }

    /// The hosts that are left alone for a while. Looks at every host that is remembered: for once a second, not for each event.
    #[must_use]
    pub fn at_rest(&self, now: Instant) -> AtRest {
        let resting = self.hosts.iter().filter_map(|(host, state)| Some((state.rests_until(now)?, *host)));
        let mut resting: Vec<(Instant, HostId)> = resting.collect();
        let hosts = resting.len();
        if hosts > AtRest::NAMED {
            resting.select_nth_unstable_by(AtRest::NAMED, |one, other| other.cmp(one));
            resting.truncate(AtRest::NAMED);
        }
        resting.sort_unstable_by(|one, other| other.cmp(one));
        let longest = resting.into_iter().map(|(until, host)| Resting { host, until }).collect();
        AtRest { hosts, longest, given_up: self.given_up }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_mins(10);

    fn of(per_host: usize, delay: Duration) -> (Pace, Instant) {
        (Pace::new(per_host, delay, LONGEST), Instant::now())
    }

    #[test]
    fn hosts_that_rest_are_told_and_pauses_and_given_up_ones_are_not() {
        let (mut pace, now) = of(8, SECOND);
        for host in 1..=60 {
            let wish = Some(SECOND * u32::try_from(host).expect("small"));
            ask(&mut pace, host, &Heard { retry_after: wish, ..status(503) }, now);
        }
        ask(&mut pace, 98, &status(200), now);
        ask(&mut pace, 99, &Heard { retry_after: Some(LONGEST * 2), ..status(503) }, now);
        let told = pace.at_rest(now);
        assert_eq!((told.hosts, told.longest.len(), told.given_up), (60, AtRest::NAMED, 1));
        assert_eq!(told.longest[0], Resting { host: 60, until: now + SECOND * 60 });
        assert_eq!(told.longest[49].host, 11);
        let later = pace.at_rest(now + SECOND * 59);
        assert_eq!((later.hosts, later.longest[0].host), (1, 60));
        assert_eq!(pace.at_rest(now + SECOND * 60).hosts, 0);
    }

    fn status(status: u16) -> Heard {
        let reason = (status >= 400).then_some(Reason::Http(status));
        Heard { reason, status: Some(status), ..Heard::default() }
    }

    fn silence(reason: Reason) -> Heard {
        Heard { reason: Some(reason), ..Heard::default() }
    }

    /// One request, from begin to end.
    fn ask(pace: &mut Pace, host: HostId, heard: &Heard, now: Instant) -> News {
        pace.begin(host, now);
        pace.answered(host, heard, now)
    }

    /// Asks `host` whenever it may be asked, each try failing after `takes`, until it is given up or `until`.
    fn ask_in_vain(pace: &mut Pace, host: HostId, reason: Reason, mut now: Instant, until: Instant) -> (u32, Instant) {
        let mut asked = 0;
        while now < until {
            match pace.may_begin(host, now) {
                May::Begin => {
                    ask(pace, host, &silence(reason), now);
                    asked += 1;
                }
                May::Wait(next) => now = next,
                May::Never(why) => {
                    assert_eq!(why, reason);
                    break;
                }
                May::Full => panic!("one at a time"),
            }
        }
        (asked, now)
    }

    #[test]
    fn the_window_is_full_at_its_limit_and_opens_when_one_comes_back() {
        let (mut pace, now) = of(2, Duration::ZERO);
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
        let (mut pace, now) = of(0, Duration::ZERO);
        (0..10_000).for_each(|_| pace.begin(1, now));
        assert_eq!(pace.may_begin(1, now), May::Begin);
    }

    #[test]
    fn with_a_pause_one_is_out_at_a_time_and_the_next_begins_a_pause_after_its_end() {
        let (mut pace, now) = of(8, SECOND);
        pace.begin(1, now);
        assert_eq!(pace.may_begin(1, now + SECOND * 5), May::Full);
        pace.finish(1, now + SECOND * 5);
        assert_eq!(pace.may_begin(1, now + SECOND * 5), May::Wait(now + SECOND * 6));
        assert_eq!(pace.may_begin(1, now + SECOND * 6), May::Begin);
        assert_eq!(pace.may_begin(2, now), May::Begin, "another host");
    }

    #[test]
    fn robots_may_only_lengthen_the_pause() {
        let (mut pace, now) = of(8, SECOND);
        for (host, crawl_delay, pause) in [(1, SECOND * 5, SECOND * 5), (2, SECOND / 5, SECOND)] {
            pace.set_crawl_delay(host, crawl_delay);
            pace.begin(host, now);
            pace.finish(host, now);
            assert_eq!(pace.may_begin(host, now), May::Wait(now + pause));
        }
    }

    #[test]
    fn a_resting_host_stays_at_rest_and_others_do_not() {
        let (mut pace, now) = of(8, Duration::ZERO);
        pace.rest(1, now + SECOND * 9);
        pace.rest(1, now + SECOND);
        assert_eq!(pace.may_begin(1, now), May::Wait(now + SECOND * 9));
        assert_eq!(pace.may_begin(2, now), May::Begin);
    }

    #[test]
    fn the_longest_crawl_delay_of_a_host_holds_at_once() {
        let (mut pace, now) = of(8, Duration::ZERO);
        pace.begin(1, now);
        pace.begin(1, now);
        pace.set_crawl_delay(1, SECOND * 5);
        pace.set_crawl_delay(1, SECOND);
        pace.finish(1, now);
        assert_eq!(pace.may_begin(1, now + SECOND * 6), May::Full, "one that is out is as many as may be");
        pace.finish(1, now + SECOND);
        assert_eq!(pace.may_begin(1, now + SECOND), May::Wait(now + SECOND * 6));
    }

    #[test]
    fn what_an_answer_means_depends_on_who_is_to_blame() {
        let case = |reason, status| Heard { reason, status, ..Heard::default() }.meaning();
        for (reason, status, meaning) in [
            (None, Some(200), Meaning::Well),
            (None, Some(301), Meaning::Well),
            (Some(Reason::Http(404)), Some(404), Meaning::Well),
            (Some(Reason::NotAnImage), Some(200), Meaning::Well),
            (Some(Reason::Truncated), Some(200), Meaning::Well),
            (Some(Reason::Http(429)), Some(429), Meaning::Busy),
            (Some(Reason::Http(503)), Some(503), Meaning::Busy),
            (Some(Reason::Http(500)), Some(500), Meaning::Unwell),
            (Some(Reason::Connect), None, Meaning::Silent(Reason::Connect)),
            (Some(Reason::Dns), None, Meaning::Silent(Reason::Dns)),
            (Some(Reason::Tls), None, Meaning::Silent(Reason::Tls)),
            (Some(Reason::Network), None, Meaning::Silent(Reason::Network)),
            (Some(Reason::Network), Some(200), Meaning::Well),
            (Some(Reason::Timeout), None, Meaning::Silent(Reason::Timeout)),
            (Some(Reason::Timeout), Some(200), Meaning::Silent(Reason::Timeout)),
            (Some(Reason::TooSlow), Some(200), Meaning::Silent(Reason::TooSlow)),
            (Some(Reason::BadHttp), None, Meaning::Silent(Reason::BadHttp)),
            (Some(Reason::BadHttp), Some(200), Meaning::Well),
            (Some(Reason::Headers), None, Meaning::Unwell),
            (Some(Reason::PrivateAddress), None, Meaning::NotAsked),
            (Some(Reason::DeadLettered), None, Meaning::NotAsked),
            (None, None, Meaning::NotAsked),
        ] {
            assert_eq!(case(reason, status), meaning, "{reason:?} {status:?}");
        }
    }

    #[test]
    fn a_throttled_host_rests_as_it_asks_and_comes_back_with_half_its_window() {
        let (mut pace, now) = of(8, Duration::ZERO);
        (0..8).for_each(|_| pace.begin(1, now));
        let busy = Heard { retry_after: Some(SECOND * 9), ..status(429) };
        assert_eq!(pace.answered(1, &busy, now), News::Rests(SECOND * 9));
        (1..8).for_each(|_| assert_eq!(pace.answered(1, &busy, now), News::None, "the same news"));
        assert_eq!(pace.may_begin(1, now + SECOND * 8), May::Wait(now + SECOND * 9));
        assert_eq!(ask(&mut pace, 2, &status(200), now), News::None);
        assert_eq!(pace.may_begin(2, now), May::Begin, "another host");
        let then = now + SECOND * 9;
        (0..4).for_each(|_| {
            assert_eq!(pace.may_begin(1, then), May::Begin);
            pace.begin(1, then);
        });
        assert_eq!(pace.may_begin(1, then), May::Full);
    }

    #[test]
    fn a_host_that_wants_too_long_a_rest_is_given_up_until_then_whatever_else_it_says() {
        let (mut pace, now) = of(8, Duration::ZERO);
        pace.begin(1, now);
        let busy = Heard { retry_after: Some(LONGEST * 2), ..status(429) };
        assert_eq!(ask(&mut pace, 1, &busy, now), News::GivenUp(Reason::Http(429)));
        assert_eq!(pace.answered(1, &status(200), now), News::None, "it was under way before");
        assert_eq!(pace.may_begin(1, now + LONGEST), May::Never(Reason::Http(429)));
        assert_eq!(pace.may_begin(1, now + LONGEST * 2), May::Begin);
        assert_eq!(pace.given_up(), 1);
    }

    #[test]
    fn a_dead_host_is_given_up_and_comes_back_with_an_answer_that_was_under_way() {
        let (mut pace, now) = of(8, Duration::ZERO);
        assert_eq!(ask(&mut pace, 2, &status(200), now), News::None, "the network is there");
        pace.begin(1, now);
        let (asked, then) = {
            let mut state = now;
            let mut asked = 0;
            loop {
                match pace.may_begin(1, state) {
                    May::Never(reason) => break (asked, (state, reason)),
                    May::Wait(next) => state = next,
                    // One is under way all the time: the host is not probed beside it.
                    May::Full => {
                        pace.answered(1, &silence(Reason::Connect), state);
                        pace.begin(1, state);
                        asked += 1;
                    }
                    May::Begin => {
                        ask(&mut pace, 1, &silence(Reason::Connect), state);
                        asked += 1;
                    }
                }
            }
        };
        assert_eq!(then.1, Reason::Connect);
        assert!(asked <= 10 && then.0 - now <= SECOND * 60, "{asked} tries in {:?}", then.0 - now);
        assert_eq!(pace.answered(1, &status(200), then.0), News::Back);
        assert_eq!(pace.may_begin(1, then.0 + SECOND * 60), May::Begin);
    }

    #[test]
    fn hosts_that_never_answered_are_given_up_though_nobody_else_is_left() {
        let (mut pace, now) = of(8, Duration::ZERO);
        ask(&mut pace, 9, &status(404), now);
        for host in 1..=5 {
            let (asked, then) = ask_in_vain(&mut pace, host, Reason::Dns, now, now + LONGEST);
            assert!(asked <= 10 && then - now <= SECOND * 60, "{asked} tries in {:?}", then - now);
        }
        assert_eq!(pace.given_up(), 5);
    }

    #[test]
    fn when_all_hosts_fall_silent_at_once_it_is_our_network_and_none_is_given_up_soon() {
        let (mut pace, now) = of(8, Duration::ZERO);
        for host in 1..=3 {
            ask(&mut pace, host, &status(200), now);
        }
        for host in 1..=3 {
            ask(&mut pace, host, &silence(Reason::Dns), now);
        }
        for host in 1..=3 {
            ask_in_vain(&mut pace, host, Reason::Dns, now, now + LONGEST / 2);
            assert!(matches!(pace.may_begin(host, now + LONGEST), May::Begin), "{host}");
        }
        assert!(pace.outage_told && pace.given_up() == 0);
        // One answer is enough: it was not ours.
        ask(&mut pace, 1, &status(200), now + LONGEST / 2);
        ask_in_vain(&mut pace, 2, Reason::Dns, now + LONGEST / 2, now + LONGEST);
        assert_eq!(pace.may_begin(2, now + LONGEST), May::Never(Reason::Dns));
        // And an outage is not waited out for ever.
        let (mut pace, now) = of(8, Duration::ZERO);
        for host in 1..=3 {
            ask(&mut pace, host, &silence(Reason::Connect), now);
        }
        let (_, then) = ask_in_vain(&mut pace, 1, Reason::Connect, now, now + LONGEST * 2);
        assert!(then < now + LONGEST + SECOND * 31 && then >= now + LONGEST, "{:?}", then - now);
    }

    #[test]
    fn hosts_that_are_done_with_are_forgotten_and_those_with_a_promise_are_not() {
        let (mut pace, now) = of(8, Duration::ZERO);
        ask(&mut pace, -1, &Heard { retry_after: Some(LONGEST * 2), ..status(503) }, now);
        pace.rest(-2, now + SECOND);
        for host in 0..200_000 {
            ask(&mut pace, host, &status(200), now);
        }
        assert!(pace.hosts.len() <= REMEMBERED, "{}", pace.hosts.len());
        assert_eq!(pace.may_begin(-1, now), May::Never(Reason::Http(503)));
        assert_eq!(pace.may_begin(-2, now), May::Wait(now + SECOND));
    }

    /// A host that bears `bears` requests at once and refuses what is beyond, each taking a tenth of a second, for ten
    /// minutes. Returns how many requests it served and refused.
    fn crawl_a_host_that_bears(bears: usize, per_host: usize) -> (usize, usize) {
        let (mut pace, begun) = of(per_host, Duration::ZERO);
        let (mut now, mut served, mut refused) = (begun, 0, 0);
        // The ends of those that are served and of those that are refused.
        let mut out: Vec<(Instant, u16)> = Vec::new();
        while now < begun + LONGEST {
            while out.len() < 50 && pace.may_begin(1, now) == May::Begin {
                pace.begin(1, now);
                let busy = out.iter().filter(|(_, status)| *status == 200).count();
                let (takes_ms, answer) = if busy < bears { (100, 200) } else { (1, 429) };
                out.push((now + Duration::from_millis(takes_ms), answer));
            }
            out.sort();
            if out.is_empty() {
                match pace.may_begin(1, now) {
                    May::Wait(next) => now = next,
                    other => panic!("{other:?}, and nothing is out"),
                }
                continue;
            }
            let (end, answer) = out.remove(0);
            now = end;
            served += usize::from(answer == 200);
            refused += usize::from(answer == 429);
            pace.answered(1, &Heard { took: Some(Duration::from_millis(100)), ..status(answer) }, now);
        }
        (served, refused)
    }

    #[test]
    fn the_window_finds_what_a_host_bears_and_stays_there() {
        for (bears, per_host) in [(3, 8), (1, 8), (6, 8), (8, 8), (20, 0)] {
            let (served, refused) = crawl_a_host_that_bears(bears, per_host);
            let most = bears * 6_000;
            println!("{bears} of {per_host}: {served} served of {most}, {refused} refused");
            assert!(served * 10 > most * 6, "bears {bears} of {per_host}: {served} of {most} were served");
            assert!(refused * 20 < served, "bears {bears} of {per_host}: {refused} refused, {served} served");
        }
    }
}
