//! A row's further columns as one JSON object of bounded size. What does not fit is left out whole and named, so that a
//! row is never lost, and no value is half there.

use common::context::Context;
use serde::Serialize;
use serde_json::{Map, Value};

/// The longest object, in bytes, the names of what was left out and all else counted: a task takes no longer one.
pub const EXTRA_BYTES: usize = Context::MAX_TEXT;

/// The longest caption, in bytes; the rest is dropped.
pub const CAPTION_BYTES: usize = 16 * 1024;

/// The most further columns.
pub const EXTRA_COLUMNS: usize = 64;

/// Under this name stand the names of the columns whose values did not fit.
pub const LEFT_OUT: &str = "_left_out";

/// An object that is being written.
pub(super) struct Extra {
    /// With the bytes that each takes, its comma among them.
    values: Vec<(String, Value, usize)>,
    /// Of the values and the braces, in bytes; the last comma is none.
    length: usize,
    left_out: Vec<String>,
    /// Of the names of what was left out, in bytes.
    names: usize,
}

impl Extra {
    pub(super) fn new() -> Self {
        Self { values: Vec::new(), length: "{}".len() - ",".len(), left_out: Vec::new(), names: 0 }
    }

    pub(super) fn add(&mut self, name: &str, value: Value) {
        let length = length(name) + length(&value) + ":,".len();
        if self.length + length > EXTRA_BYTES {
            self.leave_out(name);
        } else {
            self.length += length;
            self.values.push((name.to_owned(), value, length));
        }
    }

    /// Names a column without its value.
    pub(super) fn leave_out(&mut self, name: &str) {
        if self.left_out.is_empty() {
            self.names = length(LEFT_OUT) + ":[],".len() - ",".len();
        }
        self.names += length(name) + ",".len();
        self.left_out.push(name.to_owned());
    }

    /// Its text, unless nothing was added.
    pub(super) fn finish(mut self) -> Option<String> {
        while self.length + self.names > EXTRA_BYTES {
            // The names need room: the last value makes some. What not even the names have room for is not told.
            if let Some((name, _, length)) = self.values.pop() {
                self.length -= length;
                self.leave_out(&name);
            } else if let Some(name) = self.left_out.pop() {
                self.names -= length(&name) + ",".len();
            }
        }
        let mut object: Map<String, Value> = self.values.into_iter().map(|(name, value, _)| (name, value)).collect();
        if !self.left_out.is_empty() {
            object.insert(LEFT_OUT.to_owned(), self.left_out.into());
        }
        (!object.is_empty()).then(|| Value::Object(object).to_string())
    }
}

/// Of a name or a value in the object, in bytes.
fn length(of: &(impl Serialize + ?Sized)) -> usize {
    // Both are plain data and cannot fail to be written; what did would not fit.
    serde_json::to_string(of).map_or(EXTRA_BYTES, |text| text.len())
}

/// A caption as it is kept: trimmed and cut, nothing if it is blank.
pub(super) fn caption(text: &str) -> Option<String> {
    let text = super::at_most(text.trim(), CAPTION_BYTES).trim_end();
    (!text.is_empty()).then(|| text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the text has, and what it names as left out.
    fn read(text: &str) -> (Vec<String>, Vec<String>) {
        assert!(text.len() <= EXTRA_BYTES, "{} bytes", text.len());
        let mut object: Map<String, Value> = serde_json::from_str(text).expect("JSON");
        let left_out =
            object.remove(LEFT_OUT).map_or_else(Vec::new, |names| serde_json::from_value(names).expect("names"));
        (object.into_iter().map(|(name, _)| name).collect(), left_out)
    }

    #[test]
    fn an_object_is_as_long_as_it_may_be_and_no_longer() {
        // {"a":"…"}
        for (length, fits) in [(EXTRA_BYTES - 1, true), (EXTRA_BYTES, true), (EXTRA_BYTES + 1, false)] {
            let mut extra = Extra::new();
            extra.add("a", "x".repeat(length - 8).into());
            let text = extra.finish().expect("an object");
            assert_eq!((text.len() == length, read(&text).0.len()), (fits, usize::from(fits)), "{length}");
            assert_eq!(read(&text).1, if fits { vec![] } else { vec!["a"] });
        }
        assert_eq!(Extra::new().finish(), None);
    }

    #[test]
    fn names_of_what_was_left_out_have_room() {
        // {"a":"…","_left_out":["é"]}
        for (length, fits) in [(EXTRA_BYTES - 1, true), (EXTRA_BYTES, true), (EXTRA_BYTES + 1, false)] {
            let mut extra = Extra::new();
            extra.add("a", "x".repeat(length - 27).into());
            extra.add("é", "x".repeat(EXTRA_BYTES).into());
            let text = extra.finish().expect("an object");
            let (has, left_out) = read(&text);
            assert_eq!((text.len() == length, has.len(), left_out.len()), (fits, usize::from(fits), 2 - has.len()));
        }
    }

    /// A name of 256 bytes, as many as one may have, takes six times that where it is made of control characters.
    #[test]
    fn no_names_make_it_longer() {
        for name in ["n", "\u{1}"] {
            let mut extra = Extra::new();
            extra.add("first", "small".into());
            for number in 0..EXTRA_COLUMNS {
                extra.leave_out(&format!("{number:02}{}", name.repeat(254)));
            }
            let (has, left_out) = read(&extra.finish().expect("an object"));
            assert!(has.is_empty() && (10..EXTRA_COLUMNS).contains(&left_out.len()), "{has:?} {}", left_out.len());
        }
    }

    #[test]
    fn a_caption_is_trimmed_and_cut() {
        assert_eq!(caption(" a cat \n"), Some("a cat".to_owned()));
        assert_eq!(caption(" \t"), None);
        assert_eq!(caption(&"é".repeat(CAPTION_BYTES)).map(|text| text.len()), Some(CAPTION_BYTES));
    }
}
