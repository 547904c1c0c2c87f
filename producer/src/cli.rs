//! What can be typed. Checked and made whole by [`crate::settings`].

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use common::cli::{BrokerOptions, LogOptions, MetricsOptions, NetworkOptions, OtlpOptions};
use common::config::duration;
use common::opt_out::Directives;
use common::reason::Reason;
use common::run_name::RunName;
use common::telemetry::Sampler;

use crate::dashboard::OwnName;
use crate::extract::SrcsetChoice;
use crate::scope::ScopeKind;
use crate::seeds::list;
use crate::since::Since;

/// Finds images on web sites or in lists, has a fleet of downloaders fetch them, and accounts for every one
///
/// Standard output is data, standard error is talk. Exit codes: 0 complete, 1 an error of Warren's own, 2 wrong usage or
/// bad input, 3 the broker cannot be reached or refuses, 4 the timeout struck with images outstanding, 130 interrupted.
#[derive(Debug, Parser)]
#[command(name = "producer", version, max_term_width = 110)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// How to talk.
    #[command(flatten)]
    pub log: LogOptions,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Pages in, images out: fetch the images of web sites
    Crawl(CrawlOptions),
    /// Fetch the images of a list of URLs
    Urls(UrlsOptions),
    /// Go on with a run that stopped, however it stopped
    Resume(ResumeOptions),
    /// Try again the images of a run that failed
    Retry(RetryOptions),
    /// Have a run hand nothing out for a while; what is out is finished
    Pause(PauseOptions),
    /// Let a paused run go on
    Unpause(PauseOptions),
    /// Stop a run for good; workers drop what is queued of it
    Cancel(CancelOptions),
    /// Write the manifest of a run again, as JSON lines, CSV or Parquet; while the run lasts, too
    Export(ExportOptions),
    /// Write a run's report: one HTML file with numbers, plots, failures and a contact sheet; while the run lasts, too
    Report(ReportOptions),
    /// Show what a page offers, one JSON line an image; nothing is fetched but the page
    Extract(ExtractOptions),
    /// Say which URLs a robots.txt allows, and by which of its lines
    Robots(RobotsOptions),
    /// Show runs, queues, and what each downloader is doing
    Status(StatusOptions),
    /// Watch runs and downloaders in a browser, look at what came, and pause, cancel or retry
    Dashboard(DashboardOptions),
    /// The dead letters: batches that no downloader could read, or survive
    Dead(DeadOptions),
    /// Print what a shell needs to complete the options of either program
    Completions(CompletionsOptions),
    /// The manual pages of both programs
    Man(ManOptions),
}

/// One of the two programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum Program {
    /// This one
    #[default]
    Producer,
    /// The worker
    Downloader,
}

/// `producer completions`.
#[derive(Debug, Args)]
#[command(
    after_help = "For yourself, with bash:\n  producer completions bash > ~/.local/share/bash-completion/completions/producer\n  \
    producer completions --program downloader bash > ~/.local/share/bash-completion/completions/downloader"
)]
pub struct CompletionsOptions {
    /// For which shell
    #[arg(value_name = "SHELL")]
    pub shell: Shell,

    /// For which of the programs
    #[arg(long, value_name = "PROGRAM", value_enum, default_value_t)]
    pub program: Program,
}

/// `producer man`.
#[derive(Debug, Args)]
#[command(after_help = "To look at a page:\n  producer man | man -l -\n\n\
    To install all of them:\n  producer man /usr/local/share/man/man1")]
pub struct ManOptions {
    /// Write the pages of both programs and of every command into this folder, which is made if need be [default: print one]
    #[arg(value_name = "DIR")]
    pub folder: Option<PathBuf>,

    /// Which page is printed
    #[arg(long, value_name = "PROGRAM", value_enum, default_value_t)]
    pub program: Program,
}

/// `producer crawl`.
#[derive(Debug, Args)]
#[command(after_help = "Try it without a broker:\n  producer crawl --embedded --depth 2 https://example.org/\n\n\
    With RabbitMQ and any number of `downloader`s running:\n  producer crawl --broker amqp://user:password@rabbit:5672/%2f https://example.org/")]
pub struct CrawlOptions {
    /// Pages to begin at; a sitemap or a feed is read as one
    #[arg(value_name = "URL", required_unless_present = "sitemap")]
    pub seeds: Vec<String>,

