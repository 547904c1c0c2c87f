//! The bytes of a Parquet file, for the crate that decodes them. A page is held in memory whole, so one that is larger
//! than a page has any reason to be is an error here, before memory is taken for it.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::Bytes;
use parquet::errors::{ParquetError, Result};
use parquet::file::reader::{ChunkReader, Length};

use super::shapes::{FOOTER, PAGE_HEADER};
use super::thrift::{Struct, look};

/// The largest page, compressed or not, in bytes. Writers make pages of about a MiB; some make one of a whole row group.
pub const PAGE_BYTES: usize = 128 * 1024 * 1024;

/// The footer's length and the magic bytes at the end of a file.
const TAIL: u64 = 8;

/// How much of a page is looked at for its header at first, and at most, in bytes. Statistics may make it long.
const HEADER: usize = 8 << 10;
const LONGEST_HEADER: usize = 1 << 20;

/// A file that is read at any place.
pub(super) struct Chunks {
    file: Arc<File>,
    length: u64,
}

impl Chunks {
    pub(super) fn new(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Ok(Self { file: Arc::new(file), length })
    }
}

impl Length for Chunks {
    fn len(&self) -> u64 {
        self.length
    }
}

impl ChunkReader for Chunks {
    type T = BufReader<At>;

    fn get_read(&self, start: u64) -> Result<Self::T> {
        let mut capacity = HEADER;
        loop {
            let mut reader = BufReader::with_capacity(capacity, At { file: Arc::clone(&self.file), at: start });
            if start >= self.length.saturating_sub(TAIL) {
                return Ok(reader);
            }
            let begins = reader.fill_buf()?;
            // Memory for a page is taken by what its header says. One that says it in a way that no writer does is none.
            match page_size(begins) {
                Some(size) if size <= PAGE_BYTES => {}
                Some(_) => return Err(too_large()),
                None => return Err(no_header()),
            }
            match look(begins, PAGE_HEADER) {
                Struct::Whole => return Ok(reader),
                Struct::Cut if capacity < LONGEST_HEADER => capacity = LONGEST_HEADER,
                Struct::Cut | Struct::Wrong => return Err(no_header()),
            }
        }
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes> {
        let end = start.checked_add(length as u64);
        if end.is_none_or(|end| end > self.length) {
            return Err(ParquetError::EOF(format!("{length} bytes at {start} are beyond the end of the file")));
        }
        // The footer of a file of many row groups may be longer than a page.
        if length > PAGE_BYTES && start + (length as u64) + TAIL < self.length {
            return Err(too_large());
        }
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, start)?;
        // What ends where the tail begins is the footer.
        if end.is_some_and(|end| end + TAIL == self.length) && look(&bytes, FOOTER) != Struct::Whole {
            return Err(ParquetError::General("its footer is damaged".into()));
        }
        Ok(bytes.into())
    }
}

fn no_header() -> ParquetError {
    ParquetError::General("a page whose header cannot be read".into())
}

fn too_large() -> ParquetError {
    ParquetError::General(format!("a page of more than {} MiB", PAGE_BYTES >> 20))
}

/// Reads on from a place, whatever others read.
pub(super) struct At {
    file: Arc<File>,
    at: u64,
}

impl Read for At {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(into, self.at)?;
        if read == 0 && !into.is_empty() {
            // The crate takes nothing for a zero, and skips as many elements as a list says that it has.
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "a page is beyond the end of the file"));
        }
        self.at += read as u64;
        Ok(read)
    }
}

/// The larger of the two sizes in a page's header, if this is one: a Thrift struct in the compact protocol, whose first three
/// fields are numbers (type, size, compressed size), each after a byte that says "the next field, an i32". A dictionary says
/// besides how many values it has, for which memory is taken too: none that is true has more of them than bytes.
fn page_size(header: &[u8]) -> Option<usize> {
    const DICTIONARY: usize = 2;
    /// "The field after the next two, a struct": where there is a checksum, and where there is none.
    const DICTIONARY_HEADER: [u8; 2] = [0x3c, 0x4c];
    let mut rest = header;
    let kind = number(&mut rest)?;
    let size = number(&mut rest)?;
    let largest = size.max(number(&mut rest)?);
    if kind == DICTIONARY {
        let without_checksum = usize::from(number_of_any_sign(&mut rest).is_none());
        rest = rest.strip_prefix(&[DICTIONARY_HEADER[without_checksum]])?;
        number(&mut rest).filter(|values| *values <= size)?;
    }
    Some(largest)
}

/// A number that is not negative: a size that is, is refused by the decoder.
fn number(rest: &mut &[u8]) -> Option<usize> {
    let number = number_of_any_sign(rest)?;
    // Zigzag.
    usize::try_from(number >> 1).ok()
}

/// The bits of the next field, if it is an i32; otherwise nothing is taken.
fn number_of_any_sign(rest: &mut &[u8]) -> Option<u64> {
    const NEXT_I32: u8 = 0x15;
    let (&NEXT_I32, mut bytes) = rest.split_first()? else { return None };
    let (mut number, mut shift) = (0_u64, 0);
    loop {
        let (byte, others) = bytes.split_first()?;
        number |= u64::from(byte & 0x7f) << shift;
        (bytes, shift) = (others, shift + 7);
        if byte & 0x80 == 0 || shift > 35 {
            break;
        }
    }
    *rest = bytes;
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_says_how_large_it_is() {
        for (header, size) in [
            (&[0x15, 0, 0x15, 8, 0x15, 4][..], Some(4)),
            (&[0x15, 0, 0x15, 0x80, 0x80, 0x80, 0x80, 0x10, 0x15, 4], Some(1 << 31)),
            (&[0x15, 0, 0x15, 2, 0x15, 0x80, 2, 0x2c], Some(128)),
            (&[0x15, 0, 0x15, 8, 0x19, 4], None),
            (&[0x15, 0, 0x15, 0x80], None),
            (&[0x15, 0, 0x15, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], None),
            // Dictionaries: two values in ten bytes, without a checksum and with one, and eleven.
            (&[0x15, 4, 0x15, 20, 0x15, 22, 0x4c, 0x15, 4], Some(11)),
            (&[0x15, 4, 0x15, 20, 0x15, 22, 0x15, 0x81, 1, 0x3c, 0x15, 4], Some(11)),
            (&[0x15, 4, 0x15, 20, 0x15, 22, 0x4c, 0x15, 22], None),
            (&[0x15, 4, 0x15, 20, 0x15, 22, 0x5c, 0x15, 4], None),
            (b"PAR1", None),
            (b"", None),
        ] {
            assert_eq!(page_size(header), size, "{header:?}");
        }
    }
}
