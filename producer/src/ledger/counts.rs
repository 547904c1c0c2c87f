//! How much of everything there is: kept while writing, or counted from the tables by whoever looks from outside.

use std::collections::BTreeMap;

use common::outcome::Status;
use common::reason::Reason;
use rusqlite::Connection;
use serde::Serialize;

use super::{PageKind, Traps};

/// Pages by state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct PageCounts {
    /// Waiting.
    pub pending: u64,
    /// Read.
    pub fetched: u64,
    /// Not to be had.
    pub failed: u64,
    /// Not asked for.
    pub blocked: u64,
}

impl PageCounts {
    pub(super) fn of(&mut self, state: &str) -> Option<&mut u64> {
        match state {
            "pending" => Some(&mut self.pending),
            "fetched" => Some(&mut self.fetched),
            "failed" => Some(&mut self.failed),
            "blocked" => Some(&mut self.blocked),
            // Addresses that a redirect led to are known, but no pages of their own.
            _ => None,
        }
    }
}

/// Everything that a summary counts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Pages by state.
    pub pages: PageCounts,
    /// Linked style sheets by state.
    pub style_sheets: PageCounts,
    /// Sitemaps by state.
    pub sitemaps: PageCounts,
    /// Links that were left out.
    pub traps: Traps,
    /// Images by status.
    pub images: BTreeMap<Status, u64>,
    /// Bytes of the stored images, each stored file once.
    pub bytes: u64,
    /// Images that have an outcome other than being stored, by reason.
    pub reasons: BTreeMap<Reason, u64>,
}

impl Counts {
    /// Images of a status.
    #[must_use]
    pub fn of(&self, status: Status) -> u64 {
        self.images.get(&status).copied().unwrap_or(0)
    }

    /// All images.
    #[must_use]
    pub fn found(&self) -> u64 {
        self.images.values().sum()
    }

    /// Images that have their outcome.
    #[must_use]
    pub fn settled(&self) -> u64 {
        self.found() - self.of(Status::Outstanding)
    }

    /// One document more, or less, of a kind and a state.
    pub(super) fn document(&mut self, kind: PageKind, state: &str, change: i64) {
        let counts = match kind {
            PageKind::Page => &mut self.pages,
            PageKind::StyleSheet => &mut self.style_sheets,
            PageKind::Sitemap => &mut self.sitemaps,
            PageKind::Robots => return,
        };
        if let Some(count) = counts.of(state) {
            *count = count.saturating_add_signed(change);
        }
    }

    pub(crate) fn add(&mut self, status: Status) {
        *self.images.entry(status).or_default() += 1;
    }

    /// An image goes from what is known of it to its outcome.
    pub(super) fn settle(
        &mut self,
        known: Status,
        why: Option<Reason>,
        status: Status,
        reason: Option<Reason>,
        bytes: Option<u64>,
    ) {
        if let Some(images) = self.images.get_mut(&known) {
            *images = images.saturating_sub(1);
        }
        // The reason of an earlier try that an outstanding image has was never counted.
        if known != Status::Outstanding
            && let Some(why) = why
            && let Some(images) = self.reasons.get_mut(&why)
        {
            *images -= 1;
            if *images == 0 {
                self.reasons.remove(&why);
            }
        }
        self.add(status);
        self.note(status, reason, bytes);
    }

    pub(crate) fn note(&mut self, status: Status, reason: Option<Reason>, bytes: Option<u64>) {
        if let Some(reason) = reason {
            *self.reasons.entry(reason).or_default() += 1;
        }
        if status == Status::Stored {
            self.bytes += bytes.unwrap_or(0);
        }
    }
}

/// Counts the tables.
pub(super) fn load(sql: &Connection) -> rusqlite::Result<Counts> {
    let mut counts = load_documents(sql)?;
    let mut images = sql.prepare("SELECT status, reason, count(*), sum(bytes) FROM images GROUP BY status, reason")?;
    let mut rows = images.query([])?;
    while let Some(row) = rows.next()? {
        let (status, number) = (super::images::status_at(row, 0)?, row.get::<_, u64>(2)?);
        *counts.images.entry(status).or_default() += number;
        if status == Status::Stored {
            counts.bytes += row.get::<_, Option<u64>>(3)?.unwrap_or(0);
        }
        if status != Status::Outstanding
            && let Some(reason) = super::images::reason_at(row, 1)?
        {
            *counts.reasons.entry(reason).or_default() += number;
        }
    }
    Ok(counts)
}

/// Counts what is not images.
pub(super) fn load_documents(sql: &Connection) -> rusqlite::Result<Counts> {
    let mut counts = Counts { traps: super::traps::load(sql)?, ..Counts::default() };
    let mut pages = sql.prepare("SELECT kind, state, count(*) FROM pages GROUP BY kind, state")?;
    let mut rows = pages.query([])?;
    while let Some(row) = rows.next()? {
        counts.document(super::pages::kind_at(row, 0)?, &row.get::<_, String>(1)?, row.get(2)?);
    }
    Ok(counts)
}
