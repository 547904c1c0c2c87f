//! A run's ledger from outside, by its folder: for those who did not open it to write, and do not disturb whoever did.

use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::counts::{self, Counts};
use super::manifest::{self, Row};
use super::{FILE, LedgerError, schema};

/// The state of a run that a producer works on, or worked on when it was killed.
pub const RUNNING: &str = "running";

/// What the run in this folder was started with, and its state.
pub fn recall(folder: &Path) -> Result<(String, String), LedgerError> {
    let path = folder.join(FILE);
    let connection = schema::open_to_read(&path)?;
    let read = || {
        let (options, state) = (schema::get(&connection, "options")?, schema::get(&connection, "state")?);
        Ok((options.unwrap_or_default(), state.unwrap_or_default()))
    };
    read().map_err(|source: rusqlite::Error| LedgerError::Sqlite { path, source: source.into() })
}

/// What can be said of a run by looking at its ledger from outside.
#[derive(Debug, Clone)]
pub struct Glance {
    /// `running` or one of the summary's states; a run that was killed still says `running`.
    pub state: String,
    /// Everything that is counted.
    pub counts: Counts,
}

/// Looks at a run's ledger without disturbing whoever writes it.
pub fn glance(folder: &Path) -> Result<Glance, LedgerError> {
    let path = folder.join(FILE);
    let look = || {
        let connection = schema::open_to_read(&path)?;
        let read = || Ok((schema::get(&connection, "state")?, counts::load(&connection)?));
        let (state, counts) = read()
            .map_err(|source: rusqlite::Error| LedgerError::Sqlite { path: path.clone(), source: source.into() })?;
        Ok(Glance { state: state.unwrap_or_else(|| "unknown".to_owned()), counts })
    };
    look()
}

/// Opens a run's ledger to look at it, for [`crate::insight`]. Whoever writes it is not disturbed.
pub(crate) fn open_to_read(folder: &Path) -> Result<(Connection, PathBuf), LedgerError> {
    let path = folder.join(FILE);
    Ok((schema::open_to_read(&path)?, path))
}

/// What was noted of the run as a whole under `key`.
pub(crate) fn noted(sql: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    schema::get(sql, key)
}

/// Counts the documents and traps, and none of the images.
pub(crate) fn count_documents(sql: &Connection) -> rusqlite::Result<Counts> {
    counts::load_documents(sql)
}

/// Calls `each` with every row of a run's manifest, in the order of acceptance, until it fails. All are of one moment, and
/// whoever writes the ledger is not disturbed: it only grows by what is written meanwhile.
pub fn each_row<E>(folder: &Path, each: impl FnMut(Row) -> Result<(), E>) -> Result<Result<(), E>, LedgerError> {
    let path = folder.join(FILE);
    let connection = schema::open_to_read(&path)?;
    manifest::for_each(&connection, each).map_err(|source| LedgerError::Sqlite { path, source: source.into() })
}

/// Writes what stands in a ledger's journal into the ledger itself, as closing it does, which then has less to do: as far as
/// those who read an older moment let it, for nobody is disturbed (SQLite's passive checkpoint). The journal keeps its place on
/// the disk until the ledger is closed.
pub fn fold_journal(folder: &Path) -> Result<(), LedgerError> {
    let path = folder.join(FILE);
    let connection = schema::open_beside(&path)?;
    connection
        .query_row("PRAGMA wal_checkpoint(PASSIVE)", [], |_| Ok(()))
        .map_err(|source| LedgerError::Sqlite { path, source: source.into() })
}
