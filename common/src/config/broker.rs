//! Addresses of brokers. They may hold a password, which nothing here ever shows.

use std::convert::Infallible;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use lapin::uri::AMQPUri;
use url::{Host, Url};

/// What was typed where an address is expected. It is looked at later than by the command line's parser, because that one
/// shows a value that is wrong, and this one may hold a password.
#[derive(Clone, PartialEq, Eq)]
pub struct Typed(String);

impl FromStr for Typed {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Debug for Typed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Typed(..)")
    }
}

/// The addresses in one value: a comma that begins an address ends the one before. Other commas are the address's own.
pub fn split_addresses(value: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(value);
    std::iter::from_fn(move || {
        let value = rest?;
        let begins = |(at, _): &(usize, &str)| {
            let next = value[at + 1..].trim_start();
            next.starts_with("amqp://") || next.starts_with("amqps://")
        };
        let address = if let Some((comma, _)) = value.match_indices(',').find(begins) {
            rest = Some(&value[comma + 1..]);
            &value[..comma]
        } else {
            rest = None;
            value
        };
        Some(address.trim())
    })
}

/// Something that is no address of a broker. Its text is not repeated: a password may be in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "what --broker (WARREN_BROKER) says is no broker address; write amqp://user:password@host:5672/%2f, and several with \
     commas between them"
)]
pub struct BadAddress;

/// A broker's address. Its password is never printed: [`fmt::Display`] and [`fmt::Debug`] leave it out.
#[derive(Clone, PartialEq, Eq)]
pub struct BrokerUri(Arc<AMQPUri>);

impl BrokerUri {
    /// Missed heartbeats are noticed after twice this; RabbitMQ's own default of 60 s would hide a dead link for minutes.
    const HEARTBEAT_SECONDS: u16 = 10;

    /// The longest frame (AMQP 0-9-1, 4.2.3), in bytes. Longer messages are several frames, as many as it takes; but lapin keeps
    /// two buffers of 32 frames for each connection, all of them in memory: 8 MiB of RabbitMQ's own 128 KiB. The properties of a
    /// message are one frame, however long; ours have at most some 4 KiB.
    const FRAME_MAX: u32 = 16 << 10;

    /// The address for lapin, with a heartbeat and a longest frame unless the user chose them.
    #[must_use]
    pub fn for_connecting(&self) -> AMQPUri {
        let mut uri = AMQPUri::clone(&self.0);
        uri.query.heartbeat.get_or_insert(Self::HEARTBEAT_SECONDS);
        uri.query.frame_max.get_or_insert(Self::FRAME_MAX);
        uri
    }

    /// The same address with another password.
    #[must_use]
    pub fn with_password(&self, password: &str) -> Self {
        let mut uri = AMQPUri::clone(&self.0);
        password.clone_into(&mut uri.authority.userinfo.password);
        Self(Arc::new(uri))
    }

    /// Whether it asks for TLS.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        self.0.scheme == lapin::uri::AMQPScheme::AMQPS
    }
}

impl FromStr for BrokerUri {
    type Err = BadAddress;

    fn from_str(text: &str) -> Result<Self, BadAddress> {
        // The parser's own message may repeat the address, and with it the password.
        let mut uri: AMQPUri = text.parse().map_err(|_| BadAddress)?;
        // It takes an IPv6 address for none at all, and would connect to localhost.
        let url = Url::parse(text).map_err(|_| BadAddress)?;
        if url.path().contains(',') {
            // What follows was to be another address; in the name of a virtual host a comma is written %2C.
            return Err(BadAddress);
        }
        if let Some(Host::Ipv6(address)) = url.host() {
            uri.authority.host = address.to_string();
        }
        Ok(Self(Arc::new(uri)))
    }
}

impl fmt::Display for BrokerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authority = &self.0.authority;
        let host = &authority.host;
        let (before, after) = if host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{}://{}@{before}{host}{after}", self.0.scheme, authority.userinfo.username)?;
        let virtual_host = if self.0.vhost == "/" { "%2f" } else { &self.0.vhost };
        write!(f, ":{}/{virtual_host}", authority.port)
    }
}

impl fmt::Debug for BrokerUri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BrokerUri({self})")
    }
}

