//! The part folder of one worker, `.part/NAME` in the store, and the sweeping of those that dead workers left: whole images in
//! open shards are kept, the rest goes. A living worker holds a lock on its folder, so any number of workers share a store.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::chain::Chain;

use super::StoreError;
use super::packed::recover;

pub(crate) const PARTS: &str = ".part";
const LOCK: &str = "lock";
/// Begins the name of a folder whose worker is about to take its lock.
const NEW: &str = "new-";

/// After this long, a folder that still has no lock was left by a worker that died at that moment.
const STARTING: Duration = Duration::from_mins(1);

/// This worker's part folder; gone when the worker ends in good order.
#[derive(Debug)]
pub(super) struct PartFolder {
    path: PathBuf,
    /// Held as long as the folder is in use; the system releases it however the process ends.
    _lock: File,
}

impl PartFolder {
    pub(super) fn open(root: &Path, worker: &str) -> Result<Self, StoreError> {
        let parts = root.join(PARTS);
        fs::create_dir_all(&parts).map_err(|error| StoreError::new("create the folder", &parts, error))?;
        if !fs::symlink_metadata(&parts).is_ok_and(|found| found.is_dir()) {
            let error = io::Error::new(io::ErrorKind::NotADirectory, "it is a symbolic link, which is not followed");
            return Err(StoreError::new("use as a folder", &parts, error));
        }
        sweep(root)?;
        // Letters and digits of the name for people who look, random digits for uniqueness.
        let readable: String = worker.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
        let name = format!("{readable}-{:016x}", rand::random::<u64>());
        let (new, path) = (parts.join(format!("{NEW}{name}")), parts.join(name));
        // Under a name that no sweep looks at until the lock is held: several workers may start at once.
        fs::create_dir(&new).map_err(|error| StoreError::new("create the folder", &new, error))?;
        // Held open for reading: a file system with a file that is open for writing cannot be made read-only.
        let lock = File::create_new(new.join(LOCK))
            .and_then(|_| File::open(new.join(LOCK)))
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|error| StoreError::new("lock", &new, error))?;
        fs::rename(&new, &path).map_err(|error| StoreError::new("rename the folder to", &path, error))?;
        // Shards that are safe must not get lost with the name of the folder that they are in.
        for folder in [&parts, root] {
            let synced = File::open(folder).and_then(|folder| folder.sync_all());
            synced.map_err(|error| StoreError::new("sync", folder, error))?;
        }
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PartFolder {
    fn drop(&mut self) {
        // Best effort: the next start sweeps what is left. A shard that could not be completed waits for that.
        if !recover::is_needed(&self.path) {
            fs::remove_dir_all(&self.path).unwrap_or(());
        }
    }
}

/// Completes the shards in the folders that nobody holds, and removes the folders.
fn sweep(root: &Path) -> Result<(), StoreError> {
    for folder in part_folders(root)? {
        // Its lock is held meanwhile: several workers may start at once.
        let Some(_lock) = abandoned(&folder) else { continue };
        tracing::info!(folder = %folder.display(), "clearing up after a worker that ended");
        let cleared = recover::complete_all(root, &folder).and_then(|()| {
            if recover::has_shards(&folder) {
                let error = io::Error::other("there is still a shard in it, or a damaged one, or it cannot be read");
                return Err(StoreError::new("remove the folder", &folder, error));
            }
            fs::remove_dir_all(&folder).map_err(|error| StoreError::new("remove the folder", &folder, error))
        });
        if let Err(error) = cleared {
            tracing::warn!(error = %Chain(&error), hint = error.hint(), "something is left; trying at the next start");
        }
    }
    Ok(())
}

/// The part folders in a store, of workers living and dead.
pub(super) fn part_folders(root: &Path) -> Result<Vec<PathBuf>, StoreError> {
    let parts = root.join(PARTS);
    match fs::read_dir(&parts) {
        Ok(entries) => Ok(entries.filter_map(Result::ok).map(|entry| entry.path()).collect()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(StoreError::new("read the folder", &parts, error)),
    }
}

/// A folder that nobody holds.
struct Abandoned {
    /// Ours now; there is none long after one should be, if its worker died at its start.
    _lock: Option<File>,
}

fn abandoned(folder: &Path) -> Option<Abandoned> {
    let starting = folder.file_name().and_then(OsStr::to_str).is_some_and(|name| name.starts_with(NEW));
    match File::open(folder.join(LOCK)) {
        Ok(lock) => {
            let is_free = (!starting || is_old(folder)) && lock.try_lock().is_ok();
            is_free.then_some(Abandoned { _lock: Some(lock) })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => is_old(folder).then_some(Abandoned { _lock: None }),
        Err(error) => {
            // Somebody may hold it: that it cannot be opened says nothing of that.
            tracing::warn!(folder = %folder.display(), error = %error, "cannot tell whether its worker lives; leaving it");
            None
        }
    }
}

fn is_old(folder: &Path) -> bool {
    let made = fs::metadata(folder).and_then(|data| data.modified());
    made.is_ok_and(|made| made.elapsed().is_ok_and(|age| age > STARTING))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_sweeps_what_the_dead_left_and_nothing_of_the_living() {
        let root = tempfile::tempdir().expect("a folder");
        let living = PartFolder::open(root.path(), "living").expect("opened");
        let dead = root.path().join(PARTS).join("dead-1");
        fs::create_dir(&dead).expect("created");
        fs::write(dead.join(LOCK), "").expect("written");
        let starting = root.path().join(PARTS).join("new-starting-1");
        fs::create_dir(&starting).expect("created");
        let next = PartFolder::open(root.path(), "next").expect("opened");
        assert!(living.path().is_dir() && next.path().is_dir() && starting.is_dir());
        assert!(!dead.exists());
    }

    #[test]
    fn a_folder_whose_lock_cannot_be_opened_is_left_alone() {
        let root = tempfile::tempdir().expect("a folder");
        let unknown = root.path().join(PARTS).join("unknown-1");
        let unlocked = root.path().join(PARTS).join("unlocked-1");
        for folder in [&unknown, &unlocked] {
            fs::create_dir_all(folder).expect("created");
        }
        std::os::unix::fs::symlink(LOCK, unknown.join(LOCK)).expect("it leads to itself");
        for folder in [&unknown, &unlocked] {
            let long_ago = std::time::SystemTime::now() - 2 * STARTING;
            File::open(folder).and_then(|folder| folder.set_modified(long_ago)).expect("set");
        }
        drop(PartFolder::open(root.path(), "next").expect("opened"));
        assert!(unknown.is_dir() && !unlocked.exists());
    }

    #[test]
    fn many_workers_start_at_once_on_one_store() {
        let root = tempfile::tempdir().expect("a folder");
        std::thread::scope(|scope| {
            let starts: Vec<_> = (0..16).map(|_| scope.spawn(|| PartFolder::open(root.path(), "w"))).collect();
            let folders: Vec<_> = starts.into_iter().map(|start| start.join().expect("no panic")).collect();
            assert!(folders.iter().all(|folder| folder.as_ref().is_ok_and(|folder| folder.path().is_dir())));
        });
    }
}
