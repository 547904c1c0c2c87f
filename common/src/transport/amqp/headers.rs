//! Reads the headers that RabbitMQ itself adds to a message: how often it was delivered, and why it is dead. Publishers
//! can forge them, so a value of another shape counts as absent and nothing is taken at face value that matters for
//! safety.

use std::time::{Duration, SystemTime};

use lapin::BasicProperties;
use lapin::types::{AMQPValue, FieldTable};

use crate::transport::Death;

/// Of quorum queues: how often the message was delivered before, without being settled for good.
const DELIVERY_COUNT: &str = "x-delivery-count";

/// Of dead letters: one table for each queue and reason, the latest first.
const DEATHS: &str = "x-death";

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

    fn table(fields: impl IntoIterator<Item = (&'static str, AMQPValue)>) -> FieldTable {
        let mut table = FieldTable::default();
        for (name, value) in fields {
            table.insert(name.into(), value);
        }
        table
    }

    fn with(name: &'static str, value: AMQPValue) -> BasicProperties {
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
            assert_eq!(delivery_count(&with(DELIVERY_COUNT, value.clone())), expected, "{value:?}");
        }
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
        assert_eq!(death(&with(DEATHS, deaths)), Some(expected));
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
            assert_eq!(death(&with(DEATHS, shape.clone())), None, "{shape:?}");
        }
        assert_eq!(death(&BasicProperties::default()), None);
    }
}
