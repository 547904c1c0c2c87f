//! A file of a list, or standard input, as text to be read or as a Parquet file: what it is, its first bytes say.
//! Compressed text is decompressed as it is read. Rows are not looked at.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read, Seek};
use std::path::Path;

use super::{Format, ListError, sniff};

/// The longest piece that is read or decompressed at once, in bytes.
const PIECE: usize = 64 * 1024;

/// Something to read rows from.
pub(super) enum Input {
    /// Text in one of the formats, without a byte order mark.
    Text(Format, Box<dyn BufRead + Send>),
    /// Anything that begins like a Parquet file.
    Parquet(File),
}

/// Opens a list.
pub(super) fn open(path: &Path, name: &str, asked: Option<Format>) -> Result<Input, ListError> {
    if path == Path::new("-") {
        return recognised(io::stdin(), None, name, asked, path);
    }
    let file = open_file(path, name)?;
    let regular = file.metadata().is_ok_and(|metadata| metadata.is_file());
    let whole = if regular { file.try_clone().ok() } else { None };
    recognised(file, whole, name, asked, path)
}

fn open_file(path: &Path, name: &str) -> Result<File, ListError> {
    File::open(path).map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => ListError::NotFound { name: name.to_owned() },
        _ => ListError::Open { name: name.to_owned(), source },
    })
}

/// `whole` is the same file, if it can be read at any place.
fn recognised(
    mut raw: impl Read + Send + 'static,
    whole: Option<File>,
    name: &str,
    asked: Option<Format>,
    path: &Path,
) -> Result<Input, ListError> {
    let failed = |source| ListError::Read { name: name.to_owned(), rows: 0, source };
    let head = sniff::beginning(&mut raw).map_err(failed)?;
    if sniff::is_parquet(&head) {
        return match whole {
            Some(file) => Ok(Input::Parquet(file)),
            // A Parquet file is read from its end.
            None => spooled(Cursor::new(head).chain(raw)).map(Input::Parquet).map_err(failed),
        };
    }
    let format = asked.unwrap_or_else(|| Format::by_name(path));
    if format == Format::Parquet && !head.is_empty() {
        return Err(ListError::NotParquet { name: name.to_owned() });
    }
    let compressed = sniff::compression(&head);
    let raw = BufReader::with_capacity(PIECE, Cursor::new(head).chain(raw));
    let text: Box<dyn Read + Send> = match compressed {
        None => return text(raw, name).map(|text| Input::Text(format, text)),
        Some(sniff::Compression::Gzip) => Box::new(flate2::bufread::MultiGzDecoder::new(raw)),
        // Frames that ask for a larger window than zstd's own default of 128 MiB are refused.
        Some(sniff::Compression::Zstd) => Box::new(zstd::Decoder::with_buffer(raw).map_err(failed)?),
    };
    text_of(text, name).map(|text| Input::Text(format, text))
}

/// The decompressed content.
fn text_of(mut content: Box<dyn Read + Send>, name: &str) -> Result<Box<dyn BufRead + Send>, ListError> {
    let head = sniff::beginning(&mut content);
    let head = head.map_err(|source| ListError::Read { name: name.to_owned(), rows: 0, source })?;
    if sniff::is_parquet(&head) || sniff::compression(&head).is_some() {
        return Err(ListError::Wrapped { name: name.to_owned() });
    }
    text(BufReader::with_capacity(PIECE, Cursor::new(head).chain(content)), name)
}

fn text(mut input: impl BufRead + Send + 'static, name: &str) -> Result<Box<dyn BufRead + Send>, ListError> {
    let head = input.fill_buf().map_err(|source| ListError::Read { name: name.to_owned(), rows: 0, source })?;
    if let Some(error) = sniff::refusal(head, name) {
        return Err(error);
    }
    let mark = if head.starts_with(b"\xef\xbb\xbf") { 3 } else { 0 };
    input.consume(mark);
    Ok(Box::new(input))
}

/// The whole of `input` in a file without a name, which is gone when it is closed.
fn spooled(mut input: impl Read) -> io::Result<File> {
    let mut file = tempfile::tempfile()?;
    io::copy(&mut input, &mut file)?;
    file.rewind()?;
    Ok(file)
}
