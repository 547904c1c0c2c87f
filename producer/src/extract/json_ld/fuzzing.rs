//! How `serde_json` reads a text, to hold the tolerant reader against it, in tests and under the fuzzer.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

use super::Limits;
use super::tolerant::{self, Value};

/// Panics if `text` is a list or an object in JSON and the tolerant reader finds something else in it. A string all by itself is
/// none: around lists and objects there are no strings for it, but prose and programs.
pub(in crate::extract) fn agrees_with_serde(text: &str) {
    let limits = Limits { values: usize::MAX, depth: 200 };
    let read = tolerant::read(text, &limits);
    match serde_json::from_str(text) {
        Ok(Strict(Some(Value::Text(_)))) | Err(_) => {}
        Ok(Strict(strict)) => assert_eq!(read, Vec::from_iter(strict), "{text}"),
    }
}

/// A value of strict JSON, or none for a number and such.
struct Strict(Option<Value>);

impl<'de> Deserialize<'de> for Strict {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(Strictly).map(Self)
    }
}

struct Strictly;

impl<'de> Visitor<'de> for Strictly {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
        Ok(Some(Value::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(Strict(item)) = items.next_element()? {
            list.extend(item);
        }
        Ok(Some(Value::List(list)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some((name, Strict(value))) = entries.next_entry::<String, Strict>()? {
            fields.extend(value.map(|value| (name, value)));
        }
        Ok(Some(Value::Object(fields)))
    }
}
