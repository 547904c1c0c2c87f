//! From what was typed about the network to what clients are made with: checked, and read, in one place for both programs.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use ipnet::IpNet;

use super::config::{ConfigError, HttpConfig, Proxy};
use super::guard::Guard;
use super::resolver::{DNS_PORT, Resolver};
use crate::cli::NetworkOptions;

/// What a program's clients have in common: whom they may ask, and how. Cheap to clone; clones share the resolver's cache.
#[derive(Debug, Clone)]
pub struct Network {
    /// Which addresses may be asked.
    pub guard: Guard,
    /// Who looks names up.
    pub resolver: Resolver,
    /// What is sent along, and ways to connect.
    pub config: Arc<HttpConfig>,
}

/// An option of the network that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// No network.
    #[error("--allow-net takes networks such as 10.0.0.0/8 or fd00::/8, not {0:?}")]
    Net(String),
    /// No address.
    #[error("--resolver takes addresses of name servers, such as 192.0.2.53 or [2001:db8::53]:5353, not {0:?}")]
    Resolver(String),
    /// No proxy.
    #[error("--proxy: {0}")]
    Proxy(&'static str),
    /// A secret that everybody on the machine can read.
    #[error(
        "--proxy takes no user and password: other users see command lines; hint: put the address into a file, as `proxy` in \
         a [[connect]] table for \"*\", and give that by --http-config"
    )]
    ProxySecret,
    /// Something in the file.
    #[error("--http-config")]
    Config(#[from] ConfigError),
}

impl Network {
    /// Reads what was typed, and the files that it names.
    pub fn new(options: &NetworkOptions, allow_private: bool) -> Result<Self, NetworkError> {
        let nets = given(&options.allow_net).map(|text| net(text).ok_or_else(|| NetworkError::Net(text.to_owned())));
        let nets = nets.collect::<Result<Vec<_>, _>>()?;
        let servers =
            given(&options.resolver).map(|text| server(text).ok_or_else(|| NetworkError::Resolver(text.to_owned())));
        let servers = servers.collect::<Result<Vec<_>, _>>()?;
        let proxy =
            given(&options.proxy).next().map(|text| Proxy::parse(text).map_err(NetworkError::Proxy)).transpose()?;
        if proxy.as_ref().is_some_and(Proxy::has_credentials) {
            return Err(NetworkError::ProxySecret);
        }
        Ok(Self {
            guard: Guard::new(allow_private, &nets),
            config: Arc::new(HttpConfig::read(options.http_config.as_deref(), proxy)?),
            resolver: Resolver::new(&servers),
        })
    }
}

/// What is there: an environment variable may be set to nothing.
fn given<'a>(values: impl IntoIterator<Item = &'a String>) -> impl Iterator<Item = &'a str> {
    values.into_iter().map(|value| value.trim()).filter(|value| !value.is_empty())
}

/// A network, or an address as the network that it is alone. One of mapped addresses is that of the IPv4 addresses in them, as
/// which the guard sees them.
fn net(text: &str) -> Option<IpNet> {
    let net: Option<IpNet> = text.parse().ok().or_else(|| text.parse::<IpAddr>().ok().map(IpNet::from));
    let net = net?.trunc();
    match (net.addr().to_canonical(), net.prefix_len().checked_sub(96)) {
        (IpAddr::V4(ip), Some(length)) => IpNet::new(ip.into(), length).ok(),
        _ => Some(net),
    }
}

fn server(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    text.parse().ok().or_else(|| Some((bare.parse::<IpAddr>().ok()?, DNS_PORT).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> NetworkOptions {
        NetworkOptions { allow_net: Vec::new(), resolver: Vec::new(), http_config: None, proxy: None }
    }

    #[test]
    fn what_is_no_network_no_server_or_no_proxy_is_refused_and_no_password_told() {
        let with = |change: fn(&mut NetworkOptions)| {
            let mut options = options();
            change(&mut options);
            Network::new(&options, false).map(|network| network.guard)
        };
        let guard = with(|options| options.allow_net = vec!["10.1.2.3/8".into(), String::new(), " ::1 ".into()]);
        let guard = guard.expect("networks");
        assert!(["10.9.9.9", "::1"].iter().all(|ip| guard.check_ip(ip.parse().expect("an address")).is_ok()));
        assert!(guard.check_ip("127.0.0.1".parse().expect("an address")).is_err());
        for bad in ["10.0.0.0/33", "10.0.0", "intern.example", "*"] {
            assert!(net(bad).is_none(), "{bad}");
        }
        for (mapped, plain) in [
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:10.1.2.3", "10.1.2.3/32"),
            ("::ffff:0:0/96", "0.0.0.0/0"),
            ("fd00::/8", "fd00::/8"),
            ("::/0", "::/0"),
        ] {
            assert_eq!(net(mapped), plain.parse().ok(), "{mapped}");
        }
        assert_eq!(server("[::1]:5353"), "[::1]:5353".parse().ok());
        assert_eq!(server("127.0.0.1"), "127.0.0.1:53".parse().ok());
        assert_eq!((server("::1"), server("[::1]")), ("[::1]:53".parse().ok(), "[::1]:53".parse().ok()));
        assert_eq!((server("dns.example"), server("127.0.0.1:x")), (None, None));
        assert!(matches!(with(|options| options.resolver = vec!["x".into()]), Err(NetworkError::Resolver(_))));
        let secret =
            with(|options| options.proxy = Some("http://me:s3cret@proxy.example:3128".into())).expect_err("a secret");
        assert!(matches!(secret, NetworkError::ProxySecret) && !secret.to_string().contains("s3cret"));
        let nonsense =
            with(|options| options.proxy = Some("ftp://me:s3cret@proxy.example".into())).expect_err("no proxy");
        assert!(!nonsense.to_string().contains("s3cret"), "{nonsense}");
    }
}
