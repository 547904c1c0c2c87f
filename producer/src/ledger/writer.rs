//! The one thread that writes. It takes whatever work is waiting, does it in one transaction, and answers everybody after
//! the commit: many small writes cost one.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use common::failpoint;
use common::metrics::Durations;
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot, watch};

use super::LedgerError;
use super::book::Book;
use super::counts::Counts;

/// Work waiting for the writer, at most.
const WAITING: usize = 256;

/// Pieces of work in a transaction, at most; each may be a page with all its images.
const GROUP: usize = 64;

/// Tells one caller how it went: with what the transaction came to.
type Answer = Box<dyn FnOnce(Result<(), LedgerError>) + Send>;

type Job = Box<dyn FnOnce(&mut Book, &Connection) -> (rusqlite::Result<()>, Answer) + Send>;

/// The callers' end.
#[derive(Debug, Clone)]
pub(super) struct Writer {
    jobs: mpsc::Sender<Job>,
    closed: watch::Receiver<()>,
}

impl Writer {
    pub(super) fn start(
        path: PathBuf,
        connection: Connection,
        book: Book,
        counts: watch::Sender<Counts>,
        took: Arc<Durations>,
    ) -> Self {
        let (jobs, received) = mpsc::channel(WAITING);
        let (closing, closed) = watch::channel(());
        std::thread::spawn(move || {
            work(&path, &connection, book, received, &counts, &took);
            // In this order: whoever waits for the end finds the database closed.
            drop(connection);
            drop(closing);
        });
        Self { jobs, closed }
    }

    /// Lets go of this handle and waits until the last one is gone and the database is closed.
    pub(super) async fn close(self) {
        let Self { jobs, mut closed } = self;
        drop(jobs);
        // The only change is the sender's end.
        while closed.changed().await.is_ok() {}
    }

    /// Does `job` in the writing thread, and returns when what it did is committed.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Book, &Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, LedgerError> {
        let (done, answer) = oneshot::channel();
        let job: Job = Box::new(move |book, sql| {
            let (value, result) = match job(book, sql) {
                Ok(value) => (Some(value), Ok(())),
                Err(error) => (None, Err(error)),
            };
            let answer: Answer = Box::new(move |committed| {
                let result = committed.and_then(|()| value.ok_or(LedgerError::Closed));
                // Fails when the caller no longer waits; what it asked for is done all the same.
                drop(done.send(result));
            });
            (result, answer)
        });
        self.jobs.send(job).await.map_err(|_| LedgerError::Closed)?;
        answer.await.unwrap_or(Err(LedgerError::Closed))
    }
}

fn work(
    path: &std::path::Path,
    connection: &Connection,
    mut book: Book,
    mut received: mpsc::Receiver<Job>,
    counts: &watch::Sender<Counts>,
    took: &Durations,
) {
    let mut group = Vec::with_capacity(GROUP);
    while received.blocking_recv_many(&mut group, GROUP) > 0 {
        let mut answers = Vec::with_capacity(group.len());
        let begun = Instant::now();
        let result = transact(connection, &mut book, group.drain(..), &mut answers);
        took.observe(begun.elapsed());
        let result = result.map_err(|source| {
            // The error stays the answer even if the counts cannot be read again: the run ends on it.
            book.forget(connection).unwrap_or(());
            LedgerError::Sqlite { path: path.to_owned(), source: source.into() }
        });
        counts.send_replace(book.counts.clone());
        for answer in answers {
            answer(result.clone());
        }
    }
}

fn transact(
    connection: &Connection,
    book: &mut Book,
    group: impl Iterator<Item = Job>,
    answers: &mut Vec<Answer>,
) -> rusqlite::Result<()> {
    let transaction = connection.unchecked_transaction()?;
    let mut result = Ok(());
    for job in group {
        // Everybody must be answered, so the rest of the group runs even after a failure; all of it is rolled back.
        let (done, answer) = job(book, &transaction);
        answers.push(answer);
        result = result.and(done);
    }
    result?;
    if failpoint::strikes("ledger.commit") {
        let code = rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR);
        return Err(rusqlite::Error::SqliteFailure(code, None));
    }
    transaction.commit()
}
