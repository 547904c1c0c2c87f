//! The pages of a row group on their way to the decoder. Lengths that are told as differences (the encodings
//! `DELTA_LENGTH_BYTE_ARRAY` and `DELTA_BYTE_ARRAY`,
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/>) may be very many in very few bytes, and values that begin
//! like the ones before them very long. The decoder takes memory for what they say, so they are added up here first.

use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::data_type::Int32Type;
use parquet::encodings::decoding::{Decoder, DeltaBitPackDecoder};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::RowGroupReader;
use parquet::record::reader::RowIter;
use parquet::schema::types::{ColumnDescriptor, Type};

use super::chunks::PAGE_BYTES;

/// Most values of a page whose lengths are told as differences. Writers make pages of some tens of thousands.
const MOST_VALUES: usize = 16 << 20;

/// Lengths that are decoded at once.
const AT_ONCE: usize = 1024;

/// A row group whose pages are looked at.
pub(super) struct Checked<'a>(pub(super) Box<dyn RowGroupReader + 'a>);

impl RowGroupReader for Checked<'_> {
    fn metadata(&self) -> &RowGroupMetaData {
        self.0.metadata()
    }

    fn num_columns(&self) -> usize {
        self.0.num_columns()
    }

    fn get_column_page_reader(&self, column: usize) -> Result<Box<dyn PageReader>> {
        let descriptor = self.metadata().column(column).column_descr();
        let levels = Levels::of(descriptor);
        Ok(Box::new(Pages { inner: self.0.get_column_page_reader(column)?, levels }))
    }

    fn get_column_bloom_filter(&self, column: usize) -> Option<&Sbbf> {
        self.0.get_column_bloom_filter(column)
    }

    fn get_row_iter(&self, projection: Option<Type>) -> Result<RowIter<'_>> {
        self.0.get_row_iter(projection)
    }
}

/// Which levels stand before the values of a page, as bits for each: none where there are none.
#[derive(Clone, Copy)]
struct Levels {
    repetition: usize,
    definition: usize,
}

impl Levels {
    fn of(column: &ColumnDescriptor) -> Self {
        let bits = |most: i16| usize::try_from(16 - most.max(0).leading_zeros()).unwrap_or_default();
        Self { repetition: bits(column.max_rep_level()), definition: bits(column.max_def_level()) }
    }
}

struct Pages {
    inner: Box<dyn PageReader>,
    levels: Levels,
}

impl Iterator for Pages {
    type Item = Result<Page>;

    fn next(&mut self) -> Option<Self::Item> {
        self.get_next_page().transpose()
    }
}

impl PageReader for Pages {
    fn get_next_page(&mut self) -> Result<Option<Page>> {
        let page = self.inner.get_next_page()?;
        page.iter().try_for_each(|page| check(page, self.levels))?;
        Ok(page)
    }

    fn peek_next_page(&mut self) -> Result<Option<PageMetadata>> {
        self.inner.peek_next_page()
    }

    fn skip_next_page(&mut self) -> Result<()> {
        self.inner.skip_next_page()
    }

    fn supports_deferred_dictionary(&self) -> bool {
        self.inner.supports_deferred_dictionary()
    }

    fn take_deferred_dictionary(&mut self) -> Result<Option<Page>> {
        self.inner.take_deferred_dictionary()
    }

    fn at_record_boundary(&mut self) -> Result<bool> {
        self.inner.at_record_boundary()
    }
}

fn check(page: &Page, levels: Levels) -> Result<()> {
    let with_prefixes = match page.encoding() {
        Encoding::DELTA_LENGTH_BYTE_ARRAY => false,
        Encoding::DELTA_BYTE_ARRAY => true,
        _ => return Ok(()),
    };
    let values = values(page, levels)?;
    if !with_prefixes {
        // The values themselves are parts of the page.
        return Lengths::new(values)?.each(|_| Ok(())).map(drop);
    }
    let mut unpacked = 0;
    let mut add = |length: usize| {
        unpacked += length;
        if unpacked <= PAGE_BYTES { Ok(()) } else { Err(too_large()) }
    };
    let ended = Lengths::new(values.clone())?.each(&mut add)?;
    let suffixes = values.slice(ended.min(values.len())..);
    Lengths::new(suffixes)?.each(&mut add).map(drop)
}

/// What stands behind the levels of a page.
fn values(page: &Page, levels: Levels) -> Result<Bytes> {
    let at = match page {
        Page::DataPage { buf, num_values, rep_level_encoding, def_level_encoding, .. } => {
            let mut at = 0;
            for (bits, encoding) in [(levels.repetition, rep_level_encoding), (levels.definition, def_level_encoding)] {
                at += match (bits, encoding) {
                    (0, _) => 0,
                    // RLE, with its length before it.
                    (_, Encoding::RLE) => {
                        let length = buf.get(at..).and_then(<[u8]>::first_chunk).ok_or_else(short)?;
                        size_of_val(length) + usize::try_from(u32::from_le_bytes(*length)).unwrap_or(usize::MAX)
                    }
                    (bits, _) => (usize::try_from(*num_values).unwrap_or(usize::MAX).saturating_mul(bits)).div_ceil(8),
                };
                if at > buf.len() {
                    return Err(short());
                }
            }
            at
        }
        Page::DataPageV2 { def_levels_byte_len, rep_levels_byte_len, .. } => {
            let length = u64::from(*def_levels_byte_len) + u64::from(*rep_levels_byte_len);
            usize::try_from(length).unwrap_or(usize::MAX)
        }
        Page::DictionaryPage { .. } => 0,
    };
    let buffer = page.buffer();
    if at <= buffer.len() { Ok(buffer.slice(at..)) } else { Err(short()) }
}

/// Lengths that are told as differences.
struct Lengths(DeltaBitPackDecoder<Int32Type>);

impl Lengths {
    fn new(bytes: Bytes) -> Result<Self> {
        let mut decoder = DeltaBitPackDecoder::new();
        decoder.set_data(bytes, 0)?;
        if decoder.values_left() > MOST_VALUES {
            return Err(ParquetError::General(format!("a page of more than {MOST_VALUES} lengths")));
        }
        Ok(Self(decoder))
    }

    /// Gives each to `each`. Returns where they end.
    fn each(mut self, mut each: impl FnMut(usize) -> Result<()>) -> Result<usize> {
        let mut lengths = [0; AT_ONCE];
        loop {
            let count = self.0.get(&mut lengths)?;
            if count == 0 {
                return Ok(self.0.get_offset());
            }
            for length in &lengths[..count] {
                each(usize::try_from(*length).map_err(|_| short())?)?;
            }
        }
    }
}

fn short() -> ParquetError {
    ParquetError::EOF("a page ends before its values do".into())
}

fn too_large() -> ParquetError {
    ParquetError::General(format!("a page that unpacks to more than {} MiB", PAGE_BYTES >> 20))
}
