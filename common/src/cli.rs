//! Options that both programs have, so that they read and mean the same in both.

use clap::Args;

use crate::config::BrokerUri;
use crate::telemetry::LogFormat;
use crate::topology::Topology;

/// Where the queues are.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Broker")]
pub struct BrokerOptions {
    /// Address of RabbitMQ, amqp:// or amqps://
    #[arg(
        long,
        env = "WARREN_BROKER",
        value_name = "URI",
        default_value = "amqp://guest:guest@127.0.0.1:5672/%2f",
        hide_env_values = true,
        hide_default_value = true,
        global = true
    )]
    pub broker: BrokerUri,

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
