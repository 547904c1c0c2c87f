//! Rows into a Parquet file: nullable typed columns, compressed by zstd, written in groups of bounded size, so that a file of
//! any number of rows needs the memory of one group. What the columns are is the caller's to say; nothing is read here.

use std::io::Write;
use std::sync::Arc;

use bytes::Bytes;
use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical, ZstdLevel};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

/// Most rows in a group: enough for readers that take groups in parallel, and for dictionaries to pay.
const GROUP_ROWS: usize = 1 << 17;

/// A group is closed when its values have so many bytes, whatever the number of its rows.
const GROUP_BYTES: usize = 32 << 20;

/// What the compressor is asked for; zstd's own default.
const ZSTD_LEVEL: i32 = 3;

/// The type of a column's values, each of which may be null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// UTF-8.
    Text,
    /// A signed number of 32 bits.
    Int32,
    /// A signed number of 64 bits.
    Int64,
    /// True or false.
    Bool,
    /// A moment, in milliseconds since 1970 UTC.
    Timestamp,
}

/// A column of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name; readers want each name once.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
}

impl Column {
    /// A column of this name and type.
    #[must_use]
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self { name: name.into(), kind }
    }
}

/// A value in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value<'a> {
    /// Nothing, of any column.
    Null,
    /// Of a column of [`Kind::Text`].
    Text(&'a str),
    /// Of a column of [`Kind::Int32`].
    Int32(i32),
    /// Of a column of [`Kind::Int64`].
    Int64(i64),
    /// Of a column of [`Kind::Bool`].
    Bool(bool),
    /// Of a column of [`Kind::Timestamp`], in milliseconds since 1970 UTC.
    Timestamp(i64),
}

/// Why a row, or the file's end, could not be written.
#[derive(Debug, thiserror::Error)]
pub enum RowsError {
    /// Where the file goes takes no more of it.
    #[error("cannot write the Parquet file")]
    Write(#[from] ParquetError),
    /// The row does not fit the columns. Nothing of it is written.
    #[error("a row for the Parquet file does not fit its columns")]
    Misfit,
}

/// Writes rows to `W`. The file is whole only after [`RowWriter::finish`].
pub struct RowWriter<W: Write + Send> {
    file: SerializedFileWriter<W>,
    columns: Vec<Buffer>,
    rows: usize,
}

impl<W: Write + Send> RowWriter<W> {
    /// Begins a file of these columns.
    pub fn new(out: W, columns: &[Column]) -> Result<Self, RowsError> {
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
            // Those of pages are held until the file's end, for every column.
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .build();
        let file = SerializedFileWriter::new(out, schema(columns)?, Arc::new(properties))?;
        Ok(Self { file, columns: columns.iter().map(|column| Buffer::new(column.kind)).collect(), rows: 0 })
    }

