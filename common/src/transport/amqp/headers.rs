//! The headers of a message: those that RabbitMQ itself adds (how often it was delivered, why it is dead), and those by which its
//! images are followed. Publishers can forge all of them, so a value of another shape counts as absent and nothing is taken
//! at face value that matters for safety.

use std::time::{Duration, SystemTime};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use crate::telemetry::Places;
use crate::transport::{Along, Death};

/// Of quorum queues: how often the message was delivered before, without being settled for good.
const DELIVERY_COUNT: &str = "x-delivery-count";

/// Of dead letters: one table for each queue and reason, the latest first.
const DEATHS: &str = "x-death";

/// Where the first of its images that are followed hangs: for tools that know one context a message (W3C Trace Context).
const TRACEPARENT: &str = "traceparent";

/// Where each of its images hangs that is followed: [`Places::text`].
const TRACEPARENTS: &str = "warren-traceparents";

/// When the message was handed to the broker, in microseconds since 1970: AMQP's own `timestamp` knows seconds.
const SENT: &str = "warren-sent";

/// Adds what goes along with a message.
pub(super) fn with(properties: BasicProperties, Along { name, places }: &Along) -> BasicProperties {
    let properties = match name {
        Some(name) => properties.with_message_id(name.as_str().into()),
        None => properties,
    };
    let Some(first) = places.first() else { return properties };
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let mut headers = FieldTable::default();
    headers.insert(TRACEPARENT.into(), AMQPValue::LongString(first.traceparent().into()));
    headers.insert(TRACEPARENTS.into(), AMQPValue::LongString(places.text().into()));
    headers.insert(SENT.into(), AMQPValue::LongLongInt(i64::try_from(now.as_micros()).unwrap_or(i64::MAX)));
    properties.with_headers(headers)
}

/// Where those of its images hang that are followed.
pub(super) fn places(properties: &BasicProperties) -> Places {
    let Some(AMQPValue::LongString(text)) = header(properties, TRACEPARENTS) else { return Places::default() };
    let Ok(text) = std::str::from_utf8(text.as_bytes()) else { return Places::default() };
    let sent = header(properties, SENT).and_then(number);
    let sent = sent.and_then(|micros| SystemTime::UNIX_EPOCH.checked_add(Duration::from_micros(micros)));
    let mut places = Places::read(text);
    places.sent = sent;
    places
}

/// How often the message was delivered before this time; 0 where the queue does not count.
pub(super) fn delivery_count(properties: &BasicProperties) -> u32 {
    let count = header(properties, DELIVERY_COUNT).and_then(number).unwrap_or(0);
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Why and where the message was dead-lettered last.
pub(super) fn death(properties: &BasicProperties) -> Option<Death> {
    let Some(AMQPValue::FieldArray(deaths)) = header(properties, DEATHS) else {
        return None;
    };
    let Some(AMQPValue::FieldTable(latest)) = deaths.as_slice().first() else {
        return None;
    };
    Some(Death {
        reason: text(latest, "reason")?,
        queue: text(latest, "queue")?,
        count: latest.inner().get("count").and_then(number).unwrap_or(1),
        at: latest.inner().get("time").and_then(time),
    })
}

fn header<'p>(properties: &'p BasicProperties, name: &str) -> Option<&'p AMQPValue> {
    properties.headers().as_ref()?.inner().get(name)
}

/// Which of the integer types the broker takes depends on its version.
fn number(value: &AMQPValue) -> Option<u64> {
    match *value {
        AMQPValue::ShortShortInt(number) => number.try_into().ok(),
        AMQPValue::ShortShortUInt(number) => Some(number.into()),
        AMQPValue::ShortInt(number) => number.try_into().ok(),
        AMQPValue::ShortUInt(number) => Some(number.into()),
        AMQPValue::LongInt(number) => number.try_into().ok(),
        AMQPValue::LongUInt(number) => Some(number.into()),
        AMQPValue::LongLongInt(number) => number.try_into().ok(),
        _ => None,
    }
}

fn text(table: &FieldTable, name: &str) -> Option<String> {
    match table.inner().get(name)? {
        AMQPValue::LongString(text) => Some(text.to_string()),
        AMQPValue::ShortString(text) => Some(text.to_string()),
        _ => None,
    }
}