/// The addresses of one broker's nodes, at least one, in the order in which they are tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrokerUris(Arc<[BrokerUri]>);

impl BrokerUris {
    /// Reads what was typed: values of one or more addresses.
    pub fn read(typed: &[Typed]) -> Result<Self, BadAddress> {
        let addresses = typed.iter().flat_map(|Typed(value)| split_addresses(value));
        let uris: Vec<BrokerUri> = addresses.map(str::parse).collect::<Result<_, _>>()?;
        if uris.is_empty() { Err(BadAddress) } else { Ok(Self(uris.into())) }
    }

    /// All of them with another password.
    #[must_use]
    pub fn with_password(&self, password: &str) -> Self {
        Self(self.0.iter().map(|uri| uri.with_password(password)).collect())
    }

    /// All of them, in order.
    #[must_use]
    pub fn as_slice(&self) -> &[BrokerUri] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str) -> BrokerUri {
        text.parse().expect("a valid address")
    }

    fn read(values: &[&str]) -> Result<Vec<String>, BadAddress> {
        let typed: Vec<Typed> = values.iter().map(|value| Typed((*value).to_owned())).collect();
        BrokerUris::read(&typed).map(|uris| uris.as_slice().iter().map(ToString::to_string).collect())
    }

    #[test]
    fn a_password_is_never_shown() {
        let uri = uri("amqp://crawler:s3cret@rabbit.example:5673/%2f");
        assert_eq!(uri.to_string(), "amqp://crawler@rabbit.example:5673/%2f");
        assert!(!format!("{uri:?}").contains("s3cret"));
        assert!(!format!("{:?}", Typed("amqp://u:s3cret@h".to_owned())).contains("s3cret"));
        assert!(!read(&["http://u:s3cret@h"]).expect_err("refused").to_string().contains("s3cret"));
    }

    #[test]
    fn a_heartbeat_and_a_longest_frame_are_added_unless_the_user_chose_them() {
        let query = |address| uri(address).for_connecting().query;
        let ours = query("amqp://localhost/%2f");
        assert_eq!((ours.heartbeat, ours.frame_max), (Some(10), Some(16_384)));
        let theirs = query("amqp://localhost/%2f?heartbeat=30&frame_max=8192");
        assert_eq!((theirs.heartbeat, theirs.frame_max), (Some(30), Some(8192)));
    }

    #[test]
    fn a_password_from_elsewhere_replaces_the_addresses_own() {
        let other = uri("amqp://u:old@h/%2f").with_password("new:@/");
        assert_eq!(other.for_connecting().authority.userinfo.password, "new:@/");
    }

    #[test]
    fn several_addresses_stand_in_one_value_or_in_several() {
        let expected = Ok(vec!["amqp://u@a:5672/%2f".to_owned(), "amqps://u@b:5671/%2f".to_owned()]);
        assert_eq!(read(&["amqp://u:p@a/%2f,amqps://u:p@b/%2f"]), expected);
        assert_eq!(read(&["amqp://u:p@a/%2f , amqps://u:p@b/%2f"]), expected);
        assert_eq!(read(&["amqp://u:p@a/%2f", "amqps://u:p@b/%2f"]), expected);
        for wrong in [&[][..], &[""], &["amqp://a/%2f,"], &["amqp://a/%2f,http://b"], &["localhost"]] {
            assert_eq!(read(wrong), Err(BadAddress), "{wrong:?}");
        }
    }

    #[test]
    fn a_comma_in_a_password_is_no_end() {
        let parts: Vec<&str> = split_addresses("amqp://u:a,b@a,amqp://u:c,,d@b").collect();
        assert_eq!(parts, ["amqp://u:a,b@a", "amqp://u:c,,d@b"]);
    }

    /// Regression: the parser that lapin uses takes an IPv6 address for localhost.
    #[test]
    fn an_ipv6_address_is_one() {
        let uri = uri("amqp://u:p@[2001:db8::1]:5673/%2f");
        assert_eq!(uri.for_connecting().authority.host, "2001:db8::1");
        assert_eq!(uri.to_string(), "amqp://u@[2001:db8::1]:5673/%2f");
    }
}