    /// Begin at the pages and images of this sitemap (an index, gzip, text, RSS or Atom too); repeatable
    #[arg(long, value_name = "URL", help_heading = "Crawl")]
    pub sitemap: Vec<String>,

    /// Begin at the sitemaps that the seeds' robots.txt files name, too
    #[arg(long, env = "WARREN_SITEMAPS", value_parser = FalseyValueParser::new(), help_heading = "Crawl")]
    pub sitemaps: bool,

    /// Link hops from a seed page that are followed; 0: the seed pages alone
    #[arg(long, env = "WARREN_DEPTH", value_name = "N", default_value_t = 1, help_heading = "Crawl")]
    pub depth: u32,

    /// Which linked pages are followed; images may be anywhere
    #[arg(long, env = "WARREN_SCOPE", value_enum, default_value_t, help_heading = "Crawl")]
    pub scope: ScopeKind,

    /// Follow only links that match one of these regular expressions
    #[arg(long, value_name = "RE", help_heading = "Crawl")]
    pub include: Vec<String>,

    /// Do not follow links that match
    #[arg(long, value_name = "RE", help_heading = "Crawl")]
    pub exclude: Vec<String>,

    /// Take only images whose URL matches one of these regular expressions
    #[arg(long, value_name = "RE", help_heading = "Crawl")]
    pub include_images: Vec<String>,

    /// Do not take images whose URL matches
    #[arg(long, value_name = "RE", help_heading = "Crawl")]
    pub exclude_images: Vec<String>,

    /// Which candidates of a srcset are taken
    #[arg(long, env = "WARREN_SRCSET", value_enum, default_value_t, help_heading = "Crawl")]
    pub srcset: SrcsetChoice,

    /// Stop after so many pages [default: none]
    #[arg(long, env = "WARREN_MAX_PAGES", value_name = "N", help_heading = "Crawl")]
    pub max_pages: Option<u64>,

    /// Stop finding after so many images [default: none]
    #[arg(long, env = "WARREN_MAX_IMAGES", value_name = "N", help_heading = "Crawl")]
    pub max_images: Option<u64>,

    /// Take so many images of one page at most [default: 20000]
    #[arg(long, env = "WARREN_MAX_IMAGES_PER_PAGE", value_name = "N", help_heading = "Crawl")]
    pub max_images_per_page: Option<usize>,

    /// Leave links and images alone whose address is longer, in bytes (8192 at most)
    #[arg(long, env = "WARREN_MAX_URL_LENGTH", value_name = "N", default_value_t = common::wire::MAX_URL, help_heading = "Crawl")]
    pub max_url_length: usize,

    /// What every run has.
    #[command(flatten)]
    pub run: RunOptions,
}

/// `producer urls`.
#[derive(Debug, Args)]
pub struct UrlsOptions {
    /// The list: files, compressed by gzip or zstd or not, folders of such, - for standard input
    #[arg(value_name = "FILE", required = true)]
    pub file: Vec<PathBuf>,

    /// Format of every file [default: by the name's ending, and Parquet by its first bytes; standard input is txt]
    #[arg(long, value_enum, value_name = "FORMAT", help_heading = "List")]
    pub input_format: Option<list::Format>,

    /// Column or field that holds the URL [default: the first there is of `url`, `image_url`, `img_url`]
    #[arg(long, value_name = "NAME", help_heading = "List")]
    pub url_column: Option<String>,

    /// Column or field that holds the caption; '' for none [default: the first there is of `caption`, `text`, `alt`]
    #[arg(long, value_name = "NAME", help_heading = "List")]
    pub caption_column: Option<String>,

    /// Further columns or fields that the manifest carries along in `extra`, separated by commas [default: none]
    #[arg(long, value_name = "NAMES", value_delimiter = ',', help_heading = "List")]
    pub columns: Vec<String>,

    /// What every run has.
    #[command(flatten)]
    pub run: RunOptions,
}

/// `producer resume`.
#[derive(Debug, Args)]
#[command(
    after_help = "A run remembers its options; those that are given again replace them. The broker's password is not kept.\n\n\
    Go on after a crash, a time-out or Ctrl-C:\n  producer resume my-run\n\n\
    On another machine, with the run's folder copied there:\n  producer resume --runs ./copied --broker amqp://user:password@rabbit:5672/%2f my-run"
)]
pub struct ResumeOptions {
    /// The run to go on with
    #[arg(value_name = "RUN")]
    pub which: RunName,

