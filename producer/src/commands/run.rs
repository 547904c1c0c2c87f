//! What every command that runs a crawl does around the pipeline: the broker (or a downloader in this process), the
//! run's folder, the display, and at the end, however it came, the manifest and the summary.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use common::chain::Chain;
use common::exit::Exit;
use common::shutdown::Shutdown;
use common::transport::amqp::{Amqp, AmqpSettings};
use common::transport::embedded::Embedded;
use common::transport::{Queue, Transport, TransportError};
use indicatif::MultiProgress;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::cli::OutputFormat;
use crate::ledger::{Ledger, NewPage};
use crate::page_fetch::PageFetch;
use crate::pipeline::{Ended, Live, Pipeline, PipelineError, Source};
use crate::replies;
use crate::report::manifest;
use crate::report::progress::Progress;
use crate::report::summary::{self, Summary};
use crate::settings::{Broker, RunSettings};
use crate::stream::Stream;

/// Longest time for leaving the broker.
const GOODBYE: Duration = Duration::from_secs(5);

/// What the process gives every command.
#[derive(Clone)]
pub struct Session {
    /// Signals.
    pub shutdown: Shutdown,
    /// The terminal's bars.
    pub bars: MultiProgress,
}

/// What there is to do.
pub struct Work {
    /// Where images come from.
    pub source: Source,
    /// Pages to begin at.
    pub seeds: Vec<NewPage>,
    /// `--max-images`.
    pub max_images: Option<u64>,
}

/// The run's folder is there already.
#[derive(Debug, thiserror::Error)]
#[error("run {name} exists in {folder}; hint: choose another --run, or leave it out for a new name", folder = .folder.display())]
pub struct RunExists {
    name: String,
    folder: PathBuf,
}

/// Runs it, from the connection to the summary.
pub async fn run(settings: RunSettings, fetch: PageFetch, work: Work, session: Session) -> anyhow::Result<Exit> {
    let started = Instant::now();
    let folder = settings.folder();
    if folder.exists() {
        return Err(RunExists { name: settings.run.to_string(), folder }.into());
    }
    // The broker first: a run that could not begin leaves nothing behind.
    let (transport, mut worker) = connect(&settings).await?;
    create(&settings, &folder)?;
    let ledger = Ledger::create(&folder, &settings.run, work.max_images)?;
    ledger.add_pages(work.seeds).await?;
    tracing::info!(run = %settings.run, folder = %folder.display(), "the run begins");

    let (live, watched) = watch::channel(Live::default());
    let progress = Progress::start(&session.bars, ledger.clone(), watched);
    let (stream, writing) = settings.stream.then(Stream::start).unzip();
    let pipeline = Pipeline::new(&settings, ledger.clone(), transport.clone(), fetch, work.source, stream, live);
    let (ended, worker) = tokio::select! {
        ended = drive(&settings, pipeline, &transport, &session.shutdown) => (ended, worker),
        failure = failure_of(&mut worker) => (Err(PipelineError::Downloader(failure)), None),
    };
    progress.finish().await;
    if let Some(writing) = writing {
        tokio::select! {
            written = writing => written?,
            () = session.shutdown.now.cancelled() => tracing::warn!("not all outcomes were read from standard output"),
        }
    }
    stop_worker(worker).await;

    let state = state_of(&ended);
    ledger.set_state(state).await?;
    manifest::write(&ledger, &folder).await?;
    let summary = Summary::new(settings.run.clone(), state, &ledger.counts(), started.elapsed());
    fs::write(folder.join(summary::FILE), summary.json()).context("cannot write the summary")?;
    ledger.close().await;
    say_goodbye(transport, &settings, matches!(ended, Ok(Ended::Complete))).await;
    print(&summary, &settings, &folder);
    exit_of(ended)
}

/// Leaves the broker; by now everything is written, and nothing may hold up the end for long.
async fn say_goodbye(transport: Transport, settings: &RunSettings, is_complete: bool) {
    let goodbye = async {
        if is_complete && let Err(error) = transport.delete(Queue::Replies(settings.run.clone())).await {
            tracing::debug!(error = %error, "the reply queue is left to expire");
        }
        transport.close().await;
    };
    if timeout(GOODBYE, goodbye).await.is_err() {
        tracing::debug!("the broker is silent; the reply queue is left to expire");
    }
}

