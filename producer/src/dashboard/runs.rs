//! The runs of a folder, looked at again and again at little cost: what did not change is not read again, a run at work says itself
//! how it goes, an ended one has a summary, and only what is left is counted from its ledger, in the background and seldom.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, TryRecvError, sync_channel};
use std::time::{Duration, Instant, SystemTime};

use common::chain::Chain;
use common::run_name::RunName;
use serde::Serialize;

use super::glimpse::Glimpse;
use super::speed::Speed;
use super::tally::{self, Tally};
use crate::ledger::{self, LedgerError, RUNNING};
use crate::report::{INTERRUPTED, summary};
use crate::run_folder;
use crate::word::Mark;

/// Runs that are shown, at most: those that changed last.
const MOST: usize = 200;

/// How often the folder is read for new runs.
const FOLDER_EVERY: Duration = Duration::from_secs(2);

/// How often the mark of those who watch is renewed.
const RENEWED_EVERY: Duration = Duration::from_secs(2);

/// After so long without a new word of its producer, what that said of a run is old.
const STALE: Duration = Duration::from_secs(5);

/// How long a producer has to say something before its ledger is counted instead.
const PATIENCE: Duration = Duration::from_secs(3);

/// A ledger is counted again after as many times the time that it took, and not sooner than this.
const REST_AFTER_COUNTING: u32 = 50;
const COUNTED_EVERY: Duration = Duration::from_secs(5);

/// How a run stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct RunView {
    /// Its name.
    pub(crate) name: RunName,
    /// `running`, or one of the summary's states.
    pub(crate) state: String,
    /// A producer works on it.
    pub(crate) held: bool,
    /// Its producer was killed.
    pub(crate) killed: bool,
    /// Nothing is handed out until somebody lets it go on.
    pub(crate) paused: bool,
    /// When anything of it changed last, in milliseconds since 1970 UTC.
    pub(crate) changed_ms: u64,
    /// How long it took, if it has ended and says so, in seconds.
    pub(crate) seconds: Option<f64>,
    /// Its numbers; `None` while they are being counted.
    pub(crate) tally: Option<Tally>,
    /// Outcomes a second, if it is at work and was seen twice.
    pub(crate) rate: Option<f64>,
    /// What its producer says; `None` where none does.
    pub(crate) live: Option<Work>,
    /// Why it cannot be shown.
    pub(crate) error: Option<String>,
}

/// What a producer says of its work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Work {
    out: usize,
    window: usize,
    downloaders: usize,
    blocked: bool,
    at_rest: usize,
    given_up: u64,
}

/// What tells whether a run changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Stamp([Option<(SystemTime, u64)>; 4]);

impl Stamp {
    fn of(folder: &Path) -> Self {
        let files = [ledger::FILE, "ledger.db-wal", summary::FILE, Mark::Pause.file()];
        Self(files.map(|file| {
            let of = fs::metadata(folder.join(file)).ok()?;
            Some((of.modified().ok()?, of.len()))
        }))
    }

    /// The part that changes when anything of the ledger does. Whoever opens it to read may leave an empty journal behind.
    fn ledger(&self) -> LedgerStamp {
        let [ledger, journal, ..] = self.0;
        (ledger, journal.filter(|(_, length)| *length > 0))
    }

    fn latest_ms(&self) -> u64 {
        let latest = self.0.iter().flatten().map(|(at, _)| *at).max();
        let since = latest.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok()).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

/// The ledger and its journal.
type LedgerStamp = (Option<(SystemTime, u64)>, Option<(SystemTime, u64)>);

/// A ledger that is being counted.
#[derive(Debug)]
struct Counting {
    counted: Receiver<Result<Tally, String>>,
    begun: Instant,
    of: LedgerStamp,
}

/// A run that was looked at before.
#[derive(Debug)]
struct Known {
    folder: PathBuf,
    stamp: Stamp,
    view: RunView,
    /// The ledger whose numbers are shown; `None` where a producer said them.
    tally_of: Option<LedgerStamp>,
    /// When it was first seen at work.
    at_work_since: Option<Instant>,
    glimpse: Option<(Glimpse, Instant)>,
    speed: Speed,
    counting: Option<Counting>,
    is_to_be_counted: bool,
    count_again: Option<Instant>,
    marked: Option<Instant>,
}

/// All runs of a folder.
#[derive(Debug)]
pub(crate) struct Runs {
    folder: PathBuf,
    known: BTreeMap<RunName, Known>,
    read_at: Option<Instant>,
    /// How many runs there are beyond those that are shown.
    beyond: usize,
}

impl Runs {
    pub(crate) fn new(folder: PathBuf) -> Self {
        Self { folder, known: BTreeMap::new(), read_at: None, beyond: 0 }
    }

