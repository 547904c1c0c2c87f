//! Reads a shard back, sample by sample, and says how far it is whole. A crash may have cut it anywhere, and a power cut may
//! have left anything behind the last sync, so nothing is taken for a sample that is not one to its last byte.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use common::image_id::hex;
use sha2::{Digest, Sha256};

use super::SHARD;
use super::member::{BLOCK, padding};
use super::row::Row;
use crate::store::packed::Whole;

/// Longest JSON or text that is read, in bytes: more than the longest texts of a task need.
pub(super) const MAX_TEXT: u64 = 1 << 20;

/// What is read at once where less is asked for, in bytes: what commonly stands between two images.
const AHEAD: usize = 4 << 10;

/// An image of a shard.
#[derive(Debug)]
pub(super) struct Sample {
    pub(super) row: Row,
    /// Where the image's bytes begin.
    image: u64,
    /// Where the next sample begins.
    end: u64,
}

/// The samples of a shard, up to where it does not go on as a shard of ours does.
#[derive(Debug)]
pub(super) struct Samples<'f> {
    shard: Ahead<'f>,
    /// Begins every key of it.
    serial: &'f str,
    next: u64,
}

/// A file that is read at many places near each other.
#[derive(Debug)]
struct Ahead<'f> {
    file: &'f File,
    length: u64,
    /// Where `read` begins.
    from: u64,
    read: Vec<u8>,
}

impl<'f> Ahead<'f> {
    fn of(file: &'f File) -> io::Result<Self> {
        Ok(Self { file, length: file.metadata()?.len(), from: 0, read: Vec::new() })
    }

    /// The bytes from there on, which lie within the file.
    fn bytes(&mut self, at: u64, length: usize) -> io::Result<&[u8]> {
        let held = at.checked_sub(self.from).and_then(|skipped| usize::try_from(skipped).ok());
        if let Some(skipped) = held.filter(|skipped| skipped.saturating_add(length) <= self.read.len()) {
            return Ok(&self.read[skipped..skipped + length]);
        }
        let left = usize::try_from(self.length.saturating_sub(at)).unwrap_or(usize::MAX);
        self.read.resize(length.max(left.min(AHEAD)), 0);
        self.from = at;
        let filled = self.file.read_exact_at(&mut self.read, at);
        if filled.is_err() {
            self.read.clear();
        }
        filled.map(|()| &self.read[..length])
    }
}

/// A member, as its header has it.
#[derive(Debug)]
struct Found {
    key: String,
    ending: String,
    offset: u64,
    length: u64,
}

impl Found {
    fn end(&self) -> u64 {
        self.offset + self.length + padding(self.length) as u64
    }
}

impl<'f> Samples<'f> {
    pub(super) fn of(shard: &'f File, name: &'f str) -> io::Result<Self> {
        let serial = name.strip_suffix(SHARD).unwrap_or(name);
        Ok(Self { shard: Ahead::of(shard)?, serial, next: 0 })
    }

    fn sample(&mut self) -> io::Result<Option<Sample>> {
        let (mut row, mut text, mut images) = (None, None, Vec::new());
        let mut key: Option<String> = None;
        let mut at = self.next;
        // The image, the JSON, and the text.
        for _ in 0..3 {
            let Some(found) = self.member(at)? else { return Ok(None) };
            if key.get_or_insert_with(|| found.key.clone()) != &found.key {
                return Ok(None);
            }
            at = found.end();
            match found.ending.as_str() {
                "json" => row = self.text(&found)?.and_then(|json| serde_json::from_slice::<Row>(&json).ok()),
                "txt" => text = self.text(&found)?,
                _ => images.push(found),
            }
            let Some(row) = &row else { continue };
            let picture = row.picture();
            let image = images.iter().find(|image| image.ending == picture.format && image.length == picture.bytes);
            // Where nothing is said, earlier versions wrote no text.
            let texts_agree =
                text.as_deref().unwrap_or_default() == row.caption.as_deref().unwrap_or_default().as_bytes();
            if let Some(image) = image
                && texts_agree
                && key.as_ref() == Some(&row.key)
            {
                let end = if text.is_none() { self.behind_empty_text(&row.key, at)? } else { at };
                return Ok(Some(Sample { row: row.clone(), image: image.offset, end }));
            }
        }
        Ok(None)
    }