/// Consumes the replies while the pipeline runs.
async fn drive(
    settings: &RunSettings,
    pipeline: Pipeline,
    transport: &Transport,
    shutdown: &Shutdown,
) -> Result<Ended, PipelineError> {
    let consumer = replies::consume(transport, &settings.run).await?;
    let (sender, receiver) = mpsc::channel(64);
    let stop = CancellationToken::new();
    let reading = tokio::spawn(replies::run(consumer, settings.run.clone(), sender, stop.clone()));
    let ended = pipeline.run(receiver, shutdown).await;
    stop.cancel();
    reading.await?;
    ended
}

/// A downloader in this process, and the means to stop it.
struct Worker {
    shutdown: Shutdown,
    working: JoinHandle<anyhow::Result<downloader::worker::StopReason>>,
}

async fn connect(settings: &RunSettings) -> Result<(Transport, Option<Worker>), TransportError> {
    match &settings.broker {
        Broker::Amqp(broker) => {
            let amqp = AmqpSettings {
                uri: broker.broker.clone(),
                topology: broker.prefix.clone(),
                name: format!("warren producer {}", settings.run),
            };
            Ok((Transport::Amqp(Amqp::connect(amqp).await?), None))
        }
        Broker::Embedded(worker) => {
            let transport = Transport::Embedded(Embedded::default());
            let shutdown = Shutdown::default();
            // The end of the run is the end of this worker, not a moment without work.
            let worker = downloader::settings::Settings { exit_when_idle: None, ..(**worker).clone() };
            let working = downloader::worker::run(worker, transport.clone(), shutdown.clone());
            let working = tokio::spawn(working);
            Ok((transport, Some(Worker { shutdown, working })))
        }
    }
}

/// Waits for the downloader in this process to fail; without one, or while it works, for ever.
async fn failure_of(worker: &mut Option<Worker>) -> anyhow::Error {
    match worker {
        Some(worker) => match (&mut worker.working).await {
            Ok(Err(error)) => error,
            Err(error) => error.into(),
            Ok(Ok(_)) => anyhow::anyhow!("it ended before the run did"),
        },
        None => std::future::pending().await,
    }
}

async fn stop_worker(worker: Option<Worker>) {
    let Some(Worker { shutdown, working }) = worker else {
        return;
    };
    // What it still has in hand is nobody's any more: the queue ends with this process.
    shutdown.drain.cancel();
    shutdown.now.cancel();
    match working.await {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::error!(error = %Chain(error.as_ref()), "the downloader in this process failed"),
        Err(error) => tracing::error!(error = %error, "the downloader in this process failed; this is a bug"),
    }
}

fn create(settings: &RunSettings, folder: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(&settings.runs)
        .with_context(|| format!("cannot create the folder of runs {}", settings.runs.display()))?;
    match fs::create_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            Err(RunExists { name: settings.run.to_string(), folder: folder.to_owned() }.into())
        }
        created => created.with_context(|| format!("cannot create the run's folder {}", folder.display())),
    }
}

fn state_of(ended: &Result<Ended, PipelineError>) -> &'static str {
    match ended {
        Ok(Ended::Complete) => "complete",
        Ok(Ended::TimedOut) => "timed-out",
        Ok(Ended::Interrupted) | Err(_) => "interrupted",
    }
}

fn print(summary: &Summary, settings: &RunSettings, folder: &Path) {
    let written = match (settings.format, settings.stream) {
        (OutputFormat::Text, false) => io::stdout().write_all(summary.text(folder).as_bytes()),
        // Standard output is JSON lines there.
        (OutputFormat::Text, true) => io::stderr().write_all(summary.text(folder).as_bytes()),
        (OutputFormat::Json, true) => io::stdout().write_all(summary.json_line().as_bytes()),
        (OutputFormat::Json, false) => io::stdout().write_all(summary.json().as_bytes()),
    };
    if let Err(error) = written {
        tracing::debug!(error = %error, "nobody reads the summary; it is in the run's folder");
    }
}

fn exit_of(ended: Result<Ended, PipelineError>) -> anyhow::Result<Exit> {
    match ended? {
        Ended::Complete => Ok(Exit::Complete),
        Ended::TimedOut => {
            tracing::error!(
                "no reply came for --timeout while images were outstanding; is a downloader running, and can the broker be \
                 reached?"
            );
            Ok(Exit::TimedOut)
        }
        Ended::Interrupted => Ok(Exit::Interrupted),
    }
}