    /// Adds a row: one value a column, in the columns' order.
    pub fn write(&mut self, row: &[Value<'_>]) -> Result<(), RowsError> {
        let fits = |(buffer, value): (&Buffer, &Value<'_>)| buffer.takes(value);
        if row.len() != self.columns.len() || !self.columns.iter().zip(row).all(fits) {
            return Err(RowsError::Misfit);
        }
        for (buffer, value) in self.columns.iter_mut().zip(row) {
            buffer.push(value);
        }
        self.rows += 1;
        let bytes: usize = self.columns.iter().map(Buffer::bytes).sum();
        if self.rows >= GROUP_ROWS || bytes >= GROUP_BYTES {
            self.end_group()?;
        }
        Ok(())
    }

    /// Writes what is left and the file's end, and gives back where it was written, everything handed over to it.
    pub fn finish(mut self) -> Result<W, RowsError> {
        if self.rows > 0 {
            self.end_group()?;
        }
        Ok(self.file.into_inner()?)
    }

    fn end_group(&mut self) -> Result<(), RowsError> {
        let mut group = self.file.next_row_group()?;
        for buffer in &mut self.columns {
            // There is one for each column of the schema.
            let Some(mut column) = group.next_column()? else { break };
            buffer.drain_into(&mut column)?;
            column.close()?;
        }
        group.close()?;
        self.rows = 0;
        Ok(())
    }
}

/// The file's schema: every column optional, with the types that readers know as string, int32, int64, bool and
/// timestamp[ms, UTC].
fn schema(columns: &[Column]) -> Result<TypePtr, ParquetError> {
    let field = |column: &Column| {
        let (physical, logical) = match column.kind {
            Kind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
            Kind::Int32 => (Physical::INT32, None),
            Kind::Int64 => (Physical::INT64, None),
            Kind::Bool => (Physical::BOOLEAN, None),
            Kind::Timestamp => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        };
        let builder = Type::primitive_type_builder(&column.name, physical);
        builder.with_repetition(Repetition::OPTIONAL).with_logical_type(logical).build().map(Arc::new)
    };
    let fields = columns.iter().map(field).collect::<Result<_, _>>()?;
    Type::group_type_builder("schema").with_fields(fields).build().map(Arc::new)
}

/// The values of a column that wait for their group's end.
struct Buffer {
    kind: Kind,
    /// 1 for a value, 0 for null: Parquet's definition levels.
    present: Vec<i16>,
    values: Values,
}

/// Those that are not null.
enum Values {
    /// One text behind the other, and where each ends.
    Text(Vec<u8>, Vec<usize>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
    Bool(Vec<bool>),
}

impl Buffer {
    fn new(kind: Kind) -> Self {
        let values = match kind {
            Kind::Text => Values::Text(Vec::new(), Vec::new()),
            Kind::Int32 => Values::Int32(Vec::new()),
            Kind::Int64 | Kind::Timestamp => Values::Int64(Vec::new()),
            Kind::Bool => Values::Bool(Vec::new()),
        };
        Self { kind, present: Vec::new(), values }
    }

    fn takes(&self, value: &Value<'_>) -> bool {
        match value {
            Value::Null => true,
            Value::Text(_) => self.kind == Kind::Text,
            Value::Int32(_) => self.kind == Kind::Int32,
            Value::Int64(_) => self.kind == Kind::Int64,
            Value::Bool(_) => self.kind == Kind::Bool,
            Value::Timestamp(_) => self.kind == Kind::Timestamp,
        }
    }

    fn push(&mut self, value: &Value<'_>) {
        match (&mut self.values, value) {
            (Values::Text(texts, ends), Value::Text(text)) => {
                texts.extend_from_slice(text.as_bytes());
                ends.push(texts.len());
            }
            (Values::Int32(numbers), Value::Int32(number)) => numbers.push(*number),
            (Values::Int64(numbers), Value::Int64(number) | Value::Timestamp(number)) => numbers.push(*number),
            (Values::Bool(values), Value::Bool(value)) => values.push(*value),
            _ => {
                self.present.push(0);
                return;
            }
        }
        self.present.push(1);
    }

    /// About what it holds in memory.
    fn bytes(&self) -> usize {
        let values = match &self.values {
            Values::Text(texts, ends) => texts.len() + size_of_val(ends.as_slice()),
            Values::Int32(numbers) => size_of_val(numbers.as_slice()),
            Values::Int64(numbers) => size_of_val(numbers.as_slice()),
            Values::Bool(values) => values.len(),
        };
        values + size_of_val(self.present.as_slice())
    }

    /// Hands the values over to the file, and is empty.
    fn drain_into(&mut self, column: &mut SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        let present = Some(self.present.as_slice());
        match &mut self.values {
            Values::Text(texts, ends) => {
                let texts = Bytes::from(std::mem::take(texts));
                let mut start = 0;
                let slices =
                    ends.drain(..).map(|end| ByteArray::from(texts.slice(std::mem::replace(&mut start, end)..end)));
                let slices: Vec<ByteArray> = slices.collect();
                column.typed::<ByteArrayType>().write_batch(&slices, present, None)?;
            }
            Values::Int32(numbers) => {
                column.typed::<Int32Type>().write_batch(numbers, present, None)?;
                numbers.clear();
            }
            Values::Int64(numbers) => {
                column.typed::<Int64Type>().write_batch(numbers, present, None)?;
                numbers.clear();
            }
            Values::Bool(values) => {
                column.typed::<BoolType>().write_batch(values, present, None)?;
                values.clear();
            }
        }
        self.present.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use parquet::file::reader::{FileReader, SerializedFileReader};
    use parquet::record::Field;

    use super::*;

    fn columns() -> Vec<Column> {
        let kinds = [Kind::Text, Kind::Int32, Kind::Int64, Kind::Bool, Kind::Timestamp];
        kinds.map(|kind| Column::new(format!("{kind:?}").to_lowercase(), kind)).to_vec()
    }

    fn written(rows: &[[Value<'_>; 5]]) -> SerializedFileReader<Bytes> {
        let mut writer = RowWriter::new(Vec::new(), &columns()).expect("a file");
        for row in rows {
            writer.write(row).expect("it fits");
        }
        SerializedFileReader::new(writer.finish().expect("written").into()).expect("Parquet")
    }

    #[test]
    fn every_type_and_null_come_back_as_they_were() {
        let full = [
            Value::Text("h\u{e9}\0"),
            Value::Int32(i32::MIN),
            Value::Int64(i64::MAX),
            Value::Bool(true),
            Value::Timestamp(1_795_452_711_329),
        ];
        let empty = [Value::Text(""), Value::Int32(0), Value::Int64(0), Value::Bool(false), Value::Timestamp(0)];
        let file = written(&[full, [Value::Null; 5], empty]);
        let rows: Vec<Vec<Field>> = file
            .get_row_iter(None)
            .expect("rows")
            .map(|row| row.expect("a row").into_columns().into_iter().map(|(_, field)| field).collect())
            .collect();
        let fields = |text: &str, small, large, truth, moment| {
            vec![Field::Str(text.to_owned()), Field::Int(small), Field::Long(large), Field::Bool(truth), moment]
        };
        let expected = [
            fields("h\u{e9}\0", i32::MIN, i64::MAX, true, Field::TimestampMillis(1_795_452_711_329)),
            vec![Field::Null; 5],
            fields("", 0, 0, false, Field::TimestampMillis(0)),
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn a_file_without_rows_has_its_columns() {
        let file = written(&[]);
        let schema = file.metadata().file_metadata().schema_descr();
        let names: Vec<&str> = schema.columns().iter().map(|column| column.name()).collect();
        assert_eq!(
            (names, file.metadata().file_metadata().num_rows()),
            (vec!["text", "int32", "int64", "bool", "timestamp"], 0)
        );
    }

    #[test]
    fn groups_are_bounded_by_rows_and_by_bytes() {
        let groups = |text: &str, rows: usize| {
            let mut writer = RowWriter::new(Vec::new(), &[Column::new("t", Kind::Text)]).expect("a file");
            for _ in 0..rows {
                writer.write(&[Value::Text(text)]).expect("it fits");
            }
            let file = SerializedFileReader::new(Bytes::from(writer.finish().expect("written"))).expect("Parquet");
            assert_eq!(file.metadata().file_metadata().num_rows(), i64::try_from(rows).expect("few"));
            file.num_row_groups()
        };
        assert_eq!([GROUP_ROWS - 1, GROUP_ROWS, GROUP_ROWS + 1].map(|rows| groups("", rows)), [1, 1, 2]);
        let mebibyte = "x".repeat(1 << 20);
        assert_eq!([32, 33].map(|rows| groups(&mebibyte, rows)), [1, 2]);
    }

    #[test]
    fn a_row_that_does_not_fit_is_an_error_and_leaves_no_trace() {
        let mut writer = RowWriter::new(Vec::new(), &columns()).expect("a file");
        let mixed = [Value::Text("a"), Value::Int64(1), Value::Null, Value::Null, Value::Null];
        assert!(matches!(writer.write(&mixed), Err(RowsError::Misfit)));
        assert!(matches!(writer.write(&[Value::Null]), Err(RowsError::Misfit)));
        let file = SerializedFileReader::new(Bytes::from(writer.finish().expect("written"))).expect("Parquet");
        assert_eq!(file.metadata().file_metadata().num_rows(), 0);
    }

    #[test]
    fn a_full_disk_is_an_error_that_says_so() {
        struct Full;
        impl Write for Full {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(io::ErrorKind::StorageFull.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut writer = RowWriter::new(Full, &columns()).expect("nothing is written yet");
        writer.write(&[Value::Null; 5]).expect("it fits");
        let error = writer.finish().map(drop).expect_err("full");
        assert!(crate::chain::Chain(&error).to_string().contains("no storage space"), "{error:?}");
    }
}
