//! Keeps images durably. An image is stored when its bytes are on the disk under their final name and would be there
//! after a power cut; nothing is ever seen half-written under a final name.

mod commit;
mod files;
mod spool;
mod sweep;

use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

pub(crate) use spool::{Spool, SpoolFolder};

/// The store cannot take an image. This is the machine's trouble, not the image's.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot {doing} {path}", path = path.display())]
pub(crate) struct StoreError {
    doing: &'static str,
    path: PathBuf,
    source: std::sync::Arc<io::Error>,
}

impl StoreError {
    fn new(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self { doing, path: path.to_owned(), source: source.into() }
    }

    /// What somebody can do about it.
    pub(crate) fn hint(&self) -> &'static str {
        if common::descriptors::ran_out(&*self.source) {
            return "let this program have more files open (`ulimit -n`)";
        }
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room there, in bytes or in files",
            io::ErrorKind::ReadOnlyFilesystem => "mount it writable again",
            io::ErrorKind::PermissionDenied => "let the user that this program runs as write there",
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory => "take away what is there",
            _ => "look at that disk, and at the system's log",
        }
    }
}

/// An image to be kept.
#[derive(Debug, Clone)]
pub(crate) struct Image {
    pub(crate) bytes: Bytes,
    /// Hexadecimal SHA-256 of the bytes.
    pub(crate) sha256: String,
    /// The ending of its name.
    pub(crate) format: &'static str,
}

impl Image {
    /// One that nobody asked for, to try a store with.
    pub(crate) fn to_try_with() -> Self {
        Self { bytes: Bytes::from_static(&[0; 64 << 10]), sha256: "0".repeat(64), format: "bin" }
    }
}

enum Request {
    /// Keep it, and say under which path.
    Put(Image, oneshot::Sender<Result<String, StoreError>>),
    /// Try whether it could be kept.
    Probe(Image, oneshot::Sender<Result<(), StoreError>>),
}

/// Images waiting for the next commit, at most; the downloader bounds the bodies in memory.
const WAITING: usize = 256;

/// A handle on the store's writer.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    requests: mpsc::Sender<Request>,
    spool: SpoolFolder,
}

/// Comes when the last handle is dropped and the store is left in good order.
pub(crate) type Closed = oneshot::Receiver<()>;

impl Store {
    /// Opens the folder, creating it if need be, sweeps what a crash left, and starts the writer.
    pub(crate) fn open(root: &Path, worker: &str) -> Result<(Self, Closed), StoreError> {
        let files = files::Files::open(root, worker)?;
        let spool = files.spool();
        let (requests, received) = mpsc::channel(WAITING);
        let (closing, closed) = oneshot::channel();
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                commit::run(&files, received);
                drop(files);
                drop(closing);
            })
            .map_err(|source| StoreError::new("start the writer of", root, source))?;
        Ok((Self { requests, spool }, closed))
    }

    /// Where bodies may be that do not fit into memory.
    pub(crate) fn spool(&self) -> SpoolFolder {
        self.spool.clone()
    }

    /// Keeps an image. Returns, when it is durable, its path relative to the store's root.
    pub(crate) async fn put(&self, image: Image) -> Result<String, StoreError> {
        self.ask(|done| Request::Put(image, done)).await
    }

    /// Tries whether an image could be kept, and keeps nothing.
    pub(crate) async fn probe(&self, image: Image) -> Result<(), StoreError> {
        self.ask(|done| Request::Probe(image, done)).await
    }

    async fn ask<T>(
        &self,
        request: impl FnOnce(oneshot::Sender<Result<T, StoreError>>) -> Request,
    ) -> Result<T, StoreError> {
        let gone = || StoreError::new("write to", Path::new("the store"), io::Error::other("its writer has ended"));
        let (done, answer) = oneshot::channel();
        self.requests.send(request(done)).await.map_err(|_| gone())?;
        answer.await.unwrap_or_else(|_| Err(gone()))
    }
}
