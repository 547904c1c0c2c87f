//! A run in a few numbers.

use std::collections::BTreeMap;

use common::outcome::Status;
use common::reason::Reason;
use rusqlite::Connection;
use serde::Serialize;

use super::Insight;
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
    pub pages: PageCounts,
    /// Linked style sheets by their end.
    pub style_sheets: PageCounts,
    /// Sitemaps by their end.
    pub sitemaps: PageCounts,
    /// All images.
    pub found: u64,
    /// Images by status; every status is there.
    pub images: BTreeMap<Status, u64>,
    /// Bytes of the stored images.
    pub bytes: u64,
    /// Images that have an outcome, by reason.
    pub reasons: BTreeMap<Reason, u64>,
}

impl Insight {
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
            pages: counts.pages,
            style_sheets: counts.style_sheets,
            sitemaps: counts.sitemaps,
            found: counts.found(),
            images: Status::ALL.into_iter().map(|status| (status, counts.of(status))).collect(),
            bytes: counts.bytes,
            reasons: counts.reasons.clone(),
        })
    }
}
