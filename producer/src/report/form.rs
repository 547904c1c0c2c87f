//! The forms that the manifest is written in: JSON lines, CSV and Parquet, all from the same rows. CSV has its rules in
//! [`super::csv_file`].

use std::io::{self, Write};
use std::path::Path;

use common::parquet_rows::{self, RowWriter, RowsError, Value};

use super::csv_file::CsvFile;
use crate::ledger::{COLUMNS, Cell, Kind, Row};

/// A form of the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// A JSON object a line.
    Jsonl,
    /// RFC 4180.
    Csv,
    /// Parquet, compressed by zstd.
    Parquet,
}

impl Form {
    /// The form that a file's name asks for by its ending, whatever the ending's case.
    #[must_use]
    pub fn by_name(file: &Path) -> Option<Self> {
        match file.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" => Some(Self::Jsonl),
            "csv" => Some(Self::Csv),
            "parquet" => Some(Self::Parquet),
            _ => None,
        }
    }
}

/// Why rows could not be written.
#[derive(Debug, thiserror::Error)]
pub enum FormError {
    /// Where they go takes no more.
    #[error(transparent)]
    Write(#[from] io::Error),
    /// Where they go takes no more of a Parquet file.
    #[error(transparent)]
    Parquet(#[from] RowsError),
}

/// Rows on their way into `W`.
pub enum FormWriter<W: Write + Send> {
    /// JSON lines.
    Jsonl(W),
    /// CSV.
    Csv(Box<CsvFile<W>>),
    /// Parquet.
    Parquet(Box<RowWriter<W>>),
}

impl<W: Write + Send> FormWriter<W> {
    /// Begins to write to `out`, which should be buffered.
    pub fn new(form: Form, out: W) -> Result<Self, FormError> {
        Ok(match form {
            Form::Jsonl => Self::Jsonl(out),
            Form::Csv => Self::Csv(Box::new(CsvFile::new(out)?)),
            Form::Parquet => Self::Parquet(Box::new(RowWriter::new(out, &COLUMNS.map(parquet_column))?)),
        })
    }

    /// Adds a row.
    pub fn write(&mut self, row: &Row) -> Result<(), FormError> {
        match self {
            Self::Jsonl(out) => {
                serde_json::to_writer(&mut *out, row).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
            }
            Self::Csv(out) => out.write(row)?,
            Self::Parquet(out) => {
                let values: Vec<Value<'_>> =
                    row.cells().map(|(column, cell)| parquet_value(column.kind, cell)).collect();
                out.write(&values)?;
            }
        }
        Ok(())
    }

    /// Writes the end, and gives back where it was written, flushed.
    pub fn finish(self) -> Result<W, FormError> {
        let mut out = match self {
            Self::Jsonl(out) => out,
            Self::Csv(out) => out.finish()?,
            Self::Parquet(out) => out.finish()?,
        };
        out.flush()?;
        Ok(out)
    }
}

fn parquet_column(column: crate::ledger::Column) -> parquet_rows::Column {
    let kind = match column.kind {
        Kind::Text | Kind::Digest | Kind::Words | Kind::Json => parquet_rows::Kind::Text,
        Kind::Int32 => parquet_rows::Kind::Int32,
        Kind::Int64 => parquet_rows::Kind::Int64,
        Kind::Bool => parquet_rows::Kind::Bool,
        Kind::Moment => parquet_rows::Kind::Timestamp,
    };
    parquet_rows::Column::new(column.name, kind)
}

/// A number that does not fit is one that only a ledger has that was changed by hand: not known.
fn parquet_value(kind: Kind, cell: &Cell) -> Value<'_> {
    match cell {
        Cell::Null => Value::Null,
        Cell::Text(text) | Cell::Json(text) => Value::Text(text),
        Cell::Number(number) if kind == Kind::Int32 => i32::try_from(*number).map_or(Value::Null, Value::Int32),
        Cell::Number(number) => Value::Int64(*number),
        Cell::Bool(truth) => Value::Bool(*truth),
        Cell::Moment(ms) => Value::Timestamp(*ms),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_files_name_says_its_form() {
        for (name, expected) in [
            ("a.jsonl", Some(Form::Jsonl)),
            ("b/a.b.CSV", Some(Form::Csv)),
            ("a.Parquet", Some(Form::Parquet)),
            ("a.csv.gz", None),
            ("csv", None),
            (".csv", None),
            ("a.", None),
            ("a.json", None),
        ] {
            assert_eq!(Form::by_name(Path::new(name)), expected, "{name}");
        }
    }
}
