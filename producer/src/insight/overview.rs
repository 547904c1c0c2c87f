//! A run in a few numbers.

use std::collections::BTreeMap;

use common::outcome::Status;
use common::reason::Reason;
use rusqlite::Connection;
use serde::Serialize;

use super::{Insight, reason_at, status_at};
use crate::ledger::{self, Counts, LedgerError, PageCounts, RUNNING};
use crate::report::INTERRUPTED;
use crate::run_folder;

/// A run in a few numbers, which are those of its summary.
#[derive(Debug, Clone, Serialize)]
pub struct Overview {
    /// The run's name.
    pub run: String,
    /// `running`, or one of the summary's states: `complete`, `timed-out`, `interrupted`, `cancelled`.
    pub state: String,
    /// Its producer was killed: it could not say itself how the run ended. `state` is `interrupted` then.
    pub killed: bool,
    /// How long the run took: all its commands together, except the one that works on it now, if one does, and those that were
    /// killed. In seconds.
    pub seconds: f64,
    /// Pages by their end.
    pub pages: Documents,
    /// Linked style sheets by their end.
    pub style_sheets: Documents,
    /// Sitemaps by their end.
    pub sitemaps: Documents,
    /// All images.
    pub found: u64,
    /// Images by status; every status is there.
    pub images: BTreeMap<Status, u64>,
    /// Bytes of the stored images.
    pub bytes: u64,
    /// Images that have an outcome, by reason.
    pub reasons: BTreeMap<Reason, u64>,
}

/// Documents by their end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Documents {
    /// Waiting, or being fetched.
    pub pending: u64,
    /// Read.
    pub fetched: u64,
    /// Not to be had.
    pub failed: u64,
    /// Not asked for.
    pub blocked: u64,
}

impl From<PageCounts> for Documents {
    fn from(PageCounts { pending, fetched, failed, blocked }: PageCounts) -> Self {
        Self { pending, fetched, failed, blocked }
    }
}

/// How far a run is, in the two numbers that are had at once, however large it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Pulse {
    /// All images.
    pub found: u64,
    /// Images without an outcome.
    pub outstanding: u64,
}

impl Insight {
    /// The run in a few numbers. Reads all images, which takes about half a second for a million.
    pub fn overview(&self) -> Result<Overview, LedgerError> {
        let counts = self.look(|sql| {
            let mut counts = ledger::count_documents(sql)?;
            let mut groups =
                sql.prepare("SELECT status, reason, count(*), sum(bytes) FROM images GROUP BY status, reason")?;
            let mut rows = groups.query([])?;
            while let Some(row) = rows.next()? {
                let (status, number) = (status_at(row, 0)?, row.get::<_, u64>(2)?);
                *counts.images.entry(status).or_default() += number;
                if status == Status::Stored {
                    counts.bytes += row.get::<_, Option<u64>>(3)?.unwrap_or(0);
                }
                if let Some(reason) = reason_at(row, 1)?.filter(|_| status != Status::Outstanding) {
                    *counts.reasons.entry(reason).or_default() += number;
                }
            }
            Ok(counts)
        })?;
        self.overview_of(&counts)
    }

    /// How far the run is. Takes some ten milliseconds for a million images.
    pub fn pulse(&self) -> Result<Pulse, LedgerError> {
        self.look(|sql| {
            // No image is ever taken out of the ledger, so the last one's number is how many there are.
            let found = sql.query_row("SELECT coalesce(max(id), 0) FROM images", [], |row| row.get(0))?;
            let waiting = "SELECT count(*) FROM images WHERE status = 'outstanding'";
            Ok(Pulse { found, outstanding: sql.query_row(waiting, [], |row| row.get(0))? })
        })
    }

    /// The run with what was counted of it.
    pub(super) fn overview_of(&self, counts: &Counts) -> Result<Overview, LedgerError> {
        let state = |sql: &Connection| Ok(ledger::noted(sql, "state")?.unwrap_or_else(|| "unknown".to_owned()));
        let mut at_last = self.look(state)?;
        // Where nobody holds it, it may have ended in good order between the two looks.
        if at_last == RUNNING && !run_folder::is_held(&self.folder) {
            at_last = self.look(state)?;
        }
        let killed = at_last == RUNNING && !run_folder::is_held(&self.folder);
        let noted = |key: &'static str| self.look(|sql| Ok(ledger::noted(sql, key)?.unwrap_or_default()));
        Ok(Overview {
            run: noted("name")?,
            state: if killed { INTERRUPTED.to_owned() } else { at_last },
            killed,
            seconds: noted("seconds")?.parse().unwrap_or(0.0),
            pages: counts.pages.into(),
            style_sheets: counts.style_sheets.into(),
            sitemaps: counts.sitemaps.into(),
            found: counts.found(),
            images: Status::ALL.into_iter().map(|status| (status, counts.of(status))).collect(),
            bytes: counts.bytes,
            reasons: counts.reasons.clone(),
        })
    }
}
