//! HTTP as both programs speak it: a client that refuses special addresses, leaves redirects to its callers,
//! never waits without end, and whose errors become the fixed reasons of the manifest.

mod body;
mod client;
mod config;
mod encoding;
mod guard;
mod head;
mod network;
mod rate;
mod resolver;
mod retry_after;
mod trouble;

use std::sync::Arc;
use std::time::Duration;

use reqwest::redirect::Policy;
use url::Url;

pub use body::{BodyError, Incoming, Part, read_part};
pub use client::{Client, SendError};
pub use config::{ConfigError, HttpConfig, Proxy};
pub use encoding::{Encoding, EncodingError};
pub use guard::{Guard, Refused, is_public};
pub use network::{Network, NetworkError};
pub use rate::{DEFAULT_MIN_RATE, RATE_WINDOW};
pub use resolver::Resolver;
pub use retry_after::retry_after;
pub use trouble::reason_of;

use config::Connect;
use resolver::GuardedResolver;

/// Most redirects that are followed for one request.
pub const MAX_REDIRECTS: usize = 10;

/// The user agent unless the user gives one: name, version and a URL that says who this is.
pub const DEFAULT_USER_AGENT: &str =
    concat!("Warren/", env!("CARGO_PKG_VERSION"), " (+https://github.com/warren-crawler/warren)");

/// How long an idle connection is kept.
const IDLE_TIMEOUT: Duration = Duration::from_secs(15);

/// What a client is made of.
#[derive(Debug, Clone)]
pub struct ClientSettings {
    /// Whom it may ask, and how.
    pub network: Network,
    /// From the first byte of the connection to its establishment.
    pub connect_timeout: Duration,
    /// From the start of the request to the last byte of the answer.
    pub total_timeout: Duration,
    /// Whether to ask for compression. Pages shrink by it; images are compressed already. What comes compressed all the same
    /// is undone by whoever reads the body: see [`Encoding`].
    pub compressed: bool,
    /// Idle connections kept to one host, at most: as many as are used at once, or connections are made anew all the time.
    pub idle_per_host: usize,
}

/// Makes TLS's cryptography known to the process. Call it once, before the first client or broker connection; later
/// calls change nothing.
pub fn install_tls_provider() {
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        tracing::trace!("a TLS provider was already installed");
    }
}

/// Builds the library's client for one way to connect.
fn client(settings: &ClientSettings, way: &Connect) -> Result<reqwest::Client, reqwest::Error> {
    let resolver = GuardedResolver {
        resolver: settings.network.resolver.clone(),
        guard: settings.network.guard.clone(),
        trusted: way.proxy().map(|proxy| proxy.host().to_owned()),
    };
    let builder = reqwest::Client::builder()
        .http1_max_headers(head::MAX_HEADERS)
        .http2_max_header_list_size(head::TAKEN_LIST)
        // The environment's would look names up by themselves, past the guard.
        .no_proxy()
        .dns_resolver(Arc::new(resolver))
        // A redirect leads to another place, which has to be asked whether it may: whoever sent the request does that.
        .redirect(Policy::none())
        .referer(false)
        .connect_timeout(settings.connect_timeout)
        .timeout(settings.total_timeout)
        .pool_max_idle_per_host(settings.idle_per_host)
        .pool_idle_timeout(IDLE_TIMEOUT);
    way.apply(builder)?.build()
}

/// The client's errors cannot be made by hand; this is one of those that say nothing definite.
fn made_to_fail() -> reqwest::Error {
    reqwest::Proxy::all("http://\n").expect_err("this is no address")
}

/// Longest address of a person, in bytes: what mail itself can carry (RFC 5321, 4.5.3.1).
const MAX_MAILBOX: usize = 320;

/// Whether a text can stand in a `From` header (RFC 9110, 10.1.2): printable ASCII with an `@` inside. Whether mail arrives
/// there is for whoever gives it.
#[must_use]
pub fn is_mailbox(text: &str) -> bool {
    let inside = text.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty());
    inside && text.len() <= MAX_MAILBOX && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// Takes out of an address what no request carries, the fragment, and what no stranger's page or server may make us send: user
/// name and password.
pub fn strip(url: &mut Url) {
    url.set_fragment(None);
    // Fails only where there is no host, and so neither of them.
    url.set_username("").and_then(|()| url.set_password(None)).unwrap_or(());
}

/// Where an answer says that its resource is (RFC 9110, 15.4 and 10.2.2), or why that is not asked. `None` where the answer
/// is no redirect or names no place.
pub fn redirect(response: &reqwest::Response, guard: &Guard) -> Option<Result<Url, Refused>> {
    if !matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(reqwest::header::LOCATION)?;
    // Servers write UTF-8 here, which no header may hold; browsers read it all the same.
    let location = std::str::from_utf8(location.as_bytes()).ok()?;
    let mut target = response.url().join(location).ok()?;
    strip(&mut target);
    Some(guard.check_url(&target).map(|()| target))
}
