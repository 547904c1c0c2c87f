//! The `pages` table: the frontier of pages, and how each ended.

use rusqlite::{Connection, Row, params};

use super::book::Book;
use super::{HostId, NewPage, PageDone, PendingPage, RowId, waiting};

pub(super) fn add(book: &mut Book, sql: &Connection, new: &[NewPage]) -> rusqlite::Result<()> {
    let mut insert = sql.prepare_cached(
        "INSERT INTO pages (url, host, depth) VALUES (?1, ?2, ?3)
         ON CONFLICT (url) DO UPDATE SET depth = min(depth, excluded.depth) WHERE state = 'pending' AND depth > excluded.depth",
    )?;
    let mut known = sql.prepare_cached("SELECT 1 FROM pages WHERE url = ?1")?;
    for page in new {
        let is_new = !known.exists([&page.url])?;
        let host = book.host(sql, &page.host)?;
        insert.execute(params![page.url, host, page.depth])?;
        book.counts.pages.pending += u64::from(is_new);
    }
    Ok(())
}

/// Where redirects of the seeds led: the scope grew by it.
pub(super) fn moved_seeds(sql: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut moved = sql.prepare("SELECT final_url FROM pages WHERE depth = 0 AND final_url IS NOT NULL")?;
    moved.query_map([], |row| row.get(0))?.collect()
}

pub(super) fn add_seen(book: &mut Book, sql: &Connection, url: &str, host: &str, depth: u32) -> rusqlite::Result<()> {
    let host = book.host(sql, host)?;
    sql.prepare_cached("INSERT OR IGNORE INTO pages (url, host, depth, state) VALUES (?1, ?2, ?3, 'redirected')")?
        .execute(params![url, host, depth])
        .map(drop)
}

pub(super) fn finish(book: &mut Book, sql: &Connection, done: &PageDone) -> rusqlite::Result<()> {
    let changed = sql
        .prepare_cached(
            "UPDATE pages SET state = ?2, reason = ?3, http_status = ?4, final_url = ?5, truncated = ?6
             WHERE id = ?1 AND state = 'pending'",
        )?
        .execute(params![
            done.id,
            done.state.as_str(),
            done.reason.map(String::from),
            done.http_status,
            done.final_url,
            done.truncated
        ])?;
    if changed == 1 {
        book.counts.pages.pending -= 1;
        if let Some(count) = book.counts.pages.of(done.state.as_str()) {
            *count += 1;
        }
    }
    Ok(())
}

const COLUMNS: &str = "SELECT id, host, url, depth FROM pages WHERE state = 'pending'";

pub(super) fn pending(
    sql: &Connection,
    host: Option<HostId>,
    after: RowId,
    limit: usize,
) -> rusqlite::Result<Vec<PendingPage>> {
    waiting::read(sql, COLUMNS, host, after, limit, read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<PendingPage> {
    Ok(PendingPage { id: row.get(0)?, host: row.get(1)?, url: row.get(2)?, depth: row.get(3)? })
}
