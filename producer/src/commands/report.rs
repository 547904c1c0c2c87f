//! `producer report`: what a run was like and what it stored, as one HTML file; and the same at a run's end, by `--report`.

use std::path::Path;

use common::chain::Chain;
use common::exit::Exit;
use common::shutdown::Shutdown;

use super::run::Session;
use crate::cli::ReportOptions;
use crate::report::html;
use crate::run_folder;
use crate::settings::{Broker, RunSettings};
use crate::thumbnail::whence;

/// Writes the report of a run, whoever works on it.
pub async fn report(options: ReportOptions, session: Session) -> anyhow::Result<Exit> {
    let folder = run_folder::existing(&options.runs, &options.which)?;
    let store = whence::store(&folder, options.store, options.s3_endpoint.as_deref())?;
    let file = options.output.unwrap_or_else(|| folder.join(html::FILE));
    let stop = session.shutdown.drain;
    html::write(&folder, store.as_ref(), &file, &stop).await?;
    // Said after the file is there: it is whole, but for pictures.
    Ok(if stop.is_cancelled() { Exit::Interrupted } else { Exit::Complete })
}

/// Writes the report of a run that has just ended. One that cannot be written changes nothing of how the run ended: it can be written
/// later.
pub(super) async fn at_the_end(settings: &RunSettings, folder: &Path, shutdown: &Shutdown) {
    let store = match &settings.broker {
        Broker::Embedded(downloader) => Some(&downloader.store),
        Broker::Amqp(_) => None,
    };
    if let Err(error) = html::write(folder, store, &folder.join(html::FILE), &shutdown.now).await {
        let run = &settings.run;
        tracing::error!(%run, error = %Chain(&error), "there is no report; hint: `producer report {run}` writes it");
    }
}
