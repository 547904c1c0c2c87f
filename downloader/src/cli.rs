//! What can be typed. Checked and made whole by [`crate::settings`].

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, ValueEnum};
use common::cli::{BrokerOptions, LogOptions, MetricsOptions, NetworkOptions, OtlpOptions};
use common::config::{Dimensions, duration, size};

use crate::format::Format;

use crate::transform::options::CopyOptions;

/// Fetches, checks and stores the images that producers ask for; start as many as you have machines
///
/// Runs until SIGTERM or Ctrl-C, then finishes what it has begun and leaves; a second signal leaves at once.
#[derive(Debug, Parser)]
#[command(name = "downloader", version)]
pub struct Cli {
    /// Where the queues are.
    #[command(flatten)]
    pub broker: BrokerOptions,
    /// What to do with images.
    #[command(flatten)]
    pub work: WorkOptions,
    /// What is told to monitoring.
    #[command(flatten)]
    pub metrics: MetricsOptions,
    /// Where spans go.
    #[command(flatten)]
    pub otlp: OtlpOptions,
    /// How to talk.
    #[command(flatten)]
    pub log: LogOptions,
}

/// Every option that is not the broker's.
#[derive(Debug, Clone, Args)]
pub struct WorkOptions {
    /// Options that `producer --embedded` takes as they are.
    #[command(flatten)]
    pub own: OwnOptions,

    /// Images of one host at once in this process; 0: no limit
    #[arg(long, env = "WARREN_PER_HOST", value_name = "N", default_value_t = 16, help_heading = "Fetching")]
    pub per_host: usize,

    /// Fetch from loopback, private and link-local addresses too; without it they are refused, whatever a task says
    #[arg(long, env = "WARREN_ALLOW_PRIVATE", value_parser = FalseyValueParser::new(), help_heading = "Network")]
    pub allow_private: bool,

    /// Whom to ask, and how.
    #[command(flatten)]
    pub network: NetworkOptions,
}

/// Options that only the downloader knows; `producer` has them for `--embedded`.
#[derive(Debug, Clone, Args)]
pub struct OwnOptions {
    /// Where the images are kept: a folder, or `s3://BUCKET/PREFIX` with the usual AWS variables for credentials and region
    #[arg(long, env = "WARREN_STORE", value_name = "LOCATION", default_value = "./images", help_heading = "Storing")]
    pub store: PathBuf,

    /// Address of the server that has the bucket [default: Amazon's, or what `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` says]
    #[arg(long, env = "WARREN_S3_ENDPOINT", value_name = "URL", help_heading = "Storing")]
    pub s3_endpoint: Option<String>,

    /// Folder on a disk that lasts, for the shards of packed layouts until they are in the bucket; a part of the store
    #[arg(long, env = "WARREN_SPOOL", value_name = "DIR", default_value = "./spool", help_heading = "Storing")]
    pub spool: PathBuf,

    /// How images are laid out in the store
    #[arg(long, env = "WARREN_LAYOUT", value_enum, default_value_t, help_heading = "Storing")]
    pub layout: Layout,

