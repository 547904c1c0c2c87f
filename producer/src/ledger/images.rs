//! The `images` table: every image the run accepted, and its one outcome.

use common::image_id::{ImageId, unhex};
use common::outcome::Status;
use common::reason::Reason;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::book::Book;
use super::{HostId, NewImage, PendingImage, Recording, RowId, waiting};

/// Accepts images that are not known yet. Returns the rows of those that have their outcome already.
pub(super) fn add(
    book: &mut Book,
    sql: &Connection,
    page: Option<RowId>,
    new: &[NewImage],
) -> rusqlite::Result<Vec<RowId>> {
    let mut settled = Vec::new();
    let mut insert = sql.prepare_cached(
        "INSERT OR IGNORE INTO images (image, url, host, page, source, alt, title, caption, status, reason)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    )?;
    for image in new {
        if book.max_images.is_some_and(|most| book.counts.found() >= most) {
            break;
        }
        let host = book.host(sql, &image.host)?;
        let id = ImageId::new(&book.run, &image.url);
        let (status, reason) = image.verdict.map_or((Status::Outstanding, None), |(status, why)| (status, Some(why)));
        let inserted = insert.execute(params![
            id.as_bytes(),
            image.url,
            host,
            page,
            image.source,
            image.alt,
            image.title,
            image.caption,
            status.as_str(),
            reason.map(String::from),
        ])?;
        if inserted == 1 {
            book.counts.add(status);
            book.counts.note(status, reason, None);
            if image.verdict.is_some() {
                settled.push(sql.last_insert_rowid());
            }
        }
    }
    Ok(settled)
}

/// Records an outcome. Returns the image's row if this outcome became its final one: an image that has one keeps it,
/// and an image that the run does not know is nobody's.
pub(super) fn record(book: &mut Book, sql: &Connection, recording: &Recording) -> rusqlite::Result<Option<RowId>> {
    let found: Option<RowId> = sql
        .prepare_cached("SELECT id FROM images WHERE image = ?1 AND status = 'outstanding'")?
        .query_row([recording.outcome.id.as_bytes()], |row| row.get(0))
        .optional()?;
    let Some(id) = found else { return Ok(None) };
    if !recording.is_final {
        note_attempt(sql, id, recording)?;
        return Ok(None);
    }
    let sha256 = recording.outcome.sha256.as_deref().and_then(unhex::<32>);
    let twin = match (recording.outcome.status, &sha256) {
        (Status::Stored, Some(digest)) => stored_path(sql, digest)?,
        _ => None,
    };
    let (status, path) = match twin {
        Some(path) => (Status::Duplicate, Some(path)),
        None => (recording.outcome.status, recording.outcome.path.clone()),
    };
    let outcome = &recording.outcome;
    sql.prepare_cached(
        "UPDATE images SET status = ?2, reason = ?3, attempts = ?4, final_url = ?5, http_status = ?6, content_type = ?7,
             format = ?8, width = ?9, height = ?10, bytes = ?11, sha256 = ?12, path = ?13, worker = ?14, fetched_at = ?15,
             duration_ms = ?16
         WHERE id = ?1",
    )?
    .execute(params![
        id,
        status.as_str(),
        outcome.reason.map(String::from),
        outcome.attempt,
        outcome.final_url,
        outcome.http_status,
        outcome.content_type,
        outcome.format,
        outcome.width,
        outcome.height,
        outcome.bytes,
        sha256,
        path,
        recording.worker,
        recording.worker.is_some().then_some(outcome.fetched_at),
        recording.worker.is_some().then_some(outcome.duration_ms),
    ])?;
    book.counts.settle(status, outcome.reason, outcome.bytes);
    Ok(Some(id))
}

/// A try that another one follows: what is known so far, should there be no other.
fn note_attempt(sql: &Connection, id: RowId, recording: &Recording) -> rusqlite::Result<()> {
    let outcome = &recording.outcome;
    sql.prepare_cached(
        "UPDATE images SET attempts = ?2, reason = ?3, http_status = ?4, worker = ?5, fetched_at = ?6, duration_ms = ?7
         WHERE id = ?1 AND attempts < ?2",
    )?
    .execute(params![
        id,
        outcome.attempt,
        outcome.reason.map(String::from),
        outcome.http_status,
        recording.worker,
        outcome.fetched_at,
        outcome.duration_ms,
    ])
    .map(drop)
}

/// Where this run already has these bytes.
fn stored_path(sql: &Connection, sha256: &[u8; 32]) -> rusqlite::Result<Option<String>> {
    sql.prepare_cached("SELECT coalesce(path, '') FROM images WHERE sha256 = ?1 AND status = 'stored' LIMIT 1")?
        .query_row([sha256], |row| row.get(0))
        .optional()
}

const COLUMNS: &str = "SELECT id, host, image, url, attempts FROM images WHERE status = 'outstanding'";

pub(super) fn pending(
    sql: &Connection,
    host: Option<HostId>,
    after: RowId,
    limit: usize,
) -> rusqlite::Result<Vec<PendingImage>> {
    waiting::read(sql, COLUMNS, host, after, limit, read)
}

fn read(row: &Row<'_>) -> rusqlite::Result<PendingImage> {
    let image: [u8; 16] = row.get(2)?;
    Ok(PendingImage {
        id: row.get(0)?,
        host: row.get(1)?,
        image: image.into(),
        url: row.get(3)?,
        attempts: row.get(4)?,
    })
}

/// The status in a column; a word that no version wrote is an error, not a guess.
pub(super) fn status_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    let word: String = row.get(column)?;
    let known = Status::ALL.into_iter().find(|status| status.as_str() == word);
    known.ok_or_else(|| {
        let error = format!("{word:?} is no known status").into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
    })
}

/// The reason in a column, if there is one.
pub(super) fn reason_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Reason>> {
    let word: Option<String> = row.get(column)?;
    word.map(|word| word.parse())
        .transpose()
        .map_err(|error: String| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}
