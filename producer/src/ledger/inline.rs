//! The `inline` table: images that stood in their page as a `data:` URI, until their outcome is known. They are in nobody's
//! memory meanwhile, however many there are.

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};

use super::RowId;

pub(super) fn keep(sql: &Connection, image: RowId, bytes: &Bytes) -> rusqlite::Result<()> {
    sql.prepare_cached("INSERT OR REPLACE INTO inline VALUES (?1, ?2)")?
        .execute(params![image, bytes.as_ref()])
        .map(drop)
}

pub(super) fn forget(sql: &Connection, image: RowId) -> rusqlite::Result<()> {
    sql.prepare_cached("DELETE FROM inline WHERE image = ?1")?.execute([image]).map(drop)
}

/// Whether there are any.
pub(super) fn is_any(sql: &Connection) -> rusqlite::Result<bool> {
    sql.query_row("SELECT EXISTS (SELECT 1 FROM inline)", [], |row| row.get(0))
}

/// The bytes of an image; none for one that has to be fetched.
pub(super) fn get(sql: &Connection, image: RowId) -> rusqlite::Result<Option<Bytes>> {
    let found = sql
        .prepare_cached("SELECT bytes FROM inline WHERE image = ?1")?
        .query_row([image], |row| row.get::<_, Vec<u8>>(0))
        .optional()?;
    Ok(found.map(Bytes::from))
}
