//! Which `Host` a request may name. A page of a stranger can have a browser ask whatever a name of the stranger's leads to, which
//! may be the address that we listen on (DNS rebinding). Such a request names the stranger's host, and is answered with nothing.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr;

use axum::http::uri::Authority;

/// The port of a `Host` that names none.
const HTTP: u16 = 80;

/// A name that a reverse proxy, or people's DNS, has for the dashboard: a host, and a port unless it is the scheme's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnName(Authority);

impl FromStr for OwnName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let refused = || format!("{text:?} is no host; write a name as browsers send it, such as warren.example.org");
        let authority: Authority = text.trim().parse().map_err(|_| refused())?;
        if authority.as_str().contains('@') || authority.host().is_empty() {
            Err(refused())
        } else {
            Ok(Self(authority))
        }
    }
}

/// The hosts by which we may be asked.
#[derive(Debug, Clone)]
pub(super) struct Hosts {
    at: SocketAddr,
    names: Vec<OwnName>,
}

impl Hosts {
    /// Those of an address that is listened on, and further names.
    pub(super) fn new(at: SocketAddr, names: Vec<OwnName>) -> Self {
        Self { at, names }
    }

    /// Whether a `Host` means us. An address cannot be anybody else's, where we listen on all: it is where the request went.
    pub(super) fn are_meant_by(&self, host: &str) -> bool {
        let Ok(host) = host.parse::<Authority>() else { return false };
        if host.as_str().contains('@') {
            return false;
        }
        let port = if host.as_str().len() == host.host().len() { Some(HTTP) } else { host.port_u16() };
        let is_everywhere = self.at.ip().is_unspecified();
        let is_ours = match host.host().trim_matches(['[', ']']).parse::<IpAddr>() {
            Ok(ip) => is_everywhere || ip == self.at.ip() || (ip.is_loopback() && self.at.ip().is_loopback()),
            Err(_) => host.host().eq_ignore_ascii_case("localhost") && (is_everywhere || self.at.ip().is_loopback()),
        };
        (is_ours && port == Some(self.at.port()))
            || self.names.iter().any(|name| name.0.as_str().eq_ignore_ascii_case(host.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hosts(at: &str, names: &[&str]) -> Hosts {
        let names = names.iter().map(|name| name.parse().expect("a name")).collect();
        Hosts::new(at.parse().expect("an address"), names)
    }

    #[test]
    fn only_our_own_hosts_mean_us() {
        let everywhere = hosts("0.0.0.0:8080", &[]);
        let loopback = hosts("127.0.0.1:8080", &[]);
        let six = hosts("[::1]:8080", &[]);
        let one = hosts("10.1.2.3:8080", &["warren.example.org", "warren.example.org:8443"]);
        let usual = hosts("127.0.0.1:80", &[]);
        for (hosts, host, expected) in [
            (&loopback, "127.0.0.1:8080", true),
            (&loopback, "localhost:8080", true),
            (&loopback, "LOCALHOST:8080", true),
            (&loopback, "[::1]:8080", true),
            (&six, "[::1]:8080", true),
            (&loopback, "127.0.0.1", false),
            (&loopback, "127.0.0.1:8081", false),
            (&loopback, "127.0.0.1:", false),
            (&loopback, "localhost:08080x", false),
            (&loopback, "localhost.:8080", false),
            (&loopback, "evil.example:8080", false),
            (&loopback, "evil.example", false),
            (&loopback, "127.0.0.1.evil.example:8080", false),
            (&loopback, "evil@127.0.0.1:8080", false),
            (&loopback, "10.1.2.3:8080", false),
            (&loopback, "", false),
            (&loopback, "a b", false),
            (&usual, "127.0.0.1", true),
            (&usual, "localhost:80", true),
            (&everywhere, "192.168.1.7:8080", true),
            (&everywhere, "localhost:8080", true),
            (&everywhere, "evil.example:8080", false),
            (&one, "10.1.2.3:8080", true),
            (&one, "10.1.2.4:8080", false),
            (&one, "localhost:8080", false),
            (&one, "127.0.0.1:8080", false),
            (&one, "warren.example.org", true),
            (&one, "Warren.Example.org", true),
            (&one, "warren.example.org:8443", true),
            (&one, "warren.example.org:8080", false),
            (&one, "x.warren.example.org", false),
        ] {
            assert_eq!(hosts.are_meant_by(host), expected, "{host:?} at {}", hosts.at);
        }
    }

    #[test]
    fn a_name_is_a_host_and_nothing_else() {
        for good in ["warren.example.org", "warren:8443", "[2001:db8::1]:80"] {
            assert!(good.parse::<OwnName>().is_ok(), "{good}");
        }
        for bad in ["", "http://warren/", "warren/path", "user@warren", "a b", "*"] {
            let parsed = bad.parse::<OwnName>();
            assert!(parsed.is_err() || bad == "*", "{bad}: {parsed:?}");
        }
    }
}
