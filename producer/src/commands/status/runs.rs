//! The runs of a folder, seen from outside: whoever works on them is not disturbed.

use std::fs;
use std::io;
use std::path::Path;

use common::chain::Chain;
use common::run_name::RunName;

use super::StatusError;
use crate::ledger::{self, Glance, LedgerError, RUNNING};
use crate::report::{CANCELLED, COMPLETE, INTERRUPTED};
use crate::run_folder;
use crate::word::Mark;

/// States in which nobody will read replies any more.
const OVER: [&str; 2] = [COMPLETE, CANCELLED];

/// A run.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) name: RunName,
    /// `running`, or one of the summary's states.
    pub(super) state: String,
    /// Its producer was killed: it could not say itself how the run ended.
    pub(super) killed: bool,
    /// Nothing is handed out until `producer unpause`.
    pub(super) paused: bool,
    pub(super) glance: Glance,
    /// Replies that nobody has read yet; `None` where nobody asked, or will.
    pub(super) replies: Option<u32>,
}

impl Run {
    /// Looks at the run in `runs`.
    pub(super) fn look(runs: &Path, name: &RunName) -> Result<Self, StatusError> {
        let folder = run_folder::existing(runs, name)?;
        let (glance, killed) = glance(&folder)?;
        let state = if killed { INTERRUPTED.to_owned() } else { glance.state.clone() };
        let paused = Mark::Pause.is_left(&folder);
        Ok(Self { name: name.clone(), state, killed, paused, glance, replies: None })
    }

    /// All runs in `runs`.
    pub(super) fn all(runs: &Path) -> Result<Vec<Self>, StatusError> {
        let entries = match fs::read_dir(runs) {
            Ok(entries) => entries,
            // Nobody has run anything yet.
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(StatusError::Folder(runs.display().to_string(), error)),
        };
        let mut names: Vec<RunName> = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().join(ledger::FILE).is_file())
            .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
            .collect();
        names.sort();
        let mut found = Vec::with_capacity(names.len());
        for name in &names {
            match Self::look(runs, name) {
                Ok(run) => found.push(run),
                // One ledger that cannot be read must not hide the others, nor the fleet.
                Err(error) => tracing::warn!(run = %name, error = %Chain(&error), "a run cannot be shown"),
            }
        }
        Ok(found)
    }

    /// Whether somebody may yet read its replies.
    pub(super) fn awaits_replies(&self) -> bool {
        !OVER.contains(&self.state.as_str())
    }
}

/// The run as its ledger has it, and whether its producer was killed.
fn glance(folder: &Path) -> Result<(Glance, bool), LedgerError> {
    let first = ledger::glance(folder)?;
    if first.state != RUNNING || run_folder::is_held(folder) {
        return Ok((first, false));
    }
    // Nobody holds it now; it may have ended in good order between the two looks.
    let second = ledger::glance(folder)?;
    let killed = second.state == RUNNING;
    Ok((second, killed))
}