    /// Looks at them all. Blocks for as long as that takes, which is short: nothing is counted here.
    pub(crate) fn look(&mut self) -> Vec<RunView> {
        let now = Instant::now();
        if self.read_at.is_none_or(|at| now - at >= FOLDER_EVERY) {
            self.read_at = Some(now);
            self.read_folder();
        }
        self.known.values_mut().for_each(|known| known.look(now));
        self.count_one(now);
        let mut views: Vec<RunView> = self.known.values().map(|known| known.view.clone()).collect();
        views.sort_by_key(|view| (!view.held, std::cmp::Reverse(view.changed_ms)));
        views
    }

    /// How many runs are not shown.
    pub(crate) fn beyond(&self) -> usize {
        self.beyond
    }

    /// What the producer of a run says, if it says anything now.
    pub(crate) fn glimpse(&self, run: &RunName) -> Option<&Glimpse> {
        self.known.get(run)?.fresh(Instant::now())
    }

    /// Nobody watches any more: the producers need not say anything.
    pub(crate) fn turn_away(&mut self) {
        self.known.values_mut().for_each(Known::turn_away);
    }

    /// Has one ledger counted, unless one is: the crawls need the disk and the processor. The one that waits for longest is next.
    fn count_one(&mut self, now: Instant) {
        if self.known.values().any(|known| known.counting.is_some()) {
            return;
        }
        let waiting = self.known.values_mut().filter(|known| known.is_to_be_counted);
        if let Some(next) = waiting.min_by_key(|known| known.count_again) {
            next.count(now);
        }
    }

    fn read_folder(&mut self) {
        let mut found: Vec<(SystemTime, RunName)> = match fs::read_dir(&self.folder) {
            Ok(entries) => entries.filter_map(Result::ok).filter_map(|entry| found(&entry)).collect(),
            // Nobody has run anything yet, or the folder is out of reach for a moment.
            Err(_) => Vec::new(),
        };
        found.sort_unstable_by(|one, other| other.cmp(one));
        self.beyond = found.len().saturating_sub(MOST);
        found.truncate(MOST);
        self.known.retain(|name, _| found.iter().any(|(_, found)| found == name));
        for (_, name) in found {
            let folder = self.folder.join(name.as_str());
            self.known.entry(name).or_insert_with_key(|name| Known::new(name.clone(), folder));
        }
    }
}

fn found(entry: &fs::DirEntry) -> Option<(SystemTime, RunName)> {
    let name = entry.file_name().to_str()?.parse().ok()?;
    let ledger = fs::metadata(entry.path().join(ledger::FILE)).ok().filter(fs::Metadata::is_file)?;
    Some((ledger.modified().ok()?, name))
}

impl Known {
    fn new(name: RunName, folder: PathBuf) -> Self {
        let view = RunView {
            name,
            state: String::new(),
            held: false,
            killed: false,
            paused: false,
            changed_ms: 0,
            seconds: None,
            tally: None,
            rate: None,
            live: None,
            error: None,
        };
        Self {
            folder,
            stamp: Stamp::default(),
            view,
            tally_of: None,
            at_work_since: None,
            glimpse: None,
            speed: Speed::default(),
            counting: None,
            is_to_be_counted: false,
            count_again: None,
            marked: None,
        }
    }