    /// The list of a run of `producer urls` that broke off, given again: files or folders in their order, - for standard
    /// input; repeatable
    #[arg(long, value_name = "FILE", help_heading = "List")]
    pub input: Vec<PathBuf>,

    /// What every run has.
    #[command(flatten)]
    pub run: RunOptions,
}

/// `producer retry`.
#[derive(Debug, Args)]
#[command(after_help = "Try again whatever failed:\n  producer retry my-run\n\n\
    Only what timed out, with more time (on the downloaders) and more patience:\n  producer retry --reason timeout --timeout 5m my-run")]
pub struct RetryOptions {
    /// The run whose failed images are tried again
    #[arg(value_name = "RUN")]
    pub which: RunName,

    /// Only images with this reason, failed, rejected or blocked alike; repeatable [default: all that failed]
    #[arg(long = "reason", value_name = "R", help_heading = "Run")]
    pub reasons: Vec<Reason>,

    /// What every run has.
    #[command(flatten)]
    pub run: RunOptions,
}

/// `producer pause` and `producer unpause`.
#[derive(Debug, Args)]
#[command(
    after_help = "A pause is a mark in the run's folder, `pause`: it outlives whoever left it, and holds for `producer resume` and `retry` \
    too. A producer that is paused reads no lists, fetches no pages and hands out no images; it hears of what is out, and \
    `--timeout` counts only while something is."
)]
pub struct PauseOptions {
    /// The run
    #[arg(value_name = "RUN")]
    pub which: RunName,

    /// Folder that runs live in
    #[arg(long, env = "WARREN_RUNS", value_name = "DIR", default_value = "./runs")]
    pub runs: PathBuf,
}

/// `producer cancel`.
#[derive(Debug, Args)]
pub struct CancelOptions {
    /// The run to stop
    #[arg(value_name = "RUN")]
    pub which: RunName,

    /// Where the queues are.
    #[command(flatten)]
    pub broker: BrokerOptions,

    /// Folder that runs live in
    #[arg(long, env = "WARREN_RUNS", value_name = "DIR", default_value = "./runs")]
    pub runs: PathBuf,

    /// How the summary is written
    #[arg(long, env = "WARREN_FORMAT", value_enum, default_value_t)]
    pub format: OutputFormat,
}

/// Options of every command that runs a crawl.
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of the command line")]
#[derive(Debug, Args)]
pub struct RunOptions {
    /// Where the queues are.
    #[command(flatten)]
    pub broker: BrokerOptions,

    /// Queue and downloader inside this process, without a broker; takes the downloader's options too
    #[arg(long, env = "WARREN_EMBEDDED", value_parser = FalseyValueParser::new(), help_heading = "Broker")]
    pub embedded: bool,

    /// Give up when no reply has come for this long while some are awaited
    #[arg(long, env = "WARREN_TIMEOUT", value_name = "D", default_value = "60s", value_parser = duration, help_heading = "Run")]
    pub timeout: Duration,

    /// Folder that runs live in
    #[arg(long, env = "WARREN_RUNS", value_name = "DIR", default_value = "./runs", help_heading = "Run")]
    pub runs: PathBuf,

    /// Name of this run [default: time and random]
    #[arg(long, env = "WARREN_RUN", value_name = "NAME", help_heading = "Run")]
    pub run: Option<RunName>,

    /// Ask for images that an earlier run stored only if they changed since: its name in --runs, or its folder, as a path with
    /// a slash. What did not change is `unchanged` and stays where that run stored it, so the store must be the same
    /// [default: ask for all]
    #[arg(long, env = "WARREN_SINCE", value_name = "RUN", help_heading = "Run")]
    pub since: Option<Since>,

    /// Images of this run out at once, at most [default: adapts to the fleet]
    #[arg(long, env = "WARREN_WINDOW", value_name = "N", help_heading = "Run")]
    pub window: Option<usize>,

    /// Images and pages of one host out at once across the fleet; 0: no limit [default: 8]
    #[arg(long, env = "WARREN_PER_HOST", value_name = "N", help_heading = "Politeness")]
    pub per_host: Option<usize>,

    /// Pause between two requests to one host, which are then made one at a time [default: none]
    #[arg(long, env = "WARREN_DELAY", value_name = "D", default_value = "0s", hide_default_value = true, value_parser = duration, help_heading = "Politeness")]
    pub delay: Duration,

    /// Longest that a host is waited for which asks for rest (429, 503) or while no host answers; then it is given up
    #[arg(long, env = "WARREN_LONGEST_REST", value_name = "D", default_value = "10m", value_parser = duration, help_heading = "Politeness")]
    pub longest_rest: Duration,

