//! Packed layouts: images one behind the other in shards, large files that each have one appender. One sync keeps many
//! images, and that is what makes them fast.
//!
//! [`Layout`] is what a layout has to say: the bytes of an image in a shard, how far a shard is whole that a crash left,
//! and what is written beside it. All else is here and the same for all: [`append`] gathers images into groups and
//! answers for them when they are safe, [`shard`] is the open file, [`seen`] remembers which bytes are there already,
//! [`finish`] gives whole shards their names, and [`recover`] completes those that dead workers left. For a bucket all this
//! happens in a spool, and [`uploads`] takes whole shards on from there. [`counts`] has their numbers.
//!
//! An open shard is in its worker's part folder under the name that it is going to have. An image's path names that, so
//! what is told of an image stays true whoever completes its shard. There is no journal: the shard is its own.

pub(super) mod append;
mod counts;
mod finish;
mod group;
pub(super) mod recover;
mod seen;
mod shard;
#[cfg(test)]
mod tests;
pub(super) mod uploads;

use std::fs::File;
use std::io;
use std::path::Path;

use super::{Image, StoreError};

pub(crate) use counts::ShardCounts;
pub(super) use group::Group;

/// How images are laid out in shards. The methods that write add to a [`Group`]; nothing they add is in the shard until
/// it was written and synced, and the engine may drop all of it. So a layout keeps no count of its own: where an image is
/// comes with it, as its [`Spot`].
pub(super) trait Layout: Send {
    /// What is remembered of an image, for when its bytes come again.
    type Kept: Send;

    /// Begins a shard: adds what stands before its first image, and returns its final file name, which no other worker
    /// anywhere gives to a shard of its own.
    fn begin(&mut self, group: &mut Group) -> Result<String, io::Error>;

    /// Adds an image. Returns the member's name, which follows `#` in its path.
    fn append(&mut self, spot: &Spot<'_>, image: &Image, group: &mut Group) -> io::Result<(String, Self::Kept)>;

    /// Adds what is to be said of an image whose bytes this run has in a shard already; its path will be the earlier one's.
    /// Returns whether anything was added: it counts as an image of the shard then.
    fn append_again(
        &mut self,
        _spot: &Spot<'_>,
        _image: &Image,
        _earlier: &Self::Kept,
        _group: &mut Group,
    ) -> io::Result<bool> {
        Ok(false)
    }

    /// How its shards are completed.
    fn completion(&self) -> &'static dyn Completion;
}

/// Where an image comes in its shard.
#[derive(Debug, Clone, Copy)]
pub(super) struct Spot<'a> {
    /// The shard's file name.
    pub(super) shard: &'a str,
    /// How many images are before it.
    pub(super) number: u32,
    /// How many bytes are before it.
    pub(super) offset: u64,
}

/// How shards of a layout are completed: in good order by the worker that wrote them, after a crash by the next that starts
/// on the store, whatever layout that has itself. So nothing of the open shard is at hand but its bytes.
pub(super) trait Completion: Sync {
    /// Whether a file is such a shard, by its name.
    fn is_shard(&self, name: &str) -> bool;

    /// The name of the shard that a file of this name stands beside.
    fn shard_of(&self, name: &str) -> Option<String>;

    /// How far a shard of this name is whole that was cut anywhere, or ends in what was never written. Must not trust any byte
    /// of it: after a power cut there may be zeros, or another shard's images, where the last ones were to be.
    fn whole(&self, shard: &File, name: &str) -> io::Result<Whole>;

    /// Whether there seem to be whole images behind what is not whole, so that damage, and no crash, is what ends a shard there.
    fn goes_on(&self, shard: &File, name: &str, whole: Whole) -> io::Result<bool>;

    /// Whether a shard without a whole image begins as one of this name does and ends before its first image does: then its worker
    /// was killed while it wrote the first group, and had told of nothing.
    fn ends_in_first(&self, shard: &File, name: &str) -> io::Result<bool>;

    /// What stands behind the last image of a shard.
    fn end(&self) -> &'static [u8];

    /// Writes the files that stand beside a whole shard, into its folder. Returns their names in the order in which they
    /// are to appear, which is after the shard.
    fn write_beside(&self, shard: &Path, images: u64) -> io::Result<Vec<String>>;
}

/// A shard, as far as it is whole.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Whole {
    /// Up to the end of its last whole image.
    pub(super) bytes: u64,
    /// Whole images in it. Without any it is not kept.
    pub(super) images: u64,
}

/// Every layout's way to complete its shards.
const COMPLETIONS: [&dyn Completion; 2] = [&super::warc::Shards, &super::webdataset::Shards];

/// Begins what is written to try a disk; no shard begins so.
const PROBE: &[u8] = b"Warren tries whether there is room here.\n";

/// An image's path in the manifest.
fn path(shard: &str, member: &str) -> String {
    format!("{shard}#{member}")
}

fn cannot(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> StoreError {
    move |error| StoreError::new(doing, path, error)
}
