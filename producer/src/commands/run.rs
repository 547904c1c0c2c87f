//! What every command that runs a crawl does around the pipeline: the broker (or a downloader in this process), the
//! run's folder, the display, and at the end, however it came, the manifest and the summary.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::chain::Chain;
use common::exit::Exit;
use common::reason::Reason;
use common::run_name::RunName;
use common::shutdown::Shutdown;
use common::telemetry::{Otlp, Tracing};
use common::transport::amqp::{Amqp, AmqpSettings};
use common::transport::embedded::Embedded;
use common::transport::{Queue, QueueState, Transport};
use downloader::metrics as worker_metrics;
use indicatif::MultiProgress;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::monitoring::Monitoring;
use crate::cli::OutputFormat;
use crate::dashboard::{self, Dashboard, Environment, Glimpses};
use crate::following::Following;
use crate::ledger::{Earlier, Ledger, LedgerError, NewPage, Sent, Standing};
use crate::metrics::Metrics;
use crate::page_fetch::PageFetch;
use crate::pipeline::{Ended, Live, Parts, Pipeline, PipelineError, Source};
use crate::remembered::Remembered;
use crate::replies;
use crate::report;
use crate::report::progress::Progress;
use crate::report::summary::Summary;
use crate::run_folder::{FolderError, RunFolder};
use crate::settings::{Broker, RunSettings};
use crate::stream::Stream;
use crate::word::{Mark, Wishes};

/// Longest time for the downloader in this process to end in good order once a run is complete: it completes its open shard, and
/// uploads what is in its spool. As good as none: whoever is in a hurry sends a second signal.
const LAST_SHARD: Duration = Duration::from_hours(24);

/// Longest time for leaving the broker.
const GOODBYE: Duration = Duration::from_secs(5);

/// How long the connection of a producer that vanished may still seem to consume: more than two heartbeats.
const PREDECESSOR: Duration = Duration::from_secs(25);

/// What the process gives every command.
#[derive(Clone)]
pub struct Session {
    /// Signals.
    pub shutdown: Shutdown,
    /// The terminal's bars.
    pub bars: MultiProgress,
    /// What the commands that a dashboard starts are to have.
    pub environment: Environment,
}

/// What there is to do.
pub struct Work {
    /// Where images come from.
    pub source: Source,
    /// Pages to begin at.
    pub seeds: Vec<NewPage>,
    /// `--max-images`.
    pub max_images: Option<u64>,
    /// Whether the run is new.
    pub begin: Begin,
}

/// How a run comes into this process.
pub enum Begin {
    /// It is new; this is what it was started with.
    New(Remembered),
    /// It is gone on with.
    Again(Box<Again>),
}

/// A run that is gone on with.
pub struct Again {
    /// Its folder, in our hands.
    pub folder: RunFolder,
    /// Its ledger.
    pub ledger: Ledger,
    /// Where it stands.
    pub standing: Standing,
    /// What it is gone on with.
    pub remembered: Remembered,
    /// Images to try again although they ended: with these reasons, or all that failed.
    pub retry: Option<Vec<Reason>>,
}

