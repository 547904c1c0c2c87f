//! Word that is left in a run's folder for the producer that works on it, or will: a mark is a file, and that it is there
//! says it. So word reaches a producer that was started by somebody else, outlives whoever left it, and needs no broker.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use crate::run_folder::FolderError;

/// How long after it was last renewed the mark of those who watch still counts: some of their rounds.
const WATCHED_FOR: Duration = Duration::from_secs(8);

/// A word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// The run is to end for good.
    Cancel,
    /// Nothing is to be handed out until the mark is gone.
    Pause,
    /// Somebody watches the run, and renews the mark for as long.
    Watched,
}

impl Mark {
    /// The file in the run's folder.
    #[must_use]
    pub fn file(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Pause => "pause",
            Self::Watched => "watched",
        }
    }

    /// Leaves it in a run's folder, or renews it.
    pub fn leave(self, folder: &Path) -> Result<(), FolderError> {
        let path = folder.join(self.file());
        let left = File::create(&path).and_then(|file| file.set_modified(SystemTime::now()));
        left.map_err(|source| FolderError::Io { what: "write", path, source })
    }

    /// Takes it back, if it is there.
    pub fn take_back(self, folder: &Path) -> Result<(), FolderError> {
        let path = folder.join(self.file());
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed.map_err(|source| FolderError::Io { what: "remove", path, source }),
        }
    }

    /// Whether it is there. Where that cannot be told, nothing is done that was not asked for: a run is not cancelled, and one that
    /// may have to pause does.
    #[must_use]
    pub fn is_left(self, folder: &Path) -> bool {
        folder.join(self.file()).try_exists().unwrap_or(self == Self::Pause)
    }
}

/// What is wanted of the producer that works on a run, looked up whenever it is asked.
#[derive(Debug)]
pub struct Wishes {
    folder: PathBuf,
    watched: Option<Renewal>,
}

/// When the mark of those who watch was renewed: by the clock of its file system, and by ours when we saw it.
#[derive(Debug, Clone, Copy)]
struct Renewal {
    at: SystemTime,
    seen: Instant,
}

impl Wishes {
    /// What is wanted of the producer of the run in this folder.
    #[must_use]
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), watched: None }
    }

    /// Whether the run is to end for good.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        Mark::Cancel.is_left(&self.folder)
    }

    /// Whether nothing is to be handed out.
    #[must_use]
    pub fn is_paused(&self) -> bool {
        Mark::Pause.is_left(&self.folder)
    }

    /// Whether somebody watches the run at this moment. A change of the mark counts, and not its age: the folder may be on another
    /// machine, with another clock. So a mark that somebody forgot counts for one such time.
    pub fn is_watched(&mut self, now: Instant) -> bool {
        let Ok(at) = fs::metadata(self.folder.join(Mark::Watched.file())).and_then(|mark| mark.modified()) else {
            self.watched = None;
            return false;
        };
        match self.watched {
            Some(known) if known.at == at => now.saturating_duration_since(known.seen) < WATCHED_FOR,
            _ => {
                self.watched = Some(Renewal { at, seen: now });
                true
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_there_until_it_is_taken_back() {
        let folder = tempfile::tempdir().expect("a folder");
        for mark in [Mark::Cancel, Mark::Pause, Mark::Watched] {
            assert!(!mark.is_left(folder.path()));
            mark.take_back(folder.path()).expect("there is nothing to take back");
            mark.leave(folder.path()).expect("left");
            mark.leave(folder.path()).expect("left again");
            assert!(mark.is_left(folder.path()));
            mark.take_back(folder.path()).expect("taken back");
            assert!(!mark.is_left(folder.path()));
        }
    }

    #[test]
    fn what_cannot_be_told_cancels_nothing_and_lets_nothing_go_on() {
        let folder = tempfile::tempdir().expect("a folder");
        let none = folder.path().join("file");
        assert!(!Mark::Pause.is_left(&none), "what is not there is no mark");
        File::create(&none).expect("made");
        let left = [Mark::Cancel, Mark::Pause, Mark::Watched].map(|mark| mark.is_left(&none));
        assert_eq!(left, [false, true, false], "a file is no folder, so there is an error");
    }

    #[test]
    fn who_stops_renewing_the_mark_does_not_watch_any_more() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut wishes = Wishes::at(folder.path());
        let now = Instant::now();
        assert!(!wishes.is_watched(now));
        let renew = |seconds| {
            let file = File::create(folder.path().join("watched")).expect("made");
            // The clock of the folder's machine may be anything.
            file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).expect("set");
        };
        renew(1000);
        assert!(wishes.is_watched(now));
        assert!(wishes.is_watched(now + WATCHED_FOR.saturating_sub(Duration::from_millis(1))));
        assert!(!wishes.is_watched(now + WATCHED_FOR));
        renew(1002);
        assert!(wishes.is_watched(now + WATCHED_FOR * 2));
        Mark::Watched.take_back(folder.path()).expect("taken back");
        assert!(!wishes.is_watched(now + WATCHED_FOR * 2));
    }
}
