//! Logs: readable lines on standard error, or JSON; and how they share a terminal with a progress bar.

use std::io::{self, Write};

use clap::ValueEnum;
use indicatif::MultiProgress;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::bars::is_coloured;
use super::json::Json;
use crate::cli::LogOptions;

/// How log lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON object a line, for log collectors.
    Json,
}

/// The programs' own lines from `level` on: what libraries say of a lost connection, we say in our own words.
fn own(level: &str) -> EnvFilter {
    EnvFilter::new(format!("off,common={level},producer={level},downloader={level}"))
}

/// Starts logging to standard error. Levels come from `WARREN_LOG` (`RUST_LOG`'s syntax), by default `info` of our own
/// crates; `--quiet` leaves warnings and errors, whatever the variable says. Lines are written above whatever `bars` shows.
pub fn start(options: LogOptions, bars: &MultiProgress) {
    let filter =
        if options.quiet { own("warn") } else { EnvFilter::try_from_env("WARREN_LOG").unwrap_or_else(|_| own("info")) };
    let writer = AboveBars(bars.clone());
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(writer).with_target(false);
    // A second start in one process (tests that run both programs in it) keeps the first: nothing is lost by that.
    let started = match options.log_format {
        LogFormat::Text => builder.with_ansi(is_coloured()).try_init(),
        LogFormat::Json => builder.event_format(Json).try_init(),
    };
    if started.is_err() {
        tracing::debug!("logging was already started");
    }
}

#[derive(Clone)]
struct AboveBars(MultiProgress);

impl Write for AboveBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.0.suspend(|| io::stderr().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

impl<'a> MakeWriter<'a> for AboveBars {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}
