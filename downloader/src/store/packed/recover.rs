//! Completes the shards that a dead worker left in its part folder: each is cut behind its last whole image and gets the name
//! that its images' paths have.

use std::fs::{self, File};
use std::io::{self, BufRead as _, BufReader, Seek as _};
use std::path::Path;

use super::append::GROUP_BYTES;
use super::finish::{Place, names};
use super::{COMPLETIONS, Completion, PROBE, StoreError, Whole, cannot};

/// Ends the name of a copy of a damaged shard, which nobody but people removes.
const DAMAGED: &str = ".damaged";

/// Longest group that a worker may have been writing, in bytes: with an image that is as long as `--max-bytes` has it by default,
/// and what is said of it. Where longer ones are let in, a copy may be kept that need not be.
pub(super) const LONGEST_GROUP: u64 = GROUP_BYTES + (64 << 20) + (2 << 20);

/// Whether there is something in a part folder that may not be thrown away, as far as can be told.
pub(in crate::store) fn is_needed(parts: &Path) -> bool {
    names(parts).map_or(true, |names| names.iter().any(|name| of(name).is_some() || name.ends_with(DAMAGED)))
}

/// Whether a part folder still has a shard, as far as can be told.
pub(in crate::store) fn has_shards(parts: &Path) -> bool {
    names(parts).map_or(true, |names| names.iter().any(|name| is_shard(name) || name.ends_with(DAMAGED)))
}

/// Whether a file is a shard of any layout.
fn is_shard(name: &str) -> bool {
    COMPLETIONS.iter().any(|completion| completion.is_shard(name))
}

/// Completes what is in a part folder that nobody else works on. What has no whole image in it is removed. A shard that cannot be
/// completed does not keep the others from it; the first error is returned.
pub(in crate::store) fn complete_all(root: &Path, parts: &Path) -> Result<(), StoreError> {
    let place = Place { root: root.to_owned(), parts: parts.to_owned() };
    let list = || names(parts).map_err(cannot("read the folder", parts));
    let mut result = Ok(());
    for name in list()? {
        if let Some(completion) = of(&name).filter(|completion| completion.is_shard(&name)) {
            result = result.and(complete(&place, completion, &name));
        }
    }
    for name in list()? {
        // Whole only if their shard has its name; otherwise it was written anew, or not kept.
        if let Some((completion, shard)) = of(&name).and_then(|found| Some((found, found.shard_of(&name)?)))
            && root.join(&shard).exists()
            && !parts.join(&shard).exists()
        {
            result = result.and(place.publish_beside(completion, &shard));
        }
    }
    result
}

fn complete(place: &Place, completion: &dyn Completion, name: &str) -> Result<(), StoreError> {
    let path = place.parts.join(name);
    let shard = File::open(&path).map_err(cannot("open", &path))?;
    let whole = completion.whole(&shard, name).map_err(cannot("read", &path))?;
    let is_damaged = is_damaged(completion, &shard, name, whole).map_err(cannot("read", &path))?;
    drop(shard);
    if is_damaged {
        keep_damaged(&path, name, whole)?;
    }
    if whole.images == 0 {
        return fs::remove_file(&path).map_err(cannot("remove", &path));
    }
    tracing::info!(shard = name, images = whole.images, "completing a shard that a worker left open");
    place.complete(completion, name, whole)
}

/// Whether what is to be cut off may be more than the group that was being written when the worker died, of which nothing had
/// been told: there are whole images in it, or it is too long, or it is all that there is, and neither a part of the first image nor
/// written for none.
fn is_damaged(completion: &dyn Completion, shard: &File, name: &str, whole: Whole) -> io::Result<bool> {
    let cut = shard.metadata()?.len() - whole.bytes;
    if cut > LONGEST_GROUP {
        return Ok(true);
    }
    if completion.goes_on(shard, name, whole)? {
        return Ok(true);
    }
    Ok(whole.images == 0 && !is_of_no_image(shard)? && !completion.ends_in_first(shard, name)?)
}

/// Whether a file is what a probe of the disk leaves, or nothing but the hole that a power cut does.
fn is_of_no_image(mut shard: &File) -> io::Result<bool> {
    shard.rewind()?;
    let mut bytes = BufReader::with_capacity(128 << 10, shard);
    if bytes.fill_buf()?.starts_with(PROBE) {
        return Ok(true);
    }
    loop {
        let part = bytes.fill_buf()?;
        if part.is_empty() || part.iter().any(|byte| *byte != 0) {
            return Ok(part.is_empty());
        }
        let length = part.len();
        bytes.consume(length);
    }
}

/// Keeps a copy of a shard that is about to be cut in front of what may have been told of.
fn keep_damaged(path: &Path, name: &str, whole: Whole) -> Result<(), StoreError> {
    let copy = path.with_file_name(format!("{name}{DAMAGED}"));
    let bytes = fs::copy(path, &copy)
        .and_then(|bytes| File::open(&copy)?.sync_all().map(|()| bytes))
        .map_err(cannot("keep a damaged shard as", &copy))?;
    tracing::error!(
        copy = %copy.display(), whole = whole.images, cut = bytes.saturating_sub(whole.bytes),
        "a shard seems to be damaged; it is completed as far as it is whole, and all of it is kept beside it (look at that disk)"
    );
    Ok(())
}

/// Which layout's a file is.
fn of(name: &str) -> Option<&'static dyn Completion> {
    COMPLETIONS.into_iter().find(|completion| completion.is_shard(name) || completion.shard_of(name).is_some())
}
