//! Gets a page: asks the server once, reads up to the cap, says what came. What a page is worth is not decided here.

use std::time::Duration;

use bytes::Bytes;
use common::http::{self, Client, ClientSettings, Guard, MAX_REDIRECTS, Network, Part};
use common::opt_out::{self, Directives};
use common::reason::Reason;
use reqwest::Response;
use reqwest::header::{ACCEPT, CONTENT_TYPE, FROM, USER_AGENT};
use url::Url;

/// Longest part of a page that is read, in bytes after decompression. A longer page is cut there.
pub const MAX_PAGE: usize = 8 << 20;

/// Longest sitemap that is read, in bytes after decompression (the protocol's own limit: sitemaps.org, "Using Sitemap index
/// files").
pub const MAX_SITEMAP: usize = 50 << 20;

/// How much of a film or a picture is read to know what it is, in bytes.
const MEDIA_HEAD: usize = 4 << 10;

/// From the request to the last byte.
const TOTAL_TIMEOUT: Duration = Duration::from_mins(1);

/// Pages that a run has under way at once. Their bodies are in memory meanwhile.
pub(crate) const AT_ONCE: usize = 32;

/// To make a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

const ACCEPTED: &str = "text/html,application/xhtml+xml;q=0.9,*/*;q=0.8";

/// A page as it came.
#[derive(Debug)]
pub struct Fetched {
    /// Where it is.
    pub url: Url,
    /// The status code, a success.
    pub status: u16,
    /// What the server says it is.
    pub content_type: Option<String>,
    /// The bytes, up to the cap.
    pub body: Bytes,
    /// Whether there was more.
    pub cut: bool,
    /// What its headers say of its use, to us or to everybody.
    pub opt_outs: Directives,
}

/// What asking for a page came to.
#[derive(Debug)]
pub enum Answer {
    /// The page.
    Page(Fetched),
    /// It is elsewhere; nobody has asked there yet.
    Moved(Url),
}

/// A page that did not come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Missed {
    /// Why.
    pub reason: Reason,
    /// The status code, if a server answered.
    pub status: Option<u16>,
    /// What `Retry-After` asked for.
    pub retry_after: Option<Duration>,
    /// Whether another try would end in the same way, although the reason may pass as a rule.
    pub is_final: bool,
}

impl From<Reason> for Missed {
    fn from(reason: Reason) -> Self {
        Self { reason, status: None, retry_after: None, is_final: false }
    }
}

/// Fetches pages and robots.txt files.
#[derive(Debug, Clone)]
pub struct PageFetch {
    client: Client,
    user_agent: String,
    from: Option<String>,
}

impl PageFetch {
    /// # Errors
    /// When the system's TLS roots cannot be read.
    pub fn new(network: Network, user_agent: String) -> Result<Self, reqwest::Error> {
        let settings = ClientSettings {
            network,
            connect_timeout: CONNECT_TIMEOUT,
            total_timeout: TOTAL_TIMEOUT,
            compressed: true,
            // All of them may be of one host.
            idle_per_host: AT_ONCE,
        };
        Ok(Self { client: Client::new(&settings)?, user_agent, from: None })
    }

    /// Says in every request whom a server's owner may write to (RFC 9110, 10.1.2).
    #[must_use]
    pub fn with_from(self, from: Option<String>) -> Self {
        Self { from, ..self }
    }

    /// Which addresses it asks.
    #[must_use]
    pub fn guard(&self) -> &Guard {
        self.client.guard()
    }

    /// Asks once, whatever the answer, a redirect included.
    pub async fn ask_there(&self, url: &Url) -> Result<Response, Missed> {
        self.guard().check_url(url).map_err(Reason::from)?;
        let mut request = self.client.get(url.clone()).header(ACCEPT, ACCEPTED).header(USER_AGENT, &self.user_agent);
        if let Some(from) = &self.from {
            request = request.header(FROM, from);
        }
        let answer = self.client.send(request).await;
        answer.map_err(|error| Missed { is_final: error.is_final(), ..Missed::from(error.reason()) })
    }

    /// Fetches a page, wherever redirects lead.
    pub async fn fetch(&self, url: &Url) -> Result<Fetched, Missed> {
        let mut url = url.clone();
        for _ in 0..=MAX_REDIRECTS {
            match self.fetch_there(&url, MAX_PAGE).await? {
                Answer::Page(fetched) => return Ok(fetched),
                Answer::Moved(target) => url = target,
            }
        }
        Err(Reason::Redirects.into())
    }

    /// Fetches a page where it is said to be; reads at most `cap` bytes of it.
    pub async fn fetch_there(&self, url: &Url, cap: usize) -> Result<Answer, Missed> {
        let response = self.ask_there(url).await?;
        match http::redirect(&response, self.guard()) {
            Some(Ok(target)) => Ok(Answer::Moved(target)),
            Some(Err(refused)) => {
                Err(Missed { status: Some(response.status().as_u16()), ..Missed::from(Reason::from(refused)) })
            }
            None => self.read(response, cap).await.map(Answer::Page),
        }
    }

    async fn read(&self, response: Response, cap: usize) -> Result<Fetched, Missed> {
        let status = response.status();
        if !status.is_success() {
            let retry_after = http::retry_after(response.headers());
            return Err(Missed {
                status: Some(status.as_u16()),
                retry_after,
                ..Missed::from(Reason::Http(status.as_u16()))
            });
        }
        let url = response.url().clone();
        let opt_outs = opt_out::of_headers(response.headers(), opt_out::agent(&self.user_agent));
        let content_type =
            response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        // Of what is no document, what tells that it is none is enough.
        let cap = if content_type.as_deref().is_some_and(is_media) { cap.min(MEDIA_HEAD) } else { cap };
        let Part { bytes: body, cut } = http::read_part(response, cap)
            .await
            .map_err(|error| Missed { status: Some(status.as_u16()), ..Missed::from(error.reason()) })?;
        Ok(Fetched { url, status: status.as_u16(), content_type, body, cut, opt_outs })
    }
}

/// Whether a server says that this is a picture, a film, a font: nothing that has links. SVG is a document.
fn is_media(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let kind = essence.split('/').next().unwrap_or_default();
    let media = matches!(kind, "image" | "video" | "audio" | "font") && essence != "image/svg+xml";
    media || matches!(essence.as_str(), "application/pdf" | "application/zip")
}
