//! The ledger: everything a run knows, in one SQLite database in the run's folder. It is the frontier, the list of
//! images and the record of outcomes at once, so a run can be long, be killed, and still account for every image.
//!
//! One thread owns the connection ([`writer`]); everybody else sends it work and is answered when the work is committed.
//! Whoever wants to look from outside opens the file with any SQLite tool; readers never wait for the writer (WAL).

mod book;
mod context;
mod counts;
mod earlier;
mod images;
mod inline;
mod manifest;
mod outside;
mod pages;
mod schema;
mod sent;
mod traps;
mod waiting;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use common::context::Context;
use common::image_id::{ImageId, hex, unhex};
use common::metrics::Durations;
use common::opt_out::Refusal;
use common::outcome::{Outcome, Status};
use common::reason::Reason;
use common::run_name::RunName;
use common::telemetry::Sampler;
use common::validators::Validators;
use rusqlite::Connection;
use tokio::sync::watch;

use self::book::Book;
use self::writer::Writer;

pub use self::counts::{Counts, PageCounts};
pub use self::earlier::{Asked, Earlier};
pub use self::manifest::{COLUMNS, Cell, Column, Kind, Row};
pub use self::outside::{Glance, RUNNING, each_row, fold_journal, glance, recall};
pub(crate) use self::outside::{count_documents, noted, open_to_read};
pub use self::traps::Traps;

/// The number of a row in its table, ascending in the order of acceptance.
pub type RowId = i64;

/// The number of a host (name and port) in the ledger.
pub type HostId = i64;

/// The note on the run that its places in trees of spans follow from.
const TRACE_SEED: &str = "trace_seed";

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
    /// The file's content contradicts itself.
    #[error(
        "the ledger {path} is damaged ({damage}); hint: put back a copy of the run's folder, or save what can be read with \
         `sqlite3 {path} .recover`", path = .path.display()
    )]
    Damaged {
        /// The database file.
        path: PathBuf,
        /// What SQLite found first.
        damage: String,
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
    /// What is expected there.
    pub kind: PageKind,
    /// How many documents that were no pages (refreshes, style sheets, sitemaps) led here from one that was.
    pub hops: u32,
    /// Whether its address looks like that of the page it was found on, but for numbers.
    pub like_its_parent: bool,
}

/// What a document is taken for until it comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum PageKind {
    /// A page: counted as one.
    #[default]
    Page,
    /// A style sheet that a page needs.
    StyleSheet,
    /// A sitemap or a feed.
    Sitemap,
    /// A robots.txt, read for the sitemaps that it names.
    Robots,
}

impl PageKind {
    /// Every kind.
    pub const ALL: [Self; 4] = [Self::Page, Self::StyleSheet, Self::Sitemap, Self::Robots];

    /// The ledger's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::StyleSheet => "style-sheet",
            Self::Sitemap => "sitemap",
            Self::Robots => "robots",
        }
    }
}

/// An image to be fetched, or one whose outcome is known already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewImage {
    /// Normalised; for a row that is no URL, its text.
    pub url: String,
    /// Name and port; empty for a row that is no URL.
    pub host: String,
    /// Where it was found, if that is not the document it was read from: a sitemap names the pages of its images.
    pub page_url: Option<String>,
    /// How it was found: the manifest's word.
    pub source: &'static str,
    /// Every way in which it was found, separated by spaces, if there are several.
    pub sources: Option<String>,
    /// The descriptor of its entry in a `srcset`.
    pub descriptor: Option<String>,
    /// What the page says of it.
    pub alt: Option<String>,
    /// What the page says of it.
    pub title: Option<String>,
    /// What the page says of it.
    pub caption: Option<String>,
    /// The list's further columns, a JSON object.
    pub extra: Option<String>,
    /// The image itself, where it stood in the page.
    pub inline: Option<Bytes>,
    /// Set when it is not to be fetched.
    pub verdict: Option<Verdict>,
}

/// An outcome that the producer decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The outcome.
    pub status: Status,
    /// Its reason.
    pub reason: Reason,
    /// The cause in words, where the reason alone does not say it.
    pub detail: Option<String>,
}

impl From<Refusal> for Verdict {
    fn from(Refusal { reason, detail }: Refusal) -> Self {
        Self { status: Status::Blocked, reason, detail: Some(detail) }
    }
}

impl From<(Status, Reason)> for Verdict {
    fn from((status, reason): (Status, Reason)) -> Self {
        Self { status, reason, detail: None }
    }
}