/// Runs it, from the connection to the summary.
pub async fn run(settings: RunSettings, fetch: PageFetch, work: Work, session: Session) -> anyhow::Result<Exit> {
    let started = Instant::now();
    common::telemetry::identify(Some(settings.run.as_str()), None);
    if !settings.obey_robots {
        tracing::warn!(
            "robots.txt and every opt-out of pages and images are ignored (--ignore-robots); do so only where it is your right"
        );
    }
    if matches!(work.begin, Begin::New(_)) {
        RunFolder::check_free(&settings.runs, &settings.run)?;
    }
    let own = settings.runs.join(settings.run.as_str());
    let earlier = settings.since.as_ref().map(|since| since.open(&settings.runs, &own)).transpose()?.flatten();
    let tracing = Tracing::start(settings.otlp.as_ref(), "warren-producer", settings.run.as_str())?;
    let dashboard = start_dashboard(&settings, &session).await?;
    // The broker first: a run that could not begin leaves nothing behind.
    let monitoring = Monitoring::start(&settings).await?;
    let (transport, mut worker) = connect(&settings, &monitoring, tracing.otlp().cloned()).await?;
    let verb = if matches!(work.begin, Begin::New(_)) { "begins" } else { "goes on" };
    let Opened { folder, ledger, sent, took } =
        open(&settings, &transport, work.begin, work.max_images, earlier).await?;
    ledger.add_pages(work.seeds).await?;
    tracing::info!(run = %settings.run, folder = %folder.path().display(), "the run {verb}");

    let (live, watched) = watch::channel(Live::default());
    let glimpses = Glimpses::start(folder.path(), ledger.clone(), watched.clone());
    monitoring.metrics.runs(&ledger, watched.clone());
    let progress = Progress::start(&session.bars, ledger.clone(), watched);
    let (stream, writing) = settings.stream.then(Stream::start).unzip();
    let parts = Parts {
        ledger: ledger.clone(),
        transport: transport.clone(),
        fetch,
        source: work.source,
        sent,
        stream,
        live,
        metrics: Arc::clone(&monitoring.metrics),
        wishes: Wishes::at(folder.path()),
        following: follow(&settings, &ledger, tracing.otlp()).await?,
    };
    let pipeline = Pipeline::new(&settings, parts);
    let (ended, worker) = tokio::select! {
        ended = drive(&settings, pipeline, &transport, &monitoring.metrics, &session.shutdown) => (ended, worker),
        failure = failure_of(&mut worker) => (Err(PipelineError::Downloader(failure)), None),
    };
    // However it ended: what is left to do may take a while, and is no loop.
    monitoring.metrics.ends();
    progress.finish().await;
    if let Some(writing) = writing {
        tokio::select! {
            written = writing => written?,
            () = session.shutdown.now.cancelled() => tracing::warn!("not all outcomes were read from standard output"),
        }
    }
    let patience = match ended {
        Ok(Ended::Complete) => LAST_SHARD,
        Ok(Ended::Cancelled) => GOODBYE,
        _ => Duration::ZERO,
    };
    if matches!(ended, Ok(Ended::TimedOut)) {
        // Nobody said anything of what is out: whoever goes on with the run sends it again.
        ledger.forget_sent().await?;
    }
    let state = state_of(&ended);
    // Every outcome that counts has come, whatever is still to be done for its shard.
    let ((), summary) = tokio::join!(
        stop_worker(worker, patience, &session.shutdown),
        report::write(&ledger, &settings.run, folder.path(), state, took + started.elapsed(), !settings.obey_robots)
    );
    glimpses.finish().await;
    let summary = summary?;
    let is_over = matches!(ended, Ok(Ended::Complete | Ended::Cancelled));
    if is_over {
        // It was for this work, not for what may be tried again.
        Mark::Pause.take_back(folder.path()).unwrap_or_else(|error| {
            tracing::warn!(%error, "the run stays paused for whoever tries it again; hint: `producer unpause`");
        });
    }
    tokio::join!(ledger.close(), say_goodbye(transport, &settings, is_over), tracing.finish());
    let path = folder.path().to_owned();
    // It is free, and shown so: nothing of what follows changes the run.
    drop(folder);
    if settings.report {
        super::report::at_the_end(&settings, &path, &session.shutdown).await;
    }
    print(&summary, settings.format, settings.stream, &path);
    if let Some(dashboard) = dashboard {
        dashboard.finish().await;
    }
    exit_of(ended)
}

/// What follows the run's images, if anybody wants to see that.
async fn follow(
    settings: &RunSettings,
    ledger: &Ledger,
    otlp: Option<&Otlp>,
) -> Result<Option<Arc<Following>>, LedgerError> {
    let Some(otlp) = otlp else { return Ok(None) };
    let sampler = settings.sampler;
    let seed = ledger.follow(sampler).await?;
    tracing::info!(share = sampler.share(), "images are followed (--otlp-sample)");
    Ok(Some(Arc::new(Following { otlp: otlp.clone(), sampler, seed, run: settings.run.clone() })))
}

/// Serves the dashboard of the run's folder, if it is wanted.
async fn start_dashboard(settings: &RunSettings, session: &Session) -> anyhow::Result<Option<Dashboard>> {
    let Some(listen) = settings.dashboard else { return Ok(None) };
    let broker = match &settings.broker {
        Broker::Amqp(broker) => Some(AmqpSettings::new(broker, format!("warren dashboard {}", settings.run))?),
        Broker::Embedded(_) => None,
    };
    let token = dashboard::Settings::token_of_environment();
    let (names, environment) = (settings.dashboard_names.clone(), session.environment.clone());
    let settings = dashboard::Settings::new(
        listen,
        names,
        token.as_deref(),
        settings.runs.clone(),
        settings.dashboard_store.clone(),
        broker,
        environment,
    )?;
    Ok(Some(Dashboard::start(settings).await?))
}

struct Opened {
    folder: RunFolder,
    ledger: Ledger,
    sent: Sent,
    /// Time that earlier producers of the run took.
    took: Duration,
}

async fn open(
    settings: &RunSettings,
    transport: &Transport,
    begin: Begin,
    max_images: Option<u64>,
    earlier: Option<Earlier>,
) -> anyhow::Result<Opened> {
    match begin {
        Begin::New(remembered) => {
            let folder = RunFolder::create(&settings.runs, &settings.run)?;
            let ledger = Ledger::create(folder.path(), &settings.run, &remembered.text(), max_images)?;
            ledger.look_back(earlier).await?;
            Ok(Opened { folder, ledger, sent: Sent::default(), took: Duration::ZERO })
        }
        Begin::Again(again) => {
            let Again { folder, ledger, standing, remembered, retry } = *again;
            let replies = await_our_turn(transport, &settings.run).await?;
            ledger.remember(remembered.text()).await?;
            ledger.look_back(earlier).await?;
            // Without the reply queue the downloaders have dropped, or will drop, whatever there is of this run.
            let sent = ledger.go_on(replies.exists).await?;
            if let Some(reasons) = retry {
                let images = ledger.retry(reasons, !settings.obey_robots).await?;
                tracing::info!(images, "images are tried again");
            }
            Ok(Opened { folder, ledger, sent, took: standing.took })
        }
    }
}

