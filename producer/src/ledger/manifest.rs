//! The manifest's rows, as read from the ledger: one row an image, with the page it was found on.

use std::time::{Duration, UNIX_EPOCH};

use common::image_id::hex;
use common::outcome::Status;
use common::reason::Reason;
use rusqlite::types::FromSql;
use rusqlite::{Connection, params};
use serde::Serialize;
use serde_json::Value;

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
    /// Every way in which the page names it, if there are several; the first is `source`.
    pub sources: Option<Vec<String>>,
    pub descriptor: Option<String>,
    pub alt: Option<String>,
    pub title: Option<String>,
    pub caption: Option<String>,
    /// The list's further columns.
    pub extra: Option<Value>,
    pub status: Status,
    pub reason: Option<Reason>,
    /// The cause in words, where the reason alone does not say it.
    pub detail: Option<String>,
    pub http_status: Option<u16>,
    pub content_type: Option<String>,
    pub format: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// Of an SVG: whether it carries script.
    pub scripted: Option<bool>,
    pub bytes: Option<u64>,
    pub sha256: Option<String>,
    pub path: Option<String>,
    pub attempts: u32,
    pub worker: Option<String>,
    /// RFC 3339, UTC, milliseconds.
    pub fetched_at: Option<String>,
    pub duration_ms: Option<u64>,
}

/// In the order of [`Row`]'s fields.
const SELECT: &str = "
    SELECT images.url, coalesce(images.final_url, iif(images.http_status IS NULL, NULL, images.url)),
        coalesce(images.page_url, pages.final_url, pages.url), source, sources, descriptor, alt, title, caption, extra,
        status, images.reason, images.detail, images.http_status, content_type, format, width, height, scripted, bytes, sha256,
        path, attempts - images.hops, worker, fetched_at, duration_ms
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

/// Reads the columns one after another.
struct Columns<'a> {
    row: &'a rusqlite::Row<'a>,
    next: usize,
}

impl Columns<'_> {
    fn next<T: FromSql>(&mut self) -> rusqlite::Result<T> {
        self.next += 1;
        self.row.get(self.next - 1)
    }

    fn with<T>(&mut self, read: fn(&rusqlite::Row<'_>, usize) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.next += 1;
        read(self.row, self.next - 1)
    }
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let mut columns = Columns { row, next: 0 };
    Ok(Row {
        url: columns.next()?,
        final_url: columns.next()?,
        page_url: columns.next()?,
        source: columns.next()?,
        sources: columns.next::<Option<String>>()?.map(|words| words.split(' ').map(str::to_owned).collect()),
        descriptor: columns.next()?,
        alt: columns.next()?,
        title: columns.next()?,
        caption: columns.next()?,
        extra: columns.next::<Option<String>>()?.and_then(|json| serde_json::from_str(&json).ok()),
        status: columns.with(status_at)?,
        reason: columns.with(reason_at)?,
        detail: columns.next()?,
        http_status: columns.next()?,
        content_type: columns.next()?,
        format: columns.next()?,
        width: columns.next()?,
        height: columns.next()?,
        scripted: columns.next()?,
        bytes: columns.next()?,
        sha256: columns.next::<Option<[u8; 32]>>()?.map(|digest| hex(&digest)),
        path: columns.next()?,
        attempts: columns.next()?,
        worker: columns.next()?,
        fetched_at: columns.next::<Option<u64>>()?.and_then(|ms| {
            let time = UNIX_EPOCH.checked_add(Duration::from_millis(ms))?;
            Some(humantime::format_rfc3339_millis(time).to_string())
        }),
        duration_ms: columns.next()?,
    })
}
