//! Names to addresses, in this process: asked of the system's name servers, kept for as long as the answers say, and never
//! an address that the guard refuses. The client connects to exactly the addresses given here, so there is no moment between
//! check and use in which a name could change its mind.

mod ask;
mod error;
mod guarded;
mod hosts;
mod system;

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt, Shared};
use hickory_resolver::proto::rr::Name;
use tokio::sync::Semaphore;
use tokio::time::timeout;

pub(super) use self::error::ResolveError;
pub(super) use self::guarded::{GuardedResolver, Unfit, check_host};
pub(super) use self::system::DNS_PORT;

use self::ask::Dns;
use self::error::Why;
use self::hosts::HostsFile;

/// Names that are looked up at once; each takes two questions.
const AT_ONCE: usize = 32;

/// Longest look-up, waiting for its turn included: shorter than a connection may take, so that the name gets the blame.
const LONGEST: Duration = Duration::from_secs(8);

/// What a look-up comes to: at least one address.
type Found = Result<Arc<[IpAddr]>, ResolveError>;

/// A look-up that any number of people wait for.
type Flight = Shared<BoxFuture<'static, Found>>;

/// Looks names up, with one cache for all who have a clone.
#[derive(Clone)]
pub struct Resolver(Arc<Inner>);

struct Inner {
    dns: Dns,
    hosts: HostsFile,
    places: Semaphore,
    /// What is being looked up: who wants the same name waits for the same answer.
    flights: Mutex<HashMap<String, Flight>>,
}

impl fmt::Debug for Resolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Resolver").finish_non_exhaustive()
    }
}

impl Resolver {
    /// Asks `servers`, or where there are none those of `/etc/resolv.conf`. `/etc/hosts` comes first either way. Both files
    /// are read now, and not again.
    #[must_use]
    pub fn new(servers: &[SocketAddr]) -> Self {
        Self(Arc::new(Inner {
            dns: Dns::new(if servers.is_empty() { system::configured() } else { system::asking(servers) }),
            hosts: HostsFile::read(),
            places: Semaphore::new(AT_ONCE),
            flights: Mutex::default(),
        }))
    }

    /// All addresses of a host. An address, in brackets or not, stands for itself.
    pub(super) async fn lookup(&self, host: &str) -> Found {
        if let Ok(address) = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
            return Ok([address].into());
        }
        let name = absolute(host).ok_or_else(|| ResolveError::new(host, Why::NoName))?;
        match self.0.hosts.addresses(&name) {
            Some(addresses) => Ok(addresses),
            None => self.flight(host, name).await,
        }
    }

    /// Joins a look-up that is under way, or begins one. It goes on when nobody waits for it any more: its answer is kept.
    fn flight(&self, host: &str, name: Name) -> Flight {
        let mut flights = self.0.flights();
        if let Some(flight) = flights.get(host) {
            return flight.clone();
        }
        let (inner, owned) = (Arc::clone(&self.0), host.to_owned());
        let asking = tokio::spawn(async move {
            let found = inner.ask_in_turn(&owned, name).await;
            // Not before this flight is in there: whoever puts it there has the lock.
            inner.flights().remove(&owned);
            found
        });
        let owned = host.to_owned();
        // The task fails only when the runtime ends.
        let found = asking.map(move |found| found.unwrap_or_else(|_| Err(ResolveError::new(&owned, Why::Late))));
        let flight = found.boxed().shared();
        flights.insert(host.to_owned(), flight.clone());
        flight
    }
}

impl Inner {
    fn flights(&self) -> MutexGuard<'_, HashMap<String, Flight>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask_in_turn(&self, host: &str, name: Name) -> Found {
        let asked = timeout(LONGEST, async {
            // The semaphore is never closed.
            let _place = self.places.acquire().await;
            self.dns.ask(name, !host.contains('.')).await
        });
        asked.await.unwrap_or(Err(Why::Late)).map_err(|why| ResolveError::new(host, why))
    }
}

/// A host as a name from the root on; `None` for what no name can be.
fn absolute(host: &str) -> Option<Name> {
    let mut name = Name::from_ascii(host).ok()?;
    name.set_fqdn(true);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_address_stands_for_itself_and_nonsense_for_nothing() {
        let resolver = Resolver::new(&["127.0.0.1:9".parse().expect("an address")]);
        let addresses = resolver.lookup("[2606:4700::1111]").await.expect("an address");
        assert_eq!(*addresses, ["2606:4700::1111".parse::<IpAddr>().expect("an address")]);
        let too_long = "a".repeat(64);
        assert!(resolver.lookup(&too_long).await.expect_err("no label is so long").is_final());
    }

    #[tokio::test]
    async fn loopback_has_its_name_without_any_server() {
        let resolver = Resolver::new(&["127.0.0.1:9".parse().expect("an address")]);
        for name in ["localhost", "localhost.", "a.localhost"] {
            let addresses = resolver.lookup(name).await.expect(name);
            assert!(addresses.iter().all(IpAddr::is_loopback) && !addresses.is_empty(), "{name}: {addresses:?}");
        }
    }
}
