//! Lists of image URLs: text, CSV, TSV, JSON Lines (compressed or not) or Parquet in, rows out, one at a time and in
//! bounded memory. Several files are one list.
//!
//! A bad row is a row, so that it gets an outcome; only a list that cannot be read, as a whole or from some row on, is an
//! error. Whether a row's text is a URL, and one that is wanted, is the frontier's to say.

mod columns;
mod error;
mod extra;
mod files;
mod input;
mod json;
mod lines;
mod parquet;
mod sniff;
mod table;
mod text;

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use clap::ValueEnum;

pub use self::columns::{CAPTION_COLUMNS, URL_COLUMNS};
pub use self::error::ListError;
pub use self::extra::{CAPTION_BYTES, EXTRA_BYTES, EXTRA_COLUMNS, LEFT_OUT};
pub use self::files::FILES;
pub use self::parquet::PAGE_BYTES;

use self::columns::Wanted;
use self::input::Input;
use self::lines::Lines;
use self::parquet::Parquet;
use self::table::Table;

/// The longest row that is read, in bytes without its line end; a longer one is bad. A table's row may span lines.
pub const ROW_BYTES: usize = 64 * 1024;

/// How much of a bad row's text is kept, in bytes, cut at a character.
pub const BAD_TEXT_BYTES: usize = 1024;

/// A row of a list. Lines are counted from 1, and are those of the file: blank lines, comments and the header count. In
/// Parquet it is rows that are counted.
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
        /// Its further columns, as the text of a JSON object of at most [`EXTRA_BYTES`], with the names of those that would
        /// have made it longer in the field [`LEFT_OUT`].
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
    #[value(name = "jsonl", alias = "ndjson")]
    JsonLines,
    /// Apache Parquet. Recognised by its first bytes whatever the name, so this only insists on it.
    Parquet,
}

impl Format {
    /// The format by the ending of a file's name, see [`Format::known`], and text for every other name and for `-`.
    #[must_use]
    pub fn by_name(path: &Path) -> Self {
        Self::known(path).unwrap_or(Self::Text)
    }

