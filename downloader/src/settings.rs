//! What was typed, checked and made whole: nothing below this room asks whether a value is there or sane.

use std::path::PathBuf;
use std::time::Duration;

use common::http::Guard;

use crate::cli::{Layout, WorkOptions};

/// Least memory for bodies, in bytes.
const LEAST_MEMORY: u64 = 1 << 20;

/// What a downloader works by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Folder of the store.
    pub store: PathBuf,
    /// How images are laid out in it.
    pub layout: Layout,
    /// Images at once.
    pub concurrency: u16,
    /// Images of one host at once; 0: no limit.
    pub per_host: usize,
    /// Memory for bodies, all together, in bytes.
    pub max_memory: u64,
    /// Caps on what is taken.
    pub limits: Limits,
    /// Longest time for an image.
    pub fetch_timeout: Duration,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Lowest rate of a body, in bytes a second; 0: none.
    pub min_rate: u64,
    /// Which addresses may be asked.
    pub guard: Guard,
    /// The name in replies.
    pub worker: String,
    /// Leave after this long without work.
    pub exit_when_idle: Option<Duration>,
}

/// Caps on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of the body; as many are still taken.
    pub max_bytes: usize,
    /// Width times height; as many are still taken.
    pub max_pixels: u64,
}

/// An option's value that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A name that would not fit a log line or a manifest.
    #[error("--worker takes 1 to 200 printable characters, not {0:?}")]
    Worker(String),
    /// No time at all.
    #[error("--fetch-timeout and --connect-timeout must be longer than nothing")]
    NoTime,
    /// Less memory than the bookkeeping of it is worth.
    #[error("--max-memory must be at least 1MiB")]
    NoMemory,
}

impl TryFrom<WorkOptions> for Settings {
    type Error = SettingsError;

    fn try_from(options: WorkOptions) -> Result<Self, SettingsError> {
        let own = options.own;
        let worker = own.worker.unwrap_or_else(random_name);
        if worker.is_empty() || worker.len() > 200 || worker.chars().any(char::is_control) {
            return Err(SettingsError::Worker(worker));
        }
        if own.fetch_timeout.is_zero() || own.connect_timeout.is_zero() {
            return Err(SettingsError::NoTime);
        }
        if own.max_memory < LEAST_MEMORY {
            return Err(SettingsError::NoMemory);
        }
        Ok(Self {
            store: own.store,
            layout: own.layout,
            concurrency: own.concurrency,
            max_memory: own.max_memory,
            per_host: options.per_host,
            limits: Limits {
                max_bytes: usize::try_from(own.max_bytes).unwrap_or(usize::MAX),
                max_pixels: own.max_pixels,
            },
            fetch_timeout: own.fetch_timeout,
            connect_timeout: own.connect_timeout,
            min_rate: own.min_rate,
            guard: Guard { allow_private: options.allow_private },
            worker,
            exit_when_idle: own.exit_when_idle,
        })
    }
}

/// Host name and random, so that restarts and clones are told apart.
fn random_name() -> String {
    let host = hostname::get().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "worker".to_owned());
    format!("{host}-{:06x}", rand::random::<u32>() >> 8)
}