    fn look(&mut self, now: Instant) {
        let stamp = Stamp::of(&self.folder);
        let changed = self.stamp != stamp;
        let may_be_held = changed || self.view.held || self.view.state == RUNNING;
        let held = may_be_held && run_folder::is_held(&self.folder);
        if changed || held != self.view.held {
            self.stamp = stamp;
            if let Err(error) = self.read(held) {
                self.view.error = Some(Chain(&error).to_string());
            }
        }
        self.hear_count(now);
        self.is_to_be_counted = false;
        if held {
            self.watch(now);
        } else {
            self.turn_away();
            (self.at_work_since, self.view.live, self.view.rate) = (None, None, None);
            self.speed = Speed::default();
            if self.tally_of != Some(self.stamp.ledger()) && self.view.error.is_none() {
                self.want_count(now);
            }
        }
    }

    /// Reads how the run stands.
    fn read(&mut self, held: bool) -> Result<(), LedgerError> {
        // Also where the ledger cannot be read.
        self.view.held = held;
        let (_, state) = ledger::recall(&self.folder)?;
        // It may have ended in good order between the two looks.
        let held = held && run_folder::is_held(&self.folder);
        let view = &mut self.view;
        view.held = held;
        view.killed = state == RUNNING && !held;
        view.state = match state.as_str() {
            RUNNING if !held => INTERRUPTED.to_owned(),
            // The state of the command before: whoever holds the run has not said yet that it goes on.
            _ if held => RUNNING.to_owned(),
            _ => state,
        };
        view.paused = Mark::Pause.is_left(&self.folder);
        view.changed_ms = self.stamp.latest_ms();
        view.error = None;
        if !held {
            let summed = if view.killed { None } else { tally::summed(&self.folder, &view.state) };
            let ledger = self.stamp.ledger();
            match summed {
                Some((tally, seconds)) => {
                    (view.tally, view.seconds, self.tally_of) = (Some(tally), Some(seconds), Some(ledger));
                }
                // What was counted stays if it is of this ledger: a producer may have come and gone while nobody watched.
                None if self.tally_of == Some(ledger) => view.seconds = None,
                None => (view.tally, view.seconds, self.tally_of) = (None, None, None),
            }
        }
        Ok(())
    }

    /// Looks at a run that is at work.
    fn watch(&mut self, now: Instant) {
        let since = *self.at_work_since.get_or_insert(now);
        if self.marked.is_none_or(|at| now - at >= RENEWED_EVERY) {
            self.marked = Some(now);
            if let Err(error) = Mark::Watched.leave(&self.folder) {
                tracing::debug!(error = %Chain(&error), "the run's producer cannot be told that it is watched");
            }
        }
        if let Some(glimpse) = Glimpse::read(&self.folder)
            && self.glimpse.as_ref().is_none_or(|(known, _)| known.at != glimpse.at)
        {
            self.glimpse = Some((glimpse, now));
        }
        let Some(glimpse) = self.fresh(now).cloned() else {
            self.view.live = None;
            if now - since >= PATIENCE {
                self.want_count(now);
            }
            return;
        };
        self.view.rate = self.speed.measure(glimpse.tally.settled(), glimpse.at).or(self.view.rate);
        self.view.paused = glimpse.paused || Mark::Pause.is_left(&self.folder);
        self.view.live = Some(Work {
            out: glimpse.out,
            window: glimpse.window,
            downloaders: glimpse.downloaders,
            blocked: glimpse.blocked,
            at_rest: glimpse.at_rest,
            given_up: glimpse.given_up,
        });
        (self.view.tally, self.tally_of) = (Some(glimpse.tally), None);
    }

    /// Takes the mark back that the run is watched, if there is one of ours.
    fn turn_away(&mut self) {
        if self.marked.take().is_some()
            && let Err(error) = Mark::Watched.take_back(&self.folder)
        {
            tracing::debug!(error = %Chain(&error), "the mark of those who watch is left");
        }
    }

    fn fresh(&self, now: Instant) -> Option<&Glimpse> {
        // One that was there before we watched may be of a producer that was killed.
        let (glimpse, seen) = self.glimpse.as_ref()?;
        (now - *seen < STALE && self.view.held).then_some(glimpse)
    }

    /// Has the ledger counted when it is its turn, unless it is being counted or was a moment ago.
    fn want_count(&mut self, now: Instant) {
        self.is_to_be_counted = self.counting.is_none() && self.count_again.is_none_or(|again| now >= again);
    }

