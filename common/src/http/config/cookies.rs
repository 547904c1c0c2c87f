//! Cookies from a file in the format of Netscape's `cookies.txt`, which browsers' extensions and curl write: seven fields a
//! line, separated by tabs. They are sent by the rules of RFC 6265 (5.4). What servers set is not kept.

use std::collections::HashMap;
use std::fmt;
use std::time::{SystemTime, UNIX_EPOCH};

use reqwest::header::HeaderValue;
use url::Url;

/// Cookies by the domain that they belong to.
#[derive(Clone, Default)]
pub(super) struct Cookies(HashMap<String, Vec<Cookie>>);

#[derive(Clone)]
struct Cookie {
    /// Whether hosts under the domain get it too.
    is_for_subdomains: bool,
    path: String,
    is_secure: bool,
    /// In seconds since 1970; `None`: it does not end.
    expires: Option<u64>,
    /// `name=value`.
    pair: String,
}

/// A line that is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct BadLine {
    /// From 1.
    pub(super) line: usize,
    pub(super) problem: &'static str,
}

impl fmt::Debug for Cookies {
    /// Without what is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Cookies {
    /// Takes in the lines of a file.
    pub(super) fn add(&mut self, text: &str) -> Result<(), BadLine> {
        for (line, content) in text.lines().enumerate() {
            let content = content.strip_prefix("#HttpOnly_").unwrap_or(content);
            if content.trim().is_empty() || content.starts_with('#') {
                continue;
            }
            let (domain, cookie) = read(content).map_err(|problem| BadLine { line: line + 1, problem })?;
            self.0.entry(domain).or_default().push(cookie);
        }
        Ok(())
    }

    /// The header for a request; `None` where there is nothing to send.
    pub(super) fn header(&self, url: &Url) -> Option<HeaderValue> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        HeaderValue::from_str(&self.text(url, now)?).ok()
    }

    fn text(&self, url: &Url, now: u64) -> Option<String> {
        let host = url.host_str()?.trim_end_matches('.');
        // An address has no domains above it (RFC 6265, 5.1.3).
        let has_parents = url.domain().is_some();
        let parents = host.match_indices('.').map(|(at, _)| &host[at + 1..]).filter(|_| has_parents);
        let mut found: Vec<&Cookie> = std::iter::once(host)
            .chain(parents)
            .filter_map(|domain| Some((domain, self.0.get(domain)?)))
            .flat_map(|(domain, cookies)| cookies.iter().map(move |cookie| (domain, cookie)))
            .filter(|(domain, cookie)| *domain == host || cookie.is_for_subdomains)
            .map(|(_, cookie)| cookie)
            .filter(|cookie| cookie.is_due(url, now))
            .collect();
        // Longer paths first (RFC 6265, 5.4); what is equal stays in its order.
        found.sort_by_key(|cookie| std::cmp::Reverse(cookie.path.len()));
        let pairs: Vec<&str> = found.iter().map(|cookie| cookie.pair.as_str()).collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }
}

impl Cookie {
    fn is_due(&self, url: &Url, now: u64) -> bool {
        let is_safe = !self.is_secure || url.scheme() == "https";
        is_safe && self.expires.is_none_or(|expires| expires > now) && self.has_path(url.path())
    }

    /// RFC 6265, 5.1.4.
    fn has_path(&self, path: &str) -> bool {
        path.strip_prefix(&self.path)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || self.path.ends_with('/'))
    }
}

fn read(line: &str) -> Result<(String, Cookie), &'static str> {
    let fields: Vec<&str> = line.trim_end_matches('\r').split('\t').collect();
    let [domain, subdomains, path, secure, expires, name, rest @ ..] = &fields[..] else {
        return Err("a cookie has seven fields, separated by tabs");
    };
    // Some programs leave out the tab before a value that is empty.
    let value = match rest {
        [] => "",
        [value] => value,
        _ => return Err("a cookie has seven fields, separated by tabs"),
    };
    let host = url::Host::parse(domain.trim_start_matches('.').trim_end_matches('.'))
        .map_err(|_| "the first field is a domain")?;
    let is_for_subdomains = flag(subdomains).ok_or("the second field (for subdomains) is TRUE or FALSE")?;
    if is_for_subdomains && is_public_suffix(&host) {
        return Err("a cookie for all domains under a public suffix, such as com or co.uk, is for nobody");
    }
    let domain = host.to_string();
    if !path.starts_with('/') {
        return Err("the third field is a path, which begins with /");
    }
    let is_secure = flag(secure).ok_or("the fourth field (by TLS alone) is TRUE or FALSE")?;
    let expires: f64 = expires.parse().map_err(|_| "the fifth field is when it ends, in seconds since 1970")?;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a time that is no whole second, or past"
    )]
    let expires = Some(expires as u64).filter(|seconds| *seconds > 0);
    let pair = if name.is_empty() { value.to_owned() } else { format!("{name}={value}") };
    if pair.contains(';') || !pair.bytes().all(|byte| matches!(byte, b' '..=b'~' | 0x80..)) {
        return Err("a cookie's name and value have no semicolon and no control character");
    }
    Ok((domain, Cookie { is_for_subdomains, path: (*path).to_owned(), is_secure, expires, pair }))
}

