//! Gets an origin's robots.txt, and reads what its absence means: RFC 9309, 2.3.1.

use common::http;
use common::outcome::Status;
use common::reason::Reason;
use reqwest::{Response, StatusCode};
use url::Url;

use super::{MAX_FILE, Rules};
use crate::ledger;
use crate::page_fetch::{Missed, PageFetch};

/// Further tries after passing trouble of the server's; a host that does not answer at all is the pace's to give up.
pub const RETRIES: u32 = 2;

/// Redirects that are followed, also to other hosts (2.3.1.2).
pub const MAX_REDIRECTS: usize = 5;

/// Fetches and reads the robots.txt of `url`'s origin for the crawler named `agent`: one try.
pub async fn fetch(pages: &PageFetch, agent: &str, url: &Url) -> Result<Rules, Missed> {
    match url.join("/robots.txt") {
        Ok(location) => fetch_there(pages, agent, location).await,
        Err(_) => Ok(closed(Reason::Scheme)),
    }
}

/// Fetches and reads the robots.txt that is at `location`: one try.
pub async fn fetch_there(pages: &PageFetch, agent: &str, mut location: Url) -> Result<Rules, Missed> {
    for _ in 0..=MAX_REDIRECTS {
        let response = pages.ask_there(&location).await?;
        match http::redirect(&response, pages.guard()) {
            Some(target) => location = target.map_err(Reason::from)?,
            None => return answered(response, agent).await,
        }
    }
    Ok(unavailable(agent))
}

async fn answered(response: Response, agent: &str) -> Result<Rules, Missed> {
    let status = response.status();
    let missed = |reason, retry_after| Missed { status: Some(status.as_u16()), retry_after, ..Missed::from(reason) };
    // 429 is a plea to slow down, not the absence of a file.
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(missed(Reason::Http(status.as_u16()), http::retry_after(response.headers())));
    }
    if !status.is_success() {
        return Ok(unavailable(agent));
    }
    // One byte more than is read shows that there is more.
    let part = http::read_part(response, MAX_FILE + 1).await.map_err(|error| missed(error.reason(), None))?;
    Ok(Rules::read(&part.bytes, agent))
}

/// There is no robots.txt: everything is allowed (2.3.1.3).
fn unavailable(agent: &str) -> Rules {
    Rules::read(b"", agent)
}

/// An origin without an answer. A server's error forbids to fetch from it (2.3.1.4), and so would a host that cannot be
/// reached; that it cannot, and how, is the more helpful outcome.
#[must_use]
pub fn closed(reason: Reason) -> Rules {
    let (status, word) = match reason {
        Reason::Http(_) => (Status::Blocked, Reason::Robots),
        Reason::PrivateAddress | Reason::Scheme => (Status::Blocked, reason),
        _ => (Status::Failed, reason),
    };
    Rules::Closed(ledger::Verdict { status, reason: word, detail: Some(format!("robots.txt: {reason}")) })
}
