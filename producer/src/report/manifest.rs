//! `results.jsonl`: one row an image. Written beside its final name and renamed, so that a reader sees a whole manifest
//! or the one before.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use crate::ledger::{Ledger, LedgerError};

/// The file in the run's folder.
pub const FILE: &str = "results.jsonl";

/// The manifest could not be written.
#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    /// The ledger cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The folder takes no file.
    #[error("cannot write {FILE} in the run's folder")]
    Write(#[from] io::Error),
}

/// Writes the manifest into the run's folder.
pub async fn write(ledger: &Ledger, folder: &Path) -> Result<(), ManifestError> {
    let part = folder.join(format!("{FILE}.part"));
    // The rows are written in the ledger's thread; the file is shared with it and finished here.
    let out = Arc::new(Mutex::new(BufWriter::new(File::create(&part)?)));
    let rows_out = Arc::clone(&out);
    let rows = ledger.for_each_row(move |row| {
        let mut out = rows_out.lock().unwrap_or_else(PoisonError::into_inner);
        serde_json::to_writer(&mut *out, &row)?;
        out.write_all(b"\n")
    });
    rows.await??;
    let mut out = out.lock().unwrap_or_else(PoisonError::into_inner);
    out.flush()?;
    out.get_ref().sync_all()?;
    fs::rename(&part, folder.join(FILE))?;
    Ok(())
}
