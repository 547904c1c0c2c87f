//! Which name servers are asked, and how: by `/etc/resolv.conf`, or those that the user names.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::read_system_conf;

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
    match read_system_conf() {
        Ok((config, options)) => {
            let search = config.search().to_vec();
            let (.., servers) = config.into_parts();
            Configured { servers: resolver(servers, options), search }
        }
        Err(error) => {
            tracing::debug!(error = %error, "/etc/resolv.conf names no servers; this machine is asked");
            asking(&[(IpAddr::from(Ipv4Addr::LOCALHOST), DNS_PORT).into()])
        }
    }
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
