//! The plain format: one URL a line.

use std::io;

use super::lines::Lines;
use super::{Row, checked};

/// The next row; blank lines and lines that begin with `#` are none.
pub(super) fn next(lines: &mut Lines) -> io::Result<Option<Row>> {
    while let Some(line) = lines.next()? {
        if line.bytes.trim_ascii_start().starts_with(b"#") {
            continue;
        }
        match checked(&line) {
            Ok(text) if text.trim().is_empty() => {}
            Ok(text) => {
                return Ok(Some(Row::Url {
                    line: line.number,
                    url: text.trim().to_owned(),
                    caption: None,
                    extra: None,
                }));
            }
            Err(row) => return Ok(Some(row)),
        }
    }
    Ok(None)
}
