//! The `images` table: every image the run accepted, and its one outcome.

use std::borrow::Cow;

use common::image_id::{ImageId, hex, unhex};
use common::outcome::{ImageCopy, Outcome, Status};
use common::reason::Reason;
use rusqlite::types::Type;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::book::Book;
use super::{HostId, NewImage, PendingImage, Recording, RowId, Verdict, earlier, inline, schema, waiting};

/// What accepting images came to.
#[derive(Debug, Default)]
pub(super) struct Added {
    /// How many were not known.
    pub(super) fresh: u64,
    /// The rows of those that have their outcome already.
    pub(super) settled: Vec<RowId>,
    /// Whether one of those that are to be fetched is followed.
    pub(super) is_followed: bool,
}

/// Accepts images that are not known yet.
pub(super) fn add(book: &mut Book, sql: &Connection, page: Option<RowId>, new: &[NewImage]) -> rusqlite::Result<Added> {
    let mut added = Added::default();
    let mut insert = sql.prepare_cached(
        "INSERT OR IGNORE INTO images (image, url, host, page, page_url, source, sources, descriptor, alt, title, caption, extra,
             status, reason, detail)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
    )?;
    for image in new {
        if book.max_images.is_some_and(|most| book.counts.found() >= most) {
            break;
        }
        let host = book.host(sql, &image.host)?;
        let id = ImageId::new(&book.run, &image.url);
        let (status, reason, detail) = match &image.verdict {
            Some(Verdict { status, reason, detail }) => (*status, Some(*reason), detail.as_deref()),
            None => (Status::Outstanding, None, None),
        };
        let inserted = insert.execute(params![
            id.as_bytes(),
            image.url,
            host,
            page,
            image.page_url,
            image.source,
            image.sources,
            image.descriptor,
            image.alt,
            image.title,
            image.caption,
            image.extra,
            status.as_str(),
            reason.map(String::from),
            detail,
        ])?;
        if inserted == 1 {
            book.counts.add(status);
            book.counts.note(status, reason, None);
            added.fresh += 1;
            if image.verdict.is_some() {
                added.settled.push(sql.last_insert_rowid());
            } else {
                added.is_followed |= book.sampler.follows(id);
                if let Some(bytes) = &image.inline {
                    book.has_inline = true;
                    inline::keep(sql, sql.last_insert_rowid(), bytes)?;
                }
            }
        }
    }
    Ok(added)
}

/// What the ledger has of an image whose outcome comes.
struct Known {
    id: RowId,
    url: String,
    status: Status,
    reason: Option<Reason>,
    attempts_before: u32,
}

/// Records an outcome. Returns the image's row if this outcome became its final one: an image that has one keeps it,
/// and an image that the run does not know is nobody's. Only the producer's own verdict on a batch that died gives way,
/// to a worker that dealt with the image after all (`producer dead replay`).
pub(super) fn record(book: &mut Book, sql: &Connection, recording: &Recording) -> rusqlite::Result<Option<RowId>> {
    // As nearly every outcome: the first of an image that is out, whose row need not be looked up first.
    if let Some(id) = recording.row
        && recording.is_final
        && recording.outcome.status != Status::Unchanged
        && conclude(book, sql, id, recording.worker.as_deref(), &recording.outcome, Was::Waiting)?.is_some()
    {
        return Ok(Some(id));
    }
    let found: Option<Known> = sql
        .prepare_cached("SELECT id, url, status, reason, attempts_before FROM images WHERE image = ?1")?
        .query_row([recording.outcome.id.as_bytes()], |row| {
            Ok(Known {
                id: row.get(0)?,
                url: row.get(1)?,
                status: status_at(row, 2)?,
                reason: reason_at(row, 3)?,
                attempts_before: row.get(4)?,
            })
        })
        .optional()?;
    let Some(known) = found else { return Ok(None) };
    let id = known.id;
    let is_last = recording.is_final || recording.outcome.status == Status::Unchanged;
    let gives_way = known.reason == Some(Reason::DeadLettered) && recording.worker.is_some() && is_last;
    let is_old = recording.worker.is_some() && recording.outcome.attempt <= known.attempts_before;
    if (known.status != Status::Outstanding && !gives_way) || is_old {
        return Ok(None);
    }
    if !recording.is_final && !gives_way {
        note_attempt(sql, id, recording)?;
        return Ok(None);
    }
    let outcome = completed(book, &known.url, &recording.outcome);
    let worker = recording.worker.as_deref();
    conclude(book, sql, id, worker, &outcome, Was::Known(known.status, known.reason))
}

