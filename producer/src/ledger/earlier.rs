//! The ledger of an earlier run, to look its images up in (`--since`): what their servers said of the version that it stored,
//! and where that is. It is opened to be read, and whoever writes it is not disturbed.

use std::cell::Cell;
use std::path::{Path, PathBuf};

use common::image_id::{ImageId, hex};
use common::outcome::{ImageCopy, Outcome, Status};
use common::reason::Reason;
use common::run_name::RunName;
use common::validators::Validators;
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::images::copy_at;
use super::{FILE, LedgerError, schema};

/// An earlier run.
#[derive(Debug)]
pub struct Earlier {
    sql: Connection,
    /// By its own name its images have their ids.
    run: RunName,
    path: PathBuf,
    /// Set when it could not be read: it is not asked again.
    broken: Cell<bool>,
}

/// What an earlier run knows of an image whose bytes it has.
struct Known {
    asked: Asked,
    content_type: Option<String>,
    format: Option<String>,
    width: Option<u32>,
    height: Option<u32>,
    scripted: Option<bool>,
    bytes: Option<u64>,
    sha256: Option<String>,
    path: String,
    exif: Option<String>,
    phash: Option<String>,
    copy: Option<ImageCopy>,
}

/// What an earlier run was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Where, after redirects. What was said there says nothing of another place.
    pub url: String,
    /// What the server said there.
    pub validators: Validators,
}

impl Asked {
    /// Whether this is what the server answered of an image that is at `url` unless its outcome says otherwise: the tags of another
    /// earlier run, or of another place, are of other bytes.
    #[must_use]
    pub fn is_what_was_asked(&self, url: &str, outcome: &Outcome) -> bool {
        !self.validators.is_empty()
            && outcome.condition.as_ref() == Some(&self.validators)
            && outcome.final_url.as_deref().unwrap_or(url) == self.url
    }
}

impl Earlier {
    /// Opens the ledger of the run in this folder.
    pub fn open(folder: &Path) -> Result<Self, LedgerError> {
        let path = folder.join(FILE);
        let sql = schema::open_to_read(&path)?;
        let name = schema::get(&sql, schema::NAME);
        let name = name.map_err(|source| LedgerError::Sqlite { path: path.clone(), source: source.into() })?;
        match name.and_then(|name| name.parse().ok()) {
            Some(run) => Ok(Self { sql, run, path, broken: Cell::new(false) }),
            None => Err(LedgerError::Damaged { path, damage: "it does not say which run it is of".to_owned() }),
        }
    }

    /// What the earlier run was answered for this image, where it has the bytes and was told how to ask for others.
    pub(super) fn asked(&self, url: &str) -> Option<Asked> {
        self.find(url).map(|known| known.asked).filter(|asked| !asked.validators.is_empty())
    }

    /// Completes what a downloader tells of an image that did not change. One that the earlier run does not have, or not any
    /// more, is not to be had: its server sends nothing. Nor is one that did not change since something else.
    pub(super) fn complete(&self, url: &str, outcome: &mut Outcome) {
        let known = self.find(url).filter(|known| known.asked.is_what_was_asked(url, outcome));
        let Some(known) = known else { return lost(outcome) };
        // A server need not repeat what it said (RFC 9110, 15.4.5).
        let Validators { etag, last_modified } = known.asked.validators;
        outcome.etag = outcome.etag.take().or(etag);
        outcome.last_modified = outcome.last_modified.take().or(last_modified);
        outcome.content_type = outcome.content_type.take().or(known.content_type);
        outcome.format = known.format;
        (outcome.width, outcome.height) = (known.width, known.height);
        outcome.scripted = known.scripted;
        (outcome.bytes, outcome.sha256) = (known.bytes, known.sha256);
        outcome.path = Some(known.path);
        (outcome.exif, outcome.phash) = (known.exif, known.phash);
        outcome.copy = known.copy.map(Box::new);
    }

    fn find(&self, url: &str) -> Option<Known> {
        if self.broken.get() {
            return None;
        }
        self.look_up(url).unwrap_or_else(|error| {
            tracing::error!(
                ledger = %self.path.display(), error = %error,
                "the ledger of the earlier run cannot be read any more; images are asked for whether they changed or not"
            );
            self.broken.set(true);
            None
        })
    }

    fn look_up(&self, url: &str) -> rusqlite::Result<Option<Known>> {
        // Whatever the id: it is the address that is asked for again.
        let mut statement = self.sql.prepare_cached(
            "SELECT coalesce(final_url, url), etag, last_modified, content_type, format, width, height, bytes, sha256, path,
                scripted, exif, phash, copy_path, copy_format, copy_width, copy_height, copy_bytes, copy_sha256
             FROM images
             WHERE image = ?1 AND url = ?2 AND status IN ('stored', 'duplicate', 'unchanged') AND path IS NOT NULL",
        )?;
        statement.query_row(params![ImageId::new(&self.run, url).as_bytes(), url], read).optional()
    }
}

/// An answer that leads to nothing.
pub(super) fn lost(outcome: &mut Outcome) {
    outcome.status = Status::Failed;
    outcome.reason = Some(Reason::Http(304));
}

fn read(row: &Row<'_>) -> rusqlite::Result<Known> {
    let validators = Validators { etag: row.get(1)?, last_modified: row.get(2)? };
    // What somebody wrote into the ledger must not get into a request.
    let validators = if validators.are_valid() { validators } else { Validators::default() };
    Ok(Known {
        asked: Asked { url: row.get(0)?, validators },
        content_type: row.get(3)?,
        format: row.get(4)?,
        width: row.get(5)?,
        height: row.get(6)?,
        bytes: row.get(7)?,
        sha256: row.get::<_, Option<[u8; 32]>>(8)?.map(|digest| hex(&digest)),
        path: row.get(9)?,
        scripted: row.get(10)?,
        exif: row.get(11)?,
        phash: row.get(12)?,
        copy: copy_at(row, 13)?,
    })
}
