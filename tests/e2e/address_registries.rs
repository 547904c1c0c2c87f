//! The list of special addresses against IANA's registries, as they were in July 2026, and against what other people made of
//! them: Python's own `ipaddress`, whose tables are as old as the Python, and the package `netaddr`.
//!
//! Asked is at the edges of every block: first and last, one before and one after. We may be stricter, and where we are, the
//! reason is here; where we are laxer than the registries, we are wrong.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use common::http::is_public;
use harness::Python;
use harness::run::json;
use serde_json::Value;

/// Blocks of the registries (iana-ipv4-special-registry, iana-ipv6-special-registry), and whether these call them globally
/// reachable; those that are not applicable, or were given back, they do not.
const REGISTRIES: [(&str, bool); 51] = [
    ("0.0.0.0/8", false),
    ("0.0.0.0/32", false),
    ("10.0.0.0/8", false),
    ("100.64.0.0/10", false),
    ("127.0.0.0/8", false),
    ("169.254.0.0/16", false),
    ("172.16.0.0/12", false),
    ("192.0.0.0/24", false),
    ("192.0.0.0/29", false),
    ("192.0.0.8/32", false),
    ("192.0.0.9/32", true),
    ("192.0.0.10/32", true),
    ("192.0.0.170/32", false),
    ("192.0.0.171/32", false),
    ("192.0.2.0/24", false),
    ("192.31.196.0/24", true),
    ("192.52.193.0/24", true),
    ("192.88.99.0/24", false),
    ("192.88.99.2/32", false),
    ("192.168.0.0/16", false),
    ("192.175.48.0/24", true),
    ("198.18.0.0/15", false),
    ("198.51.100.0/24", false),
    ("203.0.113.0/24", false),
    ("240.0.0.0/4", false),
    ("255.255.255.255/32", false),
    ("::1/128", false),
    ("::/128", false),
    ("::ffff:0:0/96", false),
    ("64:ff9b::/96", true),
    ("64:ff9b:1::/48", false),
    ("100::/64", false),
    ("100:0:0:1::/64", false),
    ("2001::/23", false),
    ("2001::/32", false),
    ("2001:1::1/128", true),
    ("2001:1::2/128", true),
    ("2001:1::3/128", true),
    ("2001:2::/48", false),
    ("2001:3::/32", true),
    ("2001:4:112::/48", true),
    ("2001:10::/28", false),
    ("2001:20::/28", true),
    ("2001:30::/28", true),
    ("2001:db8::/32", false),
    ("2002::/16", false),
    ("2620:4f:8000::/48", true),
    ("3fff::/20", false),
    ("5f00::/16", false),
    ("fc00::/7", false),
    ("fe80::/10", false),
];

/// What is refused although the registries have nothing against it, and why.
const STRICTER: [(&str, &str); 10] = [
    ("192.0.0.0/24", "protocol assignments: anycast services for hosts and routers, no web sites"),
    ("192.31.196.0/24", "AS112: answers what leaks out of private networks' DNS"),
    ("192.52.193.0/24", "relays of multicast"),
    ("192.175.48.0/24", "AS112"),
    ("224.0.0.0/4", "multicast, which has a registry of its own"),
    ("::/3", "no global unicast (RFC 4291, 2.4); what translates IPv4 is judged by the address inside"),
    ("2001::/23", "protocol assignments; some are identifiers and no places at all"),
    ("2620:4f:8000::/48", "AS112"),
    ("4000::/2", "no global unicast: nobody has been given any of it"),
    ("8000::/1", "no global unicast, but multicast (RFC 4291, 2.7), and what sites had for themselves (RFC 3879)"),
];

/// Where `netaddr` says otherwise than the registries: what came later, and what was given back.
const NETADDR: [&str; 6] =
    ["100:0:0:1::/64", "192.88.99.0/24", "192.88.99.2/32", "2001:1::3/128", "3fff::/20", "5f00::/16"];

/// Forms in which an IPv6 address holds an IPv4 one that it leads to: mapped, NAT64 and 6to4.
const EMBEDDINGS: [fn([u16; 2]) -> [u16; 8]; 3] = [
    |[high, low]| [0, 0, 0, 0, 0, 0xffff, high, low],
    |[high, low]| [0x64, 0xff9b, 0, 0, 0, 0, high, low],
    |[high, low]| [0x2002, high, low, 0, 0, 0, 0, 1],
];

/// Of the blocks that are given, the addresses at their edges; of each, which of the blocks it is in, the smallest first, and what
/// `ipaddress` and `netaddr` say of it.
const ASK: &str = r#"
import ipaddress, json, netaddr, sys
blocks = sorted({ipaddress.ip_network(block) for block in sys.argv[1].split(",")}, key=lambda block: -block.prefixlen)
edges = set()
for block in blocks:
    numbers = {int(block[0]) - 1, int(block[0]), int(block[-1]), int(block[-1]) + 1}
    edges |= {type(block[0])(number) for number in numbers if 0 <= number < 2 ** block.max_prefixlen}
print(json.dumps({
    str(address): {
        "in": [str(block) for block in blocks if block.version == address.version and address in block],
        "ipaddress": address.is_global,
        "netaddr": netaddr.IPAddress(str(address)).is_global(),
    }
    for address in edges
}))
"#;

#[test]
fn no_address_is_let_in_that_the_registries_do_not_call_public() {
    let registries = BTreeMap::from(REGISTRIES);
    let blocks: Vec<&str> =
        REGISTRIES.iter().map(|(block, _)| *block).chain(STRICTER.map(|(block, _)| block)).collect();
    let asked = json(&Python::get().run(ASK, &[&blocks.join(",")]));
    let (mut stricter, mut newer) = (BTreeSet::new(), BTreeSet::new());
    for (text, said) in asked.as_object().expect("an object") {
        let address: IpAddr = text.parse().expect("an address");
        let inside: Vec<&str> = said["in"].as_array().expect("a list").iter().filter_map(Value::as_str).collect();
        let known = inside.iter().find_map(|block| registries.get_key_value(block));
        let reachable = known.is_none_or(|(_, reachable)| *reachable);
        let public = is_public(address);
        assert!(!public || reachable, "{text} is let in, and is in {inside:?}");
        for other in ["ipaddress", "netaddr"] {
            assert!(!public || said[other] == true, "{text} is let in, and {other} does not call it global");
        }
        if reachable && !public {
            let reason = inside.iter().find(|block| STRICTER.iter().any(|(stricter, _)| stricter == *block));
            stricter.insert(*reason.unwrap_or_else(|| panic!("{text} is refused without a reason")));
        }
        if said["netaddr"] != reachable {
            newer.extend(known.map(|(block, _)| *block));
        }
        if let IpAddr::V4(address) = address {
            expect_alike(address, public);
        }
    }
    assert_eq!(stricter, STRICTER.map(|(block, _)| block).into(), "each of these has a case");
    assert_eq!(newer, NETADDR.into(), "the registries are written down as others have them");
}

/// An IPv4 address is judged alike in every form, whatever the registries say of the block that the form is of.
fn expect_alike(address: Ipv4Addr, public: bool) {
    let [a, b, c, d] = address.octets();
    for embed in EMBEDDINGS {
        let form = Ipv6Addr::from(embed([[a, b], [c, d]].map(u16::from_be_bytes)));
        assert_eq!(is_public(form.into()), public, "{form}, which leads to {address}");
    }
}
