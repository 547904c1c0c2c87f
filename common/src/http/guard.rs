//! Which addresses may be asked: pages and lists are written by strangers, and must not make us their way into a
//! private network. The rule is applied to the parsed host of every URL and redirect (here and in [`super::redirect`]), to
//! every address that a name resolves to ([`super::resolver`]), and to whoever answered ([`mod@super::client`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

use ipnet::IpNet;
use url::{Host, Url};

use crate::reason::Reason;

/// Why a URL or an address is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Neither `http` nor `https`.
    #[error("only http and https are fetched")]
    Scheme,
    /// A special address that neither `--allow-private` nor `--allow-net` lets in.
    #[error("the address is private or special; --allow-net lets a part of them in, --allow-private all")]
    PrivateAddress,
}

impl From<Refused> for Reason {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Scheme => Self::Scheme,
            Refused::PrivateAddress => Self::PrivateAddress,
        }
    }
}

/// The rule, as one program was started with it. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    allow_private: bool,
    allowed: Arc<[IpNet]>,
}

impl Default for Guard {
    /// No special address is let in.
    fn default() -> Self {
        Self::new(false, &[])
    }
}

impl Guard {
    /// Lets in public addresses, what is in `allowed` (`--allow-net`), and with `allow_private` everything.
    #[must_use]
    pub fn new(allow_private: bool, allowed: &[IpNet]) -> Self {
        Self { allow_private, allowed: allowed.into() }
    }

    /// Lets everything in: what `--allow-private` makes of it.
    #[must_use]
    pub fn open() -> Self {
        Self::new(true, &[])
    }

    /// Whether it lets everything in.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.allow_private
    }

    /// Checks the scheme, and the host where it is an address. Names are checked when they are resolved.
    pub fn check_url(&self, url: &Url) -> Result<(), Refused> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err(Refused::Scheme);
        }
        // The URL parser has already turned 0x7f.1, 2130706433 and their like into addresses.
        match url.host() {
            Some(Host::Ipv4(ip)) => self.check_ip(ip.into()),
            Some(Host::Ipv6(ip)) => self.check_ip(ip.into()),
            Some(Host::Domain(_)) => Ok(()),
            None => Err(Refused::Scheme),
        }
    }

    /// Checks one address.
    pub fn check_ip(&self, ip: IpAddr) -> Result<(), Refused> {
        // The system connects to a mapped address as to the IPv4 one in it.
        let ip = ip.to_canonical();
        let is_let_in = self.allow_private || is_public(ip) || self.allowed.iter().any(|net| net.contains(&ip));
        if is_let_in { Ok(()) } else { Err(Refused::PrivateAddress) }
    }
}

/// Whether an address is a place in the public Internet: in none of the blocks of IANA's special-purpose address registries
/// (RFC 6890 and successors, as of 2026), which are refused even where a block is reachable from everywhere (no web site is
/// there), nor multicast or reserved. IPv4 addresses inside IPv6 ones are judged as
/// themselves, so that of 6to4's block and of NAT64's well-known one, which stand in the registries too, the public part passes.
#[must_use]
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(a == 0 // "this network", RFC 791
        || a == 127 // loopback, RFC 1122
        || a >= 224 // multicast, reserved and broadcast
        || ip.is_private() // RFC 1918
        || ip.is_link_local() // RFC 3927; cloud metadata services live here
        || ip.is_documentation() // RFC 5737
        || (a == 100 && b & 0xc0 == 64) // shared address space, RFC 6598
        || matches!(
            (a, b, c),
            (192, 0, 0) // IETF protocol assignments, RFC 6890
                | (192, 31, 196) // AS112, RFC 7535
                | (192, 52, 193) // multicast tunnels, RFC 7450
                | (192, 88, 99) // 6to4 relays, RFC 7526
                | (192, 175, 48) // AS112, RFC 7534
        )
        || (a == 198 && b & 0xfe == 18)) // benchmarking, RFC 2544
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if !isatap(ip).is_none_or(is_public_v4) {
        return false;
    }
    if let Some(embedded) = wholly_v4(ip) {
        return is_public_v4(embedded);
    }
    let [a, b, c, ..] = ip.segments();
    // Only 2000::/3 is global unicast (RFC 4291). Outside it lie loopback, unspecified, unique local, link-local, site-local
    // and multicast addresses, discard-only (100::/64, RFC 6666) and dummy (100:0:0:1::/64, RFC 9780) ones, segment
    // identifiers (5f00::/16, RFC 9602), and translation prefixes for one site's own use (64:ff9b:1::/48, RFC 8215): where in
    // these the IPv4 address stands is up to the site. Within it some blocks are special:
    let special = match (a, b) {
        // IETF protocol assignments (RFC 2928), Teredo among them, whose client and server may both be private; documentation
        // (RFC 3849, RFC 9637)
        (0x2001, 0..=0x01ff | 0x0db8) | (0x3fff, 0..=0x0fff) => true,
        // AS112, RFC 7534
        (0x2620, 0x004f) => c == 0x8000,
        _ => false,
    };
    a & 0xe000 == 0x2000 && !special
}

