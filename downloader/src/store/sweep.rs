//! The part folder of one worker, `.part/NAME` in the store, and the sweeping of those that dead workers left. A living
//! worker holds a lock on its folder, so any number of workers share a store.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::StoreError;

const PARTS: &str = ".part";
const LOCK: &str = "lock";

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
        sweep(&parts)?;
        // Letters and digits of the name for people who look, random digits for uniqueness.
        let readable: String = worker.chars().filter(char::is_ascii_alphanumeric).take(40).collect();
        let path = parts.join(format!("{readable}-{:016x}", rand::random::<u64>()));
        fs::create_dir(&path).map_err(|error| StoreError::new("create the folder", &path, error))?;
        let lock = path.join(LOCK);
        let lock = File::create_new(&lock)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(|error| StoreError::new("lock", &lock, error))?;
        Ok(Self { path, _lock: lock })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for PartFolder {
    fn drop(&mut self) {
        // Best effort: the next start sweeps what is left.
        fs::remove_dir_all(&self.path).unwrap_or(());
    }
}

/// Removes the folders that nobody holds.
fn sweep(parts: &Path) -> Result<(), StoreError> {
    let entries = fs::read_dir(parts).map_err(|error| StoreError::new("read the folder", parts, error))?;
    for folder in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        if is_abandoned(&folder) {
            tracing::info!(folder = %folder.display(), "removing what a worker that ended left half-written");
            if let Err(error) = fs::remove_dir_all(&folder) {
                tracing::warn!(folder = %folder.display(), error = %error, "cannot remove it; trying at the next start");
            }
        }
    }
    Ok(())
}

fn is_abandoned(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock().is_ok(),
        // Without a lock file it is a worker that starts at this moment, unless it stands there for a while.
        Err(_) => fs::metadata(folder)
            .and_then(|data| data.modified())
            .is_ok_and(|made| made.elapsed().is_ok_and(|age| age.as_secs() > 60)),
    }
}