/// A page that waits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingPage {
    /// Its row.
    pub id: RowId,
    /// Its host.
    pub host: HostId,
    /// Its address; where a redirect led, once one did.
    pub url: String,
    /// Hops from a seed.
    pub depth: u32,
    /// What is expected there.
    pub kind: PageKind,
    /// How many documents that were no pages led here from one that was.
    pub hops: u32,
    /// Redirects on the way to `url`.
    pub redirects: u32,
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
    /// Its address; where a redirect led, once one did.
    pub url: String,
    /// Tries so far, each redirect one of them.
    pub attempts: u32,
    /// Tries that were made before the user asked for more (`producer retry`); `--retries` counts from there.
    pub attempts_before: u32,
    /// Redirects on the way to `url`.
    pub hops: u32,
    /// Whether it must not share a message: a batch that it was in could not be dealt with.
    pub alone: bool,
    /// What an earlier run was answered, if there is one that has its bytes.
    pub asked: Option<Box<Asked>>,
    /// Bytes of the texts that go along with it.
    pub texts: usize,
    /// The first page that named it; none for an image of a list.
    pub page: Option<RowId>,
    /// Whether nothing is known of it but that a list names it.
    pub is_bare: bool,
}

impl PendingPage {
    /// Whether the crawl began here. Pages that sitemaps name are as near, and are not: where those lead says nothing of what
    /// the crawl is of.
    #[must_use]
    pub fn is_seed(&self) -> bool {
        self.depth == 0 && self.hops == 0 && self.kind == PageKind::Page
    }
}

impl PendingImage {
    /// Whether it stood in its page as a `data:` URI, so that there is nothing to fetch.
    #[must_use]
    pub fn is_inline(&self) -> bool {
        self.url.starts_with("data:")
    }

    /// By what its server knows the version that an earlier run stored. A server knows its own versions alone, so this is for
    /// the address where that run was answered: the first that is asked, or one that a redirect led to.
    #[must_use]
    pub fn validators(&self) -> Option<&Validators> {
        self.asked.as_ref().filter(|asked| asked.url == self.url).map(|asked| &asked.validators)
    }
}

/// Where a run stands that is gone on with.
#[derive(Debug, Clone, Default)]
pub struct Standing {
    /// Where the seeds led, by redirects or refreshes.
    pub moved_seeds: Vec<String>,
    /// Rows of the list that are done with, or `None` if that is all of them.
    pub list_rows_read: Option<u64>,
    /// How long the run took so far, as far as its producers came to say so.
    pub took: Duration,
}

/// What an earlier producer had handed to the fleet.
#[derive(Debug, Clone, Default)]
pub struct Sent {
    /// The last number that a batch had.
    pub batches: u64,
    /// Images that are out and have no outcome yet.
    pub out: Vec<PendingImage>,
}

/// A try of an image that was sent out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Try {
    /// The image's row.
    pub image: RowId,
    /// How many tries it had before.
    pub attempts: u32,
}

impl Try {
    /// The next try of an image.
    #[must_use]
    pub fn of(image: &PendingImage) -> Self {
        Self { image: image.id, attempts: image.attempts }
    }
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
    /// The cause in words, where the reason alone does not say it.
    pub detail: Option<String>,
    /// The answer's status code.
    pub http_status: Option<u16>,
    /// Where redirects led, if anywhere.
    pub final_url: Option<String>,
    /// Why it was not read to its end, if it was not.
    pub truncated: Option<String>,
    /// Places that the crawl is of from now on, because a seed led there.
    pub scopes: Vec<String>,
    /// The images on it.
    pub images: Vec<NewImage>,
    /// The documents it leads to that are to be fetched.
    pub pages: Vec<NewPage>,
    /// How many links were left out because they lead into a trap.
    pub traps: Traps,
}

/// What came of recording a page.
#[derive(Debug, Clone, Default)]
pub struct PageRecorded {
    /// The rows that have their outcome already, if asked for.
    pub settled: Vec<Row>,
    /// Whether it brought an image that is to be fetched, and followed ([`Ledger::follow`]).
    pub is_followed: bool,
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
    /// Which row is the image's, where that is known. It saves a search; if it is wrong, the image is looked up.
    pub row: Option<RowId>,
}

/// A handle on a run's ledger. Clones share it; the database is closed after the last one is dropped.
#[derive(Debug, Clone)]
pub struct Ledger {
    writer: Writer,
    counts: watch::Receiver<Counts>,
    write_durations: Arc<Durations>,
}