/// The IPv4 address that an IPv6 one leads to wherever it is used: mapped, compatible, translated (RFC 2765), NAT64 with the
/// well-known prefix (RFC 6052) and 6to4 (RFC 3056).
fn wholly_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x2002, high, low, ..] => Some(v4(high, low)),
        _ => None,
    }
}

/// The IPv4 address in an interface identifier of ISATAP (RFC 5214, 6.1), which a router on the way may tunnel to.
fn isatap(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    match ip.segments() {
        [_, _, _, _, 0 | 0x0200, 0x5efe, high, low] => Some(v4(high, low)),
        _ => None,
    }
}

fn v4(high: u16, low: u16) -> Ipv4Addr {
    let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect(text)
    }

    #[test]
    #[expect(clippy::too_many_lines, reason = "a list")]
    fn special_addresses_are_refused_in_every_spelling() {
        for host in [
            // One address in the spellings that browsers take
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.1",
            "0x7f.0x0.0x0.0x1",
            "0177.0.0.1",
            "017700000001",
            "0177.0x0.1",
            "127.0.0.1.",
            "0x7f000001.",
            "%31%32%37.0.0.1",
            "127%2e0%2e0%2e1",
            "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
            "127\u{3002}0\u{3002}0\u{3002}1",
            "127\u{ff0e}0.0\u{ff61}1",
            "\u{2460}\u{2461}\u{2466}.0.0.1",
            "0x7F.0.0.0X1",
            "0000000000177.0.0.1",
            "user:secret@127.0.0.1",
            // IPv4
            "0",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "127.255.255.254",
            "169.254.169.254",
            "0xa9fea9fe",
            "2852039166",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.8",
            "192.0.0.9",
            "192.0.0.170",
            "192.0.2.1",
            "192.31.196.1",
            "192.52.193.1",
            "192.88.99.1",
            "192.168.0.1",
            "192.168.257",
            "192.175.48.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.9",
            "224.0.0.1",
            "239.255.255.250",
            "240.0.0.1",
            "255.255.255.255",
            "0xffffffff",
            // IPv6
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[0000::0001]",
            "[100::1]",
            "[100:0:0:1::1]",
            "[2001::1]",
            "[2001:2::1]",
            "[2001:1::1]",
            "[2001:3::1]",
            "[2001:4:112::1]",
            "[2001:10::1]",
            "[2001:20::1]",
            "[2001:30::1]",
            "[2001:1ff::1]",
            "[2001:db8::1]",
            "[2620:4f:8000::1]",
            "[3fff::1]",
            "[3fff:fff::1]",
            "[5f00::1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fe80::1]",
            "[febf::1]",
            "[fec0::1]",
            "[ff02::1]",
            "[ff0e::1]",
            "[4000::1]",
            "[64:ff9b:2::1]",
            // IPv4 inside IPv6: mapped, compatible, translated
            "[::ffff:127.0.0.1]",
            "[::FFFF:7f00:1]",
            "[0:0:0:0:0:ffff:10.0.0.1]",
            "[::127.0.0.1]",
            "[::a00:1]",
            "[::ffff:0:10.0.0.1]",
            // NAT64, with the well-known prefix, and with those for local use in all of their lengths
            "[64:ff9b::10.0.0.1]",
            "[64:ff9b::a9fe:a9fe]",
            "[64:ff9b:1::10.0.0.1]",
            "[64:ff9b:1:a00::1:0:0]",
            "[64:ff9b:1:7f:0:1::]",
            "[64:ff9b:1:0:a:0:100:0]",
            "[64:ff9b:1::93.184.215.14]",
            // 6to4, Teredo with a private server, a private client (its bits are inverted), and with both public
            "[2002:7f00:1::]",
            "[2002:a00:1::1]",
            "[2002:c0a8:101::1]",
            "[2001:0:a00:1::]",
            "[2001:0:5db8:d70e:0:0:f5ff:fffe]",
            "[2001:0:5db8:d70e:0:0:a247:28f1]",
            // ISATAP
            "[2606:4700::5efe:10.0.0.1]",
            "[2606:4700::200:5efe:192.168.0.1]",
            "[2606:4700:1:2:0:5efe:7f00:1]",
            "[2002:5db8:d70e::5efe:10.0.0.1]",
        ] {
            let url = url(&format!("http://{host}/"));
            assert_eq!(Guard::default().check_url(&url), Err(Refused::PrivateAddress), "{host}");
            assert_eq!(Guard::open().check_url(&url), Ok(()), "{host}");
        }
    }

    #[test]
    fn what_is_no_spelling_of_an_address_is_no_url() {
        for host in
            ["[fe80::1%25lo]", "[fe80::1%lo]", "127.0.0.256", "256", "1.2.3.4.5", "0x100000000", "[::1", "[::127.1]"]
        {
            let read = Url::parse(&format!("http://{host}/"));
            assert!(read.is_err() || host == "256", "{host} is read as {read:?}");
        }
    }

    #[test]
    fn public_addresses_and_names_pass() {
        for host in [
            "93.184.215.14",
            "example.com",
            "1.1.1.1",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.1",
            "126.255.255.255",
            "128.0.0.0",
            "169.253.255.255",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.1",
            "192.167.255.255",
            "198.17.255.255",
            "198.20.0.1",
            "223.255.255.255",
            "[2606:4700::1111]",
            "[2001:200::1]",
            "[2001:4860::8888]",
            "[2620:4f:8001::1]",
            "[3fff:1000::1]",
            "[::ffff:93.184.215.14]",
            "[64:ff9b::93.184.215.14]",
            "[2002:5db8:d70e::1]",
            "[2606:4700::5efe:93.184.215.14]",
        ] {
            assert_eq!(Guard::default().check_url(&url(&format!("http://{host}/"))), Ok(()), "{host}");
        }
    }

    #[test]
    fn a_part_can_be_let_in() {
        let nets: Vec<IpNet> = ["10.1.0.0/16", "fd00:1::/32"].iter().map(|net| net.parse().expect("a net")).collect();
        let guard = Guard::new(false, &nets);
        for host in ["10.1.0.0", "10.1.255.255", "[::ffff:10.1.2.3]", "[fd00:1:ffff::1]", "93.184.215.14"] {
            assert_eq!(guard.check_url(&url(&format!("http://{host}/"))), Ok(()), "{host}");
        }
        // Other ways to write an IPv4 address into an IPv6 one lead there by somebody else's router.
        for host in ["10.0.255.255", "10.2.0.0", "[fd00:2::1]", "127.0.0.1", "[64:ff9b::10.1.0.1]", "[2002:a01:1::]"] {
            assert_eq!(guard.check_url(&url(&format!("http://{host}/"))), Err(Refused::PrivateAddress), "{host}");
        }
    }

    #[test]
    fn other_schemes_are_refused_even_with_private_addresses_let_in() {
        for text in ["ftp://example.com/x.png", "file:///etc/passwd", "data:image/png;base64,AA", "javascript:1"] {
            assert_eq!(Guard::open().check_url(&url(text)), Err(Refused::Scheme), "{text}");
        }
    }
}
