//! The values of one column in one row group, a row at a time. A column without lists is decoded a batch at a time; one
//! with lists or groups is put together by the crate's record reader.

use std::vec;

use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{
    BoolType, ByteArray, ByteArrayType, DataType, DoubleType, FixedLenByteArray, FixedLenByteArrayType, FloatType,
    Int32Type, Int64Type, Int96Type,
};
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::RowGroupReader;
use parquet::record::Field;
use parquet::record::reader::{ReaderIter, TreeBuilder};
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr};
use serde_json::Value;

/// Rows that are decoded at once.
const BATCH: usize = 1024;

/// Values of a column that has at most one in a row.
pub(super) struct Flat<T: DataType> {
    reader: ColumnReaderImpl<T>,
    /// The definition level of a value that is there.
    there: i16,
    levels: Vec<i16>,
    values: vec::IntoIter<T::T>,
    at: usize,
    read: usize,
}

impl<T: DataType> Flat<T> {
    fn new(reader: ColumnReader, column: &ColumnDescPtr) -> Result<Self> {
        let reader = T::get_column_reader(reader);
        let reader = reader.ok_or_else(|| ParquetError::General("a column of another type".into()))?;
        let there = column.max_def_level();
        Ok(Self { reader, there, levels: Vec::new(), values: Vec::new().into_iter(), at: 0, read: 0 })
    }

    /// The next row's value, if it has one. A column that ends before its row group is an error.
    pub(super) fn next(&mut self) -> Result<Option<T::T>> {
        if self.at == self.read {
            self.levels.clear();
            let mut values = Vec::with_capacity(BATCH);
            (self.read, ..) = self.reader.read_records(BATCH, Some(&mut self.levels), None, &mut values)?;
            (self.values, self.at) = (values.into_iter(), 0);
            if self.read == 0 {
                return Err(ParquetError::EOF("a column has fewer values than its row group has rows".into()));
            }
        }
        let is_there = self.there == 0 || self.levels.get(self.at) == Some(&self.there);
        self.at += 1;
        if is_there { Ok(self.values.next()) } else { Ok(None) }
    }
}

/// Texts, or bytes that should be some.
pub(super) fn texts(group: &dyn RowGroupReader, leaf: usize) -> Result<Flat<ByteArrayType>> {
    let (reader, column) = column(group, leaf)?;
    Flat::new(reader, &column)
}

fn column(group: &dyn RowGroupReader, leaf: usize) -> Result<(ColumnReader, ColumnDescPtr)> {
    if leaf >= group.num_columns() {
        return Err(ParquetError::General("a row group without one of the columns".into()));
    }
    Ok((group.get_column_reader(leaf)?, group.metadata().column(leaf).column_descr_ptr()))
}

/// Values as JSON, one a row.
pub(super) type Values = Box<dyn FnMut() -> Result<Value> + Send>;

/// The values of a column that has at most one in a row.
pub(super) fn flat(group: &dyn RowGroupReader, leaf: usize) -> Result<Values> {
    let (reader, column) = column(group, leaf)?;
    match reader {
        ColumnReader::BoolColumnReader(_) => as_json::<BoolType>(reader, column, Field::convert_bool),
        ColumnReader::Int32ColumnReader(_) => as_json::<Int32Type>(reader, column, Field::convert_int32),
        ColumnReader::Int64ColumnReader(_) => as_json::<Int64Type>(reader, column, Field::convert_int64),
        ColumnReader::Int96ColumnReader(_) => as_json::<Int96Type>(reader, column, Field::convert_int96),
        ColumnReader::FloatColumnReader(_) => as_json::<FloatType>(reader, column, Field::convert_float),
        ColumnReader::DoubleColumnReader(_) => as_json::<DoubleType>(reader, column, Field::convert_double),
        ColumnReader::ByteArrayColumnReader(_) => as_json::<ByteArrayType>(reader, column, of_bytes),
        ColumnReader::FixedLenByteArrayColumnReader(_) => {
            as_json::<FixedLenByteArrayType>(reader, column, |column, value: FixedLenByteArray| {
                of_bytes(column, value.into())
            })
        }
    }
}

/// Bytes that are not the text they are said to be stay bytes, which are Base64 in JSON.
fn of_bytes(column: &ColumnDescPtr, value: ByteArray) -> Field {
    Field::convert_byte_array(column, value.clone()).unwrap_or(Field::Bytes(value))
}

fn as_json<T: DataType>(
    reader: ColumnReader,
    column: ColumnDescPtr,
    field: fn(&ColumnDescPtr, T::T) -> Field,
) -> Result<Values>
where
    ColumnReaderImpl<T>: Send,
{
    let mut values = Flat::<T>::new(reader, &column)?;
    Ok(Box::new(move || Ok(values.next()?.map_or(Value::Null, |value| field(&column, value).to_json_value()))))
}

/// The values of a column that is a list, a map or a group; `schema` has this column alone.
pub(super) fn nested(group: &dyn RowGroupReader, schema: SchemaDescPtr) -> Result<Values> {
    let mut rows: ReaderIter = TreeBuilder::new().with_batch_size(BATCH).as_iter(schema, group)?;
    Ok(Box::new(move || {
        let row = rows.next().unwrap_or_else(|| Err(ParquetError::EOF("a column ends early".into())))?;
        Ok(row.into_columns().into_iter().next().map_or(Value::Null, |(_, field)| field.to_json_value()))
    }))
}
