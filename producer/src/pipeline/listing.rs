//! The rows of a list on their way into the ledger. A thread reads ahead, and a portion ends when it is full or when the
//! list is slow to give more: a list of any length needs the memory of a short one, and a live one is fetched as it comes.

use std::io;
use std::thread;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::{Event, PipelineError};
use crate::frontier::Frontier;
use crate::ledger::{Ledger, NewImage};
use crate::seeds::list::{List, ListError, Row};
use crate::stream::Stream;

/// Rows in a portion, which is one transaction. Images and hosts are found by indexes in no order, so that each row costs
/// a page of either, unless another row of its transaction wrote there too.
const PORTION: usize = 20_000;

/// Text in a portion, in bytes: rows may be long.
const PORTION_BYTES: usize = 8 * 1024 * 1024;

/// Rows that are read ahead.
const AHEAD: usize = 1_000;

/// How long a portion that has a row waits for the next ones.
const PATIENCE: Duration = Duration::from_millis(100);

/// Bad rows that are logged one by one; a list of millions of them must not become a log of millions of lines.
const LOGGED: u64 = 100;

/// How much of a verdict's cause is kept, in bytes.
const CAUSE: usize = 200;

/// A list that is being read.
pub struct Listing {
    /// A row that is none, or an error, is the end.
    rows: mpsc::Receiver<Result<Option<NewImage>, ListError>>,
    /// Of the whole list, by this producer and earlier ones.
    rows_read: u64,
    /// What ended the list, until the rows before it are in the ledger.
    broken: Option<ListError>,
}

impl Listing {
    /// A list that was opened, and what its rows are measured by. Its first row is read here, so that an empty list is
    /// known before anything else happens; the rows that an earlier producer was `done_with` are passed over.
    pub fn new(mut list: List, frontier: Frontier, done_with: u64) -> Result<Self, ListError> {
        list.pass_over(done_with)?;
        let rows_read = list.rows_read();
        let first = match list.next().transpose() {
            // Nothing further of a list that had rows when it was begun.
            Err(ListError::Empty { .. }) if done_with > 0 => None,
            first => first?,
        };
        let (sender, rows) = mpsc::channel(AHEAD);
        if let Some(first) = first {
            let reader = Reader { list, frontier, bad: 0 };
            // A thread of its own: a live list may keep it waiting beyond the end of the run.
            thread::spawn(move || reader.read(first, &sender));
        } else {
            // The channel is empty, and nobody else sends.
            sender.try_send(Ok(None)).unwrap_or(());
        }
        Ok(Self { rows, rows_read: rows_read.max(done_with), broken: None })
    }

    /// Reads the next portion into the ledger. The event carries the rest of the list, unless this was its end.
    pub(super) async fn next_rows(
        mut self: Box<Self>,
        ledger: Ledger,
        stream: Option<Stream>,
    ) -> Result<Event, PipelineError> {
        let (images, at_end) = self.portion().await?;
        let settled = ledger.add_listed(images, self.rows_read, at_end, stream.is_some()).await?;
        Stream::write(stream.as_ref(), settled).await;
        Ok(Event::Listed { listing: (!at_end).then_some(self) })
    }

    /// Rows so far, those of earlier producers too.
    #[must_use]
    pub fn rows_read(&self) -> u64 {
        self.rows_read
    }

    /// The next rows as images, and whether they are the last. Where the list breaks, the rows before come first.
    pub async fn portion(&mut self) -> Result<(Vec<NewImage>, bool), ListError> {
        if let Some(error) = self.broken.take() {
            return Err(error);
        }
        let (mut images, mut bytes) = (Vec::new(), 0);
        let mut at_end = false;
        let mut patience = None;
        while images.len() < PORTION && bytes < PORTION_BYTES {
            let next = match patience {
                None => self.rows.recv().await,
                Some(until) => match timeout_at(until, self.rows.recv()).await {
                    Ok(next) => next,
                    Err(_) => break,
                },
            };
            match next {
                Some(Ok(Some(image))) => {
                    let texts = [&image.caption, &image.extra];
                    bytes += image.url.len() + texts.into_iter().flatten().map(String::len).sum::<usize>();
                    images.push(image);
                }
                Some(Err(error)) => {
                    self.broken = Some(error);
                    break;
                }
                Some(Ok(None)) => {
                    at_end = true;
                    break;
                }
                None => {
                    // The thread that reads is gone without a word: that is no end.
                    let source = io::Error::other("the reader failed; this is a bug worth reporting");
                    self.broken = Some(ListError::Read { name: "the list".to_owned(), rows: self.rows_read, source });
                    break;
                }
            }
            patience.get_or_insert_with(|| Instant::now() + PATIENCE);
        }
        self.rows_read += images.len() as u64;
        Ok((images, at_end))
    }
}

/// The end of the list that reads.
struct Reader {
    list: List,
    frontier: Frontier,
    bad: u64,
}

impl Reader {
    /// Reads to the end, or until nobody wants the rows.
    fn read(mut self, first: Row, rows: &mpsc::Sender<Result<Option<NewImage>, ListError>>) {
        let mut next = Some(Ok(first));
        while let Some(row) = next {
            let image = row.map(|row| Some(self.image(row)));
            if rows.blocking_send(image).is_err() {
                return;
            }
            next = self.list.next();
        }
        // Nobody may want to know any more.
        rows.blocking_send(Ok(None)).unwrap_or(());
        if self.bad > LOGGED {
            tracing::warn!(rows = self.bad, "rows of the list are not fetched; the first {LOGGED} are listed above");
        }
    }

    fn image(&mut self, row: Row) -> NewImage {
        let (line, mut image, why) = match row {
            Row::Url { line, url, caption, extra } => {
                let image = NewImage { caption, extra, ..self.frontier.listed(&url) };
                match image.verdict.as_ref().map(|verdict| verdict.reason) {
                    Some(reason) => (line, image, reason.to_string()),
                    None => return image,
                }
            }
            Row::Bad { line, text, why } => (line, Frontier::bad_row(&text), why),
        };
        self.bad += 1;
        if self.bad <= LOGGED {
            let text: String = image.url.chars().take(100).collect();
            tracing::warn!(list = self.list.name(), line, why, text, "a row of the list is not fetched");
        }
        if let Some(verdict) = &mut image.verdict {
            // Of a long path it is the end that tells files apart.
            let cause = format!("{}, line {line}: {why}", self.list.name());
            let from = cause.ceil_char_boundary(cause.len().saturating_sub(CAUSE));
            verdict.detail = Some(cause[from..].to_owned());
        }
        image
    }
}
