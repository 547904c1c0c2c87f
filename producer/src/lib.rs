//! Warren's command line: finds every image, has the fleet fetch it, and ends with one outcome for each.
//!
//! The producer is the only scheduler. The rooms, in the order in which an image passes them: [`seeds`] and
//! [`page_fetch`] bring pages and lists, [`robots`] and [`pace`] say when a host may be asked, [`extract`] finds images,
//! [`frontier`] and [`scope`] decide what is accepted, [`ledger`] remembers it, [`backlog`] holds what is next,
//! [`window`] and [`dispatch`] hand it out, [`replies`] and [`retry`] deal with what comes back, [`stream`] and
//! [`report`] tell people. [`pipeline`] wires them; [`commands`] holds one file a subcommand. A run's folder is held by
//! [`run_folder`], [`word`] is what others leave there for it, [`remembered`] knows what the run was started with, and [`since`]
//! which run came before it. [`metrics`] has what is told to monitoring. Whoever looks at a run from outside asks [`insight`], and
//! [`thumbnail`] for pictures; [`dashboard`] shows all runs in a browser.

pub mod backlog;
pub mod cli;
pub mod commands;
pub mod dashboard;
pub mod dispatch;
mod entities;
pub mod extract;
mod fleet;
pub mod following;
pub mod frontier;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod insight;
pub mod ledger;
pub mod metrics;
pub mod pace;
pub mod page_fetch;
mod percent;
pub mod pipeline;
mod printable;
pub mod remembered;
pub mod replies;
pub mod report;
pub mod retry;
pub mod robots;
pub mod run_folder;
pub mod scope;
pub mod seeds;
pub mod settings;
pub mod silence;
pub mod since;
pub mod stream;
pub mod thumbnail;
pub mod trap;
mod whole_file;
pub mod window;
pub mod word;

use std::process::ExitCode;

use anyhow::Context;
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use common::chain::Chain;
use common::exit::Exit;
use common::http::NetworkError;
use common::metrics::EndpointError;
use common::shutdown::Shutdown;
use common::telemetry::otlp::OtlpError;
use common::transport::TransportError;
use common::transport::amqp::AmqpSettingsError;
use downloader::location::BadLocation;
use indicatif::MultiProgress;

use cli::{Cli, Command};
use commands::export::ExportError;
use commands::extract::ExtractError;
use commands::resume::ResumeError;
use commands::robots::RobotsError;
use commands::run::{Begin, Session};
use commands::status::StatusError;
use dashboard::Environment;
use pipeline::PipelineError;
use remembered::{RecallError, Remembered};
use run_folder::FolderError;
use seeds::list::ListError;
use settings::SettingsError;
use since::SinceError;
use thumbnail::whence::WhenceError;

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    if let Some(code) = downloader::serve_if_asked() {
        return code;
    }
    let matches = Cli::command().get_matches();
    let cli = match Cli::from_arg_matches(&matches) {
        Ok(cli) => cli,
        Err(error) => error.exit(),
    };
    let bars = common::telemetry::bars(&cli.log);
    common::telemetry::start(cli.log, &bars);
    common::http::install_tls_provider();
    common::descriptors::raise_limit();
    match settings::check_embedded(&matches)
        .map_err(Into::into)
        .and_then(|()| common::shutdown::block_on(run(cli, matches, bars)))
    {
        Ok(exit) => exit.into(),
        Err(error) => {
            eprintln!("error: {}", Chain(error.as_ref()));
            exit_of(&error).into()
        }
    }
}

fn exit_of(error: &anyhow::Error) -> Exit {
    let pipeline = error.downcast_ref::<PipelineError>();
    if error.is::<TransportError>() || matches!(pipeline, Some(PipelineError::Transport(_))) {
        return Exit::Broker;
    }
    let is_input = error.is::<SettingsError>()
        || error.is::<NetworkError>()
        || error.is::<AmqpSettingsError>()
        || error.is::<OtlpError>()
        || error.is::<ListError>()
        || error.is::<ResumeError>()
        || error.is::<RecallError>()
        || error.is::<SinceError>()
        || error.is::<dashboard::SettingsError>()
        || error.is::<BadLocation>()
        || error.is::<dashboard::ListenError>()
        || matches!(
            error.downcast_ref(),
            Some(FolderError::Exists { .. } | FolderError::NoSuchRun { .. } | FolderError::InUse { .. })
        )
        || matches!(error.downcast_ref(), Some(StatusError::Run(_) | StatusError::Folder(..)))
        || matches!(error.downcast_ref(), Some(ExportError::Ending(_) | ExportError::NoFile(_)))
        || matches!(error.downcast_ref(), Some(WhenceError::Location(_)))
        || error.is::<ExtractError>()
        || error.is::<RobotsError>()
        || error.is::<EndpointError>()
        || matches!(pipeline, Some(PipelineError::List(_)));
    if is_input { Exit::Usage } else { Exit::Internal }
}

async fn run(cli: Cli, matches: ArgMatches, bars: MultiProgress) -> anyhow::Result<Exit> {
    let shutdown = Shutdown::on_signals().context("cannot watch for signals")?;
    let (name, matches) = matches.subcommand().context("no command")?;
    let session = Session { shutdown, bars, environment: Environment::of(matches) };
    let new = || Begin::New(Remembered::new(name, matches));
    match cli.command {
        Command::Crawl(options) => commands::crawl::crawl(options, new(), session).await,
        Command::Urls(options) => commands::urls::urls(options, new(), session).await,
        Command::Resume(options) => Box::pin(commands::resume::resume(options, matches, session)).await,
        Command::Retry(options) => Box::pin(commands::resume::retry(options, matches, session)).await,
        Command::Robots(options) => commands::robots::robots(options).await,
        Command::Pause(options) => commands::pause::pause(&options),
        Command::Unpause(options) => commands::pause::unpause(&options),
        Command::Cancel(options) => commands::cancel::cancel(options, matches).await,
        Command::Export(options) => commands::export::export(options, session).await,
        Command::Report(options) => commands::report::report(options, session).await,
        Command::Extract(options) => commands::extract::extract(options).await,
        Command::Dead(options) => commands::dead::dead(options, session).await,
        Command::Dashboard(options) => commands::dashboard::dashboard(options, session).await,
        Command::Status(options) => commands::status::status(options, session).await,
        Command::Completions(options) => commands::completions::completions(&options),
        Command::Man(options) => commands::man::man(&options),
    }
}
