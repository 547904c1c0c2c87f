//! CSV and TSV: a header that names the columns, then rows with a field for each. Quoting is RFC 4180's, in TSV too, as
//! spreadsheets and data frames write it.
//!
//! The csv crate holds a record of any size in memory, and a quote that is never closed makes a record of all that follows.
//! So its parser, csv-core, is given one capped line at a time, and of a record that passes the cap, or does not end, the line
//! that it begins in alone is given up: those after it are read again.

use std::io;

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::columns::{Chosen, Wanted};
use super::extra::{Extra, caption};
use super::lines::{Lines, Owned};
use super::{ListError, ROW_BYTES, Row, bad, too_long};

/// The most columns; a row with more is bad.
const COLUMNS: usize = 4096;

/// A table whose header has been read.
pub(super) struct Table {
    records: Records,
    chosen: Chosen,
    columns: usize,
}

/// Reads the header: the first line that is not blank. Without one there is no table, and there are no rows.
pub(super) fn header(
    lines: &mut Lines,
    delimiter: u8,
    wanted: &Wanted,
    name: &str,
) -> Result<Option<Table>, ListError> {
    let mut records = Records::new(delimiter);
    let failed = |source| ListError::Read { name: name.to_owned(), rows: 0, source };
    let columns = match records.next(lines).map_err(failed)? {
        None => return Ok(None),
        Some(Record { error: Some(why), .. }) => {
            return Err(ListError::Header { name: name.to_owned(), why });
        }
        Some(_) => records.fields(),
    };
    let columns: Vec<String> = columns.map(|field| String::from_utf8_lossy(field).trim().to_owned()).collect();
    let chosen = wanted.among(&columns, name)?;
    Ok(Some(Table { records, chosen, columns: columns.len() }))
}

impl Table {
    /// The next row; blank lines are none.
    pub(super) fn next(&mut self, lines: &mut Lines) -> io::Result<Option<Row>> {
        let Some(record) = self.records.next(lines)? else {
            return Ok(None);
        };
        let url = match record.error {
            Some(why) => Err(why),
            None => self.url(),
        };
        Ok(Some(match url {
            Ok(url) => Row::Url { line: record.line, url, caption: self.caption(), extra: self.extra() },
            Err(why) => bad(record.line, &self.records.raw, why),
        }))
    }

    fn url(&self) -> Result<String, String> {
        // More fields are as bad as fewer: an unquoted comma in a URL would give us half of it.
        let count = self.records.count;
        if count != self.columns {
            return Err(format!("{count} fields, where the header has {}", self.columns));
        }
        let url = std::str::from_utf8(self.records.field(self.chosen.url)).map_err(|_| "not UTF-8")?.trim();
        if url.is_empty() { Err("the URL is blank".into()) } else { Ok(url.to_owned()) }
    }

    fn caption(&self) -> Option<String> {
        caption(&String::from_utf8_lossy(self.records.field(self.chosen.caption?)))
    }

    fn extra(&self) -> Option<String> {
        let mut extra = Extra::new();
        for (name, column) in &self.chosen.extra {
            extra.add(name, String::from_utf8_lossy(self.records.field(*column)).into());
        }
        extra.finish()
    }
}

/// Where a record began, and why it is none.
struct Record {
    line: u64,
    error: Option<String>,
}

/// The reader of records, with the last one.
struct Records {
    reader: Reader,
    /// The record as it stands in the list.
    raw: Vec<u8>,
    /// The fields without quotes, one after the other, and where each ends.
    fields: Vec<u8>,
    ends: Vec<usize>,
    count: usize,
}

impl Records {
    fn new(delimiter: u8) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            raw: Vec::new(),
            // Fields are never longer than what they are read from; see `next`.
            fields: vec![0; ROW_BYTES + 2],
            ends: vec![0; COLUMNS + 1],
            count: 0,
        }
    }

    fn fields(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends[..self.count]).map(|(start, end)| &self.fields[start..*end])
    }

    /// One field of the last record; nothing if it has no such field.
    fn field(&self, column: usize) -> &[u8] {
        let start = column.checked_sub(1).map_or(0, |before| self.ends[before]);
        if column < self.count { &self.fields[start..self.ends[column]] } else { &[] }
    }

    /// Gives up a record with the line that it begins in; the lines after that one are read again.
    fn give_up(&mut self, begin: u64, first_line: usize, others: Vec<Owned>, lines: &mut Lines, why: String) -> Record {
        self.raw.truncate(first_line);
        lines.take_back(others);
        Record { line: begin, error: Some(why) }
    }

    /// Reads one record: a line, and those after it as long as a quote is open.
    fn next(&mut self, lines: &mut Lines) -> io::Result<Option<Record>> {
        self.raw.clear();
        self.reader.reset();
        let (mut written, mut count, mut first) = (0, 0, None);
        let (mut first_line, mut others) = (0, Vec::new());
        while let Some(line) = lines.next()? {
            if first.is_none() && line.bytes.trim_ascii().is_empty() {
                continue;
            }
            let begin = *first.get_or_insert(line.number);
            let at = self.raw.len();
            let room = (ROW_BYTES + 1).saturating_sub(at);
            self.raw.extend_from_slice(&line.bytes[..line.bytes.len().min(room)]);
            self.raw.push(b'\n');
            if line.number == begin {
                first_line = self.raw.len();
            } else {
                others.push(line.keep());
            }
            if line.cut || self.raw.len() > ROW_BYTES + 1 {
                return Ok(Some(self.give_up(begin, first_line, others, lines, too_long())));
            }
            let (result, _, out, ends) =
                self.reader.read_record(&self.raw[at..], &mut self.fields[written..], &mut self.ends[count..]);
            (written, count) = (written + out, count + ends);
            match result {
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::Record if count <= COLUMNS => {
                    self.count = count;
                    return Ok(Some(Record { line: begin, error: None }));
                }
                _ => {
                    return Ok(Some(Record { line: begin, error: Some(format!("more than {COLUMNS} fields")) }));
                }
            }
        }
        let why = "a quote is not closed before the end of the list";
        Ok(first.map(|line| self.give_up(line, first_line, others, lines, why.to_owned())))
    }
}
