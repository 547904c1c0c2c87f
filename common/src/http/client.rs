//! The client: one for each way to connect, which is chosen, with what is sent along, by the URL of each request.

use std::sync::Arc;

use reqwest::header::ACCEPT_ENCODING;
use reqwest::{Request, RequestBuilder, Response};
use url::{Host, Url};

use super::config::Connect;
use super::guard::{Guard, Refused};
use super::resolver::{ResolveError, Unfit, check_host};
use super::{ClientSettings, Network, encoding, head, strip, trouble};
use crate::failpoint;
use crate::reason::Reason;

/// Sends requests. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    network: Network,
    /// One for each of the configuration's ways.
    ways: Arc<[reqwest::Client]>,
    /// What is said to be taken.
    encodings: &'static str,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// It is not asked, or somebody else answered.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The host's name, which is checked before a proxy is told of it, has no address.
    #[error(transparent)]
    Unknown(#[from] Unknown),
    /// The answer's head has more header fields, or is longer, than is taken.
    #[error("the head of the answer is too large")]
    Head,
    /// The request failed.
    #[error(transparent)]
    Http(#[from] reqwest::Error),
}

/// A name that was not handed to a proxy.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Unknown(ResolveError);

impl SendError {
    /// The manifest's word for it.
    #[must_use]
    pub fn reason(&self) -> Reason {
        match self {
            Self::Refused(refused) => (*refused).into(),
            Self::Unknown(_) => Reason::Dns,
            Self::Head => Reason::Headers,
            Self::Http(error) => trouble::reason_of_silence(error),
        }
    }

    /// Whether the same request would fail in the same way later, although its reason may pass as a rule: the host's name does
    /// not exist.
    #[must_use]
    pub fn is_final(&self) -> bool {
        match self {
            Self::Refused(_) | Self::Head => false,
            Self::Unknown(Unknown(error)) => error.is_final(),
            Self::Http(error) => trouble::is_final(error),
        }
    }
}

impl From<Unfit> for SendError {
    fn from(unfit: Unfit) -> Self {
        match unfit {
            Unfit::Refused(refused) => Self::Refused(refused),
            Unfit::Unknown(error) => Self::Unknown(Unknown(error)),
        }
    }
}

impl Client {
    /// Builds a client.
    ///
    /// # Errors
    /// When the system's TLS roots cannot be read.
    pub fn new(settings: &ClientSettings) -> Result<Self, reqwest::Error> {
        let ways = settings.network.config.ways().map(|way| super::client(settings, way)).collect::<Result<_, _>>()?;
        let encodings = if settings.compressed { encoding::ACCEPTED } else { "identity" };
        Ok(Self { network: settings.network.clone(), ways, encodings })
    }

    /// Which addresses it asks.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        &self.network.guard
    }

    /// A request for this URL, to be sent by [`Client::send`]. User name and password in it, which the library would send, are
    /// left out: see [`strip`].
    pub fn get(&self, mut url: Url) -> RequestBuilder {
        strip(&mut url);
        // Not a header of the library's client, which adds it too late to be written down.
        self.ways[self.network.config.way(&url)].get(url).header(ACCEPT_ENCODING, self.encodings)
    }

    /// What [`Client::send`] is going to send, for those who write it down. `None` for what cannot be sent.
    #[must_use]
    pub fn dressed(&self, request: &RequestBuilder) -> Option<Request> {
        let mut request = request.try_clone()?.build().ok()?;
        self.network.config.dress(&mut request);
        Some(request)
    }

    /// Whether nobody stands between us and this URL's host: who answers then is the host itself.
    #[must_use]
    pub fn is_direct(&self, url: &Url) -> bool {
        let config = &self.network.config;
        config.ways().nth(config.way(url)).and_then(Connect::proxy).is_none()
    }

    /// Sends a request, with what is meant for its host, and waits for the head of the answer.
    ///
    /// # Errors
    /// When the address is refused, or no answer comes.
    pub async fn send(&self, request: RequestBuilder) -> Result<Response, SendError> {
        if failpoint::strikes("http.send") {
            return Err(super::made_to_fail().into());
        }
        let (client, request) = request.build_split();
        let mut request = request?;
        let url = request.url().clone();
        self.network.guard.check_url(&url)?;
        let way = self.network.config.ways().nth(self.network.config.way(&url));
        let proxy = way.and_then(Connect::proxy);
        if let (Some(proxy), Some(Host::Domain(host))) = (proxy, url.host())
            && !proxy.checks_addresses()
        {
            // The proxy may still find other addresses than we do.
            check_host(&self.network.resolver, &self.network.guard, host).await?;
        }
        self.network.config.dress(&mut request);
        let response = client.execute(request).await?;
        if proxy.is_none() {
            self.check_peer(&response)?;
        }
        if head::is_too_large(&response) {
            return Err(SendError::Head);
        }
        Ok(response)
    }

    /// Whoever answered must be somebody that may be asked. The addresses were checked before the connection was made; this
    /// does not depend on that.
    fn check_peer(&self, response: &Response) -> Result<(), Refused> {
        match response.remote_addr() {
            Some(peer) => self.network.guard.check_ip(peer.ip()),
            None if self.network.guard.is_open() => Ok(()),
            None => Err(Refused::PrivateAddress),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::*;
    use crate::http::{HttpConfig, Resolver};

    fn settings(guard: Guard) -> ClientSettings {
        crate::http::install_tls_provider();
        ClientSettings {
            network: Network { guard, resolver: Resolver::new(&[]), config: Arc::new(HttpConfig::default()) },
            connect_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(10),
            compressed: false,
            idle_per_host: 1,
        }
    }

    /// An answer to whoever connects, once; returns the port.
    fn answer() -> u16 {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("loopback has a free port");
        let port = listener.local_addr().expect("it is bound").port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().expect("a client");
            assert!(stream.read(&mut [0; 4096]).expect("a request") > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n").expect("the client is there");
        });
        port
    }

    async fn send(client: &Client, url: &str) -> Result<u16, Reason> {
        let answer = client.send(client.get(Url::parse(url).expect("a URL"))).await;
        answer.map(|response| response.status().as_u16()).map_err(|error| error.reason())
    }

    #[tokio::test]
    async fn an_answer_from_somebody_who_may_not_be_asked_is_none() {
        let client = Client::new(&settings(Guard::open())).expect("a client");
        assert_eq!(send(&client, &format!("http://localhost:{}/", answer())).await, Ok(200));
        // As if a private address had found its way past all that is checked before.
        let careless = Client { network: settings(Guard::default()).network, ..client };
        let url = format!("http://localhost:{}/", answer());
        assert_eq!(send(&careless, &url).await, Err(Reason::PrivateAddress));
    }

    #[test]
    fn user_name_and_password_of_a_url_are_not_sent() {
        let client = Client::new(&settings(Guard::open())).expect("a client");
        let request = client.get(Url::parse("http://user:secret@host.example/x#y").expect("a URL"));
        let request = client.dressed(&request).expect("a request");
        assert_eq!(request.url().as_str(), "http://host.example/x");
        assert_eq!(request.headers().get(reqwest::header::AUTHORIZATION), None);
    }

    #[tokio::test]
    async fn what_may_not_be_asked_is_not_asked() {
        let client = Client::new(&settings(Guard::default())).expect("a client");
        for url in ["http://127.0.0.1:9/", "http://localhost:9/", "http://[::ffff:10.0.0.1]/"] {
            assert_eq!(send(&client, url).await, Err(Reason::PrivateAddress), "{url}");
        }
        assert_eq!(send(&client, "ftp://93.184.215.14/").await, Err(Reason::Scheme));
    }
}
