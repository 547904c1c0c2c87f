//! robots.txt (RFC 9309): fetched once for each origin before its first page or image, and asked for every URL.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use common::http::{self, Announced, BodyError};
use common::outcome::Status;
use common::reason::Reason;
use reqwest::StatusCode;
use robotxt::{AccessResult, Agent, Robots};
use tokio::time::Instant;
use url::Url;

use crate::page_fetch::{Missed, PageFetch};

/// How long an answer holds (RFC 9309, 2.4).
const KEPT_FOR: Duration = Duration::from_hours(24);

/// Origins whose answers are kept.
const KEPT: usize = 10_000;

/// Further tries after passing trouble of the server's; a host that does not answer at all is the pace's to give up.
pub const RETRIES: u32 = 2;

/// Longest Crawl-delay that is honoured; some sites ask for weeks.
const LONGEST_CRAWL_DELAY: Duration = Duration::from_mins(1);

/// What an origin's robots.txt came to.
#[derive(Debug)]
pub enum Rules {
    /// These rules hold.
    Known(Robots),
    /// Nothing may be fetched, or nothing can be: every URL of the origin has this outcome.
    Closed(Status, Reason),
}

impl Rules {
    /// What stands against fetching `url`, if anything.
    #[must_use]
    pub fn against(&self, url: &Url) -> Option<(Status, Reason)> {
        match self {
            Self::Known(robots) if robots.is_url_allowed(url) => None,
            Self::Known(_) => Some((Status::Blocked, Reason::Robots)),
            Self::Closed(status, reason) => Some((*status, *reason)),
        }
    }

    /// The pause between two requests that the rules ask for.
    #[must_use]
    pub fn crawl_delay(&self) -> Option<Duration> {
        match self {
            Self::Known(robots) => robots.crawl_delay().map(|delay| delay.min(LONGEST_CRAWL_DELAY)),
            Self::Closed(..) => None,
        }
    }
}

/// Fetches and reads the robots.txt of `url`'s origin for the crawler named `agent`: one try.
pub async fn fetch(pages: &PageFetch, agent: &str, url: &Url) -> Result<Rules, Missed> {
    match robotxt::robots_url(url) {
        Ok(location) => ask(pages, agent, &location).await,
        Err(_) => Ok(Rules::Closed(Status::Blocked, Reason::Scheme)),
    }
}

async fn ask(pages: &PageFetch, agent: &str, location: &Url) -> Result<Rules, Missed> {
    let response = match pages.ask(location).await {
        // More redirects than are followed: RFC 9309 (2.3.1.2) reads it as "no robots.txt".
        Err(missed) if missed.reason == Reason::Redirects => return Ok(read(AccessResult::TooManyRedirects, agent)),
        answer => answer?,
    };
    let status = response.status();
    // 429 is a plea to slow down, not the absence of a file.
    if status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS {
        return Err(Missed {
            reason: Reason::Http(status.as_u16()),
            status: Some(status.as_u16()),
            retry_after: http::retry_after(response.headers()),
        });
    }
    if !status.is_success() {
        return Ok(read(AccessResult::Unavailable, agent));
    }
    match http::read_capped(response, robotxt::BYTE_LIMIT, Announced::Ignore).await {
        Ok(body) | Err(BodyError::TooLarge { head: body, .. }) => Ok(read(AccessResult::Successful(&body), agent)),
        Err(error) => Err(Missed { reason: error.reason(), status: Some(status.as_u16()), retry_after: None }),
    }
}

fn read(answer: AccessResult<'_>, agent: &str) -> Rules {
    Rules::Known(Robots::from_access(answer, Agent::from(agent)))
}

/// An origin without an answer. A server's error forbids to fetch from it (RFC 9309, 2.3.1.4), and so would a host that
/// cannot be reached; that it cannot, and how, is the more helpful outcome.
#[must_use]
pub fn closed(reason: Reason) -> Rules {
    match reason {
        Reason::Http(_) => Rules::Closed(Status::Blocked, Reason::Robots),
        Reason::PrivateAddress | Reason::Scheme => Rules::Closed(Status::Blocked, reason),
        _ => Rules::Closed(Status::Failed, reason),
    }
}

/// The answers so far, by origin.
#[derive(Debug, Default)]
pub struct RobotsCache {
    origins: HashMap<String, Option<(Arc<Rules>, Instant)>>,
    order: VecDeque<String>,
}

