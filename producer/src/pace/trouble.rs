//! Hosts that do not answer, or only with "not now": how long they are left alone, and when they are given up. A host with
//! ten thousand images and no server must cost a minute, not days, and a server that is restarted must lose nothing.
//!
//! Trouble goes in rounds. What was out when a round began belongs to it, however much that is; after it the host rests,
//! longer each time. Any answer but "not now" ends the trouble.

use std::time::Duration;

use tokio::time::Instant;

use super::rate::Epoch;

/// Failures in a row, without an answer in between, that are no accident any more.
const FAILURES: u32 = 3;

/// How long a host is waited for: it is given up after the first round in which both are reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// So many rounds, however long they take.
    pub(super) rounds: u32,
    /// So long, however many rounds that is.
    pub(super) time: Duration,
}

impl Patience {
    /// With a host that answered before: it may be started anew. With rests of 1, 2, 4, 8 and 16 s that is the sixth round
    /// if failing takes no time, and the third if it takes a minute.
    pub(super) const KNOWN: Self = Self { rounds: 3, time: Duration::from_secs(30) };

    /// With a host that never answered. Old lists are full of them.
    pub(super) const STRANGER: Self = Self { rounds: 2, time: Duration::from_secs(10) };

    /// As patient as this, and at most for so long.
    pub(super) fn at_most(self, longest: Duration) -> Self {
        Self { time: self.time.min(longest), ..self }
    }

    /// As patient as this for so long.
    pub(super) fn lasting(self, time: Duration) -> Self {
        Self { time, ..self }
    }
}

/// The rest after the first round without an answer, and the longest.
const FIRST_SILENT: Duration = Duration::from_secs(1);
const LONGEST_SILENT: Duration = Duration::from_secs(30);

/// The rest after the first "not now" of a host that does not say how long, and the longest.
const FIRST_BUSY: Duration = Duration::from_secs(2);
const LONGEST_BUSY: Duration = Duration::from_mins(1);

/// What follows from an answer, or from there being none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// Nothing.
    GoOn,
    /// Leave the host alone.
    Rest(Duration),
    /// Do not ask it any more.
    GiveUp,
}

/// The trouble with one host, or that there is none.
#[derive(Debug, Default, Clone, Copy)]
pub(super) struct Trouble {
    failures: u32,
    rounds: u32,
    since: Option<Instant>,
    round: Epoch,
    silent: bool,
}

impl Trouble {
    /// Whether the host is asked only to see whether it is back: one request at a time.
    pub(super) fn is_probed(&self) -> bool {
        self.silent && self.rounds > 0
    }

    /// Whether there is something to remember.
    pub(super) fn is_any(&self) -> bool {
        self.rounds > 0
    }

    /// The host answered.
    pub(super) fn ends(&mut self) {
        if self.since.is_some() {
            *self = Self::default();
        }
    }

    /// Whether it has lasted as long as a host is usually waited for.
    pub(super) fn is_hopeless(&self, now: Instant) -> bool {
        self.has_lasted(Patience::KNOWN, now)
    }

    fn has_lasted(&self, patience: Patience, now: Instant) -> bool {
        self.rounds >= patience.rounds && self.since.is_some_and(|since| now - since >= patience.time)
    }

    /// A request failed without an answer; `others` are out.
    pub(super) fn silence(&mut self, others: usize, patience: Patience, now: Instant) -> Verdict {
        self.silent = true;
        self.failures = self.failures.saturating_add(1);
        self.since.get_or_insert(now);
        if self.round.takes() || (self.rounds == 0 && self.failures < FAILURES) {
            return Verdict::GoOn;
        }
        self.next_round(others);
        if self.has_lasted(patience, now) {
            return Verdict::GiveUp;
        }
        Verdict::Rest(doubled(FIRST_SILENT, self.rounds).min(LONGEST_SILENT))
    }

    /// The host said "not now", and perhaps until when; `others` are out. It is waited for at most `longest`.
    pub(super) fn refusal(
        &mut self,
        wish: Option<Duration>,
        others: usize,
        longest: Duration,
        now: Instant,
    ) -> Verdict {
        self.silent = false;
        self.failures = 0;
        self.since.get_or_insert(now);
        if wish.is_some_and(|wish| wish > longest) {
            return Verdict::GiveUp;
        }
        if !self.round.takes() {
            self.next_round(others);
            if self.has_lasted(Patience::KNOWN.lasting(longest), now) {
                return Verdict::GiveUp;
            }
        }
        // A host that was asked when it said and refuses again is not right about it.
        let least = if self.rounds > 1 { doubled(FIRST_BUSY, self.rounds - 1) } else { Duration::ZERO };
        let own = wish.map_or_else(|| doubled(FIRST_BUSY, self.rounds), |wish| wish.max(least));
        Verdict::Rest(own.min(LONGEST_BUSY.max(wish.unwrap_or_default())).min(longest))
    }

    fn next_round(&mut self, others: usize) {
        self.rounds = self.rounds.saturating_add(1);
        self.round.begin(others);
    }
}