    /// The format of a name that ends in `txt`, `csv`, `tsv`, `jsonl`, `ndjson` or `parquet`; `.gz` and `.zst` may follow.
    #[must_use]
    pub fn known(path: &Path) -> Option<Self> {
        let ending = |path: &Path| path.extension().unwrap_or_default().to_ascii_lowercase();
        let mut last = ending(path);
        if ["gz", "zst"].iter().any(|compressed| last == *compressed) {
            last = ending(&path.with_extension(""));
        }
        match last.to_str() {
            Some("txt") => Some(Self::Text),
            Some("csv") => Some(Self::Csv),
            Some("tsv") => Some(Self::Tsv),
            Some("jsonl" | "ndjson") => Some(Self::JsonLines),
            Some("parquet") => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// How a list is read.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// The format of every file; by default that of its name, see [`Format::by_name`].
    pub format: Option<Format>,
    /// The column or field that holds the URL. Default: the first of [`URL_COLUMNS`] that is there.
    pub url_column: Option<String>,
    /// The one that holds the caption; none if it is empty. Default: the first of [`CAPTION_COLUMNS`], if any is there.
    pub caption_column: Option<String>,
    /// Further ones that are carried along. Default: none.
    pub columns: Vec<String>,
}

/// Opens the list that these files are, one after the other; `-` is standard input, and a folder stands for the files in
/// it. Reads as much of the first as is needed to know that it is a list.
pub fn open(paths: &[PathBuf], options: &ListOptions) -> Result<List, ListError> {
    if options.columns.len() > EXTRA_COLUMNS || options.columns.iter().any(|name| name.len() > 256) {
        return Err(ListError::Columns);
    }
    let files = files::all(paths)?;
    let name = files.front().map(|path| shown(path)).unwrap_or_default();
    let mut list = List {
        files,
        format: options.format,
        wanted: Wanted::new(options),
        name,
        rows: None,
        of_file: 0,
        rows_read: 0,
        ended: false,
    };
    list.next_file()?;
    Ok(list)
}

fn shown(path: &Path) -> String {
    if path == Path::new("-") { "standard input".into() } else { path.display().to_string() }
}

/// An open list: an iterator over its rows, which ends after its first error.
pub struct List {
    files: VecDeque<PathBuf>,
    format: Option<Format>,
    wanted: Wanted,
    /// The file that is being read, or was the last.
    name: String,
    rows: Option<Rows>,
    of_file: u64,
    rows_read: u64,
    ended: bool,
}

/// The rows of one file.
enum Rows {
    Text(Lines),
    Json(Lines),
    Table(Lines, Box<Table>),
    Parquet(Box<Parquet>),
}

impl List {
    /// Rows given so far, of all files, bad ones too. A list opened again stands at the same place after so many.
    #[must_use]
    pub fn rows_read(&self) -> u64 {
        self.rows_read
    }

    /// The file that the last row is of, as given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Passes rows over until `rows` were read, or the list ends.
    pub fn pass_over(&mut self, rows: u64) -> Result<(), ListError> {
        while self.rows_read < rows {
            if let Some(Rows::Parquet(parquet)) = &mut self.rows {
                let passed = parquet.pass_group(rows - self.rows_read);
                self.of_file += passed;
                self.rows_read += passed;
                if passed > 0 {
                    continue;
                }
            }
            if self.next_row()?.is_none() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Opens the next file, if there is one.
    fn next_file(&mut self) -> Result<bool, ListError> {
        let Some(path) = self.files.pop_front() else { return Ok(false) };
        self.name = shown(&path);
        self.of_file = 0;
        let lines = |text| Lines::new(text, ROW_BYTES);
        self.rows = match input::open(&path, &self.name, self.format)? {
            Input::Parquet(file) => Some(Rows::Parquet(Box::new(Parquet::open(file, &self.wanted, &self.name)?))),
            Input::Text(Format::JsonLines, text) => Some(Rows::Json(lines(text))),
            Input::Text(format @ (Format::Csv | Format::Tsv), text) => {
                let mut lines = lines(text);
                let delimiter = if format == Format::Csv { b',' } else { b'\t' };
                let table = table::header(&mut lines, delimiter, &self.wanted, &self.name)?;
                table.map(|table| Rows::Table(lines, Box::new(table)))
            }
            Input::Text(Format::Text | Format::Parquet, text) => Some(Rows::Text(lines(text))),
        };
        Ok(true)
    }

    fn read(&mut self) -> Result<Option<Row>, ListError> {
        let row = match &mut self.rows {
            None => Ok(None),
            Some(Rows::Text(lines)) => text::next(lines),
            Some(Rows::Json(lines)) => json::next(lines, &self.wanted),
            Some(Rows::Table(lines, table)) => table.next(lines),
            Some(Rows::Parquet(parquet)) => return parquet.next(),
        };
        row.map_err(|source| ListError::Read { name: self.name.clone(), rows: self.of_file, source })
    }

    fn next_row(&mut self) -> Result<Option<Row>, ListError> {
        loop {
            if let Some(row) = self.read()? {
                self.of_file += 1;
                self.rows_read += 1;
                return Ok(Some(row));
            }
            self.rows = None;
            if !self.next_file()? {
                return Ok(None);
            }
        }
    }
}

impl Iterator for List {
    type Item = Result<Row, ListError>;

    /// `None` after the last row or an error; [`ListError::Empty`] once where there was no row at all.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        match self.next_row() {
            Ok(Some(row)) => Some(Ok(row)),
            Ok(None) => {
                self.ended = true;
                (self.rows_read == 0).then(|| Err(ListError::Empty { name: self.name.clone() }))
            }
            Err(error) => {
                self.ended = true;
                Some(Err(error))
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
