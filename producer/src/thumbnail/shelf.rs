//! Where thumbnails are kept: one SQLite file in the run's folder, beside the ledger. One file and not one for each, because there
//! may be thousands and each has some 3 kB; SQLite, because the report and a dashboard may both be at it. Nothing is lost with it:
//! whoever deletes it has the thumbnails made again.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use rusqlite::{Connection, OptionalExtension, params};
use tokio::task::spawn_blocking;

use super::{Nothing, Thumbnail};

/// The file in the run's folder.
pub(super) const FILE: &str = "thumbnails.db";

/// How thumbnails are made, as a number: those that were made another way are made again.
const VERSION: i32 = 1;

/// Thumbnails that are kept, at most; the first to come go. Some 200 MB.
const MOST: i64 = 65_536;

const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS thumbnails (
        id INTEGER PRIMARY KEY,
        path TEXT NOT NULL UNIQUE,
        width INTEGER,
        height INTEGER,
        webp BLOB,
        why TEXT
    );
";

/// The file, or none where it cannot be had.
#[derive(Debug, Clone)]
pub(super) struct Shelf(Option<Arc<Mutex<Connection>>>);

impl Shelf {
    pub(super) fn open(folder: &Path) -> Self {
        match open(&folder.join(FILE)) {
            Ok(sql) => Self(Some(Arc::new(Mutex::new(sql)))),
            Err(error) => {
                tracing::warn!(%error, folder = %folder.display(), "thumbnails cannot be kept, and are made anew each time");
                Self(None)
            }
        }
    }

    /// What is known of the image at this path: its thumbnail, or why there is none.
    pub(super) async fn get(&self, path: &str) -> Option<Result<Thumbnail, Nothing>> {
        let path = path.to_owned();
        self.ask(move |sql| get(sql, &path)).await.flatten()
    }

    /// Keeps it for the next who asks.
    pub(super) async fn put(&self, path: &str, made: &Result<Thumbnail, Nothing>) {
        let (path, made) = (path.to_owned(), made.clone());
        self.ask(move |sql| put(sql, &path, &made)).await;
    }

    /// Asks the file. What it cannot answer is as good as nothing.
    async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Option<T> {
        let sql = Arc::clone(self.0.as_ref()?);
        let asking = spawn_blocking(move || question(&sql.lock().unwrap_or_else(PoisonError::into_inner)));
        match asking.await.ok()? {
            Ok(answer) => Some(answer),
            Err(error) => {
                tracing::debug!(%error, "the thumbnails that were kept cannot be used");
                None
            }
        }
    }
}

fn open(file: &Path) -> rusqlite::Result<Connection> {
    let sql = Connection::open(file)?;
    sql.busy_timeout(Duration::from_secs(2))?;
    // Nothing in it is worth a sync: what gets lost is made again. One that a power cut has damaged may be
    // deleted.
    sql.pragma_update(None, "journal_mode", "WAL")?;
    sql.pragma_update(None, "synchronous", "OFF")?;
    let version: i32 = sql.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version != VERSION {
        sql.execute_batch("DROP TABLE IF EXISTS thumbnails;")?;
        sql.pragma_update(None, "user_version", VERSION)?;
    }
    sql.execute_batch(TABLE)?;
    Ok(sql)
}

fn get(sql: &Connection, path: &str) -> rusqlite::Result<Option<Result<Thumbnail, Nothing>>> {
    sql.prepare_cached("SELECT width, height, webp, why FROM thumbnails WHERE path = ?1")?
        .query_row([path], |row| {
            Ok(match row.get::<_, Option<Vec<u8>>>(2)? {
                Some(webp) => Ok(Thumbnail { bytes: Bytes::from(webp), width: row.get(0)?, height: row.get(1)? }),
                None => Err(Nothing::Undecodable(row.get::<_, Option<String>>(3)?.unwrap_or_default())),
            })
        })
        .optional()
}

fn put(sql: &Connection, path: &str, made: &Result<Thumbnail, Nothing>) -> rusqlite::Result<()> {
    let mut insert = sql.prepare_cached(
        "INSERT OR REPLACE INTO thumbnails (path, width, height, webp, why) VALUES (?1, ?2, ?3, ?4, ?5)",
    )?;
    match made {
        Ok(Thumbnail { bytes, width, height }) => {
            insert.execute(params![path, width, height, &bytes[..], None::<String>])?;
        }
        Err(Nothing::Undecodable(why)) => {
            insert.execute(params![path, None::<u32>, None::<u32>, None::<Vec<u8>>, why])?;
        }
        Err(_) => {}
    }
    sql.prepare_cached("DELETE FROM thumbnails WHERE id <= (SELECT max(id) FROM thumbnails) - ?1")?.execute([MOST])?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thumbnail(number: u8) -> Thumbnail {
        Thumbnail { bytes: Bytes::from(vec![number; 9]), width: 3, height: u32::from(number) }
    }

    #[tokio::test]
    async fn what_is_put_there_is_there_for_the_next_who_comes() {
        let folder = tempfile::tempdir().expect("a folder");
        let shelf = Shelf::open(folder.path());
        assert_eq!(shelf.get("a").await, None);
        let bad = Err(Nothing::Undecodable("it is cut".to_owned()));
        shelf.put("a", &Ok(thumbnail(1))).await;
        shelf.put("b", &bad).await;
        shelf.put("a", &Ok(thumbnail(2))).await;
        drop(shelf);
        let shelf = Shelf::open(folder.path());
        assert_eq!(shelf.get("a").await, Some(Ok(thumbnail(2))));
        assert_eq!(shelf.get("b").await, Some(bad));
    }

    #[tokio::test]
    async fn thumbnails_of_another_kind_are_made_again() {
        let folder = tempfile::tempdir().expect("a folder");
        Shelf::open(folder.path()).put("a", &Ok(thumbnail(1))).await;
        let sql = Connection::open(folder.path().join(FILE)).expect("open");
        sql.pragma_update(None, "user_version", VERSION + 1).expect("written");
        assert_eq!(Shelf::open(folder.path()).get("a").await, None);
    }

    #[tokio::test]
    async fn a_folder_that_takes_nothing_is_no_trouble() {
        let shelf = Shelf::open(Path::new("/nowhere"));
        shelf.put("a", &Ok(thumbnail(1))).await;
        assert_eq!(shelf.get("a").await, None);
    }

    #[test]
    fn the_first_to_come_go_when_there_are_too_many() {
        let folder = tempfile::tempdir().expect("a folder");
        let sql = open(&folder.path().join(FILE)).expect("open");
        let count =
            || sql.query_row("SELECT count(*) FROM thumbnails", [], |row| row.get::<_, i64>(0)).expect("counted");
        sql.execute("INSERT INTO thumbnails (id, path) VALUES (1, 'first'), (?1, 'second')", [MOST]).expect("written");
        put(&sql, "third", &Ok(thumbnail(3))).expect("put");
        assert_eq!(count(), 2);
        assert_eq!(get(&sql, "first").expect("asked"), None);
    }
}
