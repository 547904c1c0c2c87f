//! What both of Warren's programs share: the messages on the wire, the transport that carries them, safe HTTP, and
//! the small habits of a command line (units, logs, signals, exit codes).
//!
//! Nothing here decides anything about a crawl: scheduling is the producer's, fetching and storing the downloader's.

pub mod chain;
pub mod cli;
pub mod config;
pub mod context;
pub mod control;
pub mod descriptors;
pub mod exit;
pub mod failpoint;
#[cfg(feature = "testing")]
pub mod fuzz_seeds;
pub mod http;
pub mod image_id;
pub mod killpoint;
pub mod metrics;
pub mod opt_out;
pub mod outcome;
pub mod parquet_rows;
pub mod reason;
pub mod run_name;
pub mod shutdown;
pub mod task;
pub mod telemetry;
pub mod topology;
pub mod transport;
pub mod validators;
pub mod wire;
