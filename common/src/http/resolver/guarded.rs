//! Puts the guard between the resolver and the HTTP client.

use std::net::{IpAddr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{ResolveError, Resolver};
use crate::http::guard::{Guard, Refused};

/// Addresses of a name that are tried, at most. All are checked.
const MOST_TRIED: usize = 16;

/// Resolves for the HTTP client, and never to an address that may not be asked.
#[derive(Debug)]
pub(in crate::http) struct GuardedResolver {
    pub(in crate::http) resolver: Resolver,
    pub(in crate::http) guard: Guard,
    /// The host of a proxy, which the user chose, wherever it is.
    pub(in crate::http) trusted: Option<String>,
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let is_trusted = self.trusted.as_deref() == Some(name.as_str());
        let guard = if is_trusted { Guard::open() } else { self.guard.clone() };
        let resolver = self.resolver.clone();
        Box::pin(async move {
            let addresses = resolver.lookup(name.as_str()).await?;
            check(&addresses, &guard)?;
            let addresses: Vec<SocketAddr> = addresses.iter().take(MOST_TRIED).map(|&ip| (ip, 0).into()).collect();
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Why a host is not handed to a proxy.
#[derive(Debug, thiserror::Error)]
pub(in crate::http) enum Unfit {
    #[error(transparent)]
    Unknown(#[from] ResolveError),
    #[error(transparent)]
    Refused(#[from] Refused),
}

/// Whether a host may be asked, for those who let somebody else connect to it.
pub(in crate::http) async fn check_host(resolver: &Resolver, guard: &Guard, host: &str) -> Result<(), Unfit> {
    if guard.is_open() {
        return Ok(());
    }
    Ok(check(&resolver.lookup(host).await?, guard)?)
}

/// One bad address refuses the name: a mixture of public and private ones smells of rebinding.
fn check(addresses: &[IpAddr], guard: &Guard) -> Result<(), Refused> {
    addresses.iter().try_for_each(|&address| guard.check_ip(address))
}
