//! `producer status`: the runs of the folder, the queues, and the downloaders, as they say themselves.

mod json;
mod runs;
mod text;

use std::io::{self, Write};

use anyhow::Context;
use common::exit::Exit;
use common::run_name::RunName;
use common::transport::TransportError;
use common::transport::amqp::AmqpSettings;

use self::runs::Run;
use crate::cli::{OutputFormat, StatusOptions};
use crate::fleet::Fleet;
use crate::ledger::LedgerError;
use crate::run_folder::FolderError;

/// What cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// A name without a run.
    #[error(transparent)]
    Run(#[from] FolderError),
    /// The folder cannot be read.
    #[error("cannot read the folder of runs {0}")]
    Folder(String, #[source] io::Error),
    /// A run cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Shows how things stand. The runs are shown even if the broker cannot be reached; then the exit code says so.
pub async fn status(options: StatusOptions) -> anyhow::Result<Exit> {
    let settings = AmqpSettings::new(&options.broker, "warren status".to_owned())?;
    let mut runs = match &options.run {
        Some(run) => vec![Run::look(&options.runs, run)?],
        None => Run::all(&options.runs)?,
    };
    let broker = if options.offline { None } else { Some(ask(settings, &mut runs).await) };
    let text = match options.format {
        OutputFormat::Json => format!("{:#}\n", json::as_json(&runs, broker.as_ref())),
        OutputFormat::Text => text::as_text(&runs, broker.as_ref()),
    };
    io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    match broker {
        Some(Err(error)) => Err(error.into()),
        _ => Ok(Exit::Complete),
    }
}

/// Asks the broker, and fills in how many replies wait for the runs.
async fn ask(settings: AmqpSettings, runs: &mut [Run]) -> Result<Fleet, TransportError> {
    let names: Vec<RunName> = runs.iter().filter(|run| run.awaits_replies()).map(|run| run.name.clone()).collect();
    let fleet = Fleet::visit(settings, &names).await?;
    for run in runs {
        run.replies = fleet.replies.get(&run.name).copied();
    }
    Ok(fleet)
}
