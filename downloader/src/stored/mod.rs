//! Reads back what a store keeps, by the path that the manifest has of it, for whoever looks at images: a file or an object, a
//! member of a tar file ([`tar`]), a record of a WARC file ([`warc`]). Nothing is written, and a store that a downloader works on
//! is not disturbed. What is read is bounded by whoever asks, and may be anything: the bytes are a stranger's.

mod place;
mod tar;
mod warc;

use std::collections::HashMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;

use crate::location::Location;
use place::Place;
use tar::Walk;

/// Separates a shard from what is in it.
const IN_SHARD: char = '#';

/// Tar files of which it is remembered where their members are. One of 10,000 images takes about 1 MB.
const REMEMBERED: usize = 32;

/// Why an image cannot be read back.
#[derive(Debug, thiserror::Error)]
pub enum StoredError {
    /// A path that leads nowhere in a store.
    #[error("{0:?} is no path in a store")]
    Path(String),
    /// More bytes than are wanted.
    #[error("it is longer than {0} bytes")]
    TooLong(u64),
    /// It is not there, or cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Where it should be.
        path: String,
        /// Why it cannot be read.
        source: io::Error,
    },
}

/// A store that is read.
#[derive(Debug)]
pub struct Stored {
    place: Place,
    walks: Mutex<HashMap<String, Arc<Mutex<Walk>>>>,
}

impl Stored {
    /// The store at this place. Nothing is asked of it yet.
    pub fn at(location: &Location) -> Result<Self, StoredError> {
        let place = Place::new(location).map_err(|source| StoredError::Read { path: location.to_string(), source })?;
        Ok(Self { place, walks: Mutex::default() })
    }

    /// Whether anything is there at all, as far as that can be told at once: the folder. Of a bucket it is taken to be.
    #[must_use]
    pub fn is_there(&self) -> bool {
        self.place.is_there()
    }

    /// The bytes of an image under its `path` or `copy_path` in the manifest, if they are at most `most`. Blocks.
    pub fn read(&self, path: &str, most: u64) -> Result<Bytes, StoredError> {
        let (file, within) = match path.split_once(IN_SHARD) {
            Some((shard, within)) => (shard, Some(within)),
            None => (path, None),
        };
        if !is_inside(file) {
            return Err(StoredError::Path(path.to_owned()));
        }
        let bytes = match within {
            None => self.place.whole(file, most),
            Some(within) => match warc::Spot::read(within) {
                Some(spot) => spot.payload(&self.place, file, most),
                None => self.member(file, within, most),
            },
        };
        bytes.map_err(|source| match source.kind() {
            io::ErrorKind::FileTooLarge => StoredError::TooLong(most),
            _ => StoredError::Read { path: format!("{}/{path}", self.place), source },
        })
    }

    fn member(&self, shard: &str, name: &str, most: u64) -> io::Result<Bytes> {
        let walk = {
            let mut walks = self.walks.lock().unwrap_or_else(PoisonError::into_inner);
            if walks.len() >= REMEMBERED && !walks.contains_key(shard) {
                walks.clear();
            }
            Arc::clone(walks.entry(shard.to_owned()).or_default())
        };
        // Others who want something of this shard wait, and need not walk the same way.
        let found = walk.lock().unwrap_or_else(PoisonError::into_inner).find(&self.place, shard, name)?;
        let (offset, length) = found.ok_or(io::ErrorKind::NotFound)?;
        if length > most {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.place.range(shard, offset, length)
    }
}

/// Whether a path stays in the store: names with slashes between them, and nothing that leads up or elsewhere.
fn is_inside(path: &str) -> bool {
    !path.contains('\0') && path.split('/').all(|name| !matches!(name, "" | "." | ".."))
}

#[cfg(test)]
mod tests;
