//! What was typed, checked and made whole: nothing below this room asks whether a value is there or sane.

use std::path::PathBuf;
use std::time::Duration;

use common::config::Dimensions;
use common::http::{Network, NetworkError};

use crate::cli::{FilterOptions, Layout, OwnOptions, Verify, WorkOptions};
use crate::format::Format;
use crate::location::{BadLocation, Location};
use crate::transform::options::{CopyError, CopyOptions, Transform};
use crate::verify::Checks;
use crate::verify::filters::Filters;

/// Least memory for bodies, in bytes.
const LEAST_MEMORY: u64 = 1 << 20;

/// What a downloader works by.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where images are kept.
    pub store: Location,
    /// Folder for what is not in the bucket yet.
    pub spool: PathBuf,
    /// How images are laid out in it.
    pub layout: Layout,
    /// When a shard of a packed layout is full.
    pub shard: ShardSize,
    /// Images at once.
    pub concurrency: u16,
    /// Images of one host at once; 0: no limit.
    pub per_host: usize,
    /// Memory for bodies, all together, in bytes.
    pub max_memory: u64,
    /// Caps on what is taken.
    pub limits: Limits,
    /// How far an image is checked.
    pub verify: Verify,
    /// Which images are let in.
    pub filters: Filters,
    /// What is made of images besides storing them.
    pub transform: Transform,
    /// Longest time for an image.
    pub fetch_timeout: Duration,
    /// Longest time to connect.
    pub connect_timeout: Duration,
    /// Lowest rate of a body, in bytes a second; 0: none.
    pub min_rate: u64,
    /// Whom to ask, and how.
    pub network: Network,
    /// The name in replies.
    pub worker: String,
    /// Leave after this long without work.
    pub exit_when_idle: Option<Duration>,
}

/// When a shard of a packed layout is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ShardSize {
    /// In bytes, its end included. An image that is longer has a shard of its own.
    pub bytes: u64,
    /// In images.
    pub images: u32,
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
    /// A store that is none.
    #[error(transparent)]
    Store(#[from] BadLocation),
    /// No time at all.
    #[error("--fetch-timeout and --connect-timeout must be longer than nothing")]
    NoTime,
    /// Less memory than the bookkeeping of it is worth.
    #[error("--max-memory must be at least 1MiB")]
    NoMemory,
    /// Something about the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// Options for copies that contradict each other.
    #[error(transparent)]
    Copies(#[from] CopyError),
    /// An archive of what servers sent.
    #[error(
        "--layout warc keeps what servers sent, not copies; leave --resize and --encode out, or take another --layout"
    )]
    CopyInArchive,
    /// A sample of a shard is one picture.
    #[error("--keep-original is for --layout files: a sample of --layout webdataset has one picture; leave it out")]
    TwoInASample,
    /// No image could pass.
    #[error("--max-aspect takes a number from 1 on, the longer side by the shorter, not {0}")]
    MaxAspect(f64),
    /// No image could pass.
    #[error("no image is at least {least} (--min-size) and at most {most} (--max-size)")]
    NoSize {
        /// What `--min-size` says.
        least: Dimensions,
        /// What `--max-size` says.
        most: Dimensions,
    },
}

impl Settings {
    /// What an image has to be like.
    pub(crate) fn checks(&self) -> Checks {
        Checks { max_pixels: self.limits.max_pixels, filters: self.filters.clone() }
    }

    /// Whether images of a format are let in and decoded, for a check, a copy or a hash.
    pub(crate) fn decodes(&self, format: Format) -> bool {
        let is_let_in = self.filters.formats.is_empty() || self.filters.formats.contains(&format);
        is_let_in && (self.verify == Verify::Decode || self.transform.needs_pixels())
    }
}

impl TryFrom<WorkOptions> for Settings {
    type Error = SettingsError;

    fn try_from(options: WorkOptions) -> Result<Self, SettingsError> {
        let network = Network::new(&options.network, options.allow_private)?;
        Self::new(options.own, options.per_host, network)
    }
}

