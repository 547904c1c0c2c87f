//! The rows of a list on their way into the ledger, a portion at a time, so that a list of any length needs the memory
//! of a short one.

use tokio::task::spawn_blocking;

use super::{Event, PipelineError};
use crate::frontier::Frontier;
use crate::ledger::{Ledger, NewImage};
use crate::seeds::list::{List, ListError, Row};
use crate::stream::Stream;

/// Rows in a portion.
const PORTION: usize = 1_000;

/// Bad rows that are logged one by one; a list of millions of them must not become a log of millions of lines.
const LOGGED: u64 = 100;

/// A list that is being read.
pub struct Listing {
    list: List,
    first: Option<Row>,
    frontier: Frontier,
    bad: u64,
}

impl Listing {
    /// A list that was opened, and what its rows are measured by. Its first row is read here, so that an empty list is
    /// known before anything else happens; the rows that an earlier producer was `done_with` are passed over.
    pub fn new(mut list: List, frontier: Frontier, done_with: u64) -> Result<Self, ListError> {
        let mut first = match list.next().transpose() {
            // Nothing further of a list that had rows when it was begun.
            Err(ListError::Empty { .. }) if done_with > 0 => None,
            first => first?,
        };
        while first.is_some() && list.rows_read() <= done_with {
            first = list.next().transpose()?;
        }
        Ok(Self { list, first, frontier, bad: 0 })
    }

    /// Reads the next portion into the ledger. The event carries the rest of the list, unless this was its end.
    pub(super) async fn next_rows(
        mut self: Box<Self>,
        ledger: Ledger,
        stream: Option<Stream>,
    ) -> Result<Event, PipelineError> {
        let (listing, portion) = spawn_blocking(move || {
            let portion = self.portion();
            (self, portion)
        })
        .await?;
        let (images, at_end) = portion?;
        let settled = ledger.add_listed(images, listing.list.rows_read(), at_end, stream.is_some()).await?;
        Stream::write(stream.as_ref(), settled).await;
        if at_end {
            listing.tell_bad_rows();
        }
        Ok(Event::Listed { listing: (!at_end).then_some(listing) })
    }

    fn portion(&mut self) -> Result<(Vec<NewImage>, bool), ListError> {
        let mut images = Vec::with_capacity(PORTION);
        if let Some(row) = self.first.take() {
            images.push(self.image(row));
        }
        while images.len() < PORTION {
            match self.list.next().transpose()? {
                Some(row) => images.push(self.image(row)),
                None => return Ok((images, true)),
            }
        }
        Ok((images, false))
    }

    fn image(&mut self, row: Row) -> NewImage {
        let (line, image, why) = match row {
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
            tracing::warn!(line, why, text, "a row of the list is not fetched");
        }
        image
    }

    fn tell_bad_rows(&self) {
        if self.bad > LOGGED {
            tracing::warn!(rows = self.bad, "rows of the list are not fetched; the first {LOGGED} are listed above");
        }
    }
}
