//! `producer robots`: what a robots.txt says of URLs, and by which of its lines. Nothing is fetched but the robots.txt.

use std::io::{self, Write};

use anyhow::Context;
use common::exit::Exit;
use common::http::{DEFAULT_USER_AGENT, Network};
use common::opt_out;
use common::reason::Reason;
use url::Url;

use super::file::{NOWHERE, read_file};
use crate::cli::RobotsOptions;
use crate::frontier;
use crate::page_fetch::PageFetch;
use crate::robots::{self, MAX_FILE, Rule, Rules};

/// What cannot be judged.
#[derive(Debug, thiserror::Error)]
pub enum RobotsError {
    /// Nobody.
    #[error("--agent takes a crawler's name, such as Warren")]
    Agent,
    /// Not an address.
    #[error("{0:?} is not a URL; write http:// or https:// and a host, or a path that begins with /")]
    Url(String),
    /// No such file.
    #[error("cannot read {0}")]
    Read(String, #[source] io::Error),
    /// An address that is not asked.
    #[error("{0} is not asked: {1}; --allow-private lets private addresses in, --allow-net a part of them")]
    Refused(Url, Reason),
}

/// Prints a line for each URL.
pub async fn robots(options: RobotsOptions) -> anyhow::Result<Exit> {
    let agent = opt_out::agent(options.agent.trim()).to_owned();
    if agent.is_empty() {
        return Err(RobotsError::Agent.into());
    }
    let urls: Vec<Url> = options.urls.iter().map(|text| parse(text)).collect::<Result<_, _>>()?;
    let rules = match frontier::parse(&options.robots) {
        Ok(location) => fetch(location, &agent, Network::new(&options.network, options.allow_private)?).await?,
        Err(_) => Rules::read(
            &read_file(&options.robots, MAX_FILE).map_err(|error| RobotsError::Read(options.robots, error))?,
            &agent,
        ),
    };
    print(&rules, options.urls.iter().zip(&urls)).context("cannot write to standard output")?;
    Ok(Exit::Complete)
}

fn parse(text: &str) -> Result<Url, RobotsError> {
    let parsed = match text.strip_prefix('/') {
        Some(path) => Url::parse(&format!("{NOWHERE}{path}")).ok(),
        None => frontier::parse(text).ok(),
    };
    parsed.ok_or_else(|| RobotsError::Url(text.to_owned()))
}

/// A robots.txt from its site. One that cannot be had is read as RFC 9309 says (2.3.1).
async fn fetch(mut location: Url, agent: &str, network: Network) -> anyhow::Result<Rules> {
    if location.path() == "/" {
        location.set_path("/robots.txt");
    }
    let pages = PageFetch::new(network, DEFAULT_USER_AGENT.to_owned())?;
    match robots::fetch_there(&pages, agent, location.clone()).await {
        Ok(rules) => Ok(rules),
        Err(missed) if matches!(missed.reason, Reason::PrivateAddress | Reason::Scheme) => {
            Err(RobotsError::Refused(location, missed.reason).into())
        }
        Err(missed) => {
            tracing::warn!(reason = %missed.reason, "robots.txt cannot be had, so nothing may be fetched");
            Ok(robots::closed(missed.reason))
        }
    }
}

fn print<'a>(rules: &Rules, urls: impl Iterator<Item = (&'a String, &'a Url)>) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for (text, url) in urls {
        let verdict = rules.verdict(url);
        let word = if verdict.allowed { "allowed" } else { "denied" };
        let line = verdict.rule.map(Rule::line).map_or_else(|| "-".to_owned(), |line| line.to_string());
        writeln!(out, "{word}\t{text}\t{line}")?;
    }
    out.flush()
}