impl Ledger {
    /// Creates the ledger of a new run in its folder, with what the run was started with. At most `max_images` images are
    /// accepted.
    pub fn create(folder: &Path, run: &RunName, options: &str, max_images: Option<u64>) -> Result<Self, LedgerError> {
        let path = folder.join(FILE);
        let connection = schema::create(&path, run, options)?;
        Ok(Self::start(path, connection, Book::new(run.clone(), max_images)))
    }

    /// Opens the ledger of a run that is gone on with.
    pub fn open(folder: &Path, run: &RunName, max_images: Option<u64>) -> Result<Self, LedgerError> {
        let path = folder.join(FILE);
        let connection = schema::open_to_write(&path)?;
        let mut book = Book::new(run.clone(), max_images);
        book.forget(&connection).map_err(|source| LedgerError::Sqlite { path: path.clone(), source: source.into() })?;
        Ok(Self::start(path, connection, book))
    }

    fn start(path: PathBuf, connection: Connection, book: Book) -> Self {
        let (publish, counts) = watch::channel(book.counts.clone());
        let write_durations = Arc::<Durations>::default();
        let writer = Writer::start(path, connection, book, publish, Arc::clone(&write_durations));
        Self { writer, counts, write_durations }
    }

    /// Where the run stands.
    pub async fn standing(&self) -> Result<Standing, LedgerError> {
        self.writer
            .run(|_, sql| {
                let seconds = schema::number::<f64>(sql, "seconds")?;
                Ok(Standing {
                    moved_seeds: pages::moved_seeds(sql)?,
                    list_rows_read: match schema::get(sql, "list_ended")? {
                        Some(_) => None,
                        None => Some(schema::number(sql, "list_rows_read")?),
                    },
                    took: Duration::try_from_secs_f64(seconds).unwrap_or_default(),
                })
            })
            .await
    }

    /// Looks images up in an earlier run from now on, if there is one: those that did not change since are not sent for again.
    pub async fn look_back(&self, earlier: Option<Earlier>) -> Result<(), LedgerError> {
        self.writer
            .run(move |book, _| {
                book.earlier = earlier;
                Ok(())
            })
            .await
    }

    /// Goes on with the run. With `keep`, what was sent out is taken to be out still, because its messages may be; without,
    /// it waits to be sent again.
    pub async fn go_on(&self, keep: bool) -> Result<Sent, LedgerError> {
        self.writer
            .run(move |book, sql| {
                schema::set(sql, "state", RUNNING)?;
                let mut sent = sent::take(sql, keep)?;
                book.look_back(&mut sent.out);
                Ok(sent)
            })
            .await
    }

    /// Lets images that ended badly wait again: those that failed, or those that have one of `reasons`. Images that their page
    /// opted out are among them only if opt-outs are `ignored`. Returns how many.
    pub async fn retry(&self, reasons: Vec<Reason>, ignored: bool) -> Result<usize, LedgerError> {
        self.writer.run(move |book, sql| images::retry(book, sql, &reasons, ignored)).await
    }

    /// Notes which images are out, by batch, for whoever goes on with the run.
    pub async fn note_sent(&self, batches: Vec<(u64, Vec<Try>)>) -> Result<(), LedgerError> {
        self.writer.run(move |_, sql| sent::note(sql, &batches)).await
    }

    /// Takes nothing to be out any more: whoever goes on with the run sends it again.
    pub async fn forget_sent(&self) -> Result<(), LedgerError> {
        self.writer.run(|_, sql| sent::take(sql, false).map(drop)).await
    }

    /// Keeps what the run is gone on with.
    pub async fn remember(&self, options: String) -> Result<(), LedgerError> {
        self.writer.run(move |_, sql| schema::set(sql, "options", &options)).await
    }

