//! The `webdataset` layout, as img2dataset writes it: `SERIAL.tar` with the members `KEY.ext`, `KEY.json` and `KEY.txt` of each
//! image, one behind the other; beside it `SERIAL.parquet`, a row an image, and `SERIAL_stats.json`, written last. A serial is the
//! second in which a shard was begun and ten random digits, so workers need not agree on it; a key is the serial and the image's
//! number in the shard.
//!
//! The JSON holds everything that the Parquet file has, so a shard alone is enough to write what stands beside it.

mod beside;
mod member;
mod read;
mod row;

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::SystemTime;

use super::Image;
use super::packed::{Completion, Group, Layout, Spot, Whole};
use member::Member;
use row::Row;

/// How the name of a shard ends.
const SHARD: &str = ".tar";

/// How the names of the files beside it end.
const TABLE: &str = ".parquet";
const STATS: &str = "_stats.json";

/// Digits of a serial: a moment to the second, and random ones.
const SERIAL: usize = 14 + 10;

/// Appends images to tar files.
#[derive(Debug)]
pub(super) struct WebDataset {
    worker: String,
    /// Digits of an image's number in its shard.
    digits: usize,
}

impl WebDataset {
    /// For shards of at most `images` images.
    pub(super) fn new(worker: &str, images: u32) -> Self {
        // As img2dataset: four digits for 10,000 images.
        let digits = images.saturating_sub(1).max(1).ilog10() as usize + 1;
        Self { worker: worker.to_owned(), digits: digits.max(4) }
    }
}

impl Layout for WebDataset {
    type Kept = ();

    fn begin(&mut self, _group: &mut Group) -> io::Result<String> {
        Ok(format!("{}{SHARD}", serial(SystemTime::now())))
    }

    fn append(&mut self, spot: &Spot<'_>, image: &Image, group: &mut Group) -> io::Result<(String, ())> {
        let serial = spot.shard.strip_suffix(SHARD).unwrap_or(spot.shard);
        let key = format!("{serial}{number:0digits$}", number = spot.number, digits = self.digits);
        let mut row = Row::new(&key, image, &self.worker);
        let json = row.readable()?;
        // Empty where nobody says what the image shows: readers want the same members of every sample.
        let text = row.caption.as_deref().unwrap_or_default();
        let mut members = [(image.format, None), ("json", Some(&json[..])), ("txt", Some(text.as_bytes()))];
        members.sort_unstable_by_key(|(ending, _)| *ending);
        for (ending, content) in members {
            let name = format!("{key}.{ending}");
            let length = content.map_or(image.bytes.len(), <[u8]>::len) as u64;
            let member = Member { name: &name, length, modified: row.seconds() };
            group.copy(&member.header()?);
            match content {
                Some(content) => group.copy(content),
                None => group.body(&image.bytes),
            }
            group.copy(member.padding());
        }
        Ok((format!("{key}.{}", image.format), ()))
    }

    fn completion(&self) -> &'static dyn Completion {
        &Shards
    }
}

/// Completes tar files.
#[derive(Debug)]
pub(super) struct Shards;

impl Completion for Shards {
    fn is_shard(&self, name: &str) -> bool {
        name.strip_suffix(SHARD).is_some_and(is_serial)
    }

    fn shard_of(&self, name: &str) -> Option<String> {
        let serial = name.strip_suffix(TABLE).or_else(|| name.strip_suffix(STATS))?;
        is_serial(serial).then(|| format!("{serial}{SHARD}"))
    }

    fn whole(&self, shard: &File, name: &str) -> io::Result<Whole> {
        read::whole(shard, name)
    }

    fn goes_on(&self, shard: &File, name: &str, whole: Whole) -> io::Result<bool> {
        read::goes_on(shard, name, whole.bytes)
    }

    fn ends_in_first(&self, shard: &File, name: &str) -> io::Result<bool> {
        read::ends_in_first(shard, name)
    }

    fn end(&self) -> &'static [u8] {
        &[0; 2 * member::BLOCK]
    }

    fn write_beside(&self, shard: &Path, images: u64) -> io::Result<Vec<String>> {
        beside::write(shard, images)
    }
}

fn is_serial(text: &str) -> bool {
    text.len() == SERIAL && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Year to second in UTC, so that names sort by age, and random digits.
fn serial(now: SystemTime) -> String {
    let moment = humantime::format_rfc3339_seconds(now).to_string();
    let digits: String = moment.chars().filter(char::is_ascii_digit).collect();
    format!("{digits}{:010}", rand::random_range(0..10_000_000_000_u64))
}

#[cfg(test)]
pub(super) mod tests;
