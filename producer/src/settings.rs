//! What was typed, checked and made whole. No side effect happens before everything here is known to be good.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use clap::{ArgMatches, CommandFactory, FromArgMatches, parser::ValueSource};
use common::cli::BrokerOptions;
use common::http::{self, Network, NetworkError};
use common::opt_out::{self, Directives};
use common::run_name::RunName;
use common::telemetry::otlp::OtlpError;
use common::telemetry::{OtlpSettings, Sampler};
use downloader::cli::{OwnOptions, WorkOptions};
use downloader::location::{BadLocation, Location};
use regex::RegexSet;
use reqwest::header::HeaderValue;
use url::Url;

use crate::cli::{CrawlOptions, OutputFormat, RunOptions};
use crate::dashboard::OwnName;
use crate::dispatch::Manners;
use crate::extract;
use crate::frontier::{self, Filter, Selection};
use crate::page_fetch::PageFetch;
use crate::since::Since;

/// Images and pages of one host out at once, unless the user says otherwise.
const PER_HOST: usize = 8;

/// An option or argument that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// A seed that cannot be fetched.
    #[error("{0:?} is not a page's address; write http:// or https:// and a host")]
    Seed(String),
    /// A pattern that does not parse.
    #[error("--{option} takes a regular expression")]
    Pattern {
        /// Which option.
        option: &'static str,
        /// Where the pattern goes wrong.
        source: regex::Error,
    },
    /// A text that cannot stand in a header.
    #[error("--user-agent takes printable ASCII characters, and not nothing")]
    UserAgent,
    /// Nobody's address.
    #[error("--from takes an e-mail address, in printable ASCII characters with an @")]
    From,
    /// No time at all.
    #[error("--timeout must be longer than nothing")]
    Timeout,
    /// An option of the downloader on its own.
    #[error("{0} is an option of `downloader`; give it there, or add --embedded")]
    NotEmbedded(String),
    /// No place for images.
    #[error(transparent)]
    Store(#[from] BadLocation),
    /// Something about the network.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// No collector.
    #[error(transparent)]
    Otlp(#[from] OtlpError),
    /// The downloader's own complaint.
    #[error(transparent)]
    Downloader(#[from] downloader::settings::SettingsError),
}

/// Where the queues are.
#[derive(Debug, Clone)]
pub enum Broker {
    /// In this process, with this downloader.
    Embedded(Box<downloader::settings::Settings>),
    /// In RabbitMQ.
    Amqp(BrokerOptions),
}

/// What a run works by.
#[derive(Debug, Clone)]
pub struct RunSettings {
    /// Its name.
    pub run: RunName,
    /// Folder of all runs.
    pub runs: PathBuf,
    /// The run by which images are asked for only if they changed.
    pub since: Option<Since>,
    /// Longest silence while images are outstanding.
    pub timeout: Duration,
    /// The user's cap on the window.
    pub window: Option<usize>,
    /// Requests of one host at once; 0: no limit.
    pub per_host: usize,
    /// Pause between two requests to one host.
    pub delay: Duration,
    /// Longest that a host is waited for.
    pub longest_rest: Duration,
    /// Further tries.
    pub retries: u32,
    /// Who we say we are.
    pub user_agent: String,
    /// Whom to write to.
    pub from: Option<String>,
    /// Whether robots.txt is asked.
    pub obey_robots: bool,
    /// Which opt-outs of pages and images are obeyed.
    pub opt_outs: Directives,
    /// Whom to ask, and how.
    pub network: Network,
    /// Where monitoring asks.
    pub metrics: Option<SocketAddr>,
    /// Whether outcomes go to standard output.
    pub stream: bool,
    /// How the summary is written.
    pub format: OutputFormat,
    /// Where the dashboard is served, if it is.
    pub dashboard: Option<SocketAddr>,
    /// Further names that the dashboard is asked by.
    pub dashboard_names: Vec<OwnName>,
    /// Where a dashboard looks for the images of other runs whose downloaders are programs of their own; and of this one, if it has.
    pub dashboard_store: Option<Location>,
    /// Whether a report is written at the end.
    pub report: bool,
    /// Where the queues are.
    pub broker: Broker,
    /// Where spans go, if anywhere.
    pub otlp: Option<OtlpSettings>,
    /// Which images they follow.
    pub sampler: Sampler,
}

impl RunSettings {
    /// The name that robots.txt files call us by: the first word of the user agent, without a version.
    #[must_use]
    pub fn robots_agent(&self) -> &str {
        opt_out::agent(&self.user_agent)
    }

    /// How its images are asked for.
    #[must_use]
    pub fn manners(&self) -> Manners {
        Manners {
            user_agent: self.user_agent.clone(),
            from: self.from.clone(),
            opt_outs: self.opt_outs,
            ignores_robots: !self.obey_robots,
        }
    }

    /// What fetches its pages and robots.txt files.
    ///
    /// # Errors
    /// When the system's TLS roots cannot be read.
    pub fn page_fetch(&self) -> Result<PageFetch, reqwest::Error> {
        Ok(PageFetch::new(self.network.clone(), self.user_agent.clone())?.with_from(self.from.clone()))
    }
}

impl TryFrom<RunOptions> for RunSettings {
    type Error = SettingsError;

    fn try_from(options: RunOptions) -> Result<Self, SettingsError> {
        let user_agent = options.user_agent.trim().to_owned();
        if user_agent.is_empty() || HeaderValue::from_str(&user_agent).is_err() || !user_agent.is_ascii() {
            return Err(SettingsError::UserAgent);
        }
        let from = options.from.map(|from| from.trim().to_owned());
        if !from.as_deref().is_none_or(http::is_mailbox) {
            return Err(SettingsError::From);
        }
        if options.timeout.is_zero() {
            return Err(SettingsError::Timeout);
        }
        let network = Network::new(&options.network, options.allow_private)?;
        let (store, endpoint) = (&options.downloader.store, options.downloader.s3_endpoint.as_deref());
        let dashboard_store = options.dashboard.map(|_| Location::new(store.clone(), endpoint)).transpose()?;
        let broker = if options.embedded {
            // What both programs know holds for both.
            let per_host = options.per_host.unwrap_or_else(downloader_per_host);
            let own = downloader::settings::Settings::new(options.downloader, per_host, network.clone())?;
            Broker::Embedded(Box::new(own))
        } else {
            Broker::Amqp(options.broker)
        };
        Ok(Self {
            run: options.run.unwrap_or_else(name_by_time),
            runs: options.runs,
            since: options.since,
            timeout: options.timeout,
            window: options.window,
            per_host: options.per_host.unwrap_or(PER_HOST),
            delay: options.delay,
            longest_rest: options.longest_rest,
            retries: options.retries,
            user_agent,
            from,
            obey_robots: !options.ignore_robots,
            opt_outs: if options.ignore_robots { Directives::NONE } else { options.opt_outs },
            network,
            metrics: options.metrics.metrics,
            stream: options.stream,
            format: options.format,
            dashboard: options.dashboard,
            dashboard_names: options.dashboard_host,
            dashboard_store,
            report: options.report,
            broker,
            otlp: OtlpSettings::new(&options.otlp)?,
            sampler: options.otlp_sample,
        })
    }
}

/// The downloader's own default, asked of its command line so that it is written in one place.
fn downloader_per_host() -> usize {
    let command = downloader::cli::Cli::command();
    let matches = command.try_get_matches_from(["downloader"]);
    let options = matches.and_then(|matches| WorkOptions::from_arg_matches(&matches));
    options.map_or(PER_HOST, |options| options.per_host)
}

/// Refuses the downloader's options where there is no downloader in this process, as far as the command line tells: whether
/// a run that is gone on with has one is known when its options are.
pub fn check_embedded(matches: &ArgMatches) -> Result<(), SettingsError> {
    match matches.subcommand() {
        Some(("crawl" | "urls", matches)) if !matches.get_flag("embedded") => refuse_downloader_options(matches),
        _ => Ok(()),
    }
}

/// Refuses the downloader's options. Environment variables are let pass: they may be set for the programs of a whole
/// machine.
pub fn refuse_downloader_options(matches: &ArgMatches) -> Result<(), SettingsError> {
    let own = <OwnOptions as clap::Args>::augment_args(clap::Command::new("own"));
    let typed = own.get_arguments().find(|argument| {
        let id = argument.get_id().as_str();
        matches.try_contains_id(id).is_ok() && matches.value_source(id) == Some(ValueSource::CommandLine)
    });
    match typed.and_then(clap::Arg::get_long) {
        Some(option) => Err(SettingsError::NotEmbedded(format!("--{option}"))),
        None => Ok(()),
    }
}

/// What a crawl works by, beside what every run does.
#[derive(Debug, Clone)]
pub struct CrawlSettings {
    /// Pages to begin at.
    pub seeds: Vec<Url>,
    /// Sitemaps to begin at.
    pub sitemaps: Vec<Url>,
    /// Whether the sitemaps that the seeds' robots.txt files name are read too.
    pub robots_sitemaps: bool,
    /// What is taken.
    pub selection: Selection,
    /// How pages are read.
    pub extract: extract::Options,
    /// Stop after so many pages.
    pub max_pages: Option<u64>,
    /// Stop finding after so many images.
    pub max_images: Option<u64>,
}

impl CrawlSettings {
    /// Checks a crawl's options.
    pub fn new(options: CrawlOptions) -> Result<(Self, RunSettings), SettingsError> {
        let seed = |text: &String| frontier::parse(text).map_err(|_| SettingsError::Seed(text.clone()));
        let selection = Selection {
            scope: options.scope,
            depth: options.depth,
            pages: filter(&options.include, &options.exclude, ["include", "exclude"])?,
            images: filter(&options.include_images, &options.exclude_images, ["include-images", "exclude-images"])?,
            longest_url: options.max_url_length,
        };
        let mut limits = extract::Limits::default();
        limits.url_bytes = options.max_url_length.min(limits.url_bytes);
        limits.images = options.max_images_per_page.unwrap_or(limits.images);
        let crawl = Self {
            seeds: options.seeds.iter().map(seed).collect::<Result<_, _>>()?,
            selection,
            sitemaps: options.sitemap.iter().map(seed).collect::<Result<_, _>>()?,
            robots_sitemaps: options.sitemaps,
            extract: extract::Options { srcset: options.srcset, limits },
            max_pages: options.max_pages,
            max_images: options.max_images,
        };
        Ok((crawl, options.run.try_into()?))
    }
}

fn filter(include: &[String], exclude: &[String], [yes, no]: [&'static str; 2]) -> Result<Filter, SettingsError> {
    let set = |patterns: &[String], option| {
        RegexSet::new(patterns).map_err(|source| SettingsError::Pattern { option, source })
    };
    Ok(Filter { include: set(include, yes)?, exclude: set(exclude, no)? })
}

/// Sorts by time, and is unlike any other.
fn name_by_time() -> RunName {
    let time = humantime::format_rfc3339_seconds(SystemTime::now()).to_string();
    let digits: String = time.chars().filter(char::is_ascii_digit).collect();
    let (date, clock) = digits.split_at(8.min(digits.len()));
    let name = format!("{date}-{clock}-{:04x}", rand::random::<u16>());
    name.parse().expect("digits, hyphens and hexadecimal digits are a name")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Command};

    fn crawl(arguments: &[&str]) -> Result<(CrawlSettings, RunSettings), SettingsError> {
        let cli = Cli::parse_from(["producer", "crawl"].iter().chain(arguments));
        match cli.command {
            Command::Crawl(options) => CrawlSettings::new(options),
            _ => unreachable!("a crawl was parsed"),
        }
    }

    #[test]
    fn seeds_must_be_addresses_of_pages() {
        assert!(crawl(&["http://site.example"]).is_ok());
        for bad in ["site.example", "http://", "file:///etc/passwd", "ftp://site.example/"] {
            assert!(matches!(crawl(&[bad]), Err(SettingsError::Seed(text)) if text == bad), "{bad}");
        }
    }

    #[test]
    fn patterns_are_checked_before_anything_happens() {
        let error = crawl(&["http://a/", "--exclude-images", "("]).expect_err("not a pattern");
        assert!(error.to_string().contains("--exclude-images"));
    }

    #[test]
    fn the_first_word_of_the_user_agent_is_the_robots_agent() {
        let (_, run) = crawl(&["http://a/", "--user-agent", "MyBot/0.1 (+https://x)"]).expect("good options");
        assert_eq!(run.robots_agent(), "MyBot");
        assert!(matches!(crawl(&["http://a/", "--user-agent", "x\ny"]), Err(SettingsError::UserAgent)));
    }

    #[test]
    fn opt_outs_are_obeyed_as_told_and_not_at_all_without_robots() {
        let run = |arguments: &[&str]| crawl(&[&["http://a/"], arguments].concat()).expect("good options").1;
        assert_eq!(run(&[]).opt_outs, Directives::ALL);
        assert_eq!(run(&["--opt-outs", "noai,tdm"]).opt_outs.to_string(), "noai,tdm");
        assert_eq!(run(&["--opt-outs="]).opt_outs, Directives::NONE);
        let ignoring = run(&["--ignore-robots", "--opt-outs", "noai"]);
        assert!(!ignoring.obey_robots && ignoring.opt_outs.is_empty());
    }

    #[test]
    fn whom_to_write_to_must_fit_a_header() {
        let from = |text| crawl(&["http://a/", "--from", text]).map(|(_, run)| run.from);
        assert_eq!(from(" crawl@example.org ").expect("good options").as_deref(), Some("crawl@example.org"));
        for bad in ["", "nobody", "@", "a@b\nX: y", "\u{e9}@example.org"] {
            assert!(matches!(from(bad), Err(SettingsError::From)), "{bad:?}");
        }
    }

    #[test]
    fn what_both_programs_know_holds_for_both_and_has_its_own_default_in_each() {
        let per_hosts = |arguments: &[&str]| {
            let (_, run) = crawl(arguments).expect("good options");
            match run.broker {
                Broker::Embedded(worker) => (run.per_host, worker.per_host),
                Broker::Amqp(_) => unreachable!("embedded was asked for"),
            }
        };
        assert_eq!(per_hosts(&["http://a/", "--embedded"]), (8, 16));
        assert_eq!(per_hosts(&["http://a/", "--embedded", "--per-host", "3"]), (3, 3));
    }

    #[test]
    fn options_of_the_downloader_need_one_in_this_process() {
        let check = |arguments: &[&str]| {
            let arguments = ["producer", "crawl", "http://a/"].iter().chain(arguments);
            check_embedded(&Cli::command().get_matches_from(arguments))
        };
        assert!(check(&[]).is_ok());
        assert!(check(&["--embedded", "--max-bytes", "1MiB"]).is_ok());
        let error = check(&["--max-bytes", "1MiB"]).expect_err("no downloader here");
        assert!(error.to_string().starts_with("--max-bytes is an option of `downloader`"));
    }

    #[test]
    fn a_run_without_a_name_gets_one_by_the_time() {
        let name = name_by_time();
        assert!(name.as_str().starts_with("20"), "{name}");
        assert_eq!(name.as_str().len(), "20261123-154455-abcd".len());
    }
}
