//! Which name servers are asked, and how: by `/etc/resolv.conf`, or those that the user names.

use std::fs;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::parse_resolv_conf;

/// Longest wait for an answer, and further tries after the first: together less than a look-up may take.
const TIMEOUT: Duration = Duration::from_millis(2500);
const FURTHER_TRIES: usize = 2;

/// Answers that are kept, at most: of two families for each of so many hosts; some 16 MB.
const CACHED: u64 = 2 * 8192;

/// Longest time that an answer is kept, whatever it says; for the absence of a name an hour (RFC 2308, 5, advises one to three).
const LONGEST_KEPT: Duration = Duration::from_hours(24);
const LONGEST_ABSENT: Duration = Duration::from_hours(1);

/// The port of name servers.
pub(in crate::http) const DNS_PORT: u16 = 53;

/// Name servers, and the domains that a single word is tried in.
pub(super) struct Configured {
    /// None if the system's configuration is beyond use.
    pub(super) servers: Option<TokioResolver>,
    pub(super) search: Vec<Name>,
}

/// As the system says; where it says nothing, a name server on this machine (resolv.conf(5)).
pub(super) fn configured() -> Configured {
    match fs::read("/etc/resolv.conf").map_err(NetError::from).and_then(|text| parse(&text)) {
        Ok((config, options)) => {
            let search = config.search().to_vec();
            let (.., servers) = config.into_parts();
            Configured { servers: resolver(servers, options), search }
        }
        Err(error) => {
            tracing::warn!(error = %error, "/etc/resolv.conf names no name servers; this machine is asked");
            asking(&[(IpAddr::from(Ipv4Addr::LOCALHOST), DNS_PORT).into()])
        }
    }
}

/// Reads the file. To the library all of it is spoiled by one search domain that is no name; the name servers count even so.
fn parse(text: &[u8]) -> Result<(ResolverConfig, ResolverOpts), NetError> {
    parse_resolv_conf(text).or_else(|error| {
        let is_of_domains = |line: &&[u8]| [&b"search"[..], b"domain"].iter().any(|word| line.starts_with(word));
        let lines = text.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii_start);
        let rest: Vec<&[u8]> = lines.filter(|line| !is_of_domains(line)).collect();
        let parsed = parse_resolv_conf(rest.join(&b'\n'))?;
        tracing::warn!(error = %error, "the search domains of /etc/resolv.conf are left out");
        Ok(parsed)
    })
}

/// These servers and no others, without search domains.
pub(super) fn asking(servers: &[SocketAddr]) -> Configured {
    let servers = servers.iter().map(|server| {
        let connections = [ConnectionConfig::udp(), ConnectionConfig::tcp()].map(|mut connection| {
            connection.port = server.port();
            connection
        });
        NameServerConfig::new(server.ip(), true, connections.into())
    });
    Configured { servers: resolver(servers.collect(), ResolverOpts::default()), search: Vec::new() }
}

fn resolver(servers: Vec<NameServerConfig>, mut options: ResolverOpts) -> Option<TokioResolver> {
    options.timeout = options.timeout.clamp(Duration::from_millis(100), TIMEOUT);
    options.attempts = options.attempts.min(FURTHER_TRIES);
    options.cache_size = CACHED;
    options.positive_max_ttl = Some(LONGEST_KEPT);
    options.negative_max_ttl = Some(LONGEST_ABSENT);
    // Looked into before: see `super::hosts`.
    options.use_hosts_file = ResolveHosts::Never;
    // Long answers come over one TCP connection; how many are asked for at once is bounded by us.
    options.max_active_requests = 4 * super::AT_ONCE;
    let config = ResolverConfig::from_name_servers(servers);
    let built =
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default()).with_options(options).build();
    built.inspect_err(|error| tracing::warn!(error = %error, "the system's name servers cannot be used")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_count_whatever_the_search_domains_are() {
        let bad = format!("search good.example {}\n", "a".repeat(64));
        for (domains, searched) in [("search a.example b.example\n", 2), (bad.as_str(), 0), ("", 0)] {
            let text = format!("# ours\n{domains}nameserver 192.0.2.53\noptions timeout:1\n");
            let (config, options) = parse(text.as_bytes()).expect("a name server");
            assert_eq!(config.search().len(), searched, "{text}");
            assert_eq!(options.timeout, Duration::from_secs(1));
            let (.., servers) = config.into_parts();
            assert_eq!(servers.iter().map(|server| server.ip.to_string()).collect::<Vec<_>>(), ["192.0.2.53"]);
        }
        assert!(parse(bad.as_bytes()).is_err(), "no name servers");
    }
}
