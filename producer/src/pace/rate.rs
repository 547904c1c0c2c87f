//! How many requests a host bears at once, learned from its answers: halved when the host throttles, does not answer in
//! time, or answers ever more slowly; one more for each window of good answers. Nothing here is above what the user allows.
//!
//! The window at which a host complained is tried again only now and then: with a host that bears three, four would be
//! refused every other second.
//!
//! As in TCP's congestion avoidance, what was out when the window was cut says nothing new about it: a burst of sixteen
//! refusals is one sign.

use std::time::Duration;

use tokio::time::Instant;

/// The window grows at most so often, however quick the answers are.
const GROWS_EVERY: Duration = Duration::from_millis(500);

/// A window grows by this part of itself, at least by one: a large one would take minutes otherwise.
const GROWS_BY: usize = 16;

/// The window at which a host complained is not tried again for so long.
const AGAIN_AFTER: Duration = Duration::from_secs(10);

/// Answers whose mean is looked at.
const RECENT: f64 = 8.0;

/// How slowly the best mean is forgotten, in answers: a host that is slower from now on is no alarm for ever.
const FORGOTTEN: f64 = 64.0;

/// Answers before their mean says anything.
const FIRST: u32 = 8;

/// Slower than the best mean by this factor, and by this much, is an alarm. The second keeps what costs nobody anything,
/// such as 3 ms after 1 ms, from being one.
const ALARM_FACTOR: f64 = 2.0;
const ALARM_MORE: Duration = Duration::from_millis(250);

/// What an answer says of the host's load.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// It bears more, if it took no longer than usual (where that is known).
    Good(Option<Duration>),
    /// It does not bear this much.
    Bad,
    /// Nothing.
    Neither,
}

/// What was out at a moment, in so far as it has not come back since. Answers are counted, not told apart.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Epoch(usize);

impl Epoch {
    /// Begins with one more answer in hand, and `others` still out.
    pub(super) fn begin(&mut self, others: usize) {
        self.0 = others;
    }

    /// Whether an answer that comes now belongs to what was out then.
    pub(super) fn takes(&mut self) -> bool {
        let takes = self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        takes
    }
}

/// The window of one host.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    /// As the user says; 0: no limit.
    most: usize,
    /// As the host's answers say. 0: no limit, as long as the user sets none and the host has not complained.
    limit: usize,
    cut: Epoch,
    /// Good answers since the window last changed.
    good: usize,
    grew: Option<Instant>,
    /// Whether there was a good answer since the host last complained.
    content: bool,
    /// The window at which the host last complained, having been content before, and when. 0: none to mind.
    wall: usize,
    complained: Option<Instant>,
    /// Means of the time that answers took, in seconds.
    recent: f64,
    best: f64,
    heard: u32,
}

impl Rate {
    /// `most` requests at once to begin with, and never more (0: no limit).
    pub(super) fn new(most: usize) -> Self {
        Self {
            most,
            limit: most,
            cut: Epoch::default(),
            good: 0,
            grew: None,
            content: false,
            wall: 0,
            complained: None,
            recent: 0.0,
            best: 0.0,
            heard: 0,
        }
    }

    /// Requests at once; 0: no limit.
    pub(super) fn limit(&self) -> usize {
        self.limit
    }

    /// Whether there is nothing to remember.
    pub(super) fn is_full(&self) -> bool {
        self.limit == self.most
    }

    /// Takes in what an answer says; `out` requests were out, this one included.
    pub(super) fn hear(&mut self, sign: Sign, out: usize, now: Instant) {
        let stale = self.cut.takes();
        let slow = match sign {
            Sign::Good(Some(took)) => self.measure(took),
            _ => false,
        };
        match sign {
            Sign::Bad if !stale => self.halve(out, now),
            // Only what we ask of a host can be less; one that is slow with a request or two is just slow.
            Sign::Good(_) if slow && !stale && self.limit > 1 && out >= self.limit => self.halve(out, now),
            Sign::Good(_) if !slow && !stale => self.grow(now),
            _ => {}
        }
    }

    fn halve(&mut self, out: usize, now: Instant) {
        let from = if self.limit == 0 { out } else { self.limit };
        // Complaints on end are one: the first says what it bears.
        if self.wall == 0 || self.content {
            self.wall = from;
        }
        self.content = false;
        self.complained = Some(now);
        self.limit = (from / 2).max(1);
        self.cut.begin(out.saturating_sub(1));
        self.good = 0;
    }

    fn grow(&mut self, now: Instant) {
        self.content = true;
        if self.is_full() {
            return;
        }
        self.good += 1;
        if self.good < self.limit || self.grew.is_some_and(|grew| now < grew + GROWS_EVERY) {
            return;
        }
        let mut limit = self.limit + (self.limit / GROWS_BY).max(1);
        if self.wall > 0 && limit >= self.wall {
            if self.complained.is_some_and(|complained| now < complained + AGAIN_AFTER) {
                limit = self.wall - 1;
            } else {
                self.wall = 0;
            }
        }
        if self.most > 0 {
            limit = limit.min(self.most);
        }
        if limit > self.limit {
            self.limit = limit;
            self.good = 0;
            self.grew = Some(now);
        }
    }

