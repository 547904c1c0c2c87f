//! Values that people type: sizes and durations with their units, and the broker's address.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use lapin::uri::AMQPUri;

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

/// A broker's address. Its password is never printed: [`fmt::Display`] and [`fmt::Debug`] leave it out.
#[derive(Clone)]
pub struct BrokerUri(Arc<AMQPUri>);

impl BrokerUri {
    /// Missed heartbeats are noticed after twice this; RabbitMQ's own default of 60 s would hide a dead link for minutes.
    const HEARTBEAT_SECONDS: u16 = 10;

    /// The address for lapin, with a heartbeat unless the user chose one.
    #[must_use]
    pub fn for_connecting(&self) -> AMQPUri {
        let mut uri = AMQPUri::clone(&self.0);
        uri.query.heartbeat.get_or_insert(Self::HEARTBEAT_SECONDS);
        uri
    }
}

impl FromStr for BrokerUri {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        // The parser's own message may repeat the address, and with it the password.
        text.parse()
            .map(|uri| Self(Arc::new(uri)))
            .map_err(|_| "not a broker address; write amqp://user:password@host:5672/%2f".to_owned())
    }
}

impl fmt::Display for BrokerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.0.authority;
        write!(f, "{}://{}@{}:{}", self.0.scheme, authority.userinfo.username, authority.host, authority.port)?;
        write!(f, "/{}", if self.0.vhost == "/" { "%2f" } else { &self.0.vhost })
    }
}

impl fmt::Debug for BrokerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrokerUri({self})")
    }
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

    #[test]
    fn a_broker_address_never_shows_its_password() {
        let uri: BrokerUri = "amqp://crawler:s3cret@rabbit.example:5673/%2f".parse().expect("a valid address");
        assert_eq!(uri.to_string(), "amqp://crawler@rabbit.example:5673/%2f");
        assert!(!format!("{uri:?}").contains("s3cret"));
        assert!(!"http://u:s3cret@h".parse::<BrokerUri>().expect_err("refused").contains("s3cret"));
    }

    #[test]
    fn a_heartbeat_is_added_unless_the_user_chose_one() {
        let ours: BrokerUri = "amqp://localhost/%2f".parse().expect("a valid address");
        let theirs: BrokerUri = "amqp://localhost/%2f?heartbeat=30".parse().expect("a valid address");
        assert_eq!(ours.for_connecting().query.heartbeat, Some(10));
        assert_eq!(theirs.for_connecting().query.heartbeat, Some(30));
    }
}