    fn count(&mut self, now: Instant) {
        let (sender, receiver) = sync_channel(1);
        let folder = self.folder.clone();
        self.counting = Some(Counting { counted: receiver, begun: now, of: self.stamp.ledger() });
        // A thread of its own: it may take seconds, and the pool for such work is small where the disk is slow.
        std::thread::spawn(move || {
            let counted = ledger::glance(&folder).map(|glance| Tally::from(&glance.counts));
            // Nobody listens any more when the run was removed.
            sender.send(counted.map_err(|error| Chain(&error).to_string())).unwrap_or(());
        });
    }

    fn hear_count(&mut self, now: Instant) {
        let Some(Counting { counted, begun, of }) = &self.counting else { return };
        match counted.try_recv() {
            Err(TryRecvError::Empty) => return,
            Ok(Ok(tally)) => {
                let (settled, at) = (tally.settled(), self.stamp.latest_ms());
                (self.view.tally, self.tally_of) = (Some(tally), Some(*of));
                if self.view.held {
                    self.view.rate = self.speed.measure(settled, at).or(self.view.rate);
                }
            }
            Ok(Err(error)) => self.view.error = Some(error),
            Err(TryRecvError::Disconnected) => {}
        }
        self.count_again = Some(now + ((now - *begun) * REST_AFTER_COUNTING).max(COUNTED_EVERY));
        self.counting = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Ledger, NewImage};

    /// Most looks until a small ledger is counted.
    const LOOKS: usize = 1000;

    /// A run whose producer was killed, as far as anybody can tell: its ledger says that it runs, and nobody holds its folder.
    fn killed(runs: &Path, name: &str) -> Ledger {
        let folder = runs.join(name);
        fs::create_dir(&folder).expect("a folder");
        Ledger::create(&folder, &name.parse().expect("valid"), "{}", None).expect("a ledger")
    }

    async fn add(ledger: &Ledger, images: std::ops::Range<u32>) {
        let new = |number| {
            let (url, host) = (format!("http://h.example/{number}.png"), "h.example:80".to_owned());
            NewImage { url, host, source: "list", ..NewImage::default() }
        };
        let number = u64::from(images.end - images.start);
        ledger.add_listed(images.map(new).collect(), number, true, false).await.expect("written");
    }

    fn found(views: &[RunView]) -> Vec<Option<u64>> {
        views.iter().map(|view| view.tally.as_ref().map(|tally| tally.found)).collect()
    }

    #[tokio::test]
    async fn what_was_counted_of_a_killed_run_stays_only_while_its_ledger_does() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledger = killed(folder.path(), "mine");
        add(&ledger, 0..3).await;
        let mut runs = Runs::new(folder.path().to_owned());
        let mut look_until = |expected: u64| {
            let mut seen = Vec::new();
            for _ in 0..LOOKS {
                let views = runs.look();
                assert!(views[0].killed && views[0].error.is_none(), "{views:?}");
                seen.extend(found(&views));
                if seen.last() == Some(&Some(expected)) {
                    return seen;
                }
                // It was counted a moment ago: what that is for is not looked at here.
                runs.known.values_mut().for_each(|known| known.count_again = None);
                std::thread::sleep(Duration::from_millis(5));
            }
            panic!("{expected} are not found: {seen:?}");
        };
        look_until(3);
        // It was gone on with and killed again while nobody looked.
        add(&ledger, 3..10).await;
        let seen = look_until(10);
        assert!(!seen.contains(&Some(3)), "nothing old is shown: {seen:?}");
        assert_eq!(look_until(10), [Some(10)], "it is not counted again");
    }

    #[tokio::test]
    async fn one_ledger_is_counted_at_a_time_and_each_in_the_end() {
        let folder = tempfile::tempdir().expect("a folder");
        let ledgers: Vec<Ledger> = ["a", "b", "c", "d"].map(|name| killed(folder.path(), name)).into();
        add(&ledgers[3], 0..2).await;
        let mut runs = Runs::new(folder.path().to_owned());
        for _ in 0..LOOKS {
            let views = runs.look();
            assert!(runs.known.values().filter(|known| known.counting.is_some()).count() <= 1);
            if views.iter().all(|view| view.tally.is_some()) {
                assert_eq!(found(&views).into_iter().flatten().sum::<u64>(), 2);
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        panic!("not all of them are counted");
    }
}