impl Settings {
    /// Checks a downloader's own options. What it has in common with a producer in the same process is given, to be shared.
    pub fn new(own: OwnOptions, per_host: usize, network: Network) -> Result<Self, SettingsError> {
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
        let filters = filters(&own.filters)?;
        let transform = transform(own.copies, own.layout)?;
        Ok(Self {
            store: Location::new(own.store, own.s3_endpoint.as_deref().filter(|typed| !typed.is_empty()))?,
            spool: own.spool,
            layout: own.layout,
            shard: ShardSize { bytes: own.shard_size, images: own.shard_images },
            concurrency: own.concurrency,
            max_memory: own.max_memory,
            per_host,
            limits: Limits {
                max_bytes: usize::try_from(own.max_bytes).unwrap_or(usize::MAX),
                max_pixels: own.max_pixels,
            },
            verify: own.verify,
            filters,
            transform,
            fetch_timeout: own.fetch_timeout,
            connect_timeout: own.connect_timeout,
            min_rate: own.min_rate,
            network,
            worker,
            exit_when_idle: own.exit_when_idle,
        })
    }
}

/// What is made of images, where the layout has a place for it.
fn transform(typed: CopyOptions, layout: Layout) -> Result<Transform, SettingsError> {
    let transform = Transform::try_from(typed)?;
    match layout {
        Layout::Warc if transform.copy.is_some() => Err(SettingsError::CopyInArchive),
        Layout::Webdataset if transform.keep_original => Err(SettingsError::TwoInASample),
        _ => Ok(transform),
    }
}

fn filters(typed: &FilterOptions) -> Result<Filters, SettingsError> {
    if let Some(aspect) = typed.max_aspect.filter(|aspect| !aspect.is_finite() || *aspect < 1.0) {
        return Err(SettingsError::MaxAspect(aspect));
    }
    if let (Some(least), Some(most)) = (typed.min_size, typed.max_size)
        && (least.width > most.width || least.height > most.height)
    {
        return Err(SettingsError::NoSize { least, most });
    }
    Ok(Filters {
        formats: typed.formats.clone(),
        min_bytes: typed.min_bytes,
        min_size: typed.min_size,
        max_size: typed.max_size,
        max_aspect: typed.max_aspect,
    })
}

/// Host name and random, so that restarts and clones are told apart.
fn random_name() -> String {
    let host = hostname::get().ok().and_then(|name| name.into_string().ok()).unwrap_or_else(|| "worker".to_owned());
    format!("{host}-{:06x}", rand::random::<u32>() >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transform::options::Format;

    fn typed() -> FilterOptions {
        FilterOptions { formats: Vec::new(), min_size: None, max_size: None, max_aspect: None, min_bytes: 0 }
    }

    #[test]
    fn filters_that_let_nothing_in_are_wrong_usage() {
        let size = |text: &str| Some(text.parse().expect("a size"));
        assert_eq!(filters(&typed()).expect("good"), Filters::default());
        for (least, most, is_good) in [("9x9", "9x9", true), ("10x9", "9x9", false), ("9x10", "9x9", false)] {
            let both = FilterOptions { min_size: size(least), max_size: size(most), ..typed() };
            assert_eq!(filters(&both).is_ok(), is_good, "{least} to {most}");
        }
        for (aspect, is_good) in
            [(1.0, true), (2.5, true), (0.99, false), (-1.0, false), (f64::NAN, false), (f64::INFINITY, false)]
        {
            let slim = FilterOptions { max_aspect: Some(aspect), ..typed() };
            assert_eq!(filters(&slim).is_ok(), is_good, "{aspect}");
        }
    }

    #[test]
    fn copies_are_refused_where_the_layout_has_no_place_for_them() {
        let with = |layout, encode, keep_original| {
            let typed = CopyOptions { encode, keep_original, exif: true, phash: true, ..CopyOptions::default() };
            transform(typed, layout)
        };
        let png = Some(Format::Png);
        assert!(with(Layout::Files, png, true).is_ok());
        assert!(with(Layout::Webdataset, png, false).is_ok());
        assert!(matches!(with(Layout::Webdataset, png, true), Err(SettingsError::TwoInASample)));
        assert!(with(Layout::Warc, None, false).is_ok(), "what is read of an image is no copy");
        assert!(matches!(with(Layout::Warc, png, false), Err(SettingsError::CopyInArchive)));
    }
}
