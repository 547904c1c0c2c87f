//! JSON Lines: an object a line with the URL in a field, or the URL as a string.

use std::io;

use serde_json::Value;

use super::lines::Lines;
use super::{Row, bad, checked};

/// The next row; blank lines are none.
pub(super) fn next(lines: &mut Lines, field: &str) -> io::Result<Option<Row>> {
    while let Some(line) = lines.next()? {
        let text = match checked(&line) {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => text,
            Err(row) => return Ok(Some(row)),
        };
        return Ok(Some(match url(text, field) {
            Ok(url) => Row::Url { line: line.number, url, caption: None, extra: None },
            Err(why) => bad(line.number, line.bytes, why),
        }));
    }
    Ok(None)
}

fn url(text: &str, field: &str) -> Result<String, String> {
    let value = serde_json::from_str(text).map_err(|error| format!("bad JSON: {error}"))?;
    let value = match value {
        Value::Object(mut object) => object.remove(field).ok_or_else(|| format!("no field `{field}`"))?,
        value => value,
    };
    match value {
        Value::String(url) if url.trim().is_empty() => Err("the URL is blank".into()),
        Value::String(url) => Ok(url.trim().to_owned()),
        _ => Err("the URL is not a string".into()),
    }
}
