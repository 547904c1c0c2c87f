//! `/etc/hosts`: a name that stands there has the addresses that stand there, and no others.

use std::net::IpAddr;
use std::sync::Arc;

use hickory_resolver::Hosts;
use hickory_resolver::proto::op::Query;
use hickory_resolver::proto::rr::{Name, RecordType};

pub(super) struct HostsFile(Hosts);

impl HostsFile {
    pub(super) fn read() -> Self {
        Self(Hosts::from_system().unwrap_or_else(|error| {
            tracing::debug!(error = %error, "the system's file of hosts is left out");
            Hosts::default()
        }))
    }

    /// The addresses of a name, IPv4 first; `None` if it does not stand there. With one family given, name servers are not
    /// asked for the other: that is why this is done here and not left to the library.
    pub(super) fn addresses(&self, name: &Name) -> Option<Arc<[IpAddr]>> {
        let families = [RecordType::A, RecordType::AAAA];
        let found =
            families.iter().filter_map(|&family| self.0.lookup_static_host(&Query::query(name.clone(), family)));
        let addresses: Vec<IpAddr> = found
            .flat_map(|lookup| lookup.answers().iter().filter_map(|record| record.data.ip_addr()).collect::<Vec<_>>())
            .collect();
        (!addresses.is_empty()).then(|| addresses.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_all_of_its_lines_and_nothing_else() {
        let mut hosts = Hosts::default();
        let text =
            "10.0.0.1 Intern.example intern # ours\nfd00::1 intern.example\n10.0.0.2 intern.example\nnonsense x\n";
        hosts.read_hosts_conf(text.as_bytes()).expect("readable");
        let hosts = HostsFile(hosts);
        let of = |name: &str| {
            let addresses = hosts.addresses(&Name::from_ascii(name).expect("a name"));
            addresses.map(|addresses| addresses.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "))
        };
        assert_eq!(of("intern.example.").as_deref(), Some("10.0.0.1 10.0.0.2 fd00::1"));
        assert_eq!(of("intern.").as_deref(), Some("10.0.0.1"));
        assert_eq!(of("x."), None);
    }
}