    /// Further tries of an image after a transient failure
    #[arg(long, env = "WARREN_RETRIES", value_name = "N", default_value_t = 3, help_heading = "Run")]
    pub retries: u32,

    /// Who we say we are; the first word is the robots.txt agent
    #[arg(long, env = "WARREN_USER_AGENT", value_name = "S", default_value = common::http::DEFAULT_USER_AGENT, help_heading = "Politeness")]
    pub user_agent: String,

    /// Whom a server's owner may write to: sent as `From` with every request [default: none]
    #[arg(long, env = "WARREN_FROM", value_name = "EMAIL", help_heading = "Politeness")]
    pub from: Option<String>,

    /// Which opt-outs of pages and images are obeyed, in X-Robots-Tag and TDM headers and in meta elements; empty for none
    #[arg(long, env = "WARREN_OPT_OUTS", value_name = "LIST", default_value_t = Directives::ALL, help_heading = "Politeness")]
    pub opt_outs: Directives,

    /// Do not ask robots.txt, and obey no opt-out: for sites that are yours
    #[arg(long, env = "WARREN_IGNORE_ROBOTS", value_parser = FalseyValueParser::new(), help_heading = "Politeness")]
    pub ignore_robots: bool,

    /// Let pages and images be on loopback, private or link-local addresses
    #[arg(long, env = "WARREN_ALLOW_PRIVATE", value_parser = FalseyValueParser::new(), help_heading = "Network")]
    pub allow_private: bool,

    /// Whom to ask, and how.
    #[command(flatten)]
    pub network: NetworkOptions,

    /// What is told to monitoring.
    #[command(flatten)]
    pub metrics: MetricsOptions,

    /// Write each outcome to standard output as a JSON line, as it comes; the summary follows as the last line with
    /// `--format json`, and goes to standard error as text
    #[arg(long, env = "WARREN_STREAM", value_parser = FalseyValueParser::new(), help_heading = "Output")]
    pub stream: bool,

    /// How the summary is written
    #[arg(long, env = "WARREN_FORMAT", value_enum, default_value_t, help_heading = "Output")]
    pub format: OutputFormat,

    /// Serve the dashboard at this address and port while the command lasts; see `producer dashboard` [default: off]
    #[arg(long, env = "WARREN_DASHBOARD", value_name = "ADDR", help_heading = "Output")]
    pub dashboard: Option<SocketAddr>,

    /// Let the dashboard answer to this name too; repeatable, or with commas between them [default: the address, and localhost]
    #[arg(long, env = "WARREN_DASHBOARD_HOST", value_name = "NAME", value_delimiter = ',', help_heading = "Output")]
    pub dashboard_host: Vec<OwnName>,

    /// Write `report.html` into the run's folder at the end, as `producer report` does; pictures are in it with --embedded
    #[arg(long, env = "WARREN_REPORT", value_parser = FalseyValueParser::new(), help_heading = "Output")]
    pub report: bool,

    /// Where spans go.
    #[command(flatten)]
    pub otlp: OtlpOptions,

    /// The share of images that --otlp follows from page to file, from 0 to 1; the same images in every run of the name
    #[arg(long, env = "WARREN_OTLP_SAMPLE", value_name = "RATIO", default_value = "0.01", help_heading = "Tracing")]
    pub otlp_sample: Sampler,

    /// The downloader's own options, for `--embedded`.
    #[command(flatten)]
    pub downloader: downloader::cli::OwnOptions,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum OutputFormat {
    /// For people
    #[default]
    Text,
    /// For programs
    Json,
}

/// `producer export`.
#[derive(Debug, Args)]
#[command(
    after_help = "The rows are those of results.jsonl at this moment, from the run's ledger. In CSV null is an empty field, and a text\n\
    that a spreadsheet would take for a formula has an apostrophe in front.\n\n\
    What a run has so far:\n  producer export my-run | jq -r 'select(.status == \"stored\") | .path'\n\n\
    For a spreadsheet:\n  producer export my-run --output my-run.csv"
)]
pub struct ExportOptions {
    /// The run whose manifest is written
    #[arg(value_name = "RUN")]
    pub which: RunName,

    /// Where to; the name ends in .jsonl, .csv or .parquet, which says how. What is there is replaced once the new file is
    /// whole [default: standard output, as JSON lines]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Folder that runs live in
    #[arg(long, env = "WARREN_RUNS", value_name = "DIR", default_value = "./runs")]
    pub runs: PathBuf,
}