/// A copy of the run's folder may be in the hands of another producer, which shows by its consuming the replies. The
/// connection of one that lost its machine is believed in by the broker for a moment longer. Returns how the reply queue is
/// then.
async fn await_our_turn(transport: &Transport, run: &RunName) -> anyhow::Result<QueueState> {
    let begun = Instant::now();
    loop {
        let replies = transport.inspect(Queue::Replies(run.clone())).await?;
        if replies.consumers == 0 {
            return Ok(replies);
        }
        if begun.elapsed() >= PREDECESSOR {
            let holder = "it consumes the run's replies".to_owned();
            return Err(FolderError::InUse { run: run.clone(), holder }.into());
        }
        if begun.elapsed() < Duration::from_secs(1) {
            tracing::info!("another connection consumes the run's replies; waiting for the broker to find it dead");
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Leaves the broker; by now everything is written, and nothing may hold up the end for long.
async fn say_goodbye(transport: Transport, settings: &RunSettings, is_over: bool) {
    let goodbye = async {
        if is_over && let Err(error) = transport.delete(Queue::Replies(settings.run.clone())).await {
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
    metrics: &Arc<Metrics>,
    shutdown: &Shutdown,
) -> Result<Ended, PipelineError> {
    let consumer = replies::consume(transport, &settings.run).await?;
    let (sender, receiver) = mpsc::channel(64);
    let stop = CancellationToken::new();
    let reading = replies::run(consumer, settings.run.clone(), sender, stop.clone(), Arc::clone(metrics));
    let reading = tokio::spawn(reading);
    let ended = pipeline.run(receiver, shutdown).await;
    stop.cancel();
    reading.await?;
    ended
}

/// A downloader in this process, and the means to stop it.
pub(super) struct Worker {
    shutdown: Shutdown,
    working: JoinHandle<anyhow::Result<downloader::worker::StopReason>>,
}

/// Connects to the fleet, or makes one in this process.
pub(super) async fn connect(
    settings: &RunSettings,
    monitoring: &Monitoring,
    otlp: Option<Otlp>,
) -> anyhow::Result<(Transport, Option<Worker>)> {
    match &settings.broker {
        Broker::Amqp(broker) => {
            let amqp = AmqpSettings::new(broker, format!("warren producer {}", settings.run))?;
            let amqp = amqp.with_metrics(Arc::clone(&monitoring.broker));
            Ok((Transport::Amqp(Amqp::connect(amqp).await?), None))
        }
        Broker::Embedded(worker) => {
            let transport = Transport::Embedded(Embedded::default());
            let shutdown = Shutdown::default();
            // The end of the run is the end of this worker, not a moment without work.
            let worker = downloader::settings::Settings { exit_when_idle: None, ..(**worker).clone() };
            let metrics = monitoring.worker.clone().unwrap_or_else(|| Arc::new(worker_metrics::Metrics::new(&worker)));
            let working = downloader::worker::run(worker, transport.clone(), shutdown.clone(), metrics, otlp);
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

/// Has the downloader in this process end, in good order if it can within `patience` and nobody is in a hurry.
async fn stop_worker(worker: Option<Worker>, patience: Duration, session: &Shutdown) {
    let Some(Worker { shutdown, mut working }) = worker else {
        return;
    };
    shutdown.drain.cancel();
    let ended = tokio::select! {
        ended = &mut working => ended,
        _ = timeout(patience, session.now.cancelled()) => {
            // What it still has in hand is nobody's any more: the queue ends with this process.
            shutdown.now.cancel();
            (&mut working).await
        }
    };
    match ended {
        Ok(Ok(_)) => {}
        Ok(Err(error)) => tracing::error!(error = %Chain(error.as_ref()), "the downloader in this process failed"),
        Err(error) => tracing::error!(error = %error, "the downloader in this process failed; this is a bug"),
    }
}

fn state_of(ended: &Result<Ended, PipelineError>) -> &'static str {
    match ended {
        Ok(Ended::Complete) => report::COMPLETE,
        Ok(Ended::TimedOut) => report::TIMED_OUT,
        Ok(Ended::Cancelled) => report::CANCELLED,
        Ok(Ended::Interrupted) | Err(_) => report::INTERRUPTED,
    }
}

/// Writes the summary to standard output; behind a stream of outcomes, as a last line or elsewhere.
pub fn print(summary: &Summary, format: OutputFormat, stream: bool, folder: &Path) {
    let written = match (format, stream) {
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
        Ended::Cancelled => {
            tracing::warn!("the run was cancelled");
            Ok(Exit::Interrupted)
        }
    }
}
