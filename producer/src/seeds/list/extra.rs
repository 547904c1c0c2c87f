//! A row's further columns as one JSON object of bounded size. What does not fit is left out whole and named, so that a
//! row is never lost, and no value is half there.

use serde_json::{Map, Value};

/// The longest object, in bytes, the names of what was left out not counted.
pub const EXTRA_BYTES: usize = 16 * 1024;

/// The longest caption, in bytes; the rest is dropped.
pub const CAPTION_BYTES: usize = 16 * 1024;

/// The most further columns.
pub const EXTRA_COLUMNS: usize = 64;

/// Under this name stand the names of the columns whose values did not fit.
pub const LEFT_OUT: &str = "_left_out";

/// An object that is being written.
pub(super) struct Extra {
    values: Map<String, Value>,
    length: usize,
    left_out: Vec<Value>,
}

impl Extra {
    pub(super) fn new() -> Self {
        Self { values: Map::new(), length: 2, left_out: Vec::new() }
    }

    pub(super) fn add(&mut self, name: &str, value: Value) {
        // Both are plain data and cannot fail to be written; a value that did would not fit.
        let length = |value: &Value| serde_json::to_string(value).map_or(EXTRA_BYTES, |text| text.len());
        // With quotes, colon and comma.
        let more = length(&value) + name.len() + 4;
        if self.length + more > EXTRA_BYTES {
            self.leave_out(name);
        } else {
            self.length += more;
            self.values.insert(name.to_owned(), value);
        }
    }

    /// Names a column without its value.
    pub(super) fn leave_out(&mut self, name: &str) {
        self.left_out.push(name.into());
    }

    /// Its text, unless nothing was added.
    pub(super) fn finish(mut self) -> Option<String> {
        if !self.left_out.is_empty() {
            self.values.insert(LEFT_OUT.to_owned(), Value::Array(self.left_out));
        }
        (!self.values.is_empty()).then(|| Value::Object(self.values).to_string())
    }
}

/// A caption as it is kept: trimmed and cut, nothing if it is blank.
pub(super) fn caption(text: &str) -> Option<String> {
    let text = super::at_most(text.trim(), CAPTION_BYTES).trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_left_out_and_named() {
        for (length, fits) in [(EXTRA_BYTES - 9, true), (EXTRA_BYTES - 8, true), (EXTRA_BYTES - 7, false)] {
            let mut extra = Extra::new();
            // {"a":"…",}
            extra.add("a", Value::String("x".repeat(length - 1)));
            extra.add("b", Value::Null);
            let text = extra.finish().expect("an object");
            let object: Map<String, Value> = serde_json::from_str(&text).expect("JSON");
            assert_eq!(object.contains_key("a"), fits, "{length}");
            assert_eq!(object.contains_key(LEFT_OUT), !fits || length > EXTRA_BYTES - 16, "{length}");
            assert!(text.len() < EXTRA_BYTES + 100);
        }
        assert_eq!(Extra::new().finish(), None);
    }

    #[test]
    fn a_caption_is_trimmed_and_cut() {
        assert_eq!(caption(" a cat \n"), Some("a cat".to_owned()));
        assert_eq!(caption(" \t"), None);
        assert_eq!(caption(&"é".repeat(CAPTION_BYTES)).map(|text| text.len()), Some(CAPTION_BYTES));
    }
}
