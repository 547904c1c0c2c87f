//! Gives shards that are full their end, what stands beside them, and their names. It has a thread of its own, so that the
//! next shard takes images meanwhile: what is in a shard here is safe already.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use common::chain::Chain;
use common::killpoint;

use super::shard::Shard;
use super::{Completion, ShardCounts, StoreError, Whole, cannot};
use crate::store::unless_struck;

/// Full shards that wait while one is completed; then the appender waits. Completing one takes a fraction of filling it.
const WAITING: usize = 2;

/// When shards that could not be completed are tried again.
const AGAIN: Duration = Duration::from_secs(30);

/// A thread that completes shards.
#[derive(Debug)]
pub(super) struct Finisher {
    work: Option<SyncSender<Work>>,
    thread: Option<JoinHandle<()>>,
    counts: Arc<ShardCounts>,
}

/// What is asked of the thread.
#[derive(Debug)]
enum Work {
    Complete(Full),
    /// Say when all before this is done with.
    CatchUp(SyncSender<()>),
}

/// A shard whose images are all safe.
#[derive(Debug)]
struct Full {
    name: String,
    whole: Whole,
}

impl Finisher {
    /// For shards in `parts` that belong in `root`.
    pub(super) fn start(
        root: PathBuf,
        parts: PathBuf,
        completion: &'static dyn Completion,
        counts: Arc<ShardCounts>,
    ) -> Result<Self, StoreError> {
        let (work, received) = sync_channel(WAITING);
        let place = Place { root, parts };
        let thread = std::thread::Builder::new().name("store-shards".to_owned());
        let parts = place.parts.clone();
        let thread = thread
            .spawn({
                let counts = Arc::clone(&counts);
                move || complete_all(&place, completion, &counts, &received)
            })
            .map_err(cannot("start a thread for", &parts))?;
        Ok(Self { work: Some(work), thread: Some(thread), counts })
    }

    /// Completes a shard in its turn.
    pub(super) fn finish(&self, shard: Shard) {
        let whole = Whole { bytes: shard.length, images: shard.images.into() };
        if let Some(work) = &self.work {
            self.counts.is_full();
            // The thread ends only after the sender; a shard it did not take is completed at the next start.
            drop(work.send(Work::Complete(Full { name: shard.name, whole })));
        }
    }

    /// Waits until the shards so far are completed, as far as that can be done now.
    pub(super) fn catch_up(&self) {
        let (done, caught_up) = sync_channel(1);
        if let Some(work) = &self.work
            && work.send(Work::CatchUp(done)).is_ok()
        {
            // An error is the thread's end.
            caught_up.recv().unwrap_or(());
        }
    }

    /// Waits until everything is completed that can be.
    pub(super) fn end(&mut self) {
        drop(self.work.take());
        if let Some(thread) = self.thread.take() {
            // A panic has been told of; the next start completes the shards.
            drop(thread.join());
        }
    }
}

fn complete_all(place: &Place, completion: &dyn Completion, counts: &ShardCounts, received: &Receiver<Work>) {
    let try_to_complete = |full: &Full| {
        let is_done = try_to_complete(place, completion, full);
        counts.tried_to_complete(is_done);
        is_done
    };
    // Those that could not be completed. They are not tried for every shard that is full: that would read all of them again.
    let mut left: Vec<Full> = Vec::new();
    let mut again = Instant::now();
    loop {
        let next = if left.is_empty() {
            received.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            received.recv_timeout(again.saturating_duration_since(Instant::now()))
        };
        let ended = matches!(next, Err(RecvTimeoutError::Disconnected));
        let asker = match next {
            Ok(Work::Complete(full)) => {
                if left.is_empty() {
                    again = Instant::now() + AGAIN;
                }
                if !try_to_complete(&full) {
                    left.push(full);
                }
                continue;
            }
            Ok(Work::CatchUp(done)) => Some(done),
            Err(_) => None,
        };
        left.retain(|full| !try_to_complete(full));
        again = Instant::now() + AGAIN;
        if let Some(done) = asker {
            // Whoever asked may have gone.
            done.send(()).unwrap_or(());
        }
        if ended {
            return;
        }
    }
}

