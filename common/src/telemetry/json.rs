//! A log line as one JSON object: when, how bad, what, and the fields that the line has, as they are named in the code. The run
//! and the worker of the process stand in every line, so that a collector can put those of one run together.

use std::fmt;
use std::time::SystemTime;

use serde::Serializer;
use serde_json::Value;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::identity;

/// Formats lines.
pub(super) struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields(Vec::new());
        event.record(&mut fields);
        let level = event.metadata().level().as_str();
        let line = line(SystemTime::now(), level, fields.0, identity::known()).map_err(|_| fmt::Error)?;
        writeln!(writer, "{line}")
    }
}

/// One object. What the line says itself counts before what is known of the process.
fn line<'a>(
    at: SystemTime,
    level: &str,
    mut fields: Vec<(&'a str, Value)>,
    known: impl Iterator<Item = (&'a str, &'a str)>,
) -> serde_json::Result<String> {
    let message = fields.iter().position(|(name, _)| *name == "message").map(|place| fields.remove(place).1);
    let at = humantime::format_rfc3339_micros(at).to_string();
    let mut all = vec![
        ("timestamp", Value::from(at)),
        ("level", level.into()),
        ("message", message.unwrap_or_else(|| "".into())),
    ];
    let known: Vec<_> = known.filter(|(name, _)| fields.iter().all(|(own, _)| own != name)).collect();
    all.extend(known.into_iter().map(|(name, value)| (name, Value::from(value))));
    all.append(&mut fields);
    let mut line = Vec::with_capacity(256);
    serde_json::Serializer::new(&mut line).collect_map(all)?;
    // serde_json writes nothing but UTF-8.
    Ok(String::from_utf8(line).unwrap_or_default())
}

struct Fields(Vec<(&'static str, Value)>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.push((field.name(), format!("{value:?}").into()));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.push((field.name(), value.into()));
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.push((field.name(), value.into()));
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.push((field.name(), value.into()));
    }

    fn record_u128(&mut self, field: &Field, value: u128) {
        self.0.push((field.name(), u64::try_from(value).unwrap_or(u64::MAX).into()));
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.0.push((field.name(), value.into()));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_line_is_one_object_with_what_is_known_of_the_process() {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(1_500);
        let fields =
            vec![("batch", 7.into()), ("message", "an image\nis done".into()), ("image.url", "http://a/\"".into())];
        let written = line(at, "DEBUG", fields, [("run", "r"), ("worker", "w")].into_iter()).expect("json");
        assert_eq!(
            written,
            r#"{"timestamp":"1970-01-01T00:00:01.500000Z","level":"DEBUG","message":"an image\nis done","run":"r","worker":"w","batch":7,"image.url":"http://a/\""}"#
        );
    }

    #[test]
    fn a_lines_own_run_is_told_and_only_once() {
        let written = line(SystemTime::UNIX_EPOCH, "INFO", vec![("run", "own".into())], [("run", "r")].into_iter());
        assert!(written.expect("json").ends_with(r#""message":"","run":"own"}"#));
    }
}
