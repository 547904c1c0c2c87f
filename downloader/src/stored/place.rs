//! Files of a folder, or objects of a bucket, of which parts are read.

use std::fmt::{self, Display};
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use common::chain::Chain;
use object_store::ObjectStoreExt as _;
use object_store::aws::AmazonS3;
use tokio::runtime::Runtime;

use crate::location::{BucketLocation, Location};
use crate::store::bucket;
use crate::store::sweep::PARTS;

/// Where files are.
#[derive(Debug)]
pub(super) enum Place {
    Folder(PathBuf),
    Bucket(Box<Bucket>),
}

/// Objects, and a runtime of our own to ask for them, so that whoever waits for them need not have one.
#[derive(Debug)]
pub(super) struct Bucket {
    location: BucketLocation,
    client: AmazonS3,
    /// Taken when this is dropped.
    runtime: Option<Runtime>,
}

impl Bucket {
    fn wait<T>(&self, asking: impl Future<Output = io::Result<T>>) -> io::Result<T> {
        self.runtime.as_ref().ok_or(io::ErrorKind::NotConnected)?.block_on(asking)
    }
}

impl Drop for Bucket {
    fn drop(&mut self) {
        // A runtime waits for its threads when it is dropped, which tasks of another one must not: they may be who drops this.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Place {
    pub(super) fn new(location: &Location) -> io::Result<Self> {
        match location {
            Location::Folder(folder) => Ok(Self::Folder(folder.clone())),
            Location::Bucket(location) => {
                let client = bucket::client(location).map_err(|error| plain(&error))?;
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
                Ok(Self::Bucket(Box::new(Bucket { location: location.clone(), client, runtime: Some(runtime) })))
            }
        }
    }

    pub(super) fn is_there(&self) -> bool {
        match self {
            Self::Folder(folder) => folder.is_dir(),
            Self::Bucket(_) => true,
        }
    }

    /// A file, if it has at most `most` bytes; the error of one that has more is of the kind `FileTooLarge`.
    pub(super) fn whole(&self, file: &str, most: u64) -> io::Result<Bytes> {
        match self {
            Self::Folder(folder) => {
                let file = open(folder, file)?;
                let mut bytes = Vec::new();
                file.take(most.saturating_add(1)).read_to_end(&mut bytes)?;
                if bytes.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(bytes.into()) }
            }
            Self::Bucket(bucket) => {
                let key = bucket.location.key(file);
                let get = async {
                    let found = bucket.client.get(&key).await.map_err(|error| plain(&error))?;
                    if found.meta.size > most {
                        return Err(io::ErrorKind::FileTooLarge.into());
                    }
                    found.bytes().await.map_err(|error| plain(&error))
                };
                bucket.wait(get)
            }
        }
    }

    /// A part of a file, all of it.
    pub(super) fn range(&self, file: &str, offset: u64, length: u64) -> io::Result<Bytes> {
        let end = offset.checked_add(length).ok_or(io::ErrorKind::InvalidData)?;
        match self {
            Self::Folder(folder) => {
                let mut bytes = vec![0; usize::try_from(length).map_err(io::Error::other)?];
                open(folder, file)?.read_exact_at(&mut bytes, offset)?;
                Ok(bytes.into())
            }
            Self::Bucket(bucket) => {
                let key = bucket.location.key(file);
                let bytes = bucket
                    .wait(async { bucket.client.get_range(&key, offset..end).await.map_err(|error| plain(&error)) })?;
                if bytes.len() as u64 == length { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
            }
        }
    }

    /// How much is worth being read at once by somebody who wants a few bytes here and there: of a disk as much as is wanted; of
    /// a bucket what comes in about the time that asking takes.
    pub(super) fn stride(&self) -> u64 {
        match self {
            Self::Folder(_) => 0,
            Self::Bucket(_) => 1 << 20,
        }
    }

    /// A file's length.
    pub(super) fn length(&self, file: &str) -> io::Result<u64> {
        match self {
            Self::Folder(folder) => Ok(open(folder, file)?.metadata()?.len()),
            Self::Bucket(bucket) => {
                let key = bucket.location.key(file);
                bucket.wait(async { Ok(bucket.client.head(&key).await.map_err(|error| plain(&error))?.size) })
            }
        }
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Bucket(bucket) => bucket.location.fmt(f),
        }
    }
}

/// A file of the store: one that is complete, or a shard that a downloader still writes, in its part folder.
fn open(root: &Path, file: &str) -> io::Result<File> {
    match File::open(root.join(file)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && !file.contains('/') => {
            let mut parts = fs::read_dir(root.join(PARTS)).into_iter().flatten().filter_map(Result::ok);
            parts.find_map(|part| File::open(part.path().join(file)).ok()).ok_or(error)
        }
        opened => opened,
    }
}

/// One line, of a kind that callers know.
fn plain(error: &object_store::Error) -> io::Error {
    let kind = match error {
        object_store::Error::NotFound { .. } => io::ErrorKind::NotFound,
        _ => io::ErrorKind::Other,
    };
    io::Error::new(kind, bucket::cause(&Chain(error).to_string()))
}
