//! The ledger: everything a run knows, in one SQLite database in the run's folder. It is the frontier, the list of
//! images and the record of outcomes at once, so a run can be long, be killed, and still account for every image.
//!
//! One thread owns the connection ([`writer`]); everybody else sends it work and is answered when the work is committed.
//! Whoever wants to look from outside opens the file with any SQLite tool; readers never wait for the writer (WAL).

mod book;
mod counts;
mod images;
mod manifest;
mod pages;
mod schema;
mod waiting;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use common::image_id::ImageId;
use common::outcome::{Outcome, Status};
use common::reason::Reason;
use common::run_name::RunName;
use tokio::sync::watch;

use self::book::Book;
use self::writer::Writer;

pub use self::counts::{Counts, PageCounts};
pub use self::manifest::Row;

/// The number of a row in its table, ascending in the order of acceptance.
pub type RowId = i64;

/// The number of a host (name and port) in the ledger.
pub type HostId = i64;

/// The ledger's file in the run's folder.
pub const FILE: &str = "ledger.db";

/// The ledger cannot be read or written: the disk, the file, or another program's lock.
#[derive(Debug, Clone, thiserror::Error)]
pub enum LedgerError {
    /// SQLite says no.
    #[error("the ledger {path} cannot be used; check the disk's free space and that no other program holds it", path = .path.display())]
    Sqlite {
        /// The database file.
        path: PathBuf,
        /// What SQLite said.
        source: Arc<rusqlite::Error>,
    },
    /// Written by another version of Warren.
    #[error("the ledger {path} has format {found}; this build reads format {expected}", path = .path.display())]
    Format {
        /// The database file.
        path: PathBuf,
        /// The file's format.
        found: i32,
        /// This build's.
        expected: i32,
    },
    /// The thread that writes it has ended.
    #[error("the ledger is closed")]
    Closed,
}

/// A page to be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPage {
    /// Normalised.
    pub url: String,
    /// Name and port.
    pub host: String,
    /// Hops from a seed.
    pub depth: u32,
}

/// An image to be fetched, or one whose outcome is known already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewImage {
    /// Normalised; for a row that is no URL, its text.
    pub url: String,
    /// Name and port; empty for a row that is no URL.
    pub host: String,
    /// How it was found: the manifest's word.
    pub source: &'static str,
    /// What the page says of it.
    pub alt: Option<String>,
    /// What the page says of it.
    pub title: Option<String>,
    /// What the page says of it.
    pub caption: Option<String>,
    /// Set when it is not to be fetched.
    pub verdict: Option<(Status, Reason)>,
}

/// A page that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingPage {
    /// Its row.
    pub id: RowId,
    /// Its host.
    pub host: HostId,
    /// Its address.
    pub url: String,
    /// Hops from a seed.
    pub depth: u32,
}

/// An image that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingImage {
    /// Its row.
    pub id: RowId,
    /// Its host.
    pub host: HostId,
    /// Its identity on the wire.
    pub image: ImageId,
    /// Its address.
    pub url: String,
    /// Tries so far.
    pub attempts: u32,
}

/// How a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageState {
    /// Read and searched.
    Fetched,
    /// Not to be had.
    Failed,
    /// Not asked for.
    Blocked,
}

impl PageState {
    fn as_str(self) -> &'static str {
        match self {
            Self::Fetched => "fetched",
            Self::Failed => "failed",
            Self::Blocked => "blocked",
        }
    }
}

/// A page that is done, with all that was found on it. Written in one transaction, so that a page counts as done
/// exactly when its images and links are recorded.
#[derive(Debug, Clone)]
pub struct PageDone {
    /// Its row.
    pub id: RowId,
    /// How it ended.
    pub state: PageState,
    /// Why, unless it was fetched.
    pub reason: Option<Reason>,
    /// The answer's status code.
    pub http_status: Option<u16>,
    /// Where redirects led, if anywhere.
    pub final_url: Option<String>,
    /// Why it was not read to its end, if it was not.
    pub truncated: Option<String>,
    /// The images on it.
    pub images: Vec<NewImage>,
    /// The links on it that are to be followed.
    pub pages: Vec<NewPage>,
}

/// An outcome to record, and whether it is the image's last.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What the downloader said.
    pub outcome: Outcome,
    /// The downloader's name; none when the producer itself decided.
    pub worker: Option<String>,
    /// Whether no further try follows.
    pub is_final: bool,
}