/// `first` in the first round, twice as long in each one after it.
fn doubled(first: Duration, round: u32) -> Duration {
    first.saturating_mul(2_u32.saturating_pow(round.saturating_sub(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const LONGEST: Duration = Duration::from_mins(10);

    /// Asks one at a time as soon as the host's rest is over, each failing after `takes`, until the host is given up.
    /// Returns how often it was asked and how long that took.
    fn probe(takes: Duration, patience: Patience) -> (u32, Duration) {
        let (mut trouble, begun) = (Trouble::default(), Instant::now());
        let mut now = begun;
        for asked in 1..100_000 {
            now += takes;
            match trouble.silence(0, patience, now) {
                Verdict::GoOn => {}
                Verdict::Rest(rest) => now += rest,
                Verdict::GiveUp => return (asked, now - begun),
            }
        }
        panic!("never given up");
    }

    #[test]
    fn a_dead_host_is_given_up_after_few_tries_and_bounded_time() {
        for (patience, takes, tries, within) in [
            (Patience::KNOWN, 0, 8, 31),
            (Patience::KNOWN, 1, 8, 40),
            (Patience::KNOWN, 10, 6, 70),
            (Patience::KNOWN, 60, 5, 310),
            (Patience::STRANGER, 0, 7, 16),
            (Patience::STRANGER, 10, 4, 50),
            (Patience::STRANGER, 60, 4, 250),
        ] {
            let (asked, took) = probe(SECOND * takes, patience);
            assert!(asked <= tries && took <= SECOND * within, "{patience:?}, {takes} s: {asked} tries, {took:?}");
            assert!(took >= patience.time, "a restart takes a while");
        }
    }

    #[test]
    fn in_an_outage_of_our_own_hosts_are_waited_for_longer() {
        let (asked, took) = probe(Duration::ZERO, Patience::KNOWN.lasting(LONGEST));
        assert!(took >= LONGEST && took < LONGEST + SECOND * 31 && asked < 40, "{asked} tries, {took:?}");
    }

    #[test]
    fn what_was_out_together_fails_together() {
        let (mut trouble, now) = (Trouble::default(), Instant::now());
        let verdicts: Vec<Verdict> = (0..8).rev().map(|others| trouble.silence(others, Patience::KNOWN, now)).collect();
        let mut expected = vec![Verdict::GoOn; 8];
        expected[2] = Verdict::Rest(SECOND);
        assert_eq!(verdicts, expected);
        assert!(trouble.is_probed());
        assert_eq!(trouble.silence(0, Patience::KNOWN, now + SECOND), Verdict::Rest(SECOND * 2), "the second round");
        trouble.ends();
        assert!(!trouble.is_probed() && !trouble.is_any());
    }

    #[test]
    fn single_failures_between_answers_are_no_trouble() {
        let (mut trouble, now) = (Trouble::default(), Instant::now());
        for second in 0..1_000 {
            assert_eq!(trouble.silence(7, Patience::KNOWN, now + SECOND * second), Verdict::GoOn);
            assert_eq!(trouble.silence(7, Patience::KNOWN, now + SECOND * second), Verdict::GoOn);
            trouble.ends();
        }
    }

    #[test]
    fn a_refusal_is_heeded_as_it_says_or_longer_each_time() {
        let rests = |wish: Option<u64>| {
            let (mut trouble, now) = (Trouble::default(), Instant::now());
            let wish = wish.map(Duration::from_secs);
            let rest = |_| match trouble.refusal(wish, 0, LONGEST, now) {
                Verdict::Rest(rest) => rest.as_secs(),
                other => panic!("{other:?}"),
            };
            (0..7).map(rest).collect::<Vec<_>>()
        };
        assert_eq!(rests(None), [2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(rests(Some(0)), [0, 2, 4, 8, 16, 32, 60]);
        assert_eq!(rests(Some(7)), [7, 7, 7, 8, 16, 32, 60]);
        assert_eq!(rests(Some(300)), [300; 7]);
    }

    #[test]
    fn a_host_is_waited_for_no_longer_than_the_user_allows() {
        let (mut trouble, now) = (Trouble::default(), Instant::now());
        assert_eq!(trouble.refusal(Some(LONGEST), 0, LONGEST, now), Verdict::Rest(LONGEST));
        assert_eq!(trouble.refusal(Some(LONGEST + SECOND), 0, LONGEST, now), Verdict::GiveUp);
        let mut trouble = Trouble::default();
        assert_eq!(trouble.refusal(None, 0, SECOND, now), Verdict::Rest(SECOND));
        assert_eq!(trouble.refusal(Some(SECOND), 0, SECOND, now + SECOND), Verdict::Rest(SECOND));
        assert_eq!(trouble.refusal(None, 0, SECOND, now + SECOND * 2), Verdict::GiveUp, "it never says anything else");
    }

    #[test]
    fn silence_and_refusals_in_turn_are_one_trouble() {
        let (mut trouble, mut now) = (Trouble::default(), Instant::now());
        for _ in 0..200 {
            now += SECOND * 10;
            let verdict = trouble.silence(0, Patience::KNOWN, now);
            if verdict == Verdict::GiveUp {
                return;
            }
            now += SECOND * 10;
            if trouble.refusal(None, 0, LONGEST, now) == Verdict::GiveUp {
                return;
            }
        }
        panic!("never given up");
    }
}
