//! The pages of a row group on their way to the decoder. Lengths that are told as differences (the encodings
//! `DELTA_LENGTH_BYTE_ARRAY` and `DELTA_BYTE_ARRAY`,
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/>) may be very many in very few bytes, and values that begin
//! like the ones before them very long. The decoder takes memory for what they say, so they are added up here first.

use parquet::basic::Encoding;
use parquet::bloom_filter::Sbbf;
use parquet::column::page::{Page, PageMetadata, PageReader};
use parquet::errors::{ParquetError, Result};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::RowGroupReader;
use parquet::record::reader::RowIter;
use parquet::schema::types::{ColumnDescriptor, Type};

use super::chunks::PAGE_BYTES;
use super::thrift::number;

/// Most values of a page whose lengths are told as differences. Writers make pages of some tens of thousands.
const MOST_VALUES: usize = 16 << 20;

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
    let suffixes = Lengths::new(values)?.each(&mut add)?;
    Lengths::new(suffixes)?.each(&mut add).map(drop)
}

/// What stands behind the levels of a page.
fn values(page: &Page, levels: Levels) -> Result<&[u8]> {
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
    page.buffer().get(at..).ok_or_else(short)
}

/// Lengths that are told as differences (`DELTA_BINARY_PACKED`): in blocks that say the smallest difference, and for each of their
/// parts how many bits each difference takes above that. Read as the decoder reads them, a block at a time.
struct Lengths<'a> {
    rest: &'a [u8],
    /// Parts of a block, and lengths in each.
    parts: usize,
    in_part: usize,
    /// Lengths, all together.
    count: usize,
    first: i32,
}

impl<'a> Lengths<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self> {
        let mut rest = bytes;
        let mut next = || number(&mut rest).and_then(|number| usize::try_from(number).ok()).ok_or_else(short);
        let (block, parts, count) = (next()?, next()?, next()?);
        let first = difference(&mut rest)?;
        let in_part = block.checked_div(parts).unwrap_or_default();
        if block % 128 > 0 || in_part % 32 > 0 || in_part.checked_mul(parts) != Some(block) {
            return Err(ParquetError::General("lengths in blocks of no possible size".into()));
        }
        if count > MOST_VALUES {
            return Err(ParquetError::General(format!("a page of more than {MOST_VALUES} lengths")));
        }
        Ok(Self { rest, parts, in_part, count, first })
    }

    /// Gives each to `each`. Returns what is behind them.
    fn each(self, mut each: impl FnMut(usize) -> Result<()>) -> Result<&'a [u8]> {
        let Self { mut rest, parts, in_part, count, first: mut length } = self;
        let mut give = |length: i32| each(usize::try_from(length).map_err(|_| short())?);
        let mut left = count;
        if left > 0 {
            give(length)?;
            left -= 1;
        }
        while left > 0 {
            let least = difference(&mut rest)?;
            let widths = take(&mut rest, parts)?;
            for width in widths.iter().copied().map(usize::from) {
                if left == 0 {
                    // What the last block has no lengths for has no bytes either.
                    break;
                }
                let bits = take(&mut rest, in_part.saturating_mul(width) / 8)?;
                for at in 0..in_part.min(left) {
                    length = length.wrapping_add(least).wrapping_add(bits_at(bits, at * width, width)?);
                    give(length)?;
                }
                left -= in_part.min(left);
            }
        }
        Ok(rest)
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a [u8]> {
    let (taken, others) = rest.split_at_checked(length).ok_or_else(short)?;
    *rest = others;
    Ok(taken)
}

/// So many bits, the lowest first.
fn bits_at(bytes: &[u8], start: usize, width: usize) -> Result<i32> {
    if width > 32 {
        return Err(ParquetError::General("a length of more than 32 bits".into()));
    }
    let mut window = [0; 8];
    let from = bytes.get(start / 8..).unwrap_or_default();
    let length = from.len().min(window.len());
    window[..length].copy_from_slice(&from[..length]);
    let value = (u64::from_le_bytes(window) >> (start % 8)) & ((1 << width) - 1);
    Ok(u32::try_from(value).unwrap_or_default().cast_signed())
}

/// A number with its sign in the lowest bit; of one that is larger than a length, what the decoder takes of it.
fn difference(rest: &mut &[u8]) -> Result<i32> {
    let bits = number(rest).ok_or_else(short)?;
    let value = (bits >> 1).cast_signed() ^ -(bits & 1).cast_signed();
    i32::try_from(value).map_err(|_| ParquetError::General("a length that is too large".into()))
}

fn short() -> ParquetError {
    ParquetError::EOF("a page ends before its values do".into())
}

fn too_large() -> ParquetError {
    ParquetError::General(format!("a page that unpacks to more than {} MiB", PAGE_BYTES >> 20))
}
