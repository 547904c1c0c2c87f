//! Name resolution that never hands out an address the guard refuses. The client connects to exactly the addresses
//! given here, so there is no moment between check and use in which a name could change its mind.

use std::io;
use std::net::SocketAddr;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::guard::Guard;

/// A name could not be resolved.
#[derive(Debug, thiserror::Error)]
#[error("cannot look up {host}")]
pub(super) struct ResolveError {
    host: String,
    source: io::Error,
}

#[derive(Debug)]
pub(super) struct GuardedResolver(pub(super) Guard);

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.0;
        Box::pin(async move {
            let host = name.as_str().to_owned();
            let found = tokio::net::lookup_host((host.as_str(), 0)).await.map(Iterator::collect::<Vec<SocketAddr>>);
            let addresses = found.map_err(|source| ResolveError { host, source })?;
            // One bad address refuses the name: a mixture of public and private ones smells of rebinding.
            for address in &addresses {
                guard.check_ip(address.ip())?;
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}
