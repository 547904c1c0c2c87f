//! `producer pause` and `producer unpause`: a run hands nothing out for as long as its folder has the mark. What is out is
//! finished; the mark holds for whoever goes on with the run, too.

use common::exit::Exit;

use crate::cli::PauseOptions;
use crate::ledger;
use crate::report::{CANCELLED, COMPLETE};
use crate::run_folder;
use crate::word::Mark;

/// Has a run pause.
pub fn pause(options: &PauseOptions) -> anyhow::Result<Exit> {
    let PauseOptions { which: run, runs } = options;
    let folder = run_folder::existing(runs, run)?;
    let (_, state) = ledger::recall(&folder)?;
    if [COMPLETE, CANCELLED].contains(&state.as_str()) {
        tracing::warn!(%run, state, "the run has ended; nothing is left to pause");
        return Ok(Exit::Complete);
    }
    Mark::Pause.leave(&folder)?;
    if run_folder::is_held(&folder) {
        tracing::info!(%run, "the run pauses within a second; hint: `producer unpause {run}` lets it go on");
    } else {
        tracing::warn!(%run, "no producer works on the run; whoever goes on with it hands nothing out before `producer unpause {run}`");
    }
    Ok(Exit::Complete)
}

/// Lets a run go on.
pub fn unpause(options: &PauseOptions) -> anyhow::Result<Exit> {
    let PauseOptions { which: run, runs } = options;
    let folder = run_folder::existing(runs, run)?;
    if !Mark::Pause.is_left(&folder) {
        tracing::warn!(%run, "the run was not paused");
    }
    Mark::Pause.take_back(&folder)?;
    if !run_folder::is_held(&folder) {
        tracing::warn!(%run, "no producer works on the run; hint: `producer resume {run}` goes on with it");
    }
    Ok(Exit::Complete)
}
