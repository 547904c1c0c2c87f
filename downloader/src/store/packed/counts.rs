//! Shards of packed layouts on their way, in numbers.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use common::metrics::Page;

/// Counted by those who deal with shards.
#[derive(Debug, Default)]
pub(crate) struct ShardCounts {
    open: AtomicU64,
    full: AtomicU64,
    completed: AtomicU64,
    to_upload: AtomicU64,
    uploaded: AtomicU64,
    uncompleted: AtomicU64,
    unuploaded: AtomicU64,
}

impl ShardCounts {
    /// Whether a shard takes images.
    pub(super) fn set_open(&self, is_open: bool) {
        self.open.store(is_open.into(), Ordering::Relaxed);
    }

    /// A shard takes no further images, and is to be completed.
    pub(super) fn is_full(&self) {
        self.full.fetch_add(1, Ordering::Relaxed);
    }

    /// Such a shard was completed, or that could not be done now.
    pub(super) fn tried_to_complete(&self, is_done: bool) {
        if is_done {
            self.full.fetch_sub(1, Ordering::Relaxed);
            self.completed.fetch_add(1, Ordering::Relaxed);
        } else {
            self.uncompleted.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// So many shards in the spool are to be uploaded.
    pub(super) fn set_to_upload(&self, shards: usize) {
        self.to_upload.store(shards as u64, Ordering::Relaxed);
    }

    /// One was uploaded.
    pub(super) fn uploaded(&self) {
        self.uploaded.fetch_add(1, Ordering::Relaxed);
        // What is to be uploaded is counted before, by the same thread.
        self.to_upload.fetch_sub(1, Ordering::Relaxed);
    }

    /// An upload failed.
    pub(super) fn not_uploaded(&self) {
        self.unuploaded.fetch_add(1, Ordering::Relaxed);
    }

    /// Writes them down.
    pub(crate) fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        page.gauge("downloader_shards_open", "Shards that take images now, 1 at most.", read(&self.open))?;
        page.gauge(
            "downloader_shards_full",
            "Shards that take no further images and are not complete.",
            read(&self.full),
        )?;
        page.counter("downloader_shards_completed", "Shards that were completed.", read(&self.completed))?;
        let help = "Complete shards in the spool that are not in the bucket yet.";
        page.gauge("downloader_shards_to_upload", help, read(&self.to_upload))?;
        page.counter("downloader_shards_uploaded", "Shards that were put into the bucket.", read(&self.uploaded))?;
        let failures = [("complete", read(&self.uncompleted)), ("upload", read(&self.unuploaded))];
        let help = "Tries to complete or to upload a shard that failed; they are repeated.";
        page.counters("downloader_shard_failures", help, "step", failures)
    }
}
