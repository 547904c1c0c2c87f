//! Why a list cannot be read. Each message names the list, the cause and, as a hint, the next step.

use std::io;

/// A list that cannot be read, as a whole or from here on. Rows that were given before are good.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// No such file.
    #[error("{name}: no such file\nhint: give the path of a list, or - for standard input")]
    NotFound {
        /// The list, as given.
        name: String,
    },
    /// A folder without lists.
    #[error(
        "{name}: a folder in which no list is\nhint: of a folder those files are read whose names end in txt, csv, tsv, jsonl, ndjson or parquet, compressed or not; name others one by one"
    )]
    Folder {
        /// The folder, as given.
        name: String,
    },
    /// More files than we take.
    #[error("more than {} files\nhint: give them to several runs", super::FILES)]
    TooManyFiles,
    /// Standard input is named twice.
    #[error("standard input is named twice\nhint: it can be read once; give - once")]
    InputTwice,
    /// Columns that are too many, or whose names are too long.
    #[error(
        "--columns: more than {} columns, or names longer than 256 bytes\nhint: name those that are needed",
        super::EXTRA_COLUMNS
    )]
    Columns,
    /// The system does not let us open it.
    #[error("{name}: cannot be opened\nhint: check that you may read it")]
    Open {
        /// The list, as given.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// Reading failed part of the way: the disk, or a compressed file that is cut off or damaged.
    #[error(
        "{name}: cannot be read beyond row {rows}\nhint: the rows before it are kept; with the list made whole, `producer resume` goes on where it broke off"
    )]
    Read {
        /// The list, as given.
        name: String,
        /// Rows of this file that were read.
        rows: u64,
        /// What the system or the decompressor says.
        source: io::Error,
    },
    /// It has no rows: nothing, or only blank lines, comments or a header.
    #[error("{name}: the list is empty\nhint: a list has one URL a line, or a header and rows; see --input-format")]
    Empty {
        /// The list, as given.
        name: String,
    },
    /// It is compressed in a way that we do not read.
    #[error("{name}: the list is compressed ({kind})\nhint: {tool} FILE | producer urls -")]
    Compressed {
        /// The list, as given.
        name: String,
        /// The format, such as `xz`.
        kind: &'static str,
        /// The command that writes it out as text.
        tool: &'static str,
    },
    /// A compressed file in a compressed file, or a Parquet file in one.
    #[error("{name}: compressed twice, or a compressed Parquet file\nhint: decompress it once first")]
    Wrapped {
        /// The list, as given.
        name: String,
    },
    /// Said to be Parquet.
    #[error("{name}: not a Parquet file\nhint: see --input-format; without it the file's name says what it is")]
    NotParquet {
        /// The list, as given.
        name: String,
    },
    /// A Parquet file that cannot be read, from the beginning or from some row on.
    #[error(
        "{name}: the Parquet file cannot be read beyond row {rows} (row group {group}): {why}\nhint: the rows before it are kept; with the file made whole, `producer resume` goes on where it broke off"
    )]
    Parquet {
        /// The list, as given.
        name: String,
        /// Rows of this file that were read.
        rows: u64,
        /// Where it broke off, from 1; 0 is the footer.
        group: usize,
        /// What the reader says.
        why: String,
    },
    /// A Parquet column that cannot hold what it should.
    #[error(
        "{name}: the column `{column}` is {kind}, not text\nhint: name a column of texts; one of lists has to be unnested first"
    )]
    ColumnType {
        /// The list, as given.
        name: String,
        /// The column.
        column: String,
        /// What it holds.
        kind: String,
    },
    /// It is text in UTF-16.
    #[error("{name}: the list is UTF-16\nhint: iconv -f UTF-16 -t UTF-8 FILE | producer urls -")]
    Utf16 {
        /// The list, as given.
        name: String,
    },
    /// It is no text at all.
    #[error(
        "{name}: a binary file, not a list\nhint: lists are text (one URL a line, CSV, TSV or JSON Lines) or Parquet"
    )]
    Binary {
        /// The list, as given.
        name: String,
    },
    /// A table without a column that is needed.
    #[error(
        "{name}: no column `{column}`; there are: {found}\nhint: name the column that holds the URLs by --url-column, or give the format of a list without header"
    )]
    NoColumn {
        /// The list, as given.
        name: String,
        /// The column that was asked for.
        column: String,
        /// The columns there are, separated by commas.
        found: String,
    },
    /// A table whose first row cannot be its header.
    #[error(
        "{name}: the header cannot be read: {why}\nhint: the first row of a table names its columns; see --input-format for other lists"
    )]
    Header {
        /// The list, as given.
        name: String,
        /// What is wrong with it.
        why: String,
    },
}
