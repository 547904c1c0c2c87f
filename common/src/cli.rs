//! Options that both programs have, so that they read and mean the same in both.

use std::path::PathBuf;

use clap::Args;

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

/// How to talk on standard error.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Output")]
pub struct LogOptions {
    /// How log lines are written; the variable `WARREN_LOG` sets their level
    #[arg(long, env = "WARREN_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t, global = true)]
    pub log_format: LogFormat,
}
