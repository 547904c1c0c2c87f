//! The manifest's columns, and its rows as read from the ledger: one row an image, with the page it was found on.
//!
//! [`COLUMNS`] is the one list from which every form of the manifest follows, JSON lines, CSV and Parquet alike.

use std::sync::LazyLock;
use std::time::{Duration, UNIX_EPOCH};

use common::image_id::hex;
use common::wire::LAST_MOMENT;
use rusqlite::{Connection, params};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

use super::RowId;

/// A column of the manifest; `docs/output.md` explains each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: &'static str,
    /// What its values are, where they are known.
    pub kind: Kind,
    /// Where the ledger has them.
    sql: &'static str,
}

/// What the values of a column are, and as what the ledger has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Text.
    Text,
    /// Text, which the ledger has as the bytes of a SHA-256.
    Digest,
    /// A JSON array, which the ledger has as words with spaces between them.
    Words,
    /// JSON.
    Json,
    /// A number that 32 bits hold, the sign among them.
    Int32,
    /// A larger number.
    Int64,
    /// True or false.
    Bool,
    /// A moment, in milliseconds since 1970 UTC.
    Moment,
}

impl Kind {
    /// The word by which `docs/output.md` names it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Text | Self::Digest => "string",
            Self::Words | Self::Json => "json",
            Self::Int32 => "int32",
            Self::Int64 => "int64",
            Self::Bool => "bool",
            Self::Moment => "timestamp",
        }
    }
}

/// Every column, in the order in which they are written.
pub const COLUMNS: [Column; 36] = [
    column("url", Kind::Text, "images.url"),
    column("final_url", Kind::Text, "coalesce(images.final_url, iif(images.http_status IS NULL, NULL, images.url))"),
    column("page_url", Kind::Text, "coalesce(images.page_url, pages.final_url, pages.url)"),
    column("source", Kind::Text, "source"),
    column("sources", Kind::Words, "sources"),
    column("descriptor", Kind::Text, "descriptor"),
    column("alt", Kind::Text, "alt"),
    column("title", Kind::Text, "title"),
    column("caption", Kind::Text, "caption"),
    column("extra", Kind::Json, "extra"),
    column("status", Kind::Text, "status"),
    column("reason", Kind::Text, "images.reason"),
    column("detail", Kind::Text, "images.detail"),
    column("http_status", Kind::Int32, "images.http_status"),
    column("content_type", Kind::Text, "content_type"),
    column("etag", Kind::Text, "etag"),
    column("last_modified", Kind::Text, "last_modified"),
    column("format", Kind::Text, "format"),
    column("width", Kind::Int64, "width"),
    column("height", Kind::Int64, "height"),
    column("scripted", Kind::Bool, "scripted"),
    column("bytes", Kind::Int64, "bytes"),
    column("sha256", Kind::Digest, "sha256"),
    column("path", Kind::Text, "path"),
    column("copy_path", Kind::Text, "copy_path"),
    column("copy_format", Kind::Text, "copy_format"),
    column("copy_width", Kind::Int64, "copy_width"),
    column("copy_height", Kind::Int64, "copy_height"),
    column("copy_bytes", Kind::Int64, "copy_bytes"),
    column("copy_sha256", Kind::Digest, "copy_sha256"),
    column("exif", Kind::Text, "exif"),
    column("phash", Kind::Text, "phash"),
    column("attempts", Kind::Int64, "attempts - images.hops"),
    column("worker", Kind::Text, "worker"),
    column("fetched_at", Kind::Moment, "fetched_at"),
    column("duration_ms", Kind::Int64, "duration_ms"),
];

const fn column(name: &'static str, kind: Kind, sql: &'static str) -> Column {
    Column { name, kind, sql }
}

/// A value in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cell {
    /// Not known.
    Null,
    /// Text.
    Text(String),
    /// JSON, as its text.
    Json(String),
    /// A number.
    Number(i64),
    /// True or false.
    Bool(bool),
    /// Milliseconds since 1970 UTC.
    Moment(i64),
}

