//! The manifest as CSV (RFC 4180): a header, then a record a row, quoted where needed, ended by CR LF. Null is an empty field.
//!
//! Spreadsheets run what looks like a formula, and the texts in here are strangers': a page may call its image
//! `=HYPERLINK(...)`. A text that begins like one gets an apostrophe in front, by which spreadsheets know text. Whoever needs
//! texts to the letter takes one of the other forms.

use std::borrow::Cow;
use std::io::{self, Write};

use csv::{Terminator, Writer, WriterBuilder};

use crate::ledger::{COLUMNS, Cell, Row};

/// What formulas begin with; white space among them, because some programs look behind it. The last four are the wide forms
/// that Chinese, Japanese and Korean spreadsheets take for the same.
const FORMULAS: [char; 11] = ['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}'];

/// A CSV file that is written.
pub struct CsvFile<W: Write>(Writer<W>);

impl<W: Write> CsvFile<W> {
    /// Begins with the header.
    pub(super) fn new(out: W) -> io::Result<Self> {
        let mut writer = WriterBuilder::new().terminator(Terminator::CRLF).from_writer(out);
        writer.write_record(COLUMNS.map(|column| column.name))?;
        Ok(Self(writer))
    }

    pub(super) fn write(&mut self, row: &Row) -> io::Result<()> {
        for (_, cell) in row.cells() {
            match cell {
                Cell::Text(text) => self.0.write_field(harmless(text).as_bytes())?,
                cell => self.0.write_field(cell.text().unwrap_or_default())?,
            }
        }
        Ok(self.0.write_record(None::<&[u8]>)?)
    }

    pub(super) fn finish(self) -> io::Result<W> {
        self.0.into_inner().map_err(csv::IntoInnerError::into_error)
    }
}

/// A text that no spreadsheet takes for a formula.
fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(FORMULAS) { Cow::Owned(format!("'{text}")) } else { Cow::Borrowed(text) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_that_begins_like_a_formula_is_text() {
        for text in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\u{ff1d}1"] {
            assert_eq!(harmless(text), format!("'{text}"));
        }
        for text in ["", "a=1", "'=1", " =1", "http://a/", "{\"a\":1}"] {
            assert_eq!(harmless(text), text);
        }
    }
}
