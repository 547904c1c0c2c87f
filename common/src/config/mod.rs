//! Values that people type: sizes and durations with their units, dimensions of pictures, and the brokers' addresses.

mod broker;
mod dimensions;

use std::str::FromStr;
use std::time::Duration;

pub use broker::{BadAddress, BrokerUri, BrokerUris, Typed, split_addresses};
pub use dimensions::Dimensions;

/// Parses `30s`, `5m`, `1h 30m`; a bare `0` is no time at all.
///
/// # Errors
/// Says what was expected, for a person at a terminal.
pub fn duration(text: &str) -> Result<Duration, String> {
    if text.trim() == "0" {
        return Ok(Duration::ZERO);
    }
    humantime::parse_duration(text).map_err(|error| format!("{error}; write a number and a unit, such as 30s or 5m"))
}

/// Parses `64MiB`, `200kB`, `512`: bytes, with decimal or binary units.
///
/// # Errors
/// Says what was expected, for a person at a terminal.
pub fn size(text: &str) -> Result<u64, String> {
    bytesize::ByteSize::from_str(text)
        .map(|size| size.as_u64())
        .map_err(|error| format!("{error}; write a number and a unit, such as 64MiB or 200kB"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_need_a_unit() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("0"), Ok(Duration::ZERO));
        assert!(duration("90").expect_err("refused").contains("30s"));
    }

    #[test]
    fn sizes_know_binary_and_decimal_units() {
        assert_eq!(size("64MiB"), Ok(64 << 20));
        assert_eq!(size("200kB"), Ok(200_000));
        assert_eq!(size("512"), Ok(512));
        assert!(size("a lot").expect_err("refused").contains("64MiB"));
    }
}
