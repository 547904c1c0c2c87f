//! Parquet files: row group by row group and page by page, and of these the wanted columns alone. What is decoded of a
//! column is a page and a batch of rows, so a file of any length takes the memory of a short one.
//!
//! Only the URLs make a file unreadable. Where a caption or a further column cannot be decoded, the rows go on without
//! it to the end of the row group.

mod chunks;
mod pages;
mod schema;
mod shapes;
mod thrift;
mod values;

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};

use parquet::data_type::{ByteArray, ByteArrayType};
use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, RowGroupReader, SerializedFileReader};

pub use self::chunks::PAGE_BYTES;

use self::chunks::Chunks;
use self::pages::Checked;
use self::schema::{Plan, Source};
use self::values::{Flat, Values};
use super::columns::Wanted;
use super::extra::{Extra, caption};
use super::{ListError, ROW_BYTES, Row, bad, too_long};

/// A file whose footer has been read.
pub(super) struct Parquet {
    name: String,
    file: SerializedFileReader<Chunks>,
    plan: Plan,
    group: Option<Group>,
    /// Row groups that were begun or passed over.
    groups: usize,
    /// Rows that were given or passed over.
    rows: u64,
}

/// A row group that is being read.
struct Group {
    left: u64,
    url: Flat<ByteArrayType>,
    caption: Option<Flat<ByteArrayType>>,
    extra: Vec<Option<Values>>,
}

impl Parquet {
    pub(super) fn open(file: File, wanted: &Wanted, name: &str) -> Result<Self, ListError> {
        let unreadable = |why| ListError::Parquet { name: name.to_owned(), rows: 0, group: 0, why };
        let file = guarded(|| SerializedFileReader::new(Chunks::new(file)?)).map_err(unreadable)?;
        let plan = Plan::new(file.metadata().file_metadata().schema_descr(), wanted, name)?;
        Ok(Self { name: name.to_owned(), file, plan, group: None, groups: 0, rows: 0 })
    }

    /// The next row.
    pub(super) fn next(&mut self) -> Result<Option<Row>, ListError> {
        let row = self.read();
        row.map_err(|why| ListError::Parquet { name: self.name.clone(), rows: self.rows, group: self.groups, why })
    }

    /// Passes over the next row group, if none has been begun and it has no more rows than this. Returns how many it had.
    pub(super) fn pass_group(&mut self, most: u64) -> u64 {
        if self.group.as_ref().is_some_and(|group| group.left > 0) {
            return 0;
        }
        let rows = self.file.metadata().row_groups().get(self.groups).map(RowGroupMetaData::num_rows);
        let rows = rows.and_then(|rows| u64::try_from(rows).ok()).filter(|rows| *rows <= most).unwrap_or(0);
        if rows > 0 {
            self.groups += 1;
            self.rows += rows;
        }
        rows
    }

    fn read(&mut self) -> Result<Option<Row>, String> {
        loop {
            if let Some(group) = self.group.as_mut().filter(|group| group.left > 0) {
                let url = guarded(|| group.url.next())?;
                group.left -= 1;
                self.rows += 1;
                return Ok(Some(self.row(url.as_ref())));
            }
            if self.groups == self.file.num_row_groups() {
                return Ok(None);
            }
            self.groups += 1;
            self.group = Some(self.begin()?);
        }
    }

    fn begin(&self) -> Result<Group, String> {
        let index = self.groups - 1;
        let group = guarded(|| self.file.get_row_group(index).map(Checked))?;
        let left = u64::try_from(group.metadata().num_rows()).map_err(|_| "a row group of less than no rows")?;
        let url = guarded(|| values::texts(&group, self.plan.url))?;
        let caption = self.plan.caption.and_then(|leaf| self.kept("the caption", || values::texts(&group, leaf)));
        let extra = self.plan.extra.iter().map(|(name, source)| match source {
            Source::Leaf(leaf) => self.kept(name, || values::flat(&group, *leaf)),
            Source::Nested(schema) => self.kept(name, || values::nested(&group, schema.clone())),
        });
        Ok(Group { left, url, caption, extra: extra.collect() })
    }

    fn row(&mut self, url: Option<&ByteArray>) -> Row {
        let (line, number) = (self.rows, self.rows);
        let caption = self.caption();
        let extra = self.extra();
        match url.map(|url| (url.data(), std::str::from_utf8(url.data()).map(str::trim))) {
            None => bad(line, format!("row {number} of {}", self.name).as_bytes(), "the URL is null"),
            Some((bytes, _)) if bytes.len() > ROW_BYTES => bad(line, bytes, too_long()),
            Some((bytes, Err(_))) => bad(line, bytes, "not UTF-8"),
            Some((_, Ok(""))) => bad(line, format!("row {number} of {}", self.name).as_bytes(), "the URL is blank"),
            Some((_, Ok(url))) => Row::Url { line, url: url.to_owned(), caption, extra },
        }
    }

    fn caption(&mut self) -> Option<String> {
        let mut column = self.group.as_mut()?.caption.take()?;
        let value = self.kept("the caption", || column.next())?;
        self.group.as_mut()?.caption = Some(column);
        caption(&String::from_utf8_lossy(value?.data()))
    }

    fn extra(&mut self) -> Option<String> {
        let mut columns = std::mem::take(&mut self.group.as_mut()?.extra);
        let mut extra = Extra::new();
        for ((name, _), column) in self.plan.extra.iter().zip(&mut columns) {
            if let Some(value) = column.as_mut().and_then(|next| self.kept(name, next)) {
                extra.add(name, value);
            } else {
                *column = None;
                extra.leave_out(name);
            }
        }
        self.group.as_mut()?.extra = columns;
        extra.finish()
    }

    /// What is wanted beside the URL: its failure is told, and the rows go on without it.
    fn kept<T>(&self, what: &str, read: impl FnOnce() -> Result<T, ParquetError>) -> Option<T> {
        match guarded(read) {
            Ok(value) => Some(value),
            Err(why) => {
                let (list, row, group) = (&self.name, self.rows, self.groups);
                tracing::warn!(
                    list,
                    row,
                    group,
                    column = what,
                    why,
                    "a column is left out to the end of the row group"
                );
                None
            }
        }
    }
}

/// Does something with the decoder, which may panic on a damaged file: that is an error like any other.
fn guarded<T>(read: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, String> {
    match catch_unwind(AssertUnwindSafe(read)) {
        Ok(result) => result.map_err(|error| error.to_string()),
        Err(_) => Err("it is damaged".to_owned()),
    }
}

#[cfg(test)]
mod tests;
