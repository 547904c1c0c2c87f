//! `producer export`: the manifest of a run again, in the form that is asked for, from its ledger; while the run lasts, too.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use common::exit::Exit;
use tokio::task::spawn_blocking;
use tokio_util::sync::CancellationToken;

use super::run::Session;
use crate::cli::ExportOptions;
use crate::ledger::{self, LedgerError};
use crate::report::form::{Form, FormError, FormWriter};
use crate::run_folder;
use crate::whole_file::{self, WholeFile};

/// How much is written at once, in bytes.
const BUFFER: usize = 64 << 10;

/// What cannot be exported to.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// A name that says no form.
    #[error(
        "--output takes a name that ends in .jsonl, .csv or .parquet, which says how the rows are written; {0:?} does not"
    )]
    Ending(PathBuf),
    /// A folder, a pipe, a device.
    #[error("--output takes a file's name; {path} is there and is no file", path = .0.display())]
    NoFile(PathBuf),
    /// The disk says no.
    #[error("cannot write {path}", path = .0.display())]
    Write(PathBuf, #[source] FormError),
    /// Standard output says no.
    #[error("cannot write to standard output")]
    Output(#[source] FormError),
    /// The run cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Why no further row is written.
enum Stop {
    Interrupted,
    Failed(FormError),
}

impl From<FormError> for Stop {
    fn from(error: FormError) -> Self {
        Self::Failed(error)
    }
}

/// Writes the rows.
pub async fn export(options: ExportOptions, session: Session) -> anyhow::Result<Exit> {
    let folder = run_folder::existing(&options.runs, &options.which)?;
    let stop = session.shutdown.drain;
    let stopped = stop.clone();
    let Some(file) = options.output else {
        let writing = spawn_blocking(move || to_output(&folder, &stop));
        return tokio::select! {
            written = writing => Ok(written??),
            // Whoever reads may never read on.
            () = stopped.cancelled() => Ok(Exit::Interrupted),
        };
    };
    let form = Form::by_name(&file).ok_or_else(|| ExportError::Ending(file.clone()))?;
    Ok(spawn_blocking(move || to_file(&folder, &file, form, &stop)).await??)
}

fn to_output(folder: &Path, stop: &CancellationToken) -> Result<Exit, ExportError> {
    let out = BufWriter::with_capacity(BUFFER, io::stdout());
    match write(folder, Form::Jsonl, out, stop)? {
        Ok(_) => Ok(Exit::Complete),
        Err(Stop::Interrupted) => Ok(Exit::Interrupted),
        // Whoever reads has enough, as `head` does.
        Err(Stop::Failed(FormError::Write(error))) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Exit::Complete),
        Err(Stop::Failed(error)) => Err(ExportError::Output(error)),
    }
}

/// Writes a file beside its name, and renames it when it is whole.
fn to_file(folder: &Path, file: &Path, form: Form, stop: &CancellationToken) -> Result<Exit, ExportError> {
    if fs::metadata(file).is_ok_and(|there| !there.is_file()) {
        return Err(ExportError::NoFile(file.to_owned()));
    }
    let file = whole_file::followed(file);
    let trouble = |error: FormError| ExportError::Write(file.clone(), error);
    let part = WholeFile::begin(&file, "export").map_err(|error| trouble(error.into()))?;
    match write(folder, form, BufWriter::with_capacity(BUFFER, part), stop)? {
        Ok(out) => {
            let kept = out.into_inner().map_err(io::IntoInnerError::into_error).and_then(WholeFile::keep);
            kept.map_err(|error| trouble(error.into()))?;
        }
        Err(Stop::Interrupted) => return Ok(Exit::Interrupted),
        Err(Stop::Failed(error)) => return Err(trouble(error)),
    }
    tracing::info!(file = %file.display(), "the manifest is written");
    Ok(Exit::Complete)
}

fn write<W: Write + Send>(
    folder: &Path,
    form: Form,
    out: W,
    stop: &CancellationToken,
) -> Result<Result<W, Stop>, LedgerError> {
    let mut rows = match FormWriter::new(form, out) {
        Ok(rows) => rows,
        Err(error) => return Ok(Err(Stop::Failed(error))),
    };
    let written = ledger::each_row(folder, |row| {
        if stop.is_cancelled() {
            return Err(Stop::Interrupted);
        }
        Ok(rows.write(&row)?)
    })?;
    Ok(written.and_then(|()| Ok(rows.finish()?)))
}
