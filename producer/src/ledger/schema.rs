//! The tables. Names are meant to be read by people with an SQLite tool; `docs/architecture.md` explains them.

use std::path::Path;
use std::str::FromStr;

use common::run_name::RunName;
use rusqlite::config::DbConfig;
use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row};

use super::LedgerError;

/// The format's version, kept in SQLite's `user_version`.
const FORMAT: i32 = 4;

/// Under which the run's name is noted.
pub(super) const NAME: &str = "name";

const TABLES: &str = "
    CREATE TABLE run (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    INSERT INTO run VALUES ('state', 'running');

    CREATE TABLE hosts (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

    CREATE TABLE pages (
        id INTEGER PRIMARY KEY,
        url TEXT NOT NULL UNIQUE,
        host INTEGER NOT NULL REFERENCES hosts (id),
        depth INTEGER NOT NULL,
        kind TEXT NOT NULL DEFAULT 'page',
        hops INTEGER NOT NULL DEFAULT 0,
        chain INTEGER NOT NULL DEFAULT 0,
        state TEXT NOT NULL DEFAULT 'pending',
        reason TEXT,
        detail TEXT,
        http_status INTEGER,
        final_url TEXT,
        truncated TEXT
    );
    CREATE INDEX pages_pending ON pages (host, id) WHERE state = 'pending';

    CREATE TABLE images (
        id INTEGER PRIMARY KEY,
        image BLOB NOT NULL UNIQUE,
        url TEXT NOT NULL,
        host INTEGER NOT NULL REFERENCES hosts (id),
        page INTEGER REFERENCES pages (id),
        page_url TEXT,
        source TEXT NOT NULL,
        sources TEXT,
        descriptor TEXT,
        alt TEXT,
        title TEXT,
        caption TEXT,
        extra TEXT,
        status TEXT NOT NULL DEFAULT 'outstanding',
        reason TEXT,
        detail TEXT,
        attempts INTEGER NOT NULL DEFAULT 0,
        attempts_before INTEGER NOT NULL DEFAULT 0,
        hops INTEGER NOT NULL DEFAULT 0,
        final_url TEXT,
        http_status INTEGER,
        content_type TEXT,
        etag TEXT,
        last_modified TEXT,
        format TEXT,
        width INTEGER,
        height INTEGER,
        scripted INTEGER,
        bytes INTEGER,
        sha256 BLOB,
        path TEXT,
        copy_path TEXT,
        copy_format TEXT,
        copy_width INTEGER,
        copy_height INTEGER,
        copy_bytes INTEGER,
        copy_sha256 BLOB,
        exif TEXT,
        phash TEXT,
        worker TEXT,
        fetched_at INTEGER,
        duration_ms INTEGER
    );
    CREATE INDEX images_outstanding ON images (host, id) WHERE status = 'outstanding';
    CREATE INDEX images_kept ON images (sha256) WHERE status = 'stored';

    CREATE TABLE inline (image INTEGER PRIMARY KEY REFERENCES images (id), bytes BLOB NOT NULL);

    CREATE TABLE sent (batch INTEGER PRIMARY KEY, images TEXT NOT NULL);
";

/// Creates the database of a new run.
///
/// `synchronous = NORMAL`: a killed process loses nothing that was committed; a power cut may take the last moments,
/// and what they recorded is done again on resuming, because the database itself stays whole.
pub(super) fn create(path: &Path, run: &RunName, options: &str) -> Result<Connection, LedgerError> {
    let set_up = || {
        let connection = Connection::open(path)?;
        for_writing(&connection)?;
        // All or nothing: a producer that is killed here leaves no ledger that looks like one and is none.
        let transaction = connection.unchecked_transaction()?;
        transaction.execute_batch(TABLES)?;
        set(&transaction, NAME, run.as_str())?;
        set(&transaction, "options", options)?;
        transaction.pragma_update(None, "user_version", FORMAT)?;
        transaction.commit()?;
        Ok(connection)
    };
    set_up().map_err(|source: rusqlite::Error| sqlite(path, source))
}

fn for_writing(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "cache_size", -65_536)?;
    // Pages of 4 KiB. Rows come in no order of the indexes: the longer the journal, the more of them share the page that is
    // written back. It takes 64 MB of disk beside the ledger.
    connection.pragma_update(None, "wal_autocheckpoint", 16_000)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Without it SQLite prepares a statement anew whenever a value is bound that might have led to another plan: half of ours.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    Ok(())
}

/// Opens the database of a run that is gone on with. SQLite drops what a crash left half-written; a file that was damaged
/// otherwise is an error here rather than a wrong outcome later, so all of it is read once.
pub(super) fn open_to_write(path: &Path) -> Result<Connection, LedgerError> {
    let connection = open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let check = || {
        for_writing(&connection)?;
        connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))
    };
    let damage = check().map_err(|source| sqlite(path, source))?;
    if damage != "ok" {
        return Err(LedgerError::Damaged { path: path.to_owned(), damage });
    }
    Ok(connection)
}

/// Opens a database to look at it.
pub(super) fn open_to_read(path: &Path) -> Result<Connection, LedgerError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// Opens a database that somebody else in this process writes, to tend it.
pub(super) fn open_beside(path: &Path) -> Result<Connection, LedgerError> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection, LedgerError> {
    let open = || {
        let connection = Connection::open_with_flags(path, flags)?;
        let format = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        Ok((connection, format))
    };
    let (connection, found) = open().map_err(|source: rusqlite::Error| sqlite(path, source))?;
    if found != FORMAT {
        return Err(LedgerError::Format { path: path.to_owned(), found, expected: FORMAT });
    }
    Ok(connection)
}

fn sqlite(path: &Path, source: rusqlite::Error) -> LedgerError {
    LedgerError::Sqlite { path: path.to_owned(), source: source.into() }
}

/// Notes something of the run as a whole.
pub(super) fn set(sql: &Connection, key: &str, value: &str) -> rusqlite::Result<()> {
    sql.prepare_cached("INSERT INTO run VALUES (?1, ?2) ON CONFLICT (key) DO UPDATE SET value = ?2")?
        .execute([key, value])
        .map(drop)
}

/// Reads what was noted.
pub(super) fn get(sql: &Connection, key: &str) -> rusqlite::Result<Option<String>> {
    sql.query_row("SELECT value FROM run WHERE key = ?1", [key], |row| row.get(0)).optional()
}

/// Reads a number that was noted; zero if it never was.
pub(super) fn number<T: FromStr + Default>(sql: &Connection, key: &str) -> rusqlite::Result<T> {
    Ok(get(sql, key)?.and_then(|text| text.parse().ok()).unwrap_or_default())
}

/// What the word in a column stands for; one that no version wrote is an error, not a guess.
pub(super) fn word_at<T>(row: &Row<'_>, column: usize, known: impl FnOnce(&str) -> Option<T>) -> rusqlite::Result<T> {
    let word: String = row.get(column)?;
    known(&word).ok_or_else(|| {
        let error = format!("{word:?} is no known word").into();
        rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
    })
}
