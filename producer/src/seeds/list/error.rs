//! Why a list cannot be read. Each message names the list, the cause and, as a hint, the next step.

use std::io;

/// A list that cannot be read, as a whole or from here on. All but `Read` and `Open` are bad input, not trouble of ours.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// No such file.
    #[error("{name}: no such file\nhint: give the path of a list, or - for standard input")]
    NotFound {
        /// The list, as given.
        name: String,
    },
    /// A folder.
    #[error("{name} is a folder, not a list\nhint: give a file in it, or: cat {name}/* | producer urls -")]
    Folder {
        /// The list, as given.
        name: String,
    },
    /// The system does not let us open it.
    #[error("{name}: cannot be opened\nhint: check that you may read it")]
    Open {
        /// The list, as given.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// Reading failed part of the way; the rows before are good.
    #[error("{name}: reading failed")]
    Read {
        /// The list, as given.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// It has no rows: nothing, or only blank lines, comments or a header.
    #[error("{name}: the list is empty\nhint: a list has one URL a line, or a header and rows; see --input-format")]
    Empty {
        /// The list, as given.
        name: String,
    },
    /// It is compressed.
    #[error("{name}: the list is compressed ({kind})\nhint: {tool} FILE | producer urls -")]
    Compressed {
        /// The list, as given.
        name: String,
        /// The format, such as `gzip`.
        kind: &'static str,
        /// The command that writes it out as text.
        tool: &'static str,
    },
    /// It is a Parquet file.
    #[error("{name}: Parquet lists cannot be read yet\nhint: write the URL column to a CSV or text file first")]
    Parquet {
        /// The list, as given.
        name: String,
    },
    /// It is text in UTF-16.
    #[error("{name}: the list is UTF-16\nhint: iconv -f UTF-16 -t UTF-8 FILE | producer urls -")]
    Utf16 {
        /// The list, as given.
        name: String,
    },
    /// It is no text at all.
    #[error("{name}: a binary file, not a list\nhint: lists are text: one URL a line, CSV, TSV or JSON Lines")]
    Binary {
        /// The list, as given.
        name: String,
    },
    /// A table without the column that should hold the URLs.
    #[error(
        "{name}: no column `{column}`; there are: {found}\nhint: name the column that holds the URLs, or give the format of a list without header"
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