/// What a row is before an outcome is written into it.
#[derive(Clone, Copy)]
enum Was {
    /// Not looked at: it is written if it is this image's and waits for this try, as [`record`] decides of one that it knows.
    Waiting,
    /// Looked at, and found to give way.
    Known(Status, Option<Reason>),
}

/// Writes an image's outcome. Returns the row if it was written.
fn conclude(
    book: &mut Book,
    sql: &Connection,
    id: RowId,
    worker: Option<&str>,
    outcome: &Outcome,
    was: Was,
) -> rusqlite::Result<Option<RowId>> {
    let sha256 = outcome.sha256.as_deref().and_then(unhex::<32>);
    let twin = match (outcome.status, &sha256) {
        (Status::Stored, Some(digest)) => kept(sql, digest)?,
        _ => None,
    };
    let (status, places) = match twin {
        Some(places) => (Status::Duplicate, places),
        None => (outcome.status, Places::of(outcome)),
    };
    let written = sql
        .prepare_cached(
            "UPDATE images SET status = ?2, reason = ?3, attempts = ?4, final_url = ?5, http_status = ?6, content_type = ?7,
                 format = ?8, width = ?9, height = ?10, bytes = ?11, sha256 = ?12, path = ?13, worker = ?14, fetched_at = ?15,
                 duration_ms = ?16, detail = ?17, etag = ?18, last_modified = ?19, scripted = ?20, copy_path = ?21,
                 copy_format = ?22, copy_width = ?23, copy_height = ?24, copy_bytes = ?25, copy_sha256 = ?26, exif = ?27,
                 phash = ?28
             WHERE id = ?1
                 AND (?29 OR (image = ?30 AND status = 'outstanding' AND (?14 IS NULL OR attempts_before < ?4)))",
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
            places.path,
            worker,
            worker.is_some().then_some(outcome.fetched_at),
            worker.is_some().then_some(outcome.duration_ms),
            outcome.detail,
            outcome.etag,
            outcome.last_modified,
            outcome.scripted,
            places.copy.as_ref().map(|copy| &copy.path),
            places.copy.as_ref().map(|copy| &copy.format),
            places.copy.as_ref().map(|copy| copy.width),
            places.copy.as_ref().map(|copy| copy.height),
            places.copy.as_ref().map(|copy| copy.bytes),
            places.copy.as_ref().and_then(|copy| unhex::<32>(&copy.sha256)),
            outcome.exif,
            outcome.phash,
            matches!(was, Was::Known(..)),
            outcome.id.as_bytes(),
        ])?;
    if written == 0 {
        return Ok(None);
    }
    if status != Status::Failed && book.has_inline {
        inline::forget(sql, id)?;
    }
    let (known, reason) = match was {
        Was::Waiting => (Status::Outstanding, None),
        Was::Known(status, reason) => (status, reason),
    };
    book.counts.settle(known, reason, status, outcome.reason, outcome.bytes);
    Ok(Some(id))
}

/// A try that another one follows: what is known so far, should there be no other. A redirect is none of the tries that
/// people count.
fn note_attempt(sql: &Connection, id: RowId, recording: &Recording) -> rusqlite::Result<()> {
    let outcome = &recording.outcome;
    sql.prepare_cached(
        "UPDATE images SET attempts = ?2, reason = ?3, http_status = ?4, worker = ?5, fetched_at = ?6, duration_ms = ?7,
             attempts_before = attempts_before + ?8, hops = hops + ?8
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
        outcome.reason == Some(Reason::Redirected),
    ])
    .map(drop)
}

/// Lets images wait again that failed, or that have one of these reasons. What a page asked stays obeyed unless opt-outs are
/// `ignored`; an image that stood in its page and is not kept any more cannot be had again.
pub(super) fn retry(book: &mut Book, sql: &Connection, reasons: &[Reason], ignored: bool) -> rusqlite::Result<usize> {
    // What is known of the last try stays until the next one is done, except for what would make it look like an outcome.
    const AGAIN: &str =
        "UPDATE images SET status = 'outstanding', attempts_before = attempts, path = NULL, sha256 = NULL,
             copy_path = NULL, copy_format = NULL, copy_width = NULL, copy_height = NULL, copy_bytes = NULL, copy_sha256 = NULL,
             exif = NULL, phash = NULL";
    let mut changed = 0;
    if reasons.is_empty() {
        changed += sql.execute(&format!("{AGAIN} WHERE status = 'failed'"), [])?;
    }
    for reason in reasons {
        let of_reason = format!(
            "{AGAIN} WHERE status IN ('failed', 'rejected', 'blocked') AND reason = ?1
                 AND (url NOT LIKE 'data:%' OR id IN (SELECT image FROM inline))
                 AND (?2 OR attempts > 0 OR reason NOT IN ('x-robots-tag', 'meta-robots', 'nofollow', 'tdm-reservation'))"
        );
        changed += sql.execute(&of_reason, params![reason.to_string(), ignored])?;
    }
    book.forget(sql)?;
    Ok(changed)
}

