//! Keeps images durably. An image is stored when its bytes are on the disk under their final name and would be there
//! after a power cut; nothing is ever seen half-written under a final name.

pub(crate) mod bucket;
mod commit;
mod files;
mod owner;
mod packed;
mod spool;
pub(crate) mod sweep;
mod warc;
mod webdataset;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use common::context::Context;
use common::failpoint;
use common::outcome::Outcome;
use common::run_name::RunName;
use rustix::io::Errno;
use tokio::sync::{mpsc, oneshot};

use crate::cli::Layout;
use crate::exchange::{Asking, Exchange};
use crate::location::Location;
use crate::settings::Settings;
use bucket::Bucket;
use packed::uploads::Uploads;
use sweep::PartFolder;

pub(crate) use packed::ShardCounts;
pub(crate) use spool::{Spool, SpoolFolder};
pub(crate) use warc::Digests;

/// The store cannot take an image. This is the machine's trouble, not the image's.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot {doing} {path}", path = path.display())]
pub(crate) struct StoreError {
    doing: &'static str,
    path: PathBuf,
    /// Whether that is in a bucket.
    remote: bool,
    source: Arc<io::Error>,
    /// Length of the file that could not be written, in bytes, where it is known.
    length: usize,
}

impl StoreError {
    fn new(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self { doing, path: path.to_owned(), remote: false, source: source.into(), length: 0 }
    }

    fn of_bucket(doing: &'static str, object: String, source: io::Error) -> Self {
        Self { doing, path: object.into(), remote: true, source: source.into(), length: 0 }
    }

    /// That a file could not become so long, in bytes.
    fn at(self, length: usize) -> Self {
        Self { length, ..self }
    }

    /// What somebody can do about it.
    pub(crate) fn hint(&self) -> &'static str {
        if common::descriptors::ran_out(&*self.source) {
            return "let this program have more files open (`ulimit -n`)";
        }
        if self.remote {
            return bucket::hint(self.source.kind());
        }
        match self.source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "make room there, in bytes or in files",
            io::ErrorKind::ReadOnlyFilesystem => "mount it writable again",
            io::ErrorKind::PermissionDenied => "let the user that this program runs as write there",
            io::ErrorKind::NotADirectory | io::ErrorKind::IsADirectory | io::ErrorKind::AlreadyExists => {
                "take away what is there, or give another folder"
            }
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
    /// What is known of it besides.
    pub(crate) about: Arc<About>,
}

/// What packed layouts keep beside an image.
#[derive(Debug)]
pub(crate) struct About {
    /// Who asked for it.
    pub(crate) run: RunName,
    /// The same, with its manners.
    pub(crate) asking: Arc<Asking>,
    /// Where it came from.
    pub(crate) url: String,
    /// How many redirects led there.
    pub(crate) hops: u32,
    /// What was said for it; `None` for an image that stood in its page, and where nobody writes it down.
    pub(crate) exchange: Option<Arc<Exchange>>,
    /// What the layout `warc` says of its bytes besides their SHA-256; `None` for others.
    pub(crate) digests: Option<Digests>,
    /// What the producer knew of it.
    pub(crate) context: Context,
    /// What is going to be said of it, but for its paths.
    pub(crate) outcome: Outcome,
}

impl Image {
    /// One whose bytes nobody asked for, to try a store with.
    pub(crate) fn to_try_with(about: About, refused: &StoreError) -> Self {
        let bytes = Bytes::from(vec![0; refused.length.max(64 << 10)]);
        Self { bytes, sha256: "0".repeat(64), format: "bin", about: about.into() }
    }
}

enum Request {
    /// Keep it, and say under which path.
    Put(Image, oneshot::Sender<Result<String, StoreError>>),
    /// Try whether it could be kept.
    Probe(Image, oneshot::Sender<Result<(), StoreError>>),
    /// Complete the shard that is open, if one is, and all before it as far as that can be done now.
    CompleteShards(oneshot::Sender<Result<(), StoreError>>),
    /// Upload the shards that are complete, if they belong in a bucket.
    UploadShards(oneshot::Sender<Result<(), StoreError>>),
}

/// Images waiting for the next commit, at most; the downloader bounds the bodies in memory.
const WAITING: usize = 256;

/// Runs until the last handle on the store is dropped, and leaves everything in good order.
type Writer = Box<dyn FnOnce(mpsc::Receiver<Request>) + Send>;

/// A handle on the store's writer.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    requests: mpsc::Sender<Request>,
    open: OpenShard,
    spool: SpoolFolder,
}

/// Comes when the last handle is dropped and the store is left in good order.
pub(crate) type Closed = oneshot::Receiver<()>;

impl Store {
    /// Opens the folder, creating it if need be, sweeps what a crash left, and starts the writer. A bucket is tried; for
    /// packed layouts its spool is opened as a folder is.
    /// `counts` are those of its shards.
    pub(crate) async fn open(settings: &Settings, counts: Arc<ShardCounts>) -> Result<(Self, Closed), StoreError> {
        let settings = settings.clone();
        let opening = tokio::task::spawn_blocking(move || Self::open_now(&settings, counts));
        opening.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
    }