    /// Where the next sample begins: the last member of this one may be its text, which says nothing.
    fn behind_empty_text(&mut self, key: &str, at: u64) -> io::Result<u64> {
        let text = self.member(at)?.filter(|found| found.key == key && found.ending == "txt" && found.length == 0);
        Ok(text.map_or(at, |text| text.end()))
    }

    /// The member that begins there, if one does and is there to its end.
    fn member(&mut self, at: u64) -> io::Result<Option<Found>> {
        let found = self.header(at)?;
        Ok(found.filter(|found| self.holds(found)))
    }

    /// Whether a member is there to its end.
    fn holds(&self, found: &Found) -> bool {
        found.length <= self.shard.length && found.end() <= self.shard.length
    }

    /// The member that begins there, wherever it ends.
    fn header(&mut self, at: u64) -> io::Result<Option<Found>> {
        let offset = at + BLOCK as u64;
        if offset > self.shard.length {
            return Ok(None);
        }
        let header = tar::Header::from_byte_slice(self.shard.bytes(at, BLOCK)?);
        let mut sum = header.clone();
        sum.set_cksum();
        let as_written = header.as_ustar().is_some() && sum.as_bytes() == header.as_bytes();
        if !as_written || header.entry_type() != tar::EntryType::Regular {
            return Ok(None);
        }
        let (name, Ok(length)) = (header.path_bytes(), header.entry_size()) else { return Ok(None) };
        let name = String::from_utf8_lossy(&name).into_owned();
        let Some((key, ending)) = name.split_once('.') else { return Ok(None) };
        if !key.starts_with(self.serial) {
            // A deleted shard's, in whose place on the disk this one was to grow.
            return Ok(None);
        }
        Ok(Some(Found { key: key.to_owned(), ending: ending.to_owned(), offset, length }))
    }

    fn text(&mut self, found: &Found) -> io::Result<Option<Vec<u8>>> {
        if found.length > MAX_TEXT {
            return Ok(None);
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most a mebibyte")]
        let bytes = self.shard.bytes(found.offset, found.length as usize)?;
        Ok(Some(bytes.to_vec()))
    }

    /// Whether the image's bytes are those that its row tells of.
    fn is_true(&self, sample: &Sample) -> io::Result<bool> {
        let mut hash = Sha256::new();
        let mut buffer = vec![0; 128 << 10];
        let picture = sample.row.picture();
        let (mut at, end) = (sample.image, sample.image + picture.bytes);
        while at < end {
            let part = usize::try_from(end - at).unwrap_or(usize::MAX).min(buffer.len());
            self.shard.file.read_exact_at(&mut buffer[..part], at)?;
            hash.update(&buffer[..part]);
            at += part as u64;
        }
        Ok(hex(&hash.finalize()) == picture.sha256)
    }
}

impl Iterator for Samples<'_> {
    type Item = io::Result<Sample>;

    fn next(&mut self) -> Option<Self::Item> {
        let sample = self.sample().transpose()?;
        if let Ok(sample) = &sample {
            self.next = sample.end;
        }
        Some(sample)
    }
}

/// How far a shard is whole.
pub(super) fn whole(shard: &File, name: &str) -> io::Result<Whole> {
    let mut samples = Samples::of(shard, name)?;
    let mut whole = Whole::default();
    while let Some(sample) = samples.next().transpose()? {
        if !samples.is_true(&sample)? {
            break;
        }
        whole = Whole { bytes: sample.end, images: whole.images + 1 };
    }
    Ok(whole)
}

/// Whether a shard ends within its first sample, in a member or in a header.
pub(super) fn ends_in_first(shard: &File, name: &str) -> io::Result<bool> {
    let mut samples = Samples::of(shard, name)?;
    let mut at = 0;
    for _ in 0..3 {
        if at + BLOCK as u64 > samples.shard.length {
            return Ok(true);
        }
        match samples.header(at)? {
            Some(found) if samples.holds(&found) => at = found.end(),
            found => return Ok(found.is_some()),
        }
    }
    Ok(false)
}

/// Whether a whole sample is anywhere behind.
pub(super) fn goes_on(shard: &File, name: &str, from: u64) -> io::Result<bool> {
    let mut samples = Samples::of(shard, name)?;
    for at in (from..samples.shard.length).step_by(BLOCK) {
        samples.next = at;
        if let Some(sample) = samples.sample()?
            && samples.is_true(&sample)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}
