//! `producer cancel`: a run ends for good. Its reply queue is deleted, by which every downloader sees within seconds that
//! nobody wants the run's images any more; what has an outcome keeps it, and the manifest stays readable.

use std::path::Path;
use std::time::Duration;

use clap::ArgMatches;
use common::exit::Exit;
use common::run_name::RunName;
use common::transport::Queue;
use tokio::time::{Instant, sleep};

use super::monitoring::Monitoring;
use super::run::print;
use crate::cli::{CancelOptions, Command, OutputFormat};
use crate::ledger::{self, Ledger};
use crate::remembered::Remembered;
use crate::report::{self, CANCELLED, COMPLETE};
use crate::run_folder::{self, FolderError, RunFolder};
use crate::settings::{Broker, RunSettings};
use crate::word::Mark;

/// How long a producer that works on the run has to see that it is cancelled, and to write its manifest.
const PATIENCE: Duration = Duration::from_secs(30);

/// Ends a run for good.
pub async fn cancel(options: CancelOptions, matches: &ArgMatches) -> anyhow::Result<Exit> {
    let run = options.which;
    let path = run_folder::existing(&options.runs, &run)?;
    Mark::Cancel.leave(&path)?;
    let folder = our_turn(&options.runs, &run).await.inspect_err(|_| {
        // Or whoever goes on with the run one day would end it.
        Mark::Cancel.take_back(&path).unwrap_or_default();
    })?;
    let (kept, state) = ledger::recall(folder.path())?;
    if state == COMPLETE {
        tracing::warn!(%run, "the run is complete already; nothing is left to cancel");
        Mark::Cancel.take_back(folder.path())?;
        return Ok(Exit::Complete);
    }
    let ledger = Ledger::open(folder.path(), &run, None)?;
    let took = ledger.standing().await?.took;
    let ignored_robots = Remembered::read(&kept).is_ok_and(|kept| kept.value("ignore_robots").is_some());
    let summary = report::write(&ledger, &run, folder.path(), CANCELLED, took, ignored_robots).await?;
    ledger.close().await;
    // Nobody goes on with it, paused or not.
    Mark::Pause.take_back(folder.path())?;
    Mark::Cancel.take_back(folder.path())?;
    print(&summary, options.format, false, folder.path());
    tell_the_fleet(&kept, matches, &run).await?;
    Ok(Exit::Complete)
}

/// Takes the run's folder, from a producer that works on it if need be.
async fn our_turn(runs: &Path, run: &RunName) -> Result<RunFolder, FolderError> {
    let begun = Instant::now();
    loop {
        match RunFolder::open(runs, run) {
            Err(FolderError::InUse { .. }) if begun.elapsed() < PATIENCE => sleep(Duration::from_millis(100)).await,
            opened => return opened,
        }
    }
}

/// Deletes the run's replies, at the broker that the run was started with or that is given now.
async fn tell_the_fleet(kept: &str, matches: &ArgMatches, run: &RunName) -> anyhow::Result<()> {
    let mut options = match Remembered::read(kept)?.replaced_by(matches).parse()? {
        Command::Crawl(options) => options.run,
        Command::Urls(options) => options.run,
        _ => return Ok(()),
    };
    (options.run, options.format) = (Some(run.clone()), OutputFormat::Text);
    let settings = RunSettings::try_from(options)?;
    if matches!(settings.broker, Broker::Embedded(_)) {
        // Its queues were in the producer's own process.
        return Ok(());
    }
    let (transport, _) = super::run::connect(&settings, &Monitoring::off(&settings), None).await?;
    transport.delete(Queue::Replies(run.clone())).await?;
    transport.close().await;
    Ok(())
}
