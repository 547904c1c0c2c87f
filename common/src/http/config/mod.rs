//! What the user adds to requests (headers, cookies, credentials) and how some hosts are connected to (proxies, TLS), each
//! for the hosts that it is meant for: `--http-config FILE` and `--proxy`. It is looked up for each URL anew, so nothing
//! follows a redirect to a host that it is not for; and it never leaves this module but in requests.

mod connects;
mod cookies;
mod files;
mod pattern;
mod read;
mod sends;
mod tables;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;

use reqwest::header::{COOKIE, HeaderMap};
use reqwest::{Certificate, ClientBuilder, Identity, Request};
use url::Url;

pub use self::tables::ConfigError;

use self::cookies::Cookies;
use self::pattern::Pattern;

/// What is in the file, read and checked.
#[derive(Debug, Default)]
pub struct HttpConfig {
    sends: Vec<Send>,
    connects: Vec<Connect>,
    /// For hosts that no table is for.
    fallback: Connect,
    cookies: Cookies,
}

impl HttpConfig {
    /// Reads `--http-config`, with `--proxy` for what it has no proxy for.
    ///
    /// # Errors
    /// Names the file, the line and the key, and shows no value.
    pub fn read(file: Option<&Path>, proxy: Option<Proxy>) -> Result<Self, ConfigError> {
        match file {
            Some(file) => read::read(file, proxy),
            None => Ok(Self { fallback: Connect { proxy, ..Connect::default() }, ..Self::default() }),
        }
    }

    /// Adds to a request what is meant for its URL. A table further down replaces headers of one further up.
    pub(super) fn dress(&self, request: &mut Request) {
        let url = request.url().clone();
        let headers = request.headers_mut();
        for send in self.sends.iter().filter(|send| send.patterns.iter().any(|pattern| pattern.matches(&url))) {
            for name in send.headers.keys() {
                headers.remove(name);
            }
            for (name, value) in &send.headers {
                headers.append(name, value.clone());
            }
        }
        if let Some(mut cookies) = self.cookies.header(&url) {
            cookies.set_sensitive(true);
            headers.insert(COOKIE, cookies);
        }
    }

    /// All ways to connect, the one for hosts that no table is for first.
    pub(super) fn ways(&self) -> impl Iterator<Item = &Connect> {
        std::iter::once(&self.fallback).chain(&self.connects)
    }

    /// Which of the ways leads to this URL: that of the last table that is for it.
    pub(super) fn way(&self, url: &Url) -> usize {
        let matches = |connect: &Connect| connect.patterns.iter().any(|pattern| pattern.matches(url));
        self.connects.iter().rposition(matches).map_or(0, |index| index + 1)
    }
}

/// What is sent to some hosts.
struct Send {
    patterns: Vec<Pattern>,
    headers: HeaderMap,
}

impl fmt::Debug for Send {
    /// Without the values, which are secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.headers.keys().collect();
        f.debug_struct("Send").field("patterns", &self.patterns).field("headers", &names).finish()
    }
}

/// How some hosts are connected to.
#[derive(Default)]
pub(super) struct Connect {
    patterns: Vec<Pattern>,
    proxy: Option<Proxy>,
    authorities: Vec<Certificate>,
    identity: Option<Identity>,
}

impl fmt::Debug for Connect {
    /// Without keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connect").field("patterns", &self.patterns).field("proxy", &self.proxy).finish_non_exhaustive()
    }
}

impl Connect {
    /// The proxy on the way.
    pub(super) fn proxy(&self) -> Option<&Proxy> {
        self.proxy.as_ref()
    }

    /// Makes a client go this way.
    pub(super) fn apply(&self, mut client: ClientBuilder) -> Result<ClientBuilder, reqwest::Error> {
        if let Some(proxy) = &self.proxy {
            client = client.proxy(reqwest::Proxy::all(proxy.url.clone())?);
        }
        if let Some(identity) = &self.identity {
            client = client.identity(identity.clone());
        }
        if !self.authorities.is_empty() {
            client = client.tls_certs_merge(self.authorities.iter().cloned());
        }
        Ok(client)
    }
}

/// A proxy.
#[derive(Clone, PartialEq, Eq)]
pub struct Proxy {
    url: Url,
    checks_addresses: bool,
}

impl fmt::Debug for Proxy {
    /// Without user and password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.url.scheme(), self.host())
    }
}

impl Proxy {
    /// Reads a proxy's address: `http://`, `https://`, `socks5://` or `socks5h://`, a host and perhaps a port, perhaps with user
    /// and password.
    ///
    /// # Errors
    /// Says what is wrong, without the address.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        const WANTED: &str = "a proxy is http://HOST:PORT, https://, socks5:// (which is sent addresses) or socks5h:// (which is sent names)";
        let url = Url::parse(text).map_err(|_| WANTED)?;
        let is_bare = matches!(url.path(), "" | "/") && url.query().is_none() && url.fragment().is_none();
        if !matches!(url.scheme(), "http" | "https" | "socks5" | "socks5h") || !url.has_host() || !is_bare {
            return Err(WANTED);
        }
        Ok(Self { url, checks_addresses: false })
    }

    /// Whether the address has a user or a password.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        !self.url.username().is_empty() || self.url.password().is_some()
    }

    /// Its host.
    pub(super) fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Whether it keeps requests out of private networks itself, so that it may be handed names that we cannot look up.
    pub(super) fn checks_addresses(&self) -> bool {
        self.checks_addresses
    }
}