fn time(value: &AMQPValue) -> Option<SystemTime> {
    match *value {
        AMQPValue::Timestamp(seconds) => SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(seconds)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::Place;

    fn table(fields: impl IntoIterator<Item = (&'static str, AMQPValue)>) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in fields {
            table.insert(name.into(), value);
        }
        table
    }

    fn with_header(name: &'static str, value: AMQPValue) -> BasicProperties {
        BasicProperties::default().with_headers(table([(name, value)]))
    }

    #[test]
    fn a_delivery_count_of_any_integer_type_is_read() {
        assert_eq!(delivery_count(&BasicProperties::default()), 0);
        for (value, expected) in [
            (AMQPValue::LongLongInt(3), 3),
            (AMQPValue::ShortShortUInt(3), 3),
            (AMQPValue::LongLongInt(-1), 0),
            (AMQPValue::LongLongInt(i64::MAX), u32::MAX),
            (AMQPValue::Boolean(true), 0),
        ] {
            assert_eq!(delivery_count(&with_header(DELIVERY_COUNT, value.clone())), expected, "{value:?}");
        }
    }

    #[test]
    fn what_goes_along_with_a_message_arrives() {
        let mut sent = Places::default();
        sent.push(5, Place::of(&[1; 16], "image", &[7]));
        let along = Along { name: Some("run/7".to_owned()), places: sent };
        let written = with(BasicProperties::default(), &along);
        assert_eq!(written.message_id().as_ref().map(lapin::types::ShortString::as_str), Some("run/7"));
        assert_eq!(
            header(&written, TRACEPARENT).and_then(AMQPValue::as_long_string).map(ToString::to_string),
            along.places.first().map(Place::traceparent)
        );
        let read = places(&written);
        assert_eq!(read.of(5), along.places.of(5));
        assert!(read.sent_before(SystemTime::now()).is_some());
        assert_eq!(
            with(BasicProperties::default(), &Along::default()).headers(),
            &None,
            "nothing of what is not followed"
        );
    }

    #[test]
    fn places_that_no_producer_writes_are_none() {
        let text = Place::of(&[1; 16], "image", &[7]).traceparent();
        for value in [
            AMQPValue::Void,
            AMQPValue::LongString("".into()),
            AMQPValue::LongString(text.clone().into()),
            AMQPValue::LongString(b"\xff\xfe"[..].into()),
            AMQPValue::LongString(format!("0={text},").into()),
            AMQPValue::LongString("0".repeat(1 << 20).into()),
        ] {
            assert_eq!(places(&with_header(TRACEPARENTS, value.clone())), Places::default(), "{value:?}");
        }
        let forged = table([
            (TRACEPARENTS, AMQPValue::LongString(format!("0={text}").into())),
            (SENT, AMQPValue::LongLongInt(i64::MAX)),
        ]);
        let read = places(&BasicProperties::default().with_headers(forged));
        let now = SystemTime::now();
        assert!(!read.is_empty() && read.sent_before(now).is_none_or(|sent| sent <= now));
    }

    #[test]
    fn the_latest_death_is_told() {
        let entry = |reason: &str| {
            AMQPValue::FieldTable(table([
                ("reason", AMQPValue::LongString(reason.into())),
                ("queue", AMQPValue::LongString("warren.tasks".into())),
                ("count", AMQPValue::LongLongInt(2)),
                ("time", AMQPValue::Timestamp(7)),
            ]))
        };
        let deaths = AMQPValue::FieldArray(vec![entry("delivery_limit"), entry("rejected")].into());
        let expected = Death {
            reason: "delivery_limit".to_owned(),
            queue: "warren.tasks".to_owned(),
            count: 2,
            at: Some(SystemTime::UNIX_EPOCH + Duration::from_secs(7)),
        };
        assert_eq!(death(&with_header(DEATHS, deaths)), Some(expected));
    }

    #[test]
    fn a_forged_death_is_none() {
        let shapes = [
            AMQPValue::Void,
            AMQPValue::FieldArray(Vec::new().into()),
            AMQPValue::FieldArray(vec![AMQPValue::Void].into()),
            AMQPValue::FieldArray(vec![AMQPValue::FieldTable(FieldTable::default())].into()),
        ];
        for shape in shapes {
            assert_eq!(death(&with_header(DEATHS, shape.clone())), None, "{shape:?}");
        }
        assert_eq!(death(&BasicProperties::default()), None);
    }
}