/// Completes a shard if that can be done, and says whether.
fn try_to_complete(place: &Place, completion: &dyn Completion, full: &Full) -> bool {
    let completed = place.complete(completion, &full.name, full.whole);
    completed
        .inspect_err(|error| {
            tracing::error!(
                shard = full.name, error = %Chain(error), hint = error.hint(),
                "cannot complete a shard; its images are safe, and it is tried again, at the latest at the next start"
            );
        })
        .is_ok()
}

/// Where shards are, and where they belong.
#[derive(Debug)]
pub(super) struct Place {
    /// The store.
    pub(super) root: PathBuf,
    /// A part folder of it.
    pub(super) parts: PathBuf,
}

impl Place {
    /// Completes a shard. May be done again, however far it came before.
    pub(super) fn complete(&self, completion: &dyn Completion, name: &str, whole: Whole) -> Result<(), StoreError> {
        let path = self.parts.join(name);
        if !path.exists() && self.root.join(name).exists() {
            return self.publish_beside(completion, name);
        }
        killpoint::blocking_reached("downloader.end", name);
        end_at(&path, whole.bytes, completion.end()).map_err(cannot("complete", &path))?;
        killpoint::blocking_reached("downloader.beside", name);
        let beside = completion.write_beside(&path, whole.images).map_err(cannot("write what stands beside", &path))?;
        for name in &beside {
            let path = self.parts.join(name);
            let sync = || File::open(&path).and_then(|file| file.sync_all());
            unless_struck("store.sync", sync).map_err(cannot("sync", &path))?;
        }
        let taken = self.root.join(name);
        if fs::symlink_metadata(&taken).is_ok() {
            // Names are drawn at random: this is a copy of a part folder, and the shard that is there is not touched.
            return Err(StoreError::new("rename a whole shard to", &taken, io::ErrorKind::AlreadyExists.into()));
        }
        self.publish(name)?;
        beside.iter().try_for_each(|name| self.publish(name))?;
        self.sync()
    }

    /// Files that stand beside a shard which has its name already were whole before it got that.
    pub(super) fn publish_beside(&self, completion: &dyn Completion, shard: &str) -> Result<(), StoreError> {
        let mut beside: Vec<String> = names(&self.parts).map_err(cannot("read the folder", &self.parts))?;
        beside.retain(|name| completion.shard_of(name).as_deref() == Some(shard));
        beside.sort();
        beside.iter().try_for_each(|name| self.publish(name))?;
        self.sync()
    }

    fn publish(&self, name: &str) -> Result<(), StoreError> {
        killpoint::blocking_reached("downloader.publish", name);
        let (from, to) = (self.parts.join(name), self.root.join(name));
        unless_struck("store.rename", || fs::rename(from, &to)).map_err(cannot("rename a whole file to", &to))?;
        killpoint::blocking_reached("downloader.published", name);
        Ok(())
    }

    /// Makes the names in the store safe.
    fn sync(&self) -> Result<(), StoreError> {
        let sync = || File::open(&self.root).and_then(|folder| folder.sync_all());
        unless_struck("store.sync", sync).map_err(cannot("sync", &self.root))
    }
}

/// The files in a folder, by name.
pub(super) fn names(folder: &Path) -> io::Result<Vec<String>> {
    // One that cannot be read is no sign that there is none.
    let names =
        fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.file_name())).collect::<io::Result<Vec<_>>>()?;
    Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
}

/// Has a file end there, with these bytes behind, and makes it safe.
fn end_at(path: &Path, length: u64, end: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).open(path)?;
    file.set_len(length)?;
    file.seek(SeekFrom::Start(length))?;
    file.write_all(end)?;
    unless_struck("store.sync", || file.sync_all())
}