    fn open_now(settings: &Settings, counts: Arc<ShardCounts>) -> Result<(Self, Closed), StoreError> {
        let open = OpenShard { runs: Arc::default(), counts };
        let (writer, spool): (Writer, _) = match &settings.store {
            Location::Folder(folder) => writer(settings, &whole(folder)?, None, &open)?,
            Location::Bucket(location) => {
                let (bucket, root) = (Bucket::open(location)?, whole(&settings.spool)?);
                match settings.layout {
                    Layout::Files => {
                        let spool = SpoolFolder::new(&root);
                        (Box::new(move |received| bucket::objects::run(&bucket, received)), spool)
                    }
                    Layout::Webdataset | Layout::Warc => {
                        owner::claim(&root, location)?;
                        writer(settings, &root, Some(Uploads::start(root.clone(), bucket, open.counts())?), &open)?
                    }
                }
            }
        };
        let (requests, received) = mpsc::channel(WAITING);
        let (closing, closed) = oneshot::channel();
        std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(move || {
                writer(received);
                drop(closing);
            })
            .map_err(|source| StoreError::new("start the writer of", Path::new(&settings.store.to_string()), source))?;
        Ok((Self { requests, open, spool }, closed))
    }

    /// Where bodies may be that do not fit into memory.
    pub(crate) fn spool(&self) -> SpoolFolder {
        self.spool.clone()
    }

    /// Keeps an image. Returns, when it is durable, its path relative to the store's root.
    pub(crate) async fn put(&self, image: Image) -> Result<String, StoreError> {
        self.ask(|done| Request::Put(image, done)).await
    }

    /// Tries whether what failed so would succeed, and the image could be kept; keeps nothing.
    pub(crate) async fn probe(&self, image: Image, failed: &StoreError) -> Result<(), StoreError> {
        if !failed.remote {
            // The trouble may be where bodies wait, which need not be where images are kept.
            let (spool, bytes) = (self.spool.clone(), image.bytes.clone());
            let trying = tokio::task::spawn_blocking(move || spool.probe(&bytes));
            trying.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
        }
        self.ask(|done| Request::Probe(image, done)).await
    }

    /// The runs that have images in the open shard; none if no shard is open, or its layout has none.
    pub(crate) fn runs_in_open_shard(&self) -> Vec<RunName> {
        self.open.runs().iter().cloned().collect()
    }

    /// This run needs the open shard completed no sooner than the others in it do.
    pub(crate) fn run_is_over(&self, run: &RunName) {
        self.open.runs().remove(run);
    }

    /// Has the open shard completed before it is full. Returns when it is, or when that cannot be done now.
    pub(crate) async fn complete_shards(&self) -> Result<(), StoreError> {
        self.ask(Request::CompleteShards).await
    }

    /// Waits until the complete shards are in the bucket, if that is where they belong. An error when it refuses them.
    pub(crate) async fn upload_shards(&self) -> Result<(), StoreError> {
        self.ask(Request::UploadShards).await
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

/// What is known from outside of the open shard of a packed layout.
#[derive(Debug, Clone, Default)]
struct OpenShard {
    runs: Arc<Mutex<BTreeSet<RunName>>>,
    counts: Arc<ShardCounts>,
}

impl OpenShard {
    fn counts(&self) -> Arc<ShardCounts> {
        Arc::clone(&self.counts)
    }

    fn runs(&self) -> MutexGuard<'_, BTreeSet<RunName>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A folder, created if need be.
fn whole(folder: &Path) -> Result<PathBuf, StoreError> {
    std::fs::create_dir_all(folder).map_err(|error| StoreError::new("create the folder", folder, error))?;
    std::fs::canonicalize(folder).map_err(|error| StoreError::new("open the folder", folder, error))
}

/// The writer for a folder, and where bodies may be. What a packed layout makes whole there goes on to a bucket by `uploads`.
fn writer(
    settings: &Settings,
    root: &Path,
    uploads: Option<Uploads>,
    open: &OpenShard,
) -> Result<(Writer, SpoolFolder), StoreError> {
    let (root, parts, open) = (root.to_owned(), PartFolder::open(root, &settings.worker)?, open.clone());
    let spool = SpoolFolder::new(parts.path());
    let writer: Writer = match settings.layout {
        Layout::Files => {
            let files = files::Files::new(root, parts)?;
            Box::new(move |received| commit::run(&files, received))
        }
        Layout::Webdataset => {
            let layout = webdataset::WebDataset::new(&settings.worker, settings.shard.images);
            let appender = packed::append::Appender::new(layout, settings.shard, root, parts, open)?.uploading(uploads);
            Box::new(move |received| appender.run(received))
        }
        Layout::Warc => {
            let layout = warc::Warc::new(&settings.worker);
            let appender = packed::append::Appender::new(layout, settings.shard, root, parts, open)?.uploading(uploads);
            Box::new(move |received| appender.run(received))
        }
    };
    Ok((writer, spool))
}

/// Does an operation, or lets it fail where a test wants it to.
fn unless_struck<T, E: From<Errno>>(point: &str, operation: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
    if failpoint::strikes(point) { Err(Errno::IO.into()) } else { operation() }
}
