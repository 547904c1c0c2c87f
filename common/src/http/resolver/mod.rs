//! Names to addresses, in this process: asked of the system's name servers, kept for as long as the answers say, and never
//! an address that the guard refuses. The client connects to exactly the addresses given here, so there is no moment between
//! check and use in which a name could change its mind.

mod ask;
mod error;
mod guarded;
mod hosts;
mod laggards;
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
const AT_ONCE: usize = 256;

/// Longest look-up, and before it longest wait for a place: shorter than a connection may take, so that the name gets the blame.
/// The wait does not count for the look-up, or names would fail that nobody was asked for.
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
            let landing = Landing { inner, host: owned };
            landing.inner.ask_in_turn(&landing.host, name).await
        });
        let owned = host.to_owned();
        // The task fails only when the runtime ends, or it panics.
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
        let asked = async {
            // The semaphore is never closed.
            let _place = timeout(LONGEST, self.places.acquire()).await.map_err(|_| Why::NoPlace)?;
            timeout(LONGEST, self.dns.ask(name, !host.contains('.'))).await.unwrap_or(Err(Why::Late))
        };
        asked.await.map_err(|why| ResolveError::new(host, why))
    }
}

/// Takes a look-up out of those under way when it ends, however it ends: the next one who wants the name begins another. That is
/// not before it is in there, for whoever puts it there has the lock.
struct Landing {
    inner: Arc<Inner>,
    host: String,
}

impl Drop for Landing {
    fn drop(&mut self) {
        self.inner.flights().remove(&self.host);
    }
}

/// A host as a name from the root on; `None` for what no name can be. Its labels may be of any bytes (RFC 2181, 11): sites have
/// names that begin with `-`, or have `_` in them, and are reached by browsers.
fn absolute(host: &str) -> Option<Name> {
    let labels = host.strip_suffix('.').unwrap_or(host).split('.').map(str::as_bytes);
    Name::from_labels(labels).ok()
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

    #[test]
    fn whatever_a_url_may_have_as_host_is_a_name() {
        for host in ["-x.example", "a-.example", "a~b.example", "a_b.example", "*.example", "xn--bcher-kva.example."] {
            let name = absolute(host).expect(host);
            let labels: Vec<&[u8]> = host.trim_end_matches('.').split('.').map(str::as_bytes).collect();
            assert!(name.is_fqdn() && name.iter().eq(labels), "{host}: {name}");
        }
        let (longest, too_long) = (vec!["a".repeat(63); 3], vec!["a".repeat(63); 4]);
        assert!(absolute(&format!("{}.{}", longest.join("."), "a".repeat(61))).is_some());
        for bad in ["", ".", "a..b", ".a", "a..", &"a".repeat(64), &too_long.join(".")] {
            assert!(absolute(bad).is_none(), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn a_look_up_that_panics_takes_its_name_along() {
        let resolver = Resolver::new(&["127.0.0.1:9".parse().expect("an address")]);
        let never: Flight = std::future::pending().boxed().shared();
        resolver.0.flights().insert("host.example".to_owned(), never);
        let inner = Arc::clone(&resolver.0);
        let looked_up = tokio::spawn(async move {
            let _landing = Landing { inner, host: "host.example".to_owned() };
            panic!("as a library might");
        });
        assert!(looked_up.await.expect_err("a panic").is_panic());
        assert!(resolver.0.flights().is_empty());
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
