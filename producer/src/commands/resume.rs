//! `producer resume` and `producer retry`: a run that stopped goes on where it was, with the options it was started with.

use std::path::PathBuf;

use clap::ArgMatches;
use common::exit::Exit;
use common::reason::Reason;
use common::run_name::RunName;

use super::run::{Again, Begin, Session};
use super::{crawl, urls};
use crate::cli::{Command, ResumeOptions, RetryOptions, RunOptions};
use crate::ledger::{self, Ledger};
use crate::remembered::{RecallError, Remembered};
use crate::report::CANCELLED;
use crate::run_folder::RunFolder;
use crate::settings;

/// Why a run cannot be gone on with.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// Somebody stopped it for good.
    #[error(
        "run {0} was cancelled, and that is for good; its manifest stays readable. Start a new run for what is missing"
    )]
    Cancelled(RunName),
    /// Two names.
    #[error("--run {typed} contradicts the run {which}; leave --run out")]
    TwoNames {
        /// The argument.
        which: RunName,
        /// The option.
        typed: RunName,
    },
    /// A list that cannot be read again by itself.
    #[error(
        "the list of run {run} came by standard input and had not ended after {rows} rows; hint: give it again from its \
         beginning, `producer resume {run} --input - < list`, or settle for what came, `--input /dev/null`"
    )]
    ListGone {
        /// The run.
        run: RunName,
        /// How far it was read.
        rows: u64,
    },
    /// The run's memory is of no use.
    #[error(transparent)]
    Recall(#[from] RecallError),
}

/// Goes on with a run.
pub async fn resume(options: ResumeOptions, matches: &ArgMatches, session: Session) -> anyhow::Result<Exit> {
    go_on(options.which, options.run, options.input, None, matches, session).await
}

/// Tries the failed images of a run again.
pub async fn retry(options: RetryOptions, matches: &ArgMatches, session: Session) -> anyhow::Result<Exit> {
    go_on(options.which, options.run, Vec::new(), Some(options.reasons), matches, session).await
}

async fn go_on(
    run: RunName,
    given: RunOptions,
    input: Vec<PathBuf>,
    retry: Option<Vec<Reason>>,
    matches: &ArgMatches,
    session: Session,
) -> anyhow::Result<Exit> {
    if let Some(typed) = given.run.filter(|typed| *typed != run) {
        return Err(ResumeError::TwoNames { which: run, typed }.into());
    }
    let folder = RunFolder::open(&given.runs, &run)?;
    let (kept, state) = ledger::recall(folder.path())?;
    if state == CANCELLED {
        return Err(ResumeError::Cancelled(run).into());
    }
    let mut remembered = Remembered::read(&kept)?.replaced_by(matches);
    if !input.is_empty() {
        remembered.replace_paths("file", &input);
    }
    if remembered.value("embedded").is_none() {
        settings::refuse_downloader_options(matches)?;
    }
    let mut command = remembered.parse()?;
    let (own, max_images) = match &mut command {
        Command::Crawl(options) => (&mut options.run, options.max_images),
        Command::Urls(options) => (&mut options.run, None),
        _ => return Err(RecallError::Unreadable.into()),
    };
    // These belong to this invocation, and not to the run.
    own.run = Some(run.clone());
    (own.runs, own.stream, own.format, own.metrics) = (given.runs, given.stream, given.format, given.metrics);
    (own.dashboard, own.dashboard_host) = (given.dashboard, given.dashboard_host);

    let ledger = Ledger::open(folder.path(), &run, max_images)?;
    let standing = ledger.standing().await?;
    if let (Command::Urls(options), Some(rows)) = (&command, standing.list_rows_read)
        && options.file.iter().any(|file| file.as_os_str() == "-")
        && input.is_empty()
    {
        return Err(ResumeError::ListGone { run, rows }.into());
    }
    let begin = Begin::Again(Box::new(Again { folder, ledger, standing, remembered, retry }));
    match command {
        // A run is a large future.
        Command::Crawl(options) => Box::pin(crawl::crawl(options, begin, session)).await,
        Command::Urls(options) => Box::pin(urls::urls(options, begin, session)).await,
        _ => Err(RecallError::Unreadable.into()),
    }
}