/// An outcome with all that is to be recorded of it: where an image did not change, what an earlier run knows.
fn completed<'a>(book: &Book, url: &str, outcome: &'a Outcome) -> Cow<'a, Outcome> {
    if outcome.status != Status::Unchanged {
        return Cow::Borrowed(outcome);
    }
    let mut outcome = outcome.clone();
    match &book.earlier {
        Some(earlier) => earlier.complete(url, &mut outcome),
        None => earlier::lost(&mut outcome),
    }
    Cow::Owned(outcome)
}

/// What is in the store of an image.
struct Places {
    path: Option<String>,
    copy: Option<ImageCopy>,
}

impl Places {
    fn of(outcome: &Outcome) -> Self {
        Self { path: outcome.path.clone(), copy: outcome.copy.as_deref().cloned() }
    }
}

/// Where this run stored these bytes already, and the copy that was made of them: another downloader may make other copies, and
/// what a row says of one must be true of the file that it names. Where an earlier run stored them does not count: if that is
/// another store, whoever reads this one finds nothing there.
fn kept(sql: &Connection, sha256: &[u8; 32]) -> rusqlite::Result<Option<Places>> {
    sql.prepare_cached(
        "SELECT path, copy_path, copy_format, copy_width, copy_height, copy_bytes, copy_sha256
         FROM images WHERE sha256 = ?1 AND status = 'stored' AND path IS NOT NULL LIMIT 1",
    )?
    .query_row([sha256], |row| Ok(Places { path: row.get(0)?, copy: copy_at(row, 1)? }))
    .optional()
}

/// The copy in the columns from this one on.
pub(super) fn copy_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ImageCopy>> {
    let Some(path) = row.get(column)? else { return Ok(None) };
    Ok(Some(ImageCopy {
        path,
        format: row.get(column + 1)?,
        width: row.get(column + 2)?,
        height: row.get(column + 3)?,
        bytes: row.get(column + 4)?,
        sha256: hex(&row.get::<_, [u8; 32]>(column + 5)?),
    }))
}

/// What of an image is needed to send it; further conditions may follow.
pub(super) const COLUMNS: &str = "SELECT id, host, image, url, attempts, attempts_before,
         coalesce(octet_length(alt), 0) + coalesce(octet_length(title), 0) + coalesce(octet_length(caption), 0)
             + coalesce(octet_length(extra), 0), page,
         page IS NULL AND source = 'list' AND coalesce(page_url, alt, title, caption, extra) IS NULL
     FROM images WHERE status = 'outstanding'";

pub(super) fn pending(
    book: &Book,
    sql: &Connection,
    host: Option<HostId>,
    after: RowId,
    limit: usize,
) -> rusqlite::Result<Vec<PendingImage>> {
    let mut images = waiting::read(sql, COLUMNS, host, after, limit, read)?;
    book.look_back(&mut images);
    Ok(images)
}

pub(super) fn read(row: &Row<'_>) -> rusqlite::Result<PendingImage> {
    let image: [u8; 16] = row.get(2)?;
    Ok(PendingImage {
        id: row.get(0)?,
        host: row.get(1)?,
        image: image.into(),
        url: row.get(3)?,
        attempts: row.get(4)?,
        attempts_before: row.get(5)?,
        hops: 0,
        alone: false,
        asked: None,
        texts: row.get(6)?,
        page: row.get(7)?,
        is_bare: row.get(8)?,
    })
}

/// The status in a column.
pub(super) fn status_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Status> {
    schema::word_at(row, column, |word| Status::ALL.into_iter().find(|status| status.as_str() == word))
}

/// The reason in a column, if there is one.
pub(super) fn reason_at(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Reason>> {
    let word: Option<String> = row.get(column)?;
    word.map(|word| word.parse())
        .transpose()
        .map_err(|error: String| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error.into()))
}
