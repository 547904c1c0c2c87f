//! `results.jsonl` and `results.parquet`: one row an image, from one reading of the ledger, both at once. Written beside
//! their final names and renamed, so that a reader sees whole manifests or those before.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};

use tokio::task::spawn_blocking;

use super::form::{Form, FormError, FormWriter};
use crate::ledger::{Ledger, LedgerError, Row};

/// The files in the run's folder.
pub const FILES: [(&str, Form); 2] = [("results.jsonl", Form::Jsonl), ("results.parquet", Form::Parquet)];

/// How much is written to a file at once, in bytes.
const BUFFER: usize = 64 << 10;

/// Rows that are passed on together.
const TOGETHER: usize = 256;

/// How often so many wait for a file at most.
const AHEAD: usize = 4;

/// The manifest could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The folder takes no file.
    #[error("cannot write the manifest {path}", path = .path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: FormError,
    },
    /// The thread that writes failed, which is a bug.
    #[error("the manifest was not written to its end")]
    Thread(#[from] tokio::task::JoinError),
}

/// Writes the manifest into the run's folder: a thread reads the ledger, and one a file writes it.
pub async fn write(ledger: &Ledger, folder: &Path) -> Result<(), ManifestError> {
    let mut files = Vec::with_capacity(FILES.len());
    let mut readers = Readers::default();
    for (name, form) in FILES {
        let part = Part::new(folder, name, form)?;
        let (rows, received) = mpsc::sync_channel(AHEAD);
        readers.files.push(rows);
        files.push(spawn_blocking(move || part.write(&received)));
    }
    let read = ledger.for_each_row(readers, Readers::add).await?;
    if let Ok(readers) = read {
        // A file that took no more says why below.
        readers.finish().unwrap_or_default();
    }
    let mut whole = Vec::with_capacity(FILES.len());
    for file in files {
        whole.push(file.await??);
    }
    spawn_blocking(move || whole.into_iter().try_for_each(Whole::rename)).await?
}

/// The rows that were read, on their way to those who write them.
#[derive(Default)]
struct Readers {
    rows: Vec<Row>,
    files: Vec<SyncSender<Arc<[Row]>>>,
}

/// A file takes no more rows.
struct Full;

impl Readers {
    fn add(&mut self, row: Row) -> Result<(), Full> {
        self.rows.push(row);
        if self.rows.len() < TOGETHER { Ok(()) } else { self.pass_on() }
    }

    fn pass_on(&mut self) -> Result<(), Full> {
        let rows: Arc<[Row]> = self.rows.drain(..).collect();
        self.files.iter().try_for_each(|file| file.send(Arc::clone(&rows)).map_err(|_| Full))
    }

    fn finish(mut self) -> Result<(), Full> {
        self.pass_on()
    }
}

/// A file that is being written.
struct Part {
    path: PathBuf,
    rows: FormWriter<BufWriter<File>>,
}

/// One that is whole, and not there by its name yet.
struct Whole(PathBuf);

impl Part {
    fn new(folder: &Path, name: &str, form: Form) -> Result<Self, ManifestError> {
        let path = folder.join(name);
        let file = File::create(part_of(&path)).map_err(|error| trouble(&path, error))?;
        let rows =
            FormWriter::new(form, BufWriter::with_capacity(BUFFER, file)).map_err(|error| trouble(&path, error))?;
        Ok(Self { path, rows })
    }

    /// Writes what is received, to its end.
    fn write(self, received: &Receiver<Arc<[Row]>>) -> Result<Whole, ManifestError> {
        let Self { path, mut rows } = self;
        for some in received {
            some.iter().try_for_each(|row| rows.write(row)).map_err(|error| trouble(&path, error))?;
        }
        let out = rows.finish().map_err(|error| trouble(&path, error))?;
        out.get_ref().sync_all().map_err(|error| trouble(&path, error))?;
        Ok(Whole(path))
    }
}

impl Whole {
    fn rename(self) -> Result<(), ManifestError> {
        fs::rename(part_of(&self.0), &self.0).map_err(|error| trouble(&self.0, error))
    }
}

fn part_of(path: &Path) -> PathBuf {
    path.with_added_extension("part")
}

fn trouble(path: &Path, source: impl Into<FormError>) -> ManifestError {
    ManifestError::Write { path: path.to_owned(), source: source.into() }
}
