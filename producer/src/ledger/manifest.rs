//! The manifest's rows, as read from the ledger: one row an image, with the page it was found on.

use std::time::{Duration, UNIX_EPOCH};

use common::image_id::hex;
use common::outcome::Status;
use common::reason::Reason;
use rusqlite::{Connection, params};
use serde::Serialize;

use super::RowId;
use super::images::{reason_at, status_at};

/// A row of the manifest; `docs/output.md` explains the fields. Null is "not known".
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[expect(missing_docs, reason = "the names are the manifest's, which docs/output.md explains")]
pub struct Row {
    pub url: String,
    pub final_url: Option<String>,
    pub page_url: Option<String>,
    pub source: String,
    pub alt: Option<String>,
    pub title: Option<String>,
    pub caption: Option<String>,
    pub status: Status,
    pub reason: Option<Reason>,
    pub http_status: Option<u16>,
    pub content_type: Option<String>,
    pub format: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    pub bytes: Option<u64>,
    pub sha256: Option<String>,
    pub path: Option<String>,
    pub attempts: u32,
    pub worker: Option<String>,
    /// RFC 3339, UTC, milliseconds.
    pub fetched_at: Option<String>,
    pub duration_ms: Option<u64>,
}

const SELECT: &str = "
    SELECT images.url, coalesce(images.final_url, iif(images.http_status IS NULL, NULL, images.url)), coalesce(pages.final_url, pages.url), source, alt, title, caption, status,
        images.reason, images.http_status, content_type, format, width, height, bytes, sha256, path, attempts, worker,
        fetched_at, duration_ms
    FROM images LEFT JOIN pages ON pages.id = images.page";

/// The rows of some images, if they are wanted at all.
pub(super) fn rows(sql: &Connection, ids: &[RowId], wanted: bool) -> rusqlite::Result<Vec<Row>> {
    if !wanted {
        return Ok(Vec::new());
    }
    let mut statement = sql.prepare_cached(&format!("{SELECT} WHERE images.id = ?1"))?;
    ids.iter().map(|id| statement.query_row(params![id], read)).collect()
}

pub(super) fn for_each<E>(
    sql: &Connection,
    each: &mut impl FnMut(Row) -> Result<(), E>,
) -> rusqlite::Result<Result<(), E>> {
    let mut statement = sql.prepare(&format!("{SELECT} ORDER BY images.id"))?;
    for row in statement.query_map([], read)? {
        if let Err(error) = each(row?) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let fetched_at: Option<u64> = row.get(19)?;
    let sha256: Option<[u8; 32]> = row.get(15)?;
    Ok(Row {
        url: row.get(0)?,
        final_url: row.get(1)?,
        page_url: row.get(2)?,
        source: row.get(3)?,
        alt: row.get(4)?,
        title: row.get(5)?,
        caption: row.get(6)?,
        status: status_at(row, 7)?,
        reason: reason_at(row, 8)?,
        http_status: row.get(9)?,
        content_type: row.get(10)?,
        format: row.get(11)?,
        width: row.get(12)?,
        height: row.get(13)?,
        bytes: row.get(14)?,
        sha256: sha256.map(|digest| hex(&digest)),
        path: row.get(16)?,
        attempts: row.get(17)?,
        worker: row.get(18)?,
        fetched_at: fetched_at
            .and_then(|ms| UNIX_EPOCH.checked_add(Duration::from_millis(ms)))
            .map(|time| humantime::format_rfc3339_millis(time).to_string()),
        duration_ms: row.get(20)?,
    })
}
