//! What a run's ledger says to somebody who looks at it, while the run lasts or after: for the report and the dashboard.
//!
//! Everything here reads and nothing writes. A look does not wait for the producer that works on the run, nor does that wait
//! for a look (WAL); it only cannot shorten its journal meanwhile, so nobody should look for minutes.
//!
//! [`survey`] is all that is counted, by one pass over the images; [`overview`] the few numbers of a summary;
//! [`images`] single images, those that match; [`choice`] some of many. [`timeline`], [`hosts`] and [`histogram`] are what a survey is
//! made of. All of it is bounded whatever the run is like, and can be serialised.

pub mod choice;
pub mod histogram;
pub mod hosts;
pub mod images;
mod names;
pub mod overview;
pub mod survey;
pub mod timeline;

#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use common::outcome::Status;
use common::reason::Reason;
use rusqlite::types::Type;
use rusqlite::{Connection, Row};

use crate::ledger::{self, LedgerError};

pub use self::images::{Filter, Image, ImagePage, Order};
pub use self::overview::Overview;
pub use self::survey::Survey;

/// A ledger that is looked at. It can be sent to another thread, and blocks whichever it is used on.
#[derive(Debug)]
pub struct Insight {
    sql: Connection,
    folder: PathBuf,
    path: PathBuf,
}

impl Insight {
    /// Opens the ledger of the run in this folder.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let (sql, path) = ledger::open_to_read(folder)?;
        Ok(Self { sql, folder: folder.to_owned(), path })
    }

    /// Looks at one moment of the ledger, however many questions that takes.
    fn look<T>(&self, questions: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, LedgerError> {
        let ask = || {
            let moment = self.sql.unchecked_transaction()?;
            questions(&moment)
        };
        ask().map_err(|source| LedgerError::Sqlite { path: self.path.clone(), source: source.into() })
    }
}

/// The status in a column, without a copy of its word.
fn status_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    let word = row.get_ref(column)?.as_str()?;
    Status::ALL.into_iter().find(|status| status.as_str() == word).ok_or_else(|| {
        let error = format!("{word:?} is no known status").into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
    })
}

/// The reason in a column, if there is one.
fn reason_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Reason>> {
    let word = row.get_ref(column)?.as_str_or_null()?;
    word.map(str::parse)
        .transpose()
        .map_err(|error: String| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}

/// The first characters of a text that is longer.
pub(crate) fn cut(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Whether there are bytes of an image with this status: it is in the store.
#[must_use]
pub fn is_kept(status: Status) -> bool {
    matches!(status, Status::Stored | Status::Duplicate | Status::Unchanged)
}