/// `producer report`.
#[derive(Debug, Args)]
#[command(
    after_help = "The file needs no network and nothing beside it. Of a large run it shows a fair choice of the images, and says of how many.\n\n\
    What an --embedded run stored is found by itself; for other runs say where it is:\n  producer report --store /srv/images my-run\n  \
    producer report --store s3://bucket/prefix --output my-run.html my-run"
)]
pub struct ReportOptions {
    /// The run that is reported on
    #[arg(value_name = "RUN")]
    pub which: RunName,

    /// Where the images are, for the contact sheet's pictures: a folder, or `s3://BUCKET/PREFIX` with the usual AWS variables
    /// [default: of an --embedded run its own store; else none, and the sheet has no pictures]
    #[arg(long, env = "WARREN_STORE", value_name = "LOCATION")]
    pub store: Option<PathBuf>,

    /// Address of the server that has the bucket [default: Amazon's, or what `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` says]
    #[arg(long, env = "WARREN_S3_ENDPOINT", value_name = "URL")]
    pub s3_endpoint: Option<String>,

    /// Where to; what is there is replaced once the new file is whole [default: report.html in the run's folder]
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Folder that runs live in
    #[arg(long, env = "WARREN_RUNS", value_name = "DIR", default_value = "./runs")]
    pub runs: PathBuf,
}

/// `producer extract`.
#[derive(Debug, Args)]
pub struct ExtractOptions {
    /// An HTML file, - for standard input, or a page's URL
    #[arg(value_name = "FILE|-|URL")]
    pub page: String,

    /// Address that relative URLs of a file are resolved against
    #[arg(long, value_name = "URL")]
    pub base: Option<String>,

    /// Which candidates of a srcset are shown
    #[arg(long, value_enum, default_value_t)]
    pub srcset: SrcsetChoice,

    /// Who we say we are
    #[arg(long, env = "WARREN_USER_AGENT", value_name = "S", default_value = common::http::DEFAULT_USER_AGENT)]
    pub user_agent: String,

    /// Let the page be on a loopback, private or link-local address
    #[arg(long, env = "WARREN_ALLOW_PRIVATE", value_parser = FalseyValueParser::new(), help_heading = "Network")]
    pub allow_private: bool,

    /// Whom to ask, and how.
    #[command(flatten)]
    pub network: NetworkOptions,
}

/// `producer robots`.
#[derive(Debug, Args)]
#[command(
    after_help = "Each URL gets a line: allowed or denied, a tab, the URL, a tab, and the number of the rule's line in the file,\n\
    or - where no rule says anything. The rules are RFC 9309's: those of the agent's own groups, of * if it has none; the\n\
    longest match wins, Allow among equals. A robots.txt that a site answers with 4xx allows everything, one that it\n\
    answers with 5xx, or not at all, nothing.\n\n\
    What a site says to Warren:\n  producer robots --agent Warren https://example.org/robots.txt https://example.org/a.png\n\n\
    Try a file before it goes online:\n  producer robots --agent Googlebot robots.txt /private/a.png /public/b.png"
)]
pub struct RobotsOptions {
    /// Whom the rules are read for: the first word of a user agent, without a version
    #[arg(long, value_name = "NAME", required = true)]
    pub agent: String,

    /// A robots.txt: a file, - for standard input, or its URL
    #[arg(value_name = "ROBOTS")]
    pub robots: String,

    /// What is asked about: URLs, or paths that begin with /
    #[arg(value_name = "URL", required = true)]
    pub urls: Vec<String>,

    /// Let the robots.txt be on a loopback, private or link-local address
    #[arg(long, env = "WARREN_ALLOW_PRIVATE", value_parser = FalseyValueParser::new(), help_heading = "Network")]
    pub allow_private: bool,

    /// Whom to ask, and how.
    #[command(flatten)]
    pub network: NetworkOptions,
}

/// `producer status`.
#[derive(Debug, Args)]
pub struct StatusOptions {
    /// Show this run alone
    #[arg(value_name = "RUN")]
    pub run: Option<RunName>,

    /// Where the queues are.
    #[command(flatten)]
    pub broker: BrokerOptions,

    /// Show the runs without asking a broker
    #[arg(long)]
    pub offline: bool,

