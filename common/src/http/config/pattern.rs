//! Which hosts something in the file is meant for: `example.org`, `*.example.org`, `https://example.org:8443`, `*`.

use url::{Host, Url};

/// How what a pattern leaves out is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Breadth {
    /// `https` at its usual port: for what is sent, which may be secret.
    Narrow,
    /// Both schemes at every port: for the way to a host.
    Wide,
}

/// A pattern for URLs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern {
    /// `None`: both.
    scheme: Option<&'static str>,
    host: Hosts,
    port: Port,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Hosts {
    Any,
    One(Host),
    /// All names that end so, the dot included.
    Under(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Port {
    Any,
    /// The scheme's own.
    Usual,
    One(u16),
}

impl Pattern {
    /// Reads a pattern. The error says what is wrong with it.
    pub(super) fn parse(text: &str, breadth: Breadth) -> Result<Self, &'static str> {
        if text == "*" {
            return Ok(Self { scheme: None, host: Hosts::Any, port: Port::Any });
        }
        let (scheme, rest) = match text.split_once("://") {
            Some(("https", rest)) => (Some("https"), rest),
            Some(("http", rest)) => (Some("http"), rest),
            Some(_) => return Err("a pattern begins with https:// or http://, or with a host"),
            None => (Some("https").filter(|_| breadth == Breadth::Narrow), text),
        };
        if rest.contains(['/', '?', '#', '@']) {
            return Err("a pattern is a host, perhaps with a scheme and a port, and nothing else");
        }
        let (host, port) = port(rest, breadth)?;
        Ok(Self { scheme, host: hosts(host)?, port })
    }

    /// Whether it is for this URL.
    pub(super) fn matches(&self, url: &Url) -> bool {
        let port = match self.port {
            Port::Any => true,
            Port::Usual => url.port().is_none(),
            Port::One(port) => url.port_or_known_default() == Some(port),
        };
        let scheme = self.scheme.is_none_or(|scheme| scheme == url.scheme());
        port && scheme && url.host().is_some_and(|host| self.host.contains(&host))
    }

    /// Whether it is for all hosts there are.
    pub(super) fn is_for_everybody(&self) -> bool {
        self.host == Hosts::Any
    }
}

impl Hosts {
    fn contains(&self, host: &Host<&str>) -> bool {
        // With a dot at the end it is the same host.
        let name = |name: &str| name.trim_end_matches('.').to_owned();
        match (self, host) {
            (Self::Any, _) => true,
            (Self::One(Host::Domain(one)), Host::Domain(host)) => *one == name(host),
            (Self::One(Host::Ipv4(one)), Host::Ipv4(host)) => one == host,
            (Self::One(Host::Ipv6(one)), Host::Ipv6(host)) => one == host,
            (Self::Under(end), Host::Domain(host)) => name(host).ends_with(end),
            _ => false,
        }
    }
}

/// Splits a port off.
fn port(text: &str, breadth: Breadth) -> Result<(&str, Port), &'static str> {
    let left_out = if breadth == Breadth::Wide { Port::Any } else { Port::Usual };
    // The colons of an IPv6 address stand in brackets.
    let after_host = text.rfind(']').map_or(0, |end| end + 1);
    let Some(colon) = text[after_host..].find(':').map(|at| at + after_host) else {
        return Ok((text, left_out));
    };
    let port = match &text[colon + 1..] {
        "*" => Port::Any,
        digits => Port::One(digits.parse().map_err(|_| "behind the colon comes a port, or * for all")?),
    };
    Ok((&text[..colon], port))
}

fn hosts(text: &str) -> Result<Hosts, &'static str> {
    if text == "*" {
        return Ok(Hosts::Any);
    }
    let (is_under, text) = text.strip_prefix("*.").map_or((false, text), |text| (true, text));
    match Host::parse(text.trim_end_matches('.')) {
        Ok(Host::Domain(name)) if name.contains('*') => {
            Err("a * stands for all names under a domain, as in *.example.org")
        }
        Ok(Host::Domain(name)) if is_under => Ok(Hosts::Under(format!(".{name}"))),
        Ok(host) if !is_under => Ok(Hosts::One(host)),
        _ => Err("this is no host; examples are example.org, *.example.org, https://example.org:8443, [::1]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matching<'a>(pattern: &str, breadth: Breadth, urls: &[&'a str]) -> Vec<&'a str> {
        let pattern = Pattern::parse(pattern, breadth).expect(pattern);
        urls.iter().copied().filter(|url| pattern.matches(&Url::parse(url).expect("a URL"))).collect()
    }

    const URLS: [&str; 9] = [
        "https://example.org/a",
        "https://EXAMPLE.org.:443/",
        "http://example.org/",
        "https://example.org:8443/",
        "https://a.example.org/",
        "https://a.b.example.org/",
        "https://notexample.org/",
        "https://example.org.evil.example/",
        "https://93.184.215.14/",
    ];

    #[test]
    fn what_is_sent_goes_to_the_host_alone_by_tls_at_the_usual_port() {
        let narrow = |pattern| matching(pattern, Breadth::Narrow, &URLS);
        assert_eq!(narrow("example.org"), URLS[..2]);
        assert_eq!(narrow("http://example.org"), [URLS[2]]);
        assert_eq!(narrow("Example.ORG:8443"), [URLS[3]]);
        assert_eq!(narrow("example.org:*"), [URLS[0], URLS[1], URLS[3]]);
        assert_eq!(narrow("*.example.org"), URLS[4..6]);
        assert_eq!(narrow("93.184.215.14"), [URLS[8]]);
        assert_eq!(narrow("https://*").len(), 7);
        assert_eq!(narrow("*"), URLS);
    }

    #[test]
    fn the_way_to_a_host_is_for_both_schemes_and_all_ports() {
        let wide = |pattern| matching(pattern, Breadth::Wide, &URLS);
        assert_eq!(wide("example.org"), URLS[..4]);
        assert_eq!(wide("https://example.org"), [URLS[0], URLS[1], URLS[3]]);
        let addresses = ["http://[::1]:8080/", "http://127.1/"];
        assert_eq!(matching("[::1]", Breadth::Wide, &addresses), [addresses[0]]);
        assert_eq!(matching("[0::1]:8080", Breadth::Narrow, &addresses), [""; 0]);
        assert_eq!(matching("http://[0::1]:8080", Breadth::Narrow, &addresses), [addresses[0]]);
        let names = ["http://b\u{fc}cher.example/"];
        assert_eq!(matching("b\u{fc}cher.example", Breadth::Wide, &names), names);
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for text in [
            "",
            "ftp://example.org",
            "example.org/",
            "https://example.org/a",
            "me@example.org",
            "example.org:x",
            "example.org:",
            "example.org:70000",
            "a.*.example.org",
            "*example.org",
            "**",
            "*.93.184.215.14",
            "[::1",
            "::1",
            "a b",
        ] {
            assert!(Pattern::parse(text, Breadth::Narrow).is_err(), "{text:?}");
        }
    }
}