    /// Packed layouts begin a new shard when one would become longer than this
    #[arg(long, env = "WARREN_SHARD_SIZE", value_name = "SIZE", default_value = "512MiB", value_parser = size,
          help_heading = "Storing")]
    pub shard_size: u64,

    /// Packed layouts begin a new shard after so many images
    #[arg(long, env = "WARREN_SHARD_IMAGES", value_name = "N", default_value_t = 10_000, help_heading = "Storing",
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    pub shard_images: u32,

    /// Images at once
    #[arg(long, env = "WARREN_CONCURRENCY", value_name = "N", default_value_t = 64, help_heading = "Fetching",
          value_parser = clap::value_parser!(u16).range(1..=4096))]
    pub concurrency: u16,

    /// Memory for bodies, all together; what does not fit waits in files without a name in the store's folder
    #[arg(long, env = "WARREN_MAX_MEMORY", value_name = "SIZE", default_value = "256MiB", value_parser = size,
          help_heading = "Fetching")]
    pub max_memory: u64,

    /// Longest image that is taken, as it comes and when it is decompressed
    #[arg(long, env = "WARREN_MAX_BYTES", value_name = "SIZE", default_value = "64MiB", value_parser = size,
          help_heading = "Checking")]
    pub max_bytes: u64,

    /// Most pixels of an image that is taken, width times height
    #[arg(long, env = "WARREN_MAX_PIXELS", value_name = "N", default_value_t = 250_000_000, help_heading = "Checking")]
    pub max_pixels: u64,

    /// How far an image is checked
    #[arg(long, env = "WARREN_VERIFY", value_enum, default_value_t, help_heading = "Checking")]
    pub verify: Verify,

    /// Which images are let in.
    #[command(flatten)]
    pub filters: FilterOptions,

    /// Longest time for an image, from the request to the last byte
    #[arg(long, env = "WARREN_FETCH_TIMEOUT", value_name = "D", default_value = "60s", value_parser = duration,
          help_heading = "Fetching")]
    pub fetch_timeout: Duration,

    /// Longest time to make a connection
    #[arg(long, env = "WARREN_CONNECT_TIMEOUT", value_name = "D", default_value = "10s", value_parser = duration,
          help_heading = "Fetching")]
    pub connect_timeout: Duration,

    /// Lowest rate of a body, in bytes a second over 20 s; what comes more slowly is given up; 0: whatever comes
    #[arg(long, env = "WARREN_MIN_RATE", value_name = "SIZE", default_value = "1KiB", value_parser = size,
          help_heading = "Fetching")]
    pub min_rate: u64,

    /// Copies of images, and what is read of their pixels.
    #[command(flatten)]
    pub copies: CopyOptions,

    /// Name of this worker in every reply [default: host name and random]
    #[arg(long, env = "WARREN_WORKER", value_name = "NAME", help_heading = "Working")]
    pub worker: Option<String>,

    /// Leave with exit code 0 after this long without work, for batch schedulers [default: never]
    #[arg(long, env = "WARREN_EXIT_WHEN_IDLE", value_name = "D", value_parser = duration, help_heading = "Working")]
    pub exit_when_idle: Option<Duration>,
}

/// Which images are let in; the others are rejected, with a reason of each option's own.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Checking")]
pub struct FilterOptions {
    /// Formats that are taken, with commas between them [default: all]
    #[arg(long, env = "WARREN_FORMATS", value_name = "LIST", value_enum, value_delimiter = ',')]
    pub formats: Vec<Format>,

    /// Smallest image that is taken, in pixels; one that is narrower or lower is not. SVG has no size and is taken
    #[arg(long, env = "WARREN_MIN_SIZE", value_name = "WxH")]
    pub min_size: Option<Dimensions>,

    /// Largest image that is taken, in pixels; one that is wider or higher is not
    #[arg(long, env = "WARREN_MAX_SIZE", value_name = "WxH")]
    pub max_size: Option<Dimensions>,

    /// Longest side of an image that is taken, by its shorter: with 3 a banner of 301x100 is not
    #[arg(long, env = "WARREN_MAX_ASPECT", value_name = "RATIO")]
    pub max_aspect: Option<f64>,

    /// Shortest image that is taken
    #[arg(long, env = "WARREN_MIN_BYTES", value_name = "SIZE", default_value = "0", value_parser = size)]
    pub min_bytes: u64,
}

/// How far an image is checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Verify {
    /// Type, dimensions, and structure to the end; nothing is decoded
    #[default]
    Header,
    /// Decoded too, all but HEIC and SVG: what the decoder refuses is rejected
    Decode,
}

/// How images are laid out in the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Layout {
    /// One file an image, named by the SHA-256 of its bytes
    #[default]
    Files,
    /// Tar shards with a table beside each, as img2dataset writes them
    Webdataset,
    /// WARC files with an index beside each, as web archives have them
    Warc,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_well_formed() {
        Cli::command().debug_assert();
    }
}
