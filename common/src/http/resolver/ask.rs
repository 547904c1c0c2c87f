//! Asks name servers for the addresses of a name, of both families at once and in the search domains where these count.

use std::future::Future;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::{Either, select};
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::{Name, RecordType};
use tokio::time::timeout;

use super::error::Why;
use super::laggards::Laggards;
use super::system::Configured;

/// How long the addresses of one family wait for those of the other (RFC 8305, 3, is less patient): name servers that never
/// answer a question for IPv6 addresses are common.
const PATIENCE: Duration = Duration::from_millis(500);

/// The addresses of one family, or why there are none.
type Family = Result<Vec<IpAddr>, Why>;

/// The name servers, and what they said that is still true.
pub(super) struct Dns {
    servers: Option<TokioResolver>,
    search: Vec<Name>,
    laggards: Laggards,
}

impl Dns {
    pub(super) fn new(Configured { servers, search }: Configured) -> Self {
        Self { servers, search, laggards: Laggards::default() }
    }

    /// Asks for a name. One without a dot is tried in the search domains first, as the system's own resolver does; a name with
    /// a dot is whole. (With `ndots:5`, as in Kubernetes, every name on the web would be asked for in all of them first.)
    pub(super) async fn ask(&self, name: Name, is_single: bool) -> Result<Arc<[IpAddr]>, Why> {
        let mut failed = None;
        for domain in self.search.iter().filter(|_| is_single) {
            let mut relative = name.clone();
            relative.set_fqdn(false);
            let Ok(within) = relative.append_domain(domain) else { continue };
            match self.addresses(within).await {
                Ok(addresses) => return Ok(addresses),
                Err(why) if why.is_final() => {}
                Err(why) => failed = Some(why),
            }
        }
        // A domain that could not be asked may have the name.
        self.addresses(name).await.map_err(|why| if why.is_final() { failed.unwrap_or(why) } else { why })
    }

    async fn addresses(&self, name: Name) -> Result<Arc<[IpAddr]>, Why> {
        let is_known_to_lag = self.laggards.has(&name, Instant::now());
        // What is kept from earlier counts without any.
        let patience = if is_known_to_lag { Duration::ZERO } else { PATIENCE };
        let v4 = pin!(self.family(name.clone(), RecordType::A));
        let v6 = pin!(self.family(name.clone(), RecordType::AAAA));
        let (v4, v6) = match select(v4, v6).await {
            Either::Left((Ok(v4), rest)) => (Ok(v4), within(patience, rest).await),
            Either::Right((Ok(v6), rest)) => (within(patience, rest).await, Ok(v6)),
            // There is nothing yet to go on with, so what comes is worth waiting for.
            Either::Left((Err(why), rest)) => (Err(why), rest.await),
            Either::Right((Err(why), rest)) => (rest.await, Err(why)),
        };
        if !is_known_to_lag && matches!((&v4, &v6), (Ok(_), Err(Why::Late)) | (Err(Why::Late), Ok(_))) {
            self.laggards.add(name, Instant::now());
        }
        together(v4, v6)
    }

    async fn family(&self, name: Name, family: RecordType) -> Family {
        let servers = self.servers.as_ref().ok_or(Why::NoServers)?;
        let lookup = servers.lookup(name, family).await?;
        let addresses: Vec<IpAddr> = lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect();
        if addresses.is_empty() { Err(Why::NoAddress) } else { Ok(addresses) }
    }
}

async fn within(patience: Duration, family: impl Future<Output = Family>) -> Family {
    timeout(patience, family).await.unwrap_or(Err(Why::Late))
}

/// IPv4 comes first: what has no IPv6, as most containers have not, then loses no time.
fn together(v4: Family, v6: Family) -> Result<Arc<[IpAddr]>, Why> {
    match (v4, v6) {
        (Ok(v4), Ok(v6)) => Ok(v4.into_iter().chain(v6).collect()),
        (Ok(one), Err(_)) | (Err(_), Ok(one)) => Ok(one.into()),
        // A name that does not exist has no addresses of any kind, whatever came of the other question.
        (Err(Why::NoName), Err(_)) | (Err(_), Err(Why::NoName)) => Err(Why::NoName),
        (Err(v4), Err(v6)) => Err(if v4.is_final() { v6 } else { v4 }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_both_families_have_counts_and_a_passing_failure_is_no_absence() {
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let (one, two) = (address("93.184.215.14"), address("2606:4700::1111"));
        assert_eq!(*together(Ok(vec![one]), Ok(vec![two])).expect("both"), [one, two]);
        assert_eq!(*together(Ok(vec![one]), Err(Why::Late)).expect("one"), [one]);
        assert_eq!(*together(Err(Why::NoAddress), Ok(vec![two])).expect("one"), [two]);
        assert!(together(Err(Why::NoAddress), Err(Why::NoAddress)).expect_err("none").is_final());
        assert!(!together(Err(Why::NoAddress), Err(Why::Late)).expect_err("none").is_final());
        assert!(!together(Err(Why::Late), Err(Why::NoAddress)).expect_err("none").is_final());
        assert!(together(Err(Why::Late), Err(Why::NoName)).expect_err("none").is_final());
    }
}
