//! The `sent` table: which images are out, a row a batch, so that a producer that goes on with a run knows what its
//! predecessor had handed to the fleet and need not have it fetched twice. It is a help and not a promise: a row may be
//! missing or too many after a crash, which costs a second fetch or a wait, and never an image.

use std::collections::HashSet;

use rusqlite::{Connection, OptionalExtension, params};

use super::{Sent, Try, images};

pub(super) fn note(sql: &Connection, batches: &[(u64, Vec<Try>)]) -> rusqlite::Result<()> {
    let mut insert = sql.prepare_cached("INSERT OR REPLACE INTO sent VALUES (?1, ?2)")?;
    for (batch, images) in batches {
        insert.execute(params![batch, as_text(images)])?;
    }
    Ok(())
}

pub(super) fn forget(sql: &Connection, batches: &[u64]) -> rusqlite::Result<()> {
    let mut delete = sql.prepare_cached("DELETE FROM sent WHERE batch = ?1")?;
    for batch in batches {
        delete.execute([batch])?;
    }
    Ok(())
}

/// The last number of a batch, and the images that are out and have no outcome. With `keep` they stay noted, under that
/// number; otherwise nothing does.
pub(super) fn take(sql: &Connection, keep: bool) -> rusqlite::Result<Sent> {
    let batches = sql.query_row("SELECT coalesce(max(batch), 0) FROM sent", [], |row| row.get(0))?;
    let (mut out, mut seen) = (Vec::new(), HashSet::new());
    if keep {
        let mut batches = sql.prepare("SELECT images FROM sent ORDER BY batch")?;
        let mut image = sql.prepare(&format!("{} AND id = ?1", images::COLUMNS))?;
        for text in batches.query_map([], |row| row.get::<_, String>(0))? {
            for sent in from_text(&text?) {
                let found = image.query_row([sent.image], images::read).optional()?;
                // One whose try has been answered since waits for the next one, and is not out.
                out.extend(found.filter(|image| image.attempts == sent.attempts && seen.insert(image.id)));
            }
        }
    }
    sql.execute("DELETE FROM sent", [])?;
    if !out.is_empty() {
        // From here on they are one batch, whatever they were.
        note(sql, &[(batches, out.iter().map(Try::of).collect())])?;
    }
    Ok(Sent { batches, out })
}

/// As it is kept: the image's row, and how many tries it had before this one.
fn as_text(tries: &[Try]) -> String {
    let tries: Vec<String> = tries.iter().map(|sent| format!("{}/{}", sent.image, sent.attempts)).collect();
    tries.join(" ")
}

fn from_text(text: &str) -> impl Iterator<Item = Try> {
    let parse = |sent: &str| {
        let (image, attempts) = sent.split_once('/')?;
        Some(Try { image: image.parse().ok()?, attempts: attempts.parse().ok()? })
    };
    text.split(' ').filter_map(parse)
}
