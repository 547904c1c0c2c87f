//! Which addresses may be asked: pages and lists are written by strangers, and must not make us their way into a
//! private network. The rule is applied to the parsed host of every URL and redirect (here and in [`super::redirect`]) and
//! to every address that a name resolves to ([`super::resolver`]).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use url::{Host, Url};

use crate::reason::Reason;

/// Why a URL or an address is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Neither `http` nor `https`.
    #[error("only http and https are fetched")]
    Scheme,
    /// A special address while `--allow-private` is off.
    #[error("the address is private or special; --allow-private lets it in")]
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

/// The rule, as one program was started with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Guard {
    /// Let in loopback, private, link-local and other special addresses.
    pub allow_private: bool,
}

impl Guard {
    /// Checks the scheme, and the host where it is an address. Names are checked when they are resolved.
    pub fn check_url(self, url: &Url) -> Result<(), Refused> {
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
    pub fn check_ip(self, ip: IpAddr) -> Result<(), Refused> {
        if self.allow_private || is_public(ip) { Ok(()) } else { Err(Refused::PrivateAddress) }
    }
}

/// Whether an address is globally reachable by the IANA special-purpose address registries (RFC 6890 and successors),
/// with IPv4 addresses inside IPv6 ones judged as themselves.
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
        || (a == 192 && b == 0 && c == 0) // IETF protocol assignments, RFC 6890
        || (a == 192 && b == 88 && c == 99) // 6to4 relay anycast, RFC 7526
        || (a == 198 && b & 0xfe == 18)) // benchmarking, RFC 2544
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(embedded) = embedded_v4(ip) {
        return is_public_v4(embedded);
    }
    let [a, b, c, ..] = ip.segments();
    // Only 2000::/3 is global unicast (RFC 4291); loopback, unspecified, unique local, link-local, site-local and
    // multicast addresses all lie outside it. Within it some blocks are special:
    let special = match (a, b) {
        // IETF protocol assignments (RFC 2928); documentation (RFC 3849, RFC 9637)
        (0x2001, 0..=0x01ff | 0x0db8) | (0x3fff, 0..=0x0fff) => true,
        // AS112, RFC 7534
        (0x2620, 0x004f) => c == 0x8000,
        _ => false,
    };
    a & 0xe000 == 0x2000 && !special
}

/// The IPv4 address inside an IPv6 one: mapped, compatible, translated (RFC 2765), NAT64 (RFC 6052, RFC 8215) and 6to4
/// (RFC 3056). Teredo (`2001::/32`) is refused whole, with the rest of `2001::/23`.
fn embedded_v4(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let from = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Some(Ipv4Addr::new(a, b, c, d))
    };
    match ip.segments() {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
        | [0, 0, 0, 0, 0xffff, 0, high, low]
        | [0x0064, 0xff9b, 0, 0, 0, 0, high, low]
        | [0x0064, 0xff9b, 1, _, _, _, high, low]
        | [0x2002, high, low, ..] => from(high, low),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLOSED: Guard = Guard { allow_private: false };

    #[test]
    fn special_addresses_are_refused_in_every_spelling() {
        for url in [
            "http://127.0.0.1/",
            "http://0x7f.1/",
            "http://2130706433/",
            "http://0177.0.0.1/",
            "http://127.1/",
            "http://0/",
            "http://10.0.0.1/",
            "http://172.31.255.255/",
            "http://192.168.0.1/",
            "http://100.64.0.1/",
            "http://169.254.169.254/latest",
            "http://192.0.0.8/",
            "http://198.18.0.1/",
            "http://203.0.113.9/",
            "http://224.0.0.1/",
            "http://255.255.255.255/",
            "http://[::1]/",
            "http://[::]/",
            "http://[fe80::1]/",
            "http://[fc00::1]/",
            "http://[ff02::1]/",
            "http://[::ffff:127.0.0.1]/",
            "http://[::127.0.0.1]/",
            "http://[::ffff:0:10.0.0.1]/",
            "http://[64:ff9b::10.0.0.1]/",
            "http://[64:ff9b:1::10.0.0.1]/",
            "http://[2002:7f00:1::]/",
            "http://[2001::1]/",
            "http://[2001:db8::1]/",
            "http://[3fff::1]/",
        ] {
            let parsed = Url::parse(url).expect(url);
            assert_eq!(CLOSED.check_url(&parsed), Err(Refused::PrivateAddress), "{url}");
            assert_eq!(Guard { allow_private: true }.check_url(&parsed), Ok(()), "{url}");
        }
    }

    #[test]
    fn public_addresses_and_names_pass() {
        for url in [
            "http://93.184.215.14/",
            "https://example.com/",
            "http://100.128.0.1/",
            "http://198.20.0.1/",
            "http://[2606:4700::1111]/",
            "http://[::ffff:93.184.215.14]/",
            "http://[64:ff9b::93.184.215.14]/",
        ] {
            assert_eq!(CLOSED.check_url(&Url::parse(url).expect(url)), Ok(()), "{url}");
        }
    }

    #[test]
    fn other_schemes_are_refused_even_with_private_addresses_let_in() {
        for url in ["ftp://example.com/x.png", "file:///etc/passwd", "data:image/png;base64,AA", "javascript:1"] {
            let parsed = Url::parse(url).expect(url);
            assert_eq!(Guard { allow_private: true }.check_url(&parsed), Err(Refused::Scheme), "{url}");
        }
    }
}