impl Cell {
    /// It in words, unless it is null; moments by RFC 3339, in UTC, with milliseconds.
    #[must_use]
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Null => None,
            Self::Text(text) | Self::Json(text) => Some(text.clone()),
            Self::Number(number) => Some(number.to_string()),
            Self::Bool(truth) => Some(truth.to_string()),
            Self::Moment(ms) => {
                let ms = u64::try_from(*ms).ok().filter(|ms| *ms <= LAST_MOMENT)?;
                let time = UNIX_EPOCH.checked_add(Duration::from_millis(ms))?;
                Some(humantime::format_rfc3339_millis(time).to_string())
            }
        }
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_none(),
            Self::Text(text) => serializer.serialize_str(text),
            // Null if somebody changed the ledger so that it is none.
            Self::Json(text) => serde_json::from_str::<Value>(text).unwrap_or_default().serialize(serializer),
            Self::Number(number) => serializer.serialize_i64(*number),
            Self::Bool(truth) => serializer.serialize_bool(*truth),
            Self::Moment(_) => self.text().serialize(serializer),
        }
    }
}

/// A row of the manifest: a value for each of [`COLUMNS`]. Serialised, it is an object with all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row(Vec<Cell>);

impl Row {
    /// The values, in the order of [`COLUMNS`].
    pub fn cells(&self) -> impl Iterator<Item = (&'static Column, &Cell)> {
        COLUMNS.iter().zip(&self.0)
    }

    /// The value of a column; `None` if there is no such column.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Cell> {
        self.cells().find(|(column, _)| column.name == name).map(|(_, cell)| cell)
    }
}

impl Serialize for Row {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(Some(COLUMNS.len()))?;
        for (column, cell) in self.cells() {
            object.serialize_entry(column.name, cell)?;
        }
        object.end()
    }
}

static SELECT: LazyLock<String> = LazyLock::new(|| {
    let columns = COLUMNS.map(|column| column.sql).join(", ");
    format!("SELECT {columns} FROM images LEFT JOIN pages ON pages.id = images.page")
});

/// The rows of some images, if they are wanted at all.
pub(super) fn rows(sql: &Connection, ids: &[RowId], wanted: bool) -> rusqlite::Result<Vec<Row>> {
    if !wanted {
        return Ok(Vec::new());
    }
    let mut statement = sql.prepare_cached(&format!("{} WHERE images.id = ?1", *SELECT))?;
    ids.iter().map(|id| statement.query_row(params![id], read)).collect()
}

/// Calls `each` with every row, in the order of acceptance, until it fails.
pub(super) fn for_each<E>(
    sql: &Connection,
    mut each: impl FnMut(Row) -> Result<(), E>,
) -> rusqlite::Result<Result<(), E>> {
    let mut statement = sql.prepare(&format!("{} ORDER BY images.id", *SELECT))?;
    for row in statement.query_map([], read)? {
        if let Err(error) = each(row?) {
            return Ok(Err(error));
        }
    }
    Ok(Ok(()))
}

fn read(row: &rusqlite::Row<'_>) -> rusqlite::Result<Row> {
    let cells = COLUMNS.iter().enumerate().map(|(index, column)| cell(row, index, column.kind));
    cells.collect::<rusqlite::Result<_>>().map(Row)
}

fn cell(row: &rusqlite::Row<'_>, index: usize, kind: Kind) -> rusqlite::Result<Cell> {
    let known = match kind {
        Kind::Text => row.get::<_, Option<String>>(index)?.map(Cell::Text),
        Kind::Digest => row.get::<_, Option<[u8; 32]>>(index)?.map(|digest| Cell::Text(hex(&digest))),
        Kind::Words => row.get::<_, Option<String>>(index)?.map(|words| {
            let words: Vec<&str> = words.split(' ').collect();
            Cell::Json(Value::from(words).to_string())
        }),
        Kind::Json => row.get::<_, Option<String>>(index)?.map(Cell::Json),
        Kind::Int32 | Kind::Int64 => row.get::<_, Option<i64>>(index)?.map(Cell::Number),
        Kind::Bool => row.get::<_, Option<bool>>(index)?.map(Cell::Bool),
        Kind::Moment => row.get::<_, Option<i64>>(index)?.map(Cell::Moment),
    };
    Ok(known.unwrap_or(Cell::Null))
}
