//! Takes whole shards from a spool to a bucket. It has a thread of its own, and looks into the spool now and then rather than
//! being told: so it finds what other downloaders left there as well.
//!
//! First the shard, then what stands beside it, in the order that it has in a folder. When all of that is there, the files
//! go. Whatever happens before is done again at the next look, by whoever looks: putting an object twice changes nothing.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{JoinHandle, sleep};
use std::time::Duration;

use common::chain::Chain;
use tokio::sync::oneshot;

use super::finish::names;
use super::{COMPLETIONS, Completion, ShardCounts, StoreError, cannot};
use crate::store::bucket::Bucket;
use crate::store::sweep;

/// Whole shards in a spool that wait to be uploaded. While there are as many, none is begun: that bounds the spool. The store is
/// in trouble then, if the bucket is; if it is merely slow, it is waited for.
const MOST: usize = 4;

/// How often to look for shards.
const LOOK: Duration = Duration::from_secs(1);

/// When to look again after the bucket refused one.
const AGAIN: Duration = Duration::from_secs(10);

/// Is told whether all was uploaded that was there.
type Asker = oneshot::Sender<Result<(), StoreError>>;

/// A thread that uploads.
#[derive(Debug)]
pub(in crate::store) struct Uploads {
    root: PathBuf,
    /// What the bucket said last, if it refused.
    trouble: Arc<Mutex<Option<StoreError>>>,
    /// For those who want to know when all is uploaded; dropped to have the thread end.
    work: Option<SyncSender<Asker>>,
    thread: Option<JoinHandle<()>>,
}

impl Uploads {
    /// Uploads from the spool in `root`.
    pub(in crate::store) fn start(root: PathBuf, bucket: Bucket, counts: Arc<ShardCounts>) -> Result<Self, StoreError> {
        let (work, asked) = sync_channel(1);
        let trouble = Arc::default();
        let spool = Spool { root: root.clone(), bucket, trouble: Arc::clone(&trouble), counts };
        let thread = std::thread::Builder::new().name("store-uploads".to_owned());
        let thread = thread.spawn(move || spool.work(&asked)).map_err(cannot("start a thread for", &root))?;
        Ok(Self { root, trouble, work: Some(work), thread: Some(thread) })
    }

    /// Waits until there is room for a further shard. An error when the bucket takes none.
    pub(super) fn make_room(&self) -> Result<(), StoreError> {
        loop {
            if shards(&self.root)?.len() < MOST {
                return Ok(());
            }
            if let Some(error) = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone() {
                return Err(error);
            }
            if self.thread.as_ref().is_none_or(JoinHandle::is_finished) {
                return Err(StoreError::new("upload from", &self.root, io::Error::other("what uploads has ended")));
            }
            sleep(LOOK / 4);
        }
    }

    /// Says when all is uploaded that is there now.
    pub(super) fn ask(&self, asker: Asker) {
        if let Some(work) = &self.work {
            // Where the thread has ended, the asker hears that nobody answers.
            drop(work.send(asker));
        }
    }

    /// Uploads what is there, and ends. What the bucket does not take is left for the next start on the spool.
    pub(super) fn end(&mut self) {
        drop(self.work.take());
        if let Some(thread) = self.thread.take() {
            // A panic has been told of; the shards are in the spool.
            drop(thread.join());
        }
    }
}

/// What the thread has.
struct Spool {
    root: PathBuf,
    bucket: Bucket,
    trouble: Arc<Mutex<Option<StoreError>>>,
    counts: Arc<ShardCounts>,
}

impl Spool {
    fn work(&self, asked: &Receiver<Asker>) {
        let mut askers = Vec::new();
        loop {
            // Asked before the look, so that the last look comes after the last shard.
            let last = loop {
                match asked.try_recv() {
                    Ok(asker) => askers.push(asker),
                    Err(none) => break none == TryRecvError::Disconnected,
                }
            };
            let looked = self.upload_all();
            let pause = if looked.is_ok() { LOOK } else { AGAIN };
            if let Err(error) = &looked {
                self.counts.not_uploaded();
                tracing::error!(
                    error = %Chain(error), hint = error.hint(), spool = %self.root.display(),
                    "cannot upload a shard; its images are safe in the spool, from where it is tried again"
                );
            }
            for asker in askers.drain(..) {
                // Whoever asked may have been cancelled.
                drop(Asker::send(asker, looked.clone()));
            }
            *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = looked.err();
            if last {
                return;
            }
            askers.extend(asked.recv_timeout(pause));
        }
    }

    fn upload_all(&self) -> Result<(), StoreError> {
        let found = shards(&self.root)?;
        self.counts.set_to_upload(found.len());
        found.iter().try_for_each(|(completion, shard)| self.upload(*completion, shard))
    }

    /// Uploads a shard and what stands beside it, unless somebody else does.
    fn upload(&self, completion: &dyn Completion, shard: &str) -> Result<(), StoreError> {
        let path = self.root.join(shard);
        let cannot_open = || cannot("open", &path);
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            opened => opened.map_err(cannot_open())?,
        };
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(()),
            Err(TryLockError::Error(error)) => return Err(StoreError::new("lock", &path, error)),
        }
        // Whoever had the lock may have been done just now. And what stands beside may still be on its way out of the part
        // folder: the shard gets its name first.
        if !path.exists() || self.is_being_completed(completion, shard)? {
            return Ok(());
        }
        let beside = beside(&self.root, completion, shard)?;
        tracing::debug!(shard, beside = beside.len(), "uploading a shard");
        self.bucket.upload(&file, shard)?;
        for name in &beside {
            let path = self.root.join(name);
            let file = File::open(&path).map_err(cannot("open", &path))?;
            self.bucket.upload(&file, name)?;
        }
        // The shard last: as long as it is there, all of it is done again.
        for name in beside.iter().map(String::as_str).chain([shard]) {
            let path = self.root.join(name);
            fs::remove_file(&path).map_err(cannot("remove", &path))?;
        }
        self.counts.uploaded();
        tracing::info!(shard, "a shard is in the bucket");
        Ok(())
    }

    fn is_being_completed(&self, completion: &dyn Completion, shard: &str) -> Result<bool, StoreError> {
        for parts in sweep::part_folders(&self.root)? {
            // One that is gone meanwhile has nothing left.
            let Ok(found) = names(&parts) else { continue };
            if found.iter().any(|name| completion.shard_of(name).as_deref() == Some(shard)) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The whole shards in a spool, by whichever layout.
fn shards(root: &Path) -> Result<Vec<(&'static dyn Completion, String)>, StoreError> {
    let mut found = names(root).map_err(cannot("read the folder", root))?;
    found.sort();
    let of = |name: &str| COMPLETIONS.into_iter().find(|completion| completion.is_shard(name));
    Ok(found.into_iter().filter_map(|name| Some((of(&name)?, name))).collect())
}

/// What stands beside a shard, in the order in which it is to appear.
fn beside(root: &Path, completion: &dyn Completion, shard: &str) -> Result<Vec<String>, StoreError> {
    let mut beside = names(root).map_err(cannot("read the folder", root))?;
    beside.retain(|name| completion.shard_of(name).as_deref() == Some(shard));
    beside.sort();
    Ok(beside)
}