/// Whether anybody may have a domain under this one (RFC 6265, 5.3, step 5), by the public suffix list, or because nothing is known
/// of a name of one label.
fn is_public_suffix(host: &url::Host) -> bool {
    match host {
        url::Host::Domain(domain) => domain != "localhost" && psl::suffix_str(domain) == Some(domain),
        url::Host::Ipv4(_) | url::Host::Ipv6(_) => false,
    }
}

fn flag(text: &str) -> Option<bool> {
    match text {
        "TRUE" | "true" => Some(true),
        "FALSE" | "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# Netscape HTTP Cookie File\n\n\
        example.org\tFALSE\t/\tFALSE\t0\thost\tonly\n\
        .example.org\tTRUE\t/\tFALSE\t2000\tall\tof them\n\
        #HttpOnly_.example.org\tTRUE\t/deep/er\tTRUE\t0\tsafe\t=1=\r\n\
        example.org\tTRUE\t/\tFALSE\t500\told\tone\n\
        93.184.215.14\tTRUE\t/\tFALSE\t0\taddress\t\n\
        localhost\tFALSE\t/\tFALSE\t-1\tlocal\n";

    fn sent(url: &str) -> Option<String> {
        let mut cookies = Cookies::default();
        cookies.add(FILE).expect("well-formed");
        cookies.text(&Url::parse(url).expect("a URL"), 1000)
    }

    #[test]
    fn domain_path_safety_and_time_decide() {
        for (url, expected) in [
            ("https://example.org/", Some("host=only; all=of them")),
            ("http://EXAMPLE.org.:81/x", Some("host=only; all=of them")),
            ("http://a.b.example.org/", Some("all=of them")),
            ("https://example.org/deep/er", Some("safe==1=; host=only; all=of them")),
            ("https://a.example.org/deep/er/a.png", Some("safe==1=; all=of them")),
            ("http://a.example.org/deep/er/a.png", Some("all=of them")),
            ("https://a.example.org/deep/erlang", Some("all=of them")),
            ("https://notexample.org/", None),
            ("https://example.org.evil.example/", None),
            ("http://93.184.215.14/", Some("address=")),
            ("http://1.93.184.215/", None),
            ("http://localhost:8080/", Some("local=")),
        ] {
            assert_eq!(sent(url).as_deref(), expected, "{url}");
        }
    }

    #[test]
    fn no_cookie_is_for_all_under_a_public_suffix() {
        let add = |domain: &str, subdomains: &str| {
            let mut cookies = Cookies::default();
            cookies.add(&format!("{domain}\t{subdomains}\t/\tFALSE\t0\ta\tb")).map(|()| cookies)
        };
        // Registries', of one's own users, by wildcard, in both spellings, and of no list.
        for suffix in
            ["com", ".COM.", "co.uk", "github.io", "anything.ck", "\u{516c}\u{53f8}.cn", "xn--55qx5d.cn", "intranet"]
        {
            assert!(add(suffix, "TRUE").is_err(), "{suffix}");
            // A site may be there itself (RFC 6265, 5.3, step 5).
            add(suffix, "FALSE").expect(suffix);
        }
        for domain in
            ["example.co.uk", "someone.github.io", "www.ck", "host.intranet", "localhost", "93.184.215.14", "[::1]"]
        {
            add(domain, "TRUE").expect(domain);
        }
        let cookies = add("co.uk", "FALSE").expect("a host's own");
        let sent = |url: &str| cookies.text(&Url::parse(url).expect("a URL"), 1000);
        assert_eq!(sent("http://co.uk/"), Some("a=b".to_owned()));
        assert_eq!(sent("http://example.co.uk/"), None);
    }

    #[test]
    fn a_bad_line_is_named_and_not_shown() {
        let good = "example.org\tFALSE\t/\tFALSE\t0\ta\tb\n";
        for (bad, word) in [
            ("example.org FALSE / FALSE 0 a secret", "tabs"),
            ("example.org\tFALSE\t/\tFALSE\t0", "seven"),
            ("example.org\tFALSE\t/\tFALSE\t0\ta\tsecret\tmore", "seven"),
            ("exa mple\tFALSE\t/\tFALSE\t0\ta\tsecret", "domain"),
            ("example.org\tYES\t/\tFALSE\t0\ta\tsecret", "second"),
            ("example.org\tTRUE\tx\tFALSE\t0\ta\tsecret", "path"),
            ("example.org\tTRUE\t/\t1\t0\ta\tsecret", "fourth"),
            ("example.org\tTRUE\t/\tTRUE\tsoon\ta\tsecret", "fifth"),
            ("example.org\tTRUE\t/\tTRUE\t0\ta\tsecret; b=c", "semicolon"),
            ("example.org\tTRUE\t/\tTRUE\t0\ta\tse\u{0}cret", "control"),
            ("org\tTRUE\t/\tTRUE\t0\ta\tsecret", "public suffix"),
            (".co.uk\tTRUE\t/\tTRUE\t0\ta\tsecret", "public suffix"),
        ] {
            let error = Cookies::default().add(&format!("{good}{bad}\n{good}")).expect_err(bad);
            assert!(error.line == 2 && error.problem.contains(word), "{bad:?}: {error:?}");
        }
        let mut cookies = Cookies::default();
        cookies.add(FILE).expect("well-formed");
        assert!(!format!("{cookies:?}").contains("only"), "{cookies:?}");
    }
}