    /// Counts of everything committed so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.counts.borrow().clone()
    }

    /// What has been committed so far, for those who look without a handle on the ledger.
    #[must_use]
    pub fn watch_counts(&self) -> watch::Receiver<Counts> {
        self.counts.clone()
    }

    /// How long transactions took, from the first piece of work to the end of the commit.
    #[must_use]
    pub fn write_durations(&self) -> Arc<Durations> {
        Arc::clone(&self.write_durations)
    }

    /// Accepts pages; those that are known already stay as they are.
    pub async fn add_pages(&self, new: Vec<NewPage>) -> Result<(), LedgerError> {
        self.writer.run(move |book, sql| pages::add(book, sql, &new, 0).map(drop)).await
    }

    /// Accepts images of a list, of which `rows_read` rows are done with them (all, if `is_last`); those known already stay
    /// as they are.
    /// Returns the rows that have their outcome already, if asked for.
    pub async fn add_listed(
        &self,
        new: Vec<NewImage>,
        rows_read: u64,
        is_last: bool,
        want_rows: bool,
    ) -> Result<Vec<Row>, LedgerError> {
        self.writer
            .run(move |book, sql| {
                let added = images::add(book, sql, None, &new)?;
                schema::set(sql, "list_rows_read", &rows_read.to_string())?;
                if is_last {
                    schema::set(sql, "list_ended", "1")?;
                }
                manifest::rows(sql, &added.settled, want_rows)
            })
            .await
    }

    /// Has it told from now on which pages bring images that are followed. Returns what the run's places in trees of spans
    /// follow from: random, and the same for every producer of the run.
    pub async fn follow(&self, sampler: Sampler) -> Result<[u8; 16], LedgerError> {
        self.writer
            .run(move |book, sql| {
                book.sampler = sampler;
                if let Some(seed) = schema::get(sql, TRACE_SEED)?.and_then(|text| unhex(&text)) {
                    return Ok(seed);
                }
                let seed: [u8; 16] = rand::random();
                schema::set(sql, TRACE_SEED, &hex(&seed))?;
                Ok(seed)
            })
            .await
    }

    /// Records a page's end with everything that was found on it.
    pub async fn page_done(&self, done: PageDone, want_rows: bool) -> Result<PageRecorded, LedgerError> {
        self.writer
            .run(move |book, sql| {
                let added = images::add(book, sql, Some(done.id), &done.images)?;
                let chain = if added.fresh == 0 { pages::chain(sql, done.id)? + 1 } else { 0 };
                let mut traps = done.traps.clone();
                traps.endless += pages::add(book, sql, &done.pages, chain)?;
                traps::note(book, sql, &traps)?;
                pages::note_scopes(sql, &done.scopes)?;
                pages::finish(book, sql, &done)?;
                let settled = manifest::rows(sql, &added.settled, want_rows)?;
                Ok(PageRecorded { settled, is_followed: added.is_followed })
            })
            .await
    }

    /// Marks an address as known without fetching it: a redirect led there, and its content was seen.
    pub async fn page_seen(&self, url: String, host: String, depth: u32) -> Result<(), LedgerError> {
        self.writer.run(move |book, sql| pages::add_seen(book, sql, &url, &host, depth)).await
    }

    /// The number of a host by its name and port, for a request that a redirect leads there.
    pub async fn host(&self, name: String) -> Result<HostId, LedgerError> {
        self.writer.run(move |book, sql| book.host(sql, &name)).await
    }

    /// The bytes of images that stood in their pages.
    pub async fn inline(&self, images: Vec<RowId>) -> Result<Vec<Option<Bytes>>, LedgerError> {
        self.writer.run(move |_, sql| images.into_iter().map(|image| inline::get(sql, image)).collect()).await
    }

    /// What is known of images before they are fetched.
    pub async fn contexts(&self, images: Vec<RowId>) -> Result<Vec<Context>, LedgerError> {
        self.writer.run(move |_, sql| images.into_iter().map(|image| context::get(sql, image)).collect()).await
    }

    /// Records outcomes, and that these batches have nothing out any more. The first final outcome of an image stays.
    /// Returns the rows that became final, if asked for.
    pub async fn record(
        &self,
        recordings: Vec<Recording>,
        finished: Vec<u64>,
        want_rows: bool,
    ) -> Result<Vec<Row>, LedgerError> {
        self.writer
            .run(move |book, sql| {
                sent::forget(sql, &finished)?;
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
        self.writer.run(move |book, sql| images::pending(book, sql, host, after, limit)).await
    }

    /// Calls `each` with `state` and every row of the manifest, in the order of acceptance, until it fails. Gives `state` back.
    pub async fn for_each_row<S: Send + 'static, E: Send + 'static>(
        &self,
        mut state: S,
        mut each: impl FnMut(&mut S, Row) -> Result<(), E> + Send + 'static,
    ) -> Result<Result<S, E>, LedgerError> {
        self.writer.run(move |_, sql| Ok(manifest::for_each(sql, |row| each(&mut state, row))?.map(|()| state))).await
    }

    /// Closes the database, which leaves one file for whoever copies the run's folder.
    pub async fn close(self) {
        self.writer.close().await;
    }

    /// Notes how the run ended for now, and how long it took so far.
    pub async fn set_state(&self, state: &'static str, took: Duration) -> Result<(), LedgerError> {
        self.writer
            .run(move |_, sql| {
                schema::set(sql, "seconds", &took.as_secs_f64().to_string())?;
                schema::set(sql, "state", state)
            })
            .await
    }
}

#[cfg(test)]
mod tests;