/// A handle on a run's ledger. Clones share it; the database is closed after the last one is dropped.
#[derive(Debug, Clone)]
pub struct Ledger {
    writer: Writer,
    counts: watch::Receiver<Counts>,
}

impl Ledger {
    /// Creates the ledger of a new run in its folder. At most `max_images` images are accepted.
    pub fn create(folder: &Path, run: &RunName, max_images: Option<u64>) -> Result<Self, LedgerError> {
        let path = folder.join(FILE);
        let connection = schema::create(&path)?;
        let (publish, counts) = watch::channel(Counts::default());
        let book = Book::new(run.clone(), max_images);
        Ok(Self { writer: Writer::start(path, connection, book, publish), counts })
    }

    /// Counts of everything committed so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts.borrow().clone()
    }

    /// Accepts pages; those that are known already stay as they are.
    pub async fn add_pages(&self, new: Vec<NewPage>) -> Result<(), LedgerError> {
        self.writer.run(move |book, sql| pages::add(book, sql, &new)).await
    }

    /// Accepts images of a list, of which `rows_read` rows are done with them; those known already stay as they are.
    /// Returns the rows that have their outcome already, if asked for.
    pub async fn add_listed(
        &self,
        new: Vec<NewImage>,
        rows_read: u64,
        want_rows: bool,
    ) -> Result<Vec<Row>, LedgerError> {
        self.writer
            .run(move |book, sql| {
                let settled = images::add(book, sql, None, &new)?;
                schema::set(sql, "list_rows_read", &rows_read.to_string())?;
                manifest::rows(sql, &settled, want_rows)
            })
            .await
    }

    /// Records a page's end with everything that was found on it. Returns the rows that have their outcome already, if
    /// asked for.
    pub async fn page_done(&self, done: PageDone, want_rows: bool) -> Result<Vec<Row>, LedgerError> {
        self.writer
            .run(move |book, sql| {
                let settled = images::add(book, sql, Some(done.id), &done.images)?;
                pages::add(book, sql, &done.pages)?;
                pages::finish(book, sql, &done)?;
                manifest::rows(sql, &settled, want_rows)
            })
            .await
    }

    /// Marks an address as known without fetching it: a redirect led there, and its content was seen.
    pub async fn page_seen(&self, url: String, host: String, depth: u32) -> Result<(), LedgerError> {
        self.writer.run(move |book, sql| pages::add_seen(book, sql, &url, &host, depth)).await
    }

    /// Records outcomes; the first final outcome of an image stays. Returns the rows that became final, if asked for.
    pub async fn record(&self, recordings: Vec<Recording>, want_rows: bool) -> Result<Vec<Row>, LedgerError> {
        self.writer
            .run(move |book, sql| {
                let mut settled = Vec::new();
                for recording in &recordings {
                    settled.extend(images::record(book, sql, recording)?);
                }
                manifest::rows(sql, &settled, want_rows)
            })
            .await
    }

    /// The next pages that wait, of one host or of all, after row `after`.
    pub async fn pending_pages(
        &self,
        host: Option<HostId>,
        after: RowId,
        limit: usize,
    ) -> Result<Vec<PendingPage>, LedgerError> {
        self.writer.run(move |_, sql| pages::pending(sql, host, after, limit)).await
    }

    /// The next images that wait, of one host or of all, after row `after`.
    pub async fn pending_images(
        &self,
        host: Option<HostId>,
        after: RowId,
        limit: usize,
    ) -> Result<Vec<PendingImage>, LedgerError> {
        self.writer.run(move |_, sql| images::pending(sql, host, after, limit)).await
    }

    /// Calls `each` with every row of the manifest, in the order of acceptance.
    pub async fn for_each_row<E: Send + 'static>(
        &self,
        mut each: impl FnMut(Row) -> Result<(), E> + Send + 'static,
    ) -> Result<Result<(), E>, LedgerError> {
        self.writer.run(move |_, sql| manifest::for_each(sql, &mut each)).await
    }

    /// Closes the database, which leaves one file for whoever copies the run's folder.
    pub async fn close(self) {
        self.writer.close().await;
    }

    /// Notes how the run stands, for whoever looks from outside.
    pub async fn set_state(&self, state: &'static str) -> Result<(), LedgerError> {
        self.writer.run(move |_, sql| schema::set(sql, "state", state)).await
    }
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

#[cfg(test)]
mod tests;