    /// Notes how long an answer took. Says whether answers have become slow.
    fn measure(&mut self, took: Duration) -> bool {
        if self.limit == 0 {
            return false;
        }
        let took = took.as_secs_f64();
        self.heard = self.heard.saturating_add(1);
        if self.heard == 1 {
            self.recent = took;
        } else {
            self.recent += (took - self.recent) / RECENT;
        }
        if self.heard < FIRST {
            return false;
        }
        if self.heard == FIRST || self.recent < self.best {
            self.best = self.recent;
        } else {
            self.best += (self.recent - self.best) / FORGOTTEN;
        }
        self.recent > self.best * ALARM_FACTOR && self.recent - self.best > ALARM_MORE.as_secs_f64()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Sign = Sign::Good(Some(Duration::from_millis(20)));

    /// Answers come one by one while the window is full, a second apart.
    fn hear_all(rate: &mut Rate, signs: &[Sign], from: Instant) -> Vec<usize> {
        let limits = signs.iter().zip(1..).map(|(sign, second)| {
            let out = rate.limit().max(1);
            rate.hear(*sign, out, from + Duration::from_secs(second));
            rate.limit()
        });
        limits.collect()
    }

    #[test]
    fn a_window_is_halved_once_for_all_that_was_out_and_grows_by_one_for_each_window() {
        let mut rate = Rate::new(8);
        let now = Instant::now();
        let burst = [Sign::Bad; 8];
        assert_eq!(hear_all(&mut rate, &burst, now), [4; 8], "one sign, however many say it");
        assert_eq!(hear_all(&mut rate, &[Sign::Bad; 4], now), [2; 4]);
        assert_eq!(hear_all(&mut rate, &[Sign::Bad; 3], now), [1; 3]);
        assert_eq!(hear_all(&mut rate, &[QUICK; 6], now), [2, 2, 3, 3, 3, 4]);
        let limits = hear_all(&mut rate, &[QUICK; 60], now);
        assert_eq!(limits.last(), Some(&8), "and never beyond what the user allows");
    }

    #[test]
    fn however_quick_the_answers_a_window_grows_slowly() {
        let mut rate = Rate::new(64);
        let now = Instant::now();
        rate.hear(Sign::Bad, 1, now);
        for _ in 0..1_000 {
            rate.hear(QUICK, 32, now + Duration::from_secs(1));
        }
        assert_eq!(rate.limit(), 34, "a sixteenth at a time");

        // Where it complained, it is left at for a while.
        let mut rate = Rate::new(8);
        hear_all(&mut rate, &[QUICK; 9], now);
        rate.hear(Sign::Bad, 1, now);
        let limits: Vec<usize> = (0..200)
            .map(|step| {
                rate.hear(QUICK, 1, now + Duration::from_millis(100 * step));
                rate.limit()
            })
            .collect();
        assert_eq!((limits[50], limits[99], limits[150]), (7, 7, 8), "{limits:?}");
    }

    #[test]
    fn without_a_limit_there_is_none_before_the_host_complains() {
        let mut rate = Rate::new(0);
        let now = Instant::now();
        assert_eq!(hear_all(&mut rate, &[QUICK, Sign::Neither], now), [0, 0]);
        rate.hear(Sign::Bad, 300, now);
        assert_eq!(rate.limit(), 150, "from what was out");
        (0..100_000).for_each(|step| rate.hear(QUICK, 1, now + Duration::from_millis(10 * step)));
        assert!(rate.limit() > 300, "slowly more after: {}", rate.limit());
    }

    #[test]
    fn answers_that_take_ever_longer_narrow_the_window_of_a_host_that_is_busy_with_us() {
        let slow = Sign::Good(Some(Duration::from_millis(900)));
        for (usual_ms, slow_ms, out, narrower) in
            [(100, 900, 8, true), (100, 900, 1, false), (1, 3, 8, false), (1, 200, 8, false), (900, 1_100, 8, false)]
        {
            let mut rate = Rate::new(8);
            let now = Instant::now();
            let answer = |ms| Sign::Good(Some(Duration::from_millis(ms)));
            (0..50).for_each(|_| rate.hear(answer(usual_ms), out, now));
            assert!(rate.is_full());
            (0..20).for_each(|_| rate.hear(answer(slow_ms), out, now));
            assert_eq!(rate.limit() < 8, narrower, "{usual_ms} ms, then {slow_ms} ms, {out} out");
        }
        // What lasts is what is usual: the window is not narrow for ever.
        let mut rate = Rate::new(8);
        let now = Instant::now();
        hear_all(&mut rate, &[QUICK; 50], now);
        let limits = hear_all(&mut rate, &[slow; 400], now);
        assert_eq!((limits.iter().min(), limits.last()), (Some(&1), Some(&8)));
    }

    /// Whatever comes, the window is at least one and at most what the user says, and always opens again.
    #[test]
    fn no_history_closes_a_window_or_leaves_it_narrow_for_ever() {
        for seed in 0..200_u64 {
            let mut state = seed;
            let mut random = |below: u64| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % below
            };
            let most = [0, 1, 2, 8, 500][usize::try_from(seed % 5).expect("small")];
            let (mut rate, mut now) = (Rate::new(most), Instant::now());
            for _ in 0..500 {
                now += Duration::from_millis(random(700));
                let sign = match random(6) {
                    0 => Sign::Bad,
                    1 => Sign::Neither,
                    2 => Sign::Good(None),
                    _ => Sign::Good(Some(Duration::from_millis(random(5_000)))),
                };
                rate.hear(sign, usize::try_from(random(600)).expect("small"), now);
                assert!(if most == 0 { true } else { (1..=most).contains(&rate.limit()) }, "{rate:?}");
            }
            for _ in 0..500_000 {
                now += Duration::from_millis(100);
                rate.hear(QUICK, 1, now);
                if rate.is_full() || rate.limit() >= 500 {
                    break;
                }
            }
            assert!(rate.is_full() || rate.limit() >= 500, "seed {seed}: {rate:?}");
        }
    }
}
