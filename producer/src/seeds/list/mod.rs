//! Lists of image URLs: text, CSV, TSV or JSON Lines in, rows out, one at a time and in bounded memory.
//!
//! A bad row is a row, so that it gets an outcome; only a list that cannot be read at all is an error. Whether a
//! row's text is a URL, and one that is wanted, is the frontier's to say. Compressed lists and Parquet are recognised
//! and refused with advice.

mod error;
mod json;
mod lines;
mod sniff;
mod table;
mod text;

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use clap::ValueEnum;

pub use self::error::ListError;
use self::lines::Lines;
use self::table::Table;

/// The longest row that is read, in bytes without its line end; a longer one is bad. A table's row may span lines.
pub const ROW_BYTES: usize = 64 * 1024;

/// How much of a bad row's text is kept, in bytes, cut at a character.
pub const BAD_TEXT_BYTES: usize = 1024;

/// A row of a list. Lines are counted from 1, and are those of the file: blank lines, comments and the header count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A row that names something.
    Url {
        /// The line on which the row begins.
        line: u64,
        /// What stands in it, trimmed and not blank; not checked to be a URL.
        url: String,
        /// What the row says of the image, if it says anything.
        caption: Option<String>,
        /// Its further columns, as the text of a JSON object.
        extra: Option<String>,
    },
    /// A row that names nothing.
    Bad {
        /// The line on which the row begins.
        line: u64,
        /// The row, at most [`BAD_TEXT_BYTES`] of it, with U+FFFD for what is not UTF-8.
        text: String,
        /// What is wrong with it.
        why: String,
    },
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One URL a line; blank lines and lines that begin with `#` are skipped.
    #[value(name = "txt", alias = "text")]
    Text,
    /// Comma-separated, with a header.
    Csv,
    /// Tab-separated, with a header; fields may be quoted as in CSV.
    Tsv,
    /// One JSON value a line: an object with the URL in a field, or the URL as a string.
    #[value(name = "jsonl")]
    JsonLines,
}

impl Format {
    /// The format by the ending of a file's name: `csv`, `tsv`, `jsonl` (or `ndjson`), and text for every other name and
    /// for `-`.
    #[must_use]
    pub fn by_name(path: &Path) -> Self {
        match path.extension().unwrap_or_default().to_ascii_lowercase().to_str() {
            Some("csv") => Self::Csv,
            Some("tsv") => Self::Tsv,
            Some("jsonl" | "ndjson") => Self::JsonLines,
            _ => Self::Text,
        }
    }
}

/// How a list is read.
#[derive(Debug, Clone)]
pub struct ListOptions {
    /// The format; by default that of the file's name, see [`Format::by_name`].
    pub format: Option<Format>,
    /// The column or field that holds the URL. Default `url`.
    pub url_column: String,
}

impl Default for ListOptions {
    fn default() -> Self {
        Self { format: None, url_column: "url".into() }
    }
}

/// Opens the list at `path`, or standard input for `-`, and reads as much of it as is needed to know that it is a list.
pub fn open(path: &Path, options: &ListOptions) -> Result<List, ListError> {
    let format = options.format.unwrap_or_else(|| Format::by_name(path));
    let name = if path == Path::new("-") { "standard input".into() } else { path.display().to_string() };
    let input: Box<dyn Read + Send> =
        if path == Path::new("-") { Box::new(io::stdin()) } else { Box::new(open_file(path, &name)?) };
    let input = sniff::only_text(input, &name)?;
    let mut lines = Lines::new(Box::new(BufReader::new(input)), ROW_BYTES);
    let failed = |source| ListError::Read { name: name.clone(), source };
    let rows = match format {
        Format::Text => Rows::Text,
        Format::JsonLines => Rows::Json { field: options.url_column.clone() },
        Format::Csv => Rows::Table(Box::new(table::header(&mut lines, b',', &options.url_column, &name, failed)?)),
        Format::Tsv => Rows::Table(Box::new(table::header(&mut lines, b'\t', &options.url_column, &name, failed)?)),
    };
    Ok(List { name, lines, rows, rows_read: 0, ended: false })
}

fn open_file(path: &Path, name: &str) -> Result<File, ListError> {
    let name = name.to_owned();
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(ListError::NotFound { name }),
        Err(source) => return Err(ListError::Open { name, source }),
    };
    match file.metadata() {
        Ok(metadata) if metadata.is_dir() => Err(ListError::Folder { name }),
        Ok(_) => Ok(file),
        Err(source) => Err(ListError::Open { name, source }),
    }
}

/// An open list: an iterator over its rows, which ends after its first error.
pub struct List {
    name: String,
    lines: Lines,
    rows: Rows,
    rows_read: u64,
    ended: bool,
}

enum Rows {
    Text,
    Json { field: String },
    Table(Box<Table>),
}

impl List {
    /// Rows given so far, bad ones too. A list opened again stands at the same place after so many.
    #[must_use]
    pub fn rows_read(&self) -> u64 {
        self.rows_read
    }

    fn read(&mut self) -> io::Result<Option<Row>> {
        match &mut self.rows {
            Rows::Text => text::next(&mut self.lines),
            Rows::Json { field } => json::next(&mut self.lines, field),
            Rows::Table(table) => table.next(&mut self.lines),
        }
    }
}

impl Iterator for List {
    type Item = Result<Row, ListError>;

    /// `None` after the last row or an error; [`ListError::Empty`] where there was no row at all.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.read() {
            Ok(Some(row)) => {
                self.rows_read += 1;
                Some(Ok(row))
            }
            Ok(None) => {
                self.ended = true;
                (self.rows_read == 0).then(|| Err(ListError::Empty { name: self.name.clone() }))
            }
            Err(source) => {
                self.ended = true;
                Some(Err(ListError::Read { name: self.name.clone(), source }))
            }
        }
    }
}

/// The beginning of `text`, at most `bytes` long, cut at a character.
fn at_most(text: &str, bytes: usize) -> &str {
    let end = (0..=bytes.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// A bad row, its text cut to what is worth keeping.
fn bad(line: u64, row: &[u8], why: impl Into<String>) -> Row {
    let mut text = String::from_utf8_lossy(&row[..row.len().min(BAD_TEXT_BYTES + 1)]).into_owned();
    text.truncate(at_most(&text, BAD_TEXT_BYTES).len());
    Row::Bad { line, text: text.trim().to_owned(), why: why.into() }
}

/// The row for `line` as text; every format goes through here, so that all treat long and odd lines alike.
fn checked<'a>(line: &lines::Line<'a>) -> Result<&'a str, Row> {
    if line.cut {
        return Err(bad(line.number, line.bytes, too_long()));
    }
    std::str::from_utf8(line.bytes).map_err(|_| bad(line.number, line.bytes, "not UTF-8"))
}

fn too_long() -> String {
    format!("longer than {} KiB", ROW_BYTES / 1024)
}

#[cfg(test)]
mod tests;
