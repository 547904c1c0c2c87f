//! A run's folder on disk: one producer at a time holds it. What others want of that one is in [`crate::word`].

use std::fs::{self, File, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::run_name::RunName;

use crate::ledger;

/// Locked for as long as a producer works on the run, by the operating system, so that a killed producer holds nothing.
const LOCK: &str = "lock";

/// How often, and how long, a lock that is taken is left to somebody who may only look.
const LOOKS: u32 = 3;
const LOOK: Duration = Duration::from_millis(10);

/// Why a run's folder cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The name is taken.
    #[error(
        "run {run} exists in {folder}; hint: choose another --run, or leave it out for a new name, or go on with it by \
         `producer resume {run}`", folder = .folder.display()
    )]
    Exists {
        /// The name.
        run: RunName,
        /// Where it is.
        folder: PathBuf,
    },
    /// A name without a run.
    #[error(
        "there is no run {run} in {runs}; hint: --runs says where runs live, and `producer status` lists them",
        runs = .runs.display()
    )]
    NoSuchRun {
        /// The name.
        run: RunName,
        /// Where it was looked for.
        runs: PathBuf,
    },
    /// Somebody works on it.
    #[error(
        "run {run} is in the hands of another producer ({holder}); hint: wait for its end, or stop it first (a signal stops \
         it in good order)"
    )]
    InUse {
        /// The name.
        run: RunName,
        /// What is known of the other one.
        holder: String,
    },
    /// The disk says no.
    #[error("cannot {what} {path}", path = .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
}

/// A run's folder in our hands.
#[derive(Debug)]
pub struct RunFolder {
    path: PathBuf,
    /// Locked until it is closed, by dropping it or by the process's end.
    _lock: File,
}

impl RunFolder {
    /// Refuses a name that is taken, before anything else is done.
    pub fn check_free(runs: &Path, run: &RunName) -> Result<(), FolderError> {
        let folder = runs.join(run.as_str());
        if folder.exists() { Err(FolderError::Exists { run: run.clone(), folder }) } else { Ok(()) }
    }

    /// Makes the folder of a new run.
    pub fn create(runs: &Path, run: &RunName) -> Result<Self, FolderError> {
        fs::create_dir_all(runs).map_err(trouble("create the folder of runs", runs))?;
        let path = runs.join(run.as_str());
        match fs::create_dir(&path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(FolderError::Exists { run: run.clone(), folder: path });
            }
            created => created.map_err(trouble("create the run's folder", &path))?,
        }
        Self::lock(path, run)
    }

    /// Takes the folder of a run that exists.
    pub fn open(runs: &Path, run: &RunName) -> Result<Self, FolderError> {
        Self::lock(existing(runs, run)?, run)
    }

    fn lock(path: PathBuf, run: &RunName) -> Result<Self, FolderError> {
        let file = path.join(LOCK);
        let opened = File::options().read(true).write(true).create(true).truncate(false).open(&file);
        let mut lock = opened.map_err(trouble("open", &file))?;
        match try_lock(&lock) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                // What it says of itself is only a help.
                lock.take(200).read_to_string(&mut holder).unwrap_or(0);
                return Err(FolderError::InUse { run: run.clone(), holder: holder.trim().to_owned() });
            }
            Err(TryLockError::Error(source)) => return Err(trouble("lock", &file)(source)),
        }
        let host = hostname::get().unwrap_or_default();
        let note = format!("process {} on {}\n", std::process::id(), host.display());
        let written = lock.set_len(0).and_then(|()| lock.rewind()).and_then(|()| lock.write_all(note.as_bytes()));
        written.map_err(trouble("write", &file))?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Takes the lock, beside those who look whether it is free: [`is_held`] has it for a moment itself.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..LOOKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
            tried => return tried,
        }
    }
    file.try_lock()
}

/// Whether a producer works on the run in this folder. Where that cannot be found out, it is taken to.
#[must_use]
pub fn is_held(folder: &Path) -> bool {
    match File::open(folder.join(LOCK)) {
        Ok(lock) => lock.try_lock_shared().is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// The folder of a run, which somebody may hold.
pub fn existing(runs: &Path, run: &RunName) -> Result<PathBuf, FolderError> {
    let path = runs.join(run.as_str());
    if path.join(ledger::FILE).is_file() {
        Ok(path)
    } else {
        Err(FolderError::NoSuchRun { run: run.clone(), runs: runs.to_owned() })
    }
}

fn trouble(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    move |source| FolderError::Io { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_producer_at_a_time_holds_a_run() {
        let runs = tempfile::tempdir().expect("a folder");
        let run: RunName = "r".parse().expect("valid");
        assert!(matches!(RunFolder::open(runs.path(), &run), Err(FolderError::NoSuchRun { .. })));
        let held = RunFolder::create(runs.path(), &run).expect("new");
        assert!(matches!(RunFolder::create(runs.path(), &run), Err(FolderError::Exists { .. })));
        assert!(RunFolder::check_free(runs.path(), &run).is_err());
        fs::write(held.path().join(ledger::FILE), "").expect("written");
        let refused = RunFolder::open(runs.path(), &run).expect_err("held");
        assert!(refused.to_string().contains(&format!("process {}", std::process::id())), "{refused}");
        assert!(is_held(held.path()));
        let path = held.path().to_owned();
        drop(held);
        assert!(!is_held(&path));
        RunFolder::open(runs.path(), &run).expect("free again");
    }
}
