//! JSON Lines: an object a line with the URL in a field, or the URL as a string. Rows may differ in their fields, so only
//! the URL's must be there.

use std::io;

use serde_json::{Map, Value};

use super::columns::{Wanted, position};
use super::extra::{Extra, caption};
use super::lines::Lines;
use super::{Row, bad, checked};

/// The next row; blank lines are none.
pub(super) fn next(lines: &mut Lines, wanted: &Wanted) -> io::Result<Option<Row>> {
    while let Some(line) = lines.next()? {
        let text = match checked(&line) {
            Ok(text) if text.trim().is_empty() => continue,
            Ok(text) => text,
            Err(row) => return Ok(Some(row)),
        };
        return Ok(Some(match read(text, wanted) {
            Ok((url, caption, extra)) => Row::Url { line: line.number, url, caption, extra },
            Err(why) => bad(line.number, line.bytes, why),
        }));
    }
    Ok(None)
}

type Read = (String, Option<String>, Option<String>);

fn read(text: &str, wanted: &Wanted) -> Result<Read, String> {
    let value = serde_json::from_str(text).map_err(|error| format!("bad JSON: {error}"))?;
    let object = match value {
        Value::Object(object) => object,
        value => return Ok((url(&value)?, None, None)),
    };
    let usual = wanted.url.first().map_or("", String::as_str);
    let url = url(first(&object, &wanted.url).ok_or_else(|| format!("no field `{usual}`"))?)?;
    let caption = first(&object, &wanted.caption).and_then(Value::as_str).and_then(caption);
    let mut extra = Extra::new();
    for name in &wanted.extra {
        if let Some(value) = find(&object, name) {
            extra.add(name, value.clone());
        }
    }
    Ok((url, caption, extra.finish()))
}

fn url(value: &Value) -> Result<String, String> {
    match value {
        Value::String(url) if url.trim().is_empty() => Err("the URL is blank".into()),
        Value::String(url) => Ok(url.trim().to_owned()),
        _ => Err("the URL is not a string".into()),
    }
}

fn first<'a>(object: &'a Map<String, Value>, names: &[String]) -> Option<&'a Value> {
    names.iter().find_map(|name| find(object, name))
}

fn find<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.get(name).or_else(|| object.values().nth(position(object.keys(), name)?))
}
