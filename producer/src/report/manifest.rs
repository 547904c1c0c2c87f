//! `results.jsonl` and `results.parquet`: one row an image, from one reading of the ledger. Written beside their final names
//! and renamed, so that a reader sees whole manifests or those before.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use super::form::{Form, FormError, FormWriter};
use crate::ledger::{Ledger, LedgerError, Row};

/// The files in the run's folder.
pub const FILES: [(&str, Form); 2] = [("results.jsonl", Form::Jsonl), ("results.parquet", Form::Parquet)];

/// How much is written to a file at once, in bytes.
const BUFFER: usize = 64 << 10;

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

/// Writes the manifest into the run's folder.
pub async fn write(ledger: &Ledger, folder: &Path) -> Result<(), ManifestError> {
    let parts: Vec<Part> = FILES.iter().map(|(name, form)| Part::new(folder, name, *form)).collect::<Result<_, _>>()?;
    let written = ledger.for_each_row(parts, |parts, row| parts.iter_mut().try_for_each(|part| part.write(&row)));
    let parts = written.await??;
    tokio::task::spawn_blocking(move || {
        let whole: Vec<Whole> = parts.into_iter().map(Part::finish).collect::<Result<_, _>>()?;
        whole.into_iter().try_for_each(Whole::rename)
    })
    .await?
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

    fn write(&mut self, row: &Row) -> Result<(), ManifestError> {
        self.rows.write(row).map_err(|error| trouble(&self.path, error))
    }

    fn finish(self) -> Result<Whole, ManifestError> {
        let Self { path, rows } = self;
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
