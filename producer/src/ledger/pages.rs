//! The `pages` table: the frontier of pages, and how each ended.

use rusqlite::{Connection, OptionalExtension, Row, params};

use super::book::Book;
use super::{HostId, NewPage, PageDone, PageKind, PendingPage, RowId, schema, waiting};

/// Pages in a row, each found on the one before, whose addresses differ in numbers alone and that brought no image that was
/// not known: so many are a calendar or the like, and the next is not followed.
const LONGEST_CHAIN: u32 = 100;

/// Accepts pages that are not known yet. `chain` is the number of pages in a row, the one they were found on the last, that
/// brought nothing new. Returns how many were left out as endless.
pub(super) fn add(book: &mut Book, sql: &Connection, new: &[NewPage], chain: u32) -> rusqlite::Result<u64> {
    let mut insert = sql.prepare_cached(
        "INSERT INTO pages (url, host, depth, kind, hops, chain) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (url) DO UPDATE SET depth = excluded.depth, hops = excluded.hops
             WHERE state = 'pending' AND depth > excluded.depth",
    )?;
    let mut known = sql.prepare_cached("SELECT kind, state FROM pages WHERE url = ?1")?;
    let mut expected = sql.prepare_cached("UPDATE pages SET kind = ?2 WHERE url = ?1")?;
    let mut left_out = 0;
    for page in new {
        let found = known.query_row([&page.url], |row| Ok((kind_at(row, 0)?, row.get::<_, String>(1)?))).optional()?;
        let is_new = found.is_none();
        if let Some((PageKind::Page, state)) = found
            && state == "pending"
            && page.kind == PageKind::Sitemap
        {
            // Somebody who knows says what it is.
            expected.execute(params![page.url, page.kind.as_str()])?;
            book.counts.document(PageKind::Page, "pending", -1);
            book.counts.document(page.kind, "pending", 1);
        }
        let chain = if page.like_its_parent { chain } else { 0 };
        if is_new && chain >= LONGEST_CHAIN {
            left_out += 1;
            continue;
        }
        let host = book.host(sql, &page.host)?;
        insert.execute(params![page.url, host, page.depth, page.kind.as_str(), page.hops, chain])?;
        if is_new {
            book.counts.document(page.kind, "pending", 1);
        }
    }
    Ok(left_out)
}

/// How many pages in a row before this one brought nothing new.
pub(super) fn chain(sql: &Connection, id: RowId) -> rusqlite::Result<u32> {
    sql.prepare_cached("SELECT chain FROM pages WHERE id = ?1")?.query_row([id], |row| row.get(0))
}

/// Where the seeds led: the scope grew by it.
pub(super) fn moved_seeds(sql: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut moved = sql.prepare("SELECT value FROM run WHERE key LIKE 'scope:%'")?;
    moved.query_map([], |row| row.get(0))?.collect()
}

pub(super) fn note_scopes(sql: &Connection, scopes: &[String]) -> rusqlite::Result<()> {
    scopes.iter().try_for_each(|url| schema::set(sql, &format!("scope:{url}"), url))
}

pub(super) fn add_seen(book: &mut Book, sql: &Connection, url: &str, host: &str, depth: u32) -> rusqlite::Result<()> {
    let host = book.host(sql, host)?;
    sql.prepare_cached("INSERT OR IGNORE INTO pages (url, host, depth, state) VALUES (?1, ?2, ?3, 'redirected')")?
        .execute(params![url, host, depth])
        .map(drop)
}

/// Ends a document, with everything that was found on it recorded before.
pub(super) fn finish(book: &mut Book, sql: &Connection, done: &PageDone) -> rusqlite::Result<()> {
    let expected = sql
        .prepare_cached("SELECT kind FROM pages WHERE id = ?1 AND state = 'pending'")?
        .query_row([done.id], |row| kind_at(row, 0))
        .optional()?;
    let Some(expected) = expected else { return Ok(()) };
    sql.prepare_cached(
        "UPDATE pages SET state = ?2, reason = ?3, http_status = ?4, final_url = ?5, truncated = ?6, detail = ?7 WHERE id = ?1",
    )?
    .execute(params![
        done.id,
        done.state.as_str(),
        done.reason.map(String::from),
        done.http_status,
        done.final_url,
        done.truncated,
        done.detail,
    ])?;
    book.counts.document(expected, "pending", -1);
    book.counts.document(expected, done.state.as_str(), 1);
    Ok(())
}

const COLUMNS: &str = "SELECT id, host, url, depth, kind, hops FROM pages WHERE state = 'pending'";

pub(super) fn pending(
    sql: &Connection,
    host: Option<HostId>,
    after: RowId,
    limit: usize,
) -> rusqlite::Result<Vec<PendingPage>> {
    waiting::read(sql, COLUMNS, host, after, limit, read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<PendingPage> {
    Ok(PendingPage {
        id: row.get(0)?,
        host: row.get(1)?,
        url: row.get(2)?,
        depth: row.get(3)?,
        kind: kind_at(row, 4)?,
        hops: row.get(5)?,
        redirects: 0,
    })
}

/// The kind in a column.
pub(super) fn kind_at(row: &Row<'_>, column: usize) -> rusqlite::Result<PageKind> {
    schema::word_at(row, column, |word| PageKind::ALL.into_iter().find(|kind| kind.as_str() == word))
}