    /// Show it again and again, so long apart, until Ctrl-C: in place on a terminal, one below the other elsewhere; with
    /// `--format json` each time as one line
    #[arg(long, value_name = "INTERVAL", num_args = 0..=1, require_equals = true, default_missing_value = "2s",
          value_parser = duration)]
    pub watch: Option<Duration>,

    /// Folder that runs live in
    #[arg(long, env = "WARREN_RUNS", value_name = "DIR", default_value = "./runs")]
    pub runs: PathBuf,

    /// How it is written
    #[arg(long, env = "WARREN_FORMAT", value_enum, default_value_t)]
    pub format: OutputFormat,
}

/// `producer dashboard`.
#[derive(Debug, Args)]
#[command(
    after_help = "Whoever reaches the dashboard can cancel runs. On an address that is not this machine's own alone, or behind a proxy that\n\
    --host names, it demands the token in WARREN_DASHBOARD_TOKEN, of at least 16 characters.\n\n\
    The runs of this folder:\n  producer dashboard --runs ./runs\n\n\
    For everybody in the office:\n  WARREN_DASHBOARD_TOKEN=$(openssl rand -hex 16) producer dashboard --listen 0.0.0.0:8080"
)]
pub struct DashboardOptions {
    /// Address and port to serve it at; port 0: any that is free, which the log names
    #[arg(long, env = "WARREN_DASHBOARD", value_name = "ADDR", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,

    /// Answer to this name too, as browsers send it, with the port unless that is the usual one; repeatable, or with commas
    /// between them [default: the address, and localhost]
    #[arg(long, env = "WARREN_DASHBOARD_HOST", value_name = "NAME", value_delimiter = ',')]
    pub host: Vec<OwnName>,

    /// Where the queues are.
    #[command(flatten)]
    pub broker: BrokerOptions,

    /// Show the runs without asking a broker
    #[arg(long)]
    pub offline: bool,

    /// Folder that runs live in
    #[arg(long, env = "WARREN_RUNS", value_name = "DIR", default_value = "./runs")]
    pub runs: PathBuf,

    /// Where the images are, a folder or `s3://BUCKET/PREFIX`, of runs whose downloaders are programs of their own
    #[arg(long, env = "WARREN_STORE", value_name = "LOCATION", default_value = "./images")]
    pub store: PathBuf,

    /// Address of the server that has the bucket [default: Amazon's, or what `AWS_ENDPOINT_URL_S3` or `AWS_ENDPOINT_URL` says]
    #[arg(long, env = "WARREN_S3_ENDPOINT", value_name = "URL")]
    pub s3_endpoint: Option<String>,
}

/// `producer dead`.
#[derive(Debug, Args)]
pub struct DeadOptions {
    /// What to do with them.
    #[command(subcommand)]
    pub command: DeadCommand,

    /// Where the queues are.
    #[command(flatten)]
    pub broker: BrokerOptions,
}

/// What can be done with dead letters.
#[derive(Debug, Subcommand)]
pub enum DeadCommand {
    /// Show them, with the reason, the run, the first image and the age; they stay where they are
    List(DeadListOptions),
    /// Give them to the downloaders again
    Replay(DeadReplayOptions),
    /// Remove them for good
    Purge(DeadPurgeOptions),
}

/// `producer dead list`.
#[derive(Debug, Args)]
pub struct DeadListOptions {
    /// Those of this run alone
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunName>,

    /// So many at most [default: 1000 as text, all as JSON]
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,

    /// How they are written; JSON is one object a line
    #[arg(long, env = "WARREN_FORMAT", value_enum, default_value_t)]
    pub format: OutputFormat,
}

/// `producer dead replay`.
#[derive(Debug, Args)]
pub struct DeadReplayOptions {
    /// Those of this run alone
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunName>,

    /// So many at most [default: all that are there at the start]
    #[arg(long, value_name = "N")]
    pub limit: Option<u32>,

    /// Those too that this build cannot read, for downloaders of another version
    #[arg(long)]
    pub all: bool,

    /// How the counts are written
    #[arg(long, env = "WARREN_FORMAT", value_enum, default_value_t)]
    pub format: OutputFormat,
}

/// `producer dead purge`.
#[derive(Debug, Args)]
pub struct DeadPurgeOptions {
    /// Those of this run alone
    #[arg(long, value_name = "RUN")]
    pub run: Option<RunName>,

    /// How the count is written
    #[arg(long, env = "WARREN_FORMAT", value_enum, default_value_t)]
    pub format: OutputFormat,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_well_formed() {
        Cli::command().debug_assert();
    }
}
