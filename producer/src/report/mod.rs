//! What a run leaves for people and programs: the manifest, the summary, and the progress while it lasts.

mod csv_file;
pub mod form;
mod going;
pub mod html;
pub mod manifest;
pub mod progress;
pub mod summary;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use common::chain::Chain;
use common::run_name::RunName;
use tokio::task::spawn_blocking;

use crate::ledger::{Ledger, fold_journal};

use self::summary::Summary;

/// The state of a run of which every image has its outcome.
pub const COMPLETE: &str = "complete";

/// The state of a run that nobody spoke of for too long.
pub const TIMED_OUT: &str = "timed-out";

/// The state of a run that was stopped, and can be gone on with.
pub const INTERRUPTED: &str = "interrupted";

/// The state of a run that was stopped for good.
pub const CANCELLED: &str = "cancelled";

/// Writes what a run leaves at its end, however it came: its state, its manifest and its summary.
pub async fn write(
    ledger: &Ledger,
    run: &RunName,
    folder: &Path,
    state: &'static str,
    took: Duration,
    ignored_robots: bool,
) -> anyhow::Result<Summary> {
    ledger.set_state(state, took).await?;
    let journal = folder.to_owned();
    let folding = spawn_blocking(move || fold_journal(&journal));
    let writing = async {
        manifest::write(ledger, folder).await?;
        let summary = Summary::new(run.clone(), state, &ledger.counts(), took).ignoring_robots(ignored_robots);
        fs::write(folder.join(summary::FILE), summary.json()).context("cannot write the summary")?;
        Ok(summary)
    };
    let (written, folded) = tokio::join!(writing, folding);
    if let Err(error) = folded.map_err(anyhow::Error::from).and_then(|folded| Ok(folded?)) {
        tracing::debug!(error = %Chain(error.as_ref()), "the journal is left to whoever closes the ledger");
    }
    written
}
