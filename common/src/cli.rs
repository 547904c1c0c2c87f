//! Options that both programs have, so that they read and mean the same in both.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::FalseyValueParser;

use crate::config::Typed;
use crate::telemetry::LogFormat;
use crate::topology::Topology;

/// Where the queues are. [`AmqpSettings`](crate::transport::amqp::AmqpSettings) is what is made of it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Broker")]
pub struct BrokerOptions {
    /// Address of RabbitMQ, amqp:// or amqps://; of a cluster several, with commas between them, to be tried in turn
    #[arg(
        long,
        env = "WARREN_BROKER",
        value_name = "URI",
        default_value = "amqp://guest:guest@127.0.0.1:5672/%2f",
        hide_env_values = true,
        hide_default_value = true,
        global = true
    )]
    pub broker: Vec<Typed>,

    /// File with the password, in place of the addresses' own
    #[arg(long, env = "WARREN_BROKER_PASSWORD_FILE", value_name = "FILE", global = true)]
    pub broker_password_file: Option<PathBuf>,

    /// Certificates (PEM) of authorities that are trusted beside the system's, for amqps://
    #[arg(long, env = "WARREN_BROKER_CA", value_name = "FILE", global = true)]
    pub broker_ca: Option<PathBuf>,

    /// Certificate (PEM, with those between it and the authority) to show to the broker, for amqps://
    #[arg(long, env = "WARREN_BROKER_CERT", value_name = "FILE", global = true)]
    pub broker_cert: Option<PathBuf>,

    /// Private key (PEM, not encrypted) of that certificate
    #[arg(long, env = "WARREN_BROKER_KEY", value_name = "FILE", global = true)]
    pub broker_key: Option<PathBuf>,

    /// First word of the queues' names; fleets with different ones share a virtual host
    #[arg(long, env = "WARREN_PREFIX", value_name = "NAME", default_value_t, global = true)]
    pub prefix: Topology,
}

/// Whom to ask, and how. [`Network`](crate::http::Network) is what is made of it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Network")]
pub struct NetworkOptions {
    /// Let pages and images be in this network although it is private or special, such as 10.1.0.0/16; repeatable, or with
    /// commas between them
    #[arg(long, env = "WARREN_ALLOW_NET", value_name = "CIDR", value_delimiter = ',')]
    pub allow_net: Vec<String>,

    /// Ask these name servers, addresses with a port or without, instead of those of /etc/resolv.conf; repeatable, or with
    /// commas between them
    #[arg(long, env = "WARREN_RESOLVER", value_name = "ADDR", value_delimiter = ',')]
    pub resolver: Vec<String>,

    /// Headers, cookies, credentials, certificates and proxies, each for the hosts that it is meant for (TOML) [default: none]
    #[arg(long, env = "WARREN_HTTP_CONFIG", value_name = "FILE")]
    pub http_config: Option<PathBuf>,

    /// Fetch through this proxy, http://, https://, socks5:// or socks5h:// [default: none, whatever the environment says]
    #[arg(long, env = "WARREN_PROXY", value_name = "URL", hide_env_values = true)]
    pub proxy: Option<String>,
}

/// What is told to monitoring.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Monitoring")]
pub struct MetricsOptions {
    /// Serve /metrics for Prometheus, /healthz and /readyz at this address, such as 0.0.0.0:9464; they tell no address of a
    /// crawl and ask for no password [default: off]
    #[arg(long, env = "WARREN_METRICS", value_name = "ADDR")]
    pub metrics: Option<SocketAddr>,
}

/// How to talk on standard error.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Output")]
pub struct LogOptions {
    /// How log lines are written; the variable `WARREN_LOG` sets their level
    #[arg(long, env = "WARREN_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t, global = true)]
    pub log_format: LogFormat,

    /// No progress, and no log lines but warnings and errors; what goes to standard output stays
    #[arg(long, short, env = "WARREN_QUIET", value_parser = FalseyValueParser::new(), global = true)]
    pub quiet: bool,
}

/// Where spans go. [`OtlpSettings`](crate::telemetry::OtlpSettings) is what is made of it.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Tracing")]
pub struct OtlpOptions {
    /// Send spans to this OpenTelemetry collector, at its URL for OTLP over HTTP (port 4318 as a rule) [default: none]
    #[arg(long, env = "WARREN_OTLP", value_name = "URL", hide_env_values = true)]
    pub otlp: Option<String>,
}
