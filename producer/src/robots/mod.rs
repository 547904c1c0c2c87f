//! robots.txt (RFC 9309): fetched once for each origin before its first page or image, and asked for every URL.
//!
//! ```text
//! fetch -> lines -> rules (patterns) -> cache
//! ```
//!
//! What a page or an image says of itself is another matter: [`common::opt_out`].

mod cache;
mod fetch;
mod lines;
mod pattern;
mod rules;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod tests;

use std::time::Duration;

use common::outcome::Status;
use common::reason::Reason;
use url::Url;

pub use cache::{Known, RobotsCache};
pub use fetch::{MAX_REDIRECTS, RETRIES, closed, fetch, fetch_there};
pub use rules::{MAX_FILE, RobotsTxt, Rule, Verdict};

use crate::ledger;

/// Longest Crawl-delay that is honoured; some sites ask for weeks.
const LONGEST_CRAWL_DELAY: Duration = Duration::from_mins(1);

/// What an origin's robots.txt came to.
#[derive(Debug)]
pub enum Rules {
    /// These rules hold.
    Known(RobotsTxt),
    /// Nothing may be fetched, or nothing can be: every URL of the origin has this outcome.
    Closed(ledger::Verdict),
}

impl Rules {
    /// Reads a file for the crawler whose name is `agent`. Any bytes are a file; an empty one allows everything.
    #[must_use]
    pub fn read(file: &[u8], agent: &str) -> Self {
        Self::Known(RobotsTxt::read(file, agent))
    }

    /// What stands against fetching `url`, if anything, and the rule's line in words.
    #[must_use]
    pub fn against(&self, url: &Url) -> Option<ledger::Verdict> {
        let verdict = match self {
            Self::Known(robots) => robots.verdict(url),
            Self::Closed(outcome) => return Some(outcome.clone()),
        };
        let detail = verdict.rule.map(|rule| format!("robots.txt line {}: {rule}", rule.line()));
        (!verdict.allowed).then_some(ledger::Verdict { status: Status::Blocked, reason: Reason::Robots, detail })
    }

    /// Whether `url` may be fetched, and the rule that says so, if it is a rule that does.
    #[must_use]
    pub fn verdict(&self, url: &Url) -> Verdict<'_> {
        match self {
            Self::Known(robots) => robots.verdict(url),
            Self::Closed(_) => Verdict { allowed: false, rule: None },
        }
    }

    /// The pause between two requests that the rules ask for.
    #[must_use]
    pub fn crawl_delay(&self) -> Option<Duration> {
        match self {
            Self::Known(robots) => robots.crawl_delay().map(|delay| delay.min(LONGEST_CRAWL_DELAY)),
            Self::Closed(_) => None,
        }
    }

    /// The sitemaps that the file names, as they are written.
    #[must_use]
    pub fn sitemaps(&self) -> &[String] {
        match self {
            Self::Known(robots) => robots.sitemaps(),
            Self::Closed(_) => &[],
        }
    }

    /// Bytes that they take in memory, more or less.
    fn size(&self) -> usize {
        match self {
            Self::Known(robots) => robots.size(),
            Self::Closed(_) => 0,
        }
    }
}