/// What is known of an origin.
#[derive(Debug, Clone)]
pub enum Known {
    /// Its rules.
    Rules(Arc<Rules>),
    /// Being fetched.
    Awaited,
    /// Nothing (any more).
    Nothing,
}

impl RobotsCache {
    /// Looks an origin up.
    #[must_use]
    pub fn of(&self, url: &Url, now: Instant) -> Known {
        match self.origins.get(origin(url)) {
            Some(Some((rules, learned))) if now - *learned < KEPT_FOR => Known::Rules(Arc::clone(rules)),
            Some(Some(_)) | None => Known::Nothing,
            Some(None) => Known::Awaited,
        }
    }

    /// The rules of an origin are being fetched; [`RobotsCache::learned`] is to follow.
    pub fn asked(&mut self, url: &Url) {
        let origin = origin(url);
        if self.origins.insert(origin.to_owned(), None).is_none() {
            self.forget_oldest();
            self.order.push_back(origin.to_owned());
        }
    }

    /// The rules of an origin are known now.
    pub fn learned(&mut self, url: &Url, rules: Arc<Rules>, now: Instant) {
        self.origins.insert(origin(url).to_owned(), Some((rules, now)));
    }

    /// The rules of an origin did not come; they are to be asked for again.
    pub fn missed(&mut self, url: &Url) {
        let origin = origin(url);
        self.origins.remove(origin);
        self.order.retain(|other| other != origin);
    }

    fn forget_oldest(&mut self) {
        if self.order.len() < KEPT {
            return;
        }
        // One that is being fetched is waited for, and stays.
        let known = |origin: &String| self.origins.get(origin).is_none_or(Option::is_some);
        if let Some(place) = self.order.iter().position(known)
            && let Some(oldest) = self.order.remove(place)
        {
            self.origins.remove(&oldest);
        }
    }
}

/// Scheme, host and port.
fn origin(url: &Url) -> &str {
    &url[url::Position::BeforeScheme..url::Position::AfterPort]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn rules_decide_by_path_and_the_rest_is_allowed() {
        let rules = read(AccessResult::Successful(b"User-agent: *\nDisallow: /private/\nCrawl-delay: 2"), "Warren");
        assert_eq!(rules.against(&url("http://a/x.png")), None);
        assert_eq!(rules.against(&url("http://a/private/x.png")), Some((Status::Blocked, Reason::Robots)));
        assert_eq!(rules.crawl_delay(), Some(Duration::from_secs(2)));
    }

    #[test]
    fn a_missing_file_allows_and_an_absurd_delay_is_clamped() {
        assert_eq!(read(AccessResult::Unavailable, "Warren").against(&url("http://a/x")), None);
        let slow = read(AccessResult::Successful(b"User-agent: Warren\nCrawl-delay: 999999"), "Warren");
        assert_eq!(slow.crawl_delay(), Some(LONGEST_CRAWL_DELAY));
    }

    #[test]
    fn an_origin_is_fetched_once_and_again_after_a_day() {
        let (mut cache, now) = (RobotsCache::default(), Instant::now());
        let page = url("http://a:8080/x");
        assert!(matches!(cache.of(&page, now), Known::Nothing));
        cache.asked(&page);
        assert!(matches!(cache.of(&page, now), Known::Awaited));
        cache.learned(&page, Arc::new(read(AccessResult::Unavailable, "Warren")), now);
        assert!(matches!(cache.of(&url("http://a:8080/y"), now), Known::Rules(_)));
        assert!(matches!(cache.of(&url("https://a:8080/y"), now), Known::Nothing), "another origin");
        assert!(matches!(cache.of(&page, now + KEPT_FOR), Known::Nothing));
    }

    #[test]
    fn old_origins_are_forgotten_but_never_one_that_is_awaited() {
        let (mut cache, now) = (RobotsCache::default(), Instant::now());
        let awaited = url("http://awaited/");
        cache.asked(&awaited);
        let rules = Arc::new(read(AccessResult::Unavailable, "Warren"));
        for number in 0..2 * KEPT {
            let page = url(&format!("http://h{number}/"));
            cache.asked(&page);
            cache.learned(&page, Arc::clone(&rules), now);
        }
        assert!(cache.origins.len() <= KEPT + 1);
        assert!(matches!(cache.of(&awaited, now), Known::Awaited));
    }
}
