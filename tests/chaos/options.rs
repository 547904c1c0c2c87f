//! What can be typed.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Parser, ValueEnum};
use harness::Programs;

/// Runs a crawl of a site through a private RabbitMQ and three downloaders while everything fails that can, and checks
/// that every image has exactly one outcome and one whole file
#[derive(Debug, Clone, Parser)]
#[command(name = "warren-chaos")]
pub(crate) struct Options {
    /// Everything random comes from it [default: the time]
    #[arg(long)]
    pub(crate) seed: Option<u64>,

    /// How long the faults go on; then the run is left alone until it ends
    #[arg(long, default_value_t = 1.0)]
    pub(crate) minutes: f64,

    /// Images of the site [default: 20,000, and more for storms over ten minutes, so that they last]
    #[arg(long)]
    pub(crate) images: Option<u64>,

    /// How the producer learns of the images
    #[arg(long, value_enum, default_value_t)]
    pub(crate) source: Source,

    /// Folder of the logs, the run and the store; removed after success
    #[arg(long)]
    pub(crate) folder: Option<PathBuf>,

    /// Leave the folder in place after success too
    #[arg(long)]
    pub(crate) keep: bool,
}

/// Where a run begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Source {
    /// `producer crawl`
    #[default]
    Pages,
    /// `producer urls`
    List,
}

/// Images for each minute of a storm that is longer than ten.
const IMAGES_PER_MINUTE: f64 = 2_000.0;

impl Options {
    /// How long the storm lasts.
    pub(crate) fn storm(&self) -> Duration {
        Duration::from_secs_f64(self.minutes * 60.0)
    }

    /// How many images there are.
    pub(crate) fn images(&self) -> u64 {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "minutes are few and positive")]
        let enough = (self.minutes * IMAGES_PER_MINUTE) as u64;
        self.images.unwrap_or(enough.max(20_000))
    }
}

/// The programs, which cargo builds beside this one.
pub(crate) fn programs() -> Result<Programs, String> {
    let here = std::env::current_exe().map_err(|error| format!("where is this program? {error}"))?;
    let beside = |name: &str| {
        let path: PathBuf = here.parent().unwrap_or(Path::new(".")).join(name);
        let hint = "cargo build --package warren-tests --bins";
        if !path.is_file() {
            return Err(format!("{} is not there; hint: {hint}", path.display()));
        }
        let path = path.into_os_string().into_string().map_err(|path| format!("{} is no text", path.display()))?;
        // Paths of programs are `'static` in the harness, as cargo's are in tests.
        Ok(&*path.leak())
    };
    Ok(Programs { producer: beside("warren-test-producer")?, downloader: beside("warren-test-downloader")? })
}
