//! Warren's worker. It takes batches from the task queue, fetches each image once, checks it, stores it durably, and
//! tells the producer what happened. It decides nothing about the crawl: no retries, no waiting, no order.
//!
//! The rooms, in the order in which an image passes them: [`deliveries`] takes a message, [`intake`] reads it, [`claims`]
//! and [`runs`] tell whether its images are to be fetched at all, [`image_fetch`] asks the server, [`verify`] looks at the
//! bytes, [`transform`] makes copies of them, [`store`] keeps them, [`reply`] tells the producer, [`settle`] acknowledges the
//! message. [`open_shards`] says when a shard is completed that is not full.
//! [`control`] answers those who ask how the worker is, [`metrics`] monitoring. [`worker`] wires them.
//!
//! For whoever looks at what was stored, [`stored`] reads it back and [`thumbnail`] makes it small.

mod avif;
mod batch;
#[cfg(feature = "benching")]
#[doc(hidden)]
pub mod benching;
mod body;
mod buffer;
mod caution;
mod claims;
pub mod cli;
mod control;
mod deliveries;
mod exchange;
pub mod format;
#[cfg(any(test, feature = "fuzzing"))]
pub mod fuzzing;
mod host_limits;
mod image;
mod image_fetch;
mod intake;
pub mod location;
mod memory;
pub mod metrics;
mod one_line;
mod open_shards;
mod picture;
mod reply;
mod runs;
pub mod settings;
mod settle;
mod store;
mod store_trouble;
pub mod stored;
pub mod thumbnail;
pub mod transform;
mod verify;
mod vitals;
pub mod worker;

use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use clap::Parser;
use common::chain::Chain;
use common::cli::MetricsOptions;
use common::exit::Exit;
use common::metrics::{BrokerMetrics, Build, Endpoint, EndpointError, Sources};
use common::shutdown::Shutdown;
use common::telemetry::otlp::OtlpError;
use common::telemetry::{OtlpSettings, Tracing};
use common::transport::amqp::{Amqp, AmqpSettings, AmqpSettingsError};
use common::transport::{Transport, TransportError};

use tokio_util::task::AbortOnDropHandle;

use cli::Cli;
use metrics::{Condition, Metrics};
use settings::Settings;
use worker::StopReason;

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(code) = serve_if_asked() {
        return code;
    }
    let cli = Cli::parse();
    common::telemetry::start(cli.log, &common::telemetry::bars(&cli.log));
    common::http::install_tls_provider();
    common::descriptors::raise_limit();
    match common::shutdown::block_on(run(cli)) {
        Ok(()) => Exit::Complete.into(),
        Err(error) => {
            eprintln!("error: {}", Chain(error.as_ref()));
            if let Some(error) = error.downcast_ref::<store::StoreError>() {
                eprintln!("hint: {}", error.hint());
            }
            exit_of(&error).into()
        }
    }
}

/// What a program that has a downloader in it does first: if it was started by one to decode a file, it does that and no more, and
/// ends with what is returned.
#[must_use]
pub fn serve_if_asked() -> Option<ExitCode> {
    avif::serve()
}

fn exit_of(error: &anyhow::Error) -> Exit {
    if error.is::<TransportError>() || error.is::<worker::BrokerLost>() {
        Exit::Broker
    } else if error.is::<settings::SettingsError>()
        || error.is::<AmqpSettingsError>()
        || error.is::<EndpointError>()
        || error.is::<OtlpError>()
    {
        Exit::Usage
    } else {
        Exit::Internal
    }
}

/// Serves the metrics, if that is wished for, for as long as the handle is held.
async fn serve_metrics(
    options: MetricsOptions,
    broker: Arc<BrokerMetrics>,
    metrics: &Arc<Metrics>,
) -> Result<Option<AbortOnDropHandle<()>>, EndpointError> {
    let Some(address) = options.metrics else { return Ok(None) };
    let condition = Condition::new(Arc::clone(metrics), Arc::clone(&broker));
    let sources: Sources = vec![Arc::new(Build { program: "downloader" }), broker, Arc::clone(metrics) as _];
    Ok(Some(Endpoint::bind(address).await?.serve(sources, Arc::new(condition))))
}

async fn run(cli: Cli) -> anyhow::Result<()> {
    let settings = Settings::try_from(cli.work)?;
    common::telemetry::identify(None, Some(&settings.worker));
    let otlp = OtlpSettings::new(&cli.otlp)?;
    let shutdown = Shutdown::on_signals().context("cannot watch for signals")?;
    let amqp = AmqpSettings::new(&cli.broker, format!("warren downloader {}", settings.worker))?;
    let tracing = Tracing::start(otlp.as_ref(), "warren-downloader", &settings.worker)?;
    let (broker, metrics) = (Arc::<BrokerMetrics>::default(), Arc::new(Metrics::new(&settings)));
    let _serving = serve_metrics(cli.metrics, Arc::clone(&broker), &metrics).await?;
    let transport = Transport::Amqp(Amqp::connect(amqp.with_metrics(broker)).await?);
    let ended = worker::run(settings, transport, shutdown, metrics, tracing.otlp().cloned()).await;
    tracing.finish().await;
    let reason = ended?;
    match reason {
        StopReason::Drained => tracing::info!("drained; everything in hand is settled"),
        StopReason::Idle => tracing::info!("nothing to do for long enough; leaving"),
        StopReason::Abandoned => tracing::warn!("left at once; what was in hand comes again, to another downloader"),
    }
    Ok(())
}
