//! The faults, and in which order they come: dealt from a shuffled deck, so that a short storm has many kinds and a long
//! one has each of them often.

use std::time::Duration;

use harness::Random;

/// What happens to whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    KillDownloader,
    FreezeDownloader,
    DrainDownloader,
    StopDownloaderAtOnce,
    KillProducer,
    InterruptProducer,
    FreezeProducer,
    RestartBroker,
    KillBroker,
    ResetWire,
    HoldWire,
    SlowWire,
    SiteUnavailable,
    SiteResetting,
    SiteCutting,
    SiteStalling,
}

/// How often each kind is in the deck.
const DECK: [(Kind, usize); 16] = [
    (Kind::KillDownloader, 4),
    (Kind::FreezeDownloader, 2),
    (Kind::DrainDownloader, 2),
    (Kind::StopDownloaderAtOnce, 1),
    (Kind::KillProducer, 3),
    (Kind::InterruptProducer, 2),
    (Kind::FreezeProducer, 1),
    (Kind::RestartBroker, 1),
    (Kind::KillBroker, 1),
    (Kind::ResetWire, 4),
    (Kind::HoldWire, 2),
    (Kind::SlowWire, 1),
    (Kind::SiteUnavailable, 1),
    (Kind::SiteResetting, 1),
    (Kind::SiteCutting, 1),
    (Kind::SiteStalling, 1),
];

/// Mean time from one fault to the next.
const MEAN: Duration = Duration::from_millis(4_500);

/// The longest time that anything is frozen or held. Above twice the heartbeat: the broker gives such a program up.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);

impl Kind {
    /// All kinds, as the table lists them.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        DECK.into_iter().map(|(kind, _)| kind)
    }

    /// What it is called.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::KillDownloader => "downloader killed",
            Self::FreezeDownloader => "downloader frozen",
            Self::DrainDownloader => "downloader drained",
            Self::StopDownloaderAtOnce => "downloader told twice to stop",
            Self::KillProducer => "producer killed",
            Self::InterruptProducer => "producer interrupted",
            Self::FreezeProducer => "producer frozen",
            Self::RestartBroker => "broker restarted",
            Self::KillBroker => "broker killed",
            Self::ResetWire => "connections to the broker reset",
            Self::HoldWire => "connections to the broker held",
            Self::SlowWire => "connections to the broker slowed",
            Self::SiteUnavailable => "site unavailable (503)",
            Self::SiteResetting => "site resets connections",
            Self::SiteCutting => "site cuts answers",
            Self::SiteStalling => "site stalls",
        }
    }
}

/// One fault of a storm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What.
    pub(crate) kind: Kind,
    /// Which of several it strikes: a number that each kind takes the remainder of.
    pub(crate) whom: u64,
    /// How long it lasts, or how long what died stays away.
    pub(crate) lasts: Duration,
    /// How long after the one before it.
    pub(crate) after: Duration,
}

/// The faults of a storm, without end.
pub(crate) struct Deck {
    random: Random,
    longest: Duration,
    cards: Vec<Kind>,
}

impl Deck {
    /// The faults of `seed` for a storm of this length: in a short one nothing lasts long.
    pub(crate) fn new(seed: u64, storm: Duration) -> Self {
        Self { random: Random::of(seed, 1), longest: LONGEST.min(storm / 4), cards: Vec::new() }
    }
}

impl Iterator for Deck {
    type Item = Fault;

    fn next(&mut self) -> Option<Fault> {
        if self.cards.is_empty() {
            self.cards = DECK.into_iter().flat_map(|(kind, count)| [kind].repeat(count)).collect();
            self.random.shuffle(&mut self.cards);
        }
        let kind = self.cards.pop()?;
        let whom = self.random.next();
        let (least, most) = match kind {
            Kind::FreezeDownloader | Kind::FreezeProducer | Kind::HoldWire => (Duration::from_secs(1), self.longest),
            Kind::SlowWire => (Duration::from_secs(1), self.longest / 2),
            Kind::SiteUnavailable | Kind::SiteResetting | Kind::SiteCutting | Kind::SiteStalling => {
                (Duration::from_millis(300), Duration::from_secs(5))
            }
            _ => (Duration::ZERO, Duration::from_secs(2)),
        };
        let lasts = self.random.between(least, most);
        let after = self.random.between(MEAN / 2, MEAN * 3 / 2);
        Some(Fault { kind, whom, lasts, after })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STORM: Duration = Duration::from_mins(10);

    #[test]
    fn a_seed_gives_the_same_storm_again() {
        let storm = |seed| Deck::new(seed, STORM).take(200).collect::<Vec<_>>();
        assert_eq!(storm(1), storm(1));
        assert_ne!(storm(1), storm(2));
    }

    #[test]
    fn there_are_more_than_ten_faults_a_minute_and_none_is_too_long() {
        for seed in 0..20 {
            let faults: Vec<Fault> = Deck::new(seed, STORM).take(120).collect();
            assert!(faults.iter().map(|fault| fault.after).sum::<Duration>() < STORM);
            assert!(faults.iter().all(|fault| fault.lasts <= LONGEST));
        }
    }
}
