//! What a run's producer says of itself while a dashboard watches the run: `live.json` in the run's folder, written anew every
//! second. The producer knows all of it without asking anybody, so a watched run does next to nothing more than others do; from the
//! ledger, whoever watches would have to count a million rows every second. Nobody watches: there is no such file.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use common::wire;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::tally::{self, Tally};
use crate::ledger::{HostId, Ledger, RowId};
use crate::pipeline::Live;

/// The file in the run's folder.
const FILE: &str = "live.json";

/// How often it is written.
const EVERY: Duration = Duration::from_secs(1);

/// Workers that are told of, at most.
const MOST_WORKERS: usize = 1000;

/// A run at work, at one moment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Glimpse {
    /// When, in milliseconds since 1970 UTC by the producer's clock: one that changes is one that is written.
    pub(crate) at: u64,
    /// Whether nothing is handed out because somebody wants a pause.
    pub(crate) paused: bool,
    /// Whether the broker takes no messages.
    pub(crate) blocked: bool,
    /// Images that are out.
    pub(crate) out: usize,
    /// Images that may be out.
    pub(crate) window: usize,
    /// Downloaders that consume.
    pub(crate) downloaders: usize,
    /// The numbers.
    pub(crate) tally: Tally,
    /// How many hosts rest.
    pub(crate) at_rest: usize,
    /// How often a host was given up.
    pub(crate) given_up: u64,
    /// Those that rest longest.
    pub(crate) resting: Vec<Resting>,
    /// The workers that replied in the last minute.
    pub(crate) workers: Vec<Worker>,
    /// The images that were kept last, the newest last.
    pub(crate) stored: Vec<RowId>,
    /// The images that were not, likewise.
    pub(crate) failed: Vec<RowId>,
}

/// A host at rest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Resting {
    /// Its number in the ledger.
    pub(crate) host: HostId,
    /// For so long from then on.
    pub(crate) for_ms: u64,
}

/// A worker of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Worker {
    /// Its name.
    pub(crate) name: String,
    /// Images that it fetches at once.
    pub(crate) concurrency: usize,
    /// How long before its last reply came.
    pub(crate) ago_ms: u64,
}

impl Glimpse {
    fn of(live: &Live, tally: Tally, now: Instant) -> Self {
        let resting = live.at_rest.longest.iter().map(|resting| Resting {
            host: resting.host,
            for_ms: milliseconds(resting.until.saturating_duration_since(now)),
        });
        let workers = live.closer.workers.iter().take(MOST_WORKERS).map(|heard| Worker {
            name: heard.worker.clone(),
            concurrency: heard.concurrency,
            ago_ms: milliseconds(heard.ago),
        });
        Self {
            at: milliseconds(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()),
            paused: live.paused,
            blocked: live.blocked,
            out: live.out,
            window: live.window,
            downloaders: live.downloaders,
            tally,
            at_rest: live.at_rest.hosts,
            given_up: live.at_rest.given_up,
            resting: resting.collect(),
            workers: workers.collect(),
            stored: live.closer.stored.clone(),
            failed: live.closer.failed.clone(),
        }
    }

    /// Reads that of the run in this folder, if it is there and whole.
    pub(crate) fn read(folder: &Path) -> Option<Self> {
        tally::read(&folder.join(FILE))
    }

    /// Writes it so that whoever reads sees all of it or the one before.
    fn write(&self, folder: &Path) -> io::Result<()> {
        let part = folder.join(format!("{FILE}.part"));
        fs::write(&part, wire::write(self))?;
        fs::rename(part, folder.join(FILE))
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// The task of a producer that writes them.
#[derive(Debug)]
pub(crate) struct Glimpses {
    stop: CancellationToken,
    writing: JoinHandle<()>,
}

impl Glimpses {
    /// Starts to write them into the run's folder whenever the run is watched.
    pub(crate) fn start(folder: &Path, ledger: Ledger, live: watch::Receiver<Live>) -> Self {
        let stop = CancellationToken::new();
        let (stopped, folder) = (stop.clone(), folder.to_owned());
        let writing = tokio::spawn(async move {
            tokio::select! {
                () = write_on(&folder, &ledger, &live) => {}
                () = stopped.cancelled() => {}
            }
            fs::remove_file(folder.join(FILE)).unwrap_or(());
        });
        Self { stop, writing }
    }

    /// The run is over: nobody says anything of it any more.
    pub(crate) async fn finish(self) {
        self.stop.cancel();
        self.writing.await.unwrap_or(());
    }
}

async fn write_on(folder: &Path, ledger: &Ledger, live: &watch::Receiver<Live>) {
    let mut clock = interval(EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // One that is there is of a producer that was killed: once, it goes.
    let mut was_watched = true;
    loop {
        clock.tick().await;
        let seen = live.borrow().clone();
        if seen.closer.watched {
            let glimpse = Glimpse::of(&seen, Tally::from(&ledger.counts()), Instant::now());
            write_one(glimpse, folder.to_owned()).await;
        } else if was_watched {
            fs::remove_file(folder.join(FILE)).unwrap_or(());
        }
        was_watched = seen.closer.watched;
    }
}

/// Writes on a thread that may wait for the disk.
async fn write_one(glimpse: Glimpse, folder: PathBuf) {
    let written = tokio::task::spawn_blocking(move || glimpse.write(&folder)).await;
    if let Ok(Err(error)) = written {
        tracing::debug!(error = %error, "whoever watches the run has to read its ledger");
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::pace::{AtRest, Resting as HostAtRest};
    use crate::pipeline::Closer;
    use crate::window::Heard;

    #[test]
    fn what_a_producer_says_is_read_again() {
        let now = Instant::now();
        let second = Duration::from_secs(1);
        let heard = Heard { worker: "w1".to_owned(), concurrency: 64, ago: second };
        let live = Live {
            out: 7,
            window: 128,
            downloaders: 1,
            paused: true,
            at_rest: Arc::new(AtRest {
                hosts: 3,
                longest: vec![HostAtRest { host: 5, until: now + second * 9 }],
                given_up: 2,
            }),
            closer: Arc::new(Closer { watched: true, workers: vec![heard], stored: vec![1, 2], failed: vec![3] }),
            ..Live::default()
        };
        let tally = Tally { found: 10, ..Tally::default() };
        let glimpse = Glimpse::of(&live, tally, now);
        assert_eq!(glimpse.resting, [Resting { host: 5, for_ms: 9000 }]);
        assert_eq!(glimpse.workers, [Worker { name: "w1".to_owned(), concurrency: 64, ago_ms: 1000 }]);
        let folder = tempfile::tempdir().expect("a folder");
        assert_eq!(Glimpse::read(folder.path()), None);
        glimpse.write(folder.path()).expect("written");
        assert_eq!(Glimpse::read(folder.path()), Some(glimpse));
        assert_eq!(fs::read_dir(folder.path()).expect("readable").count(), 1, "nothing is left beside it");
    }
}
