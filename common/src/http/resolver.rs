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

impl ResolveError {
    /// Whether the answer was that there is no such name, or that it has no address: nothing that passes. The standard library
    /// tells that apart from a look-up that failed by the system's words alone (`EAI_NONAME`, `EAI_NODATA`; of glibc and of
    /// musl), which are English: nothing here sets a locale.
    pub(super) fn is_final(&self) -> bool {
        const WORDS: [&str; 3] =
            ["Name or service not known", "No address associated with hostname", "Name does not resolve"];
        let said = self.source.to_string();
        WORDS.iter().any(|words| said.contains(words))
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_does_not_exist_is_told_from_one_that_could_not_be_looked_up() {
        for (said, is_final) in [
            ("failed to lookup address information: Name or service not known", true),
            ("failed to lookup address information: No address associated with hostname", true),
            ("failed to lookup address information: Name does not resolve", true),
            ("failed to lookup address information: Temporary failure in name resolution", false),
            ("failed to lookup address information: System error", false),
        ] {
            let error = ResolveError { host: "h".to_owned(), source: io::Error::other(said) };
            assert_eq!(error.is_final(), is_final, "{said}");
        }
    }
}
