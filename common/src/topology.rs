//! The names and shapes of everything in the broker. Both programs declare it, so the order of starting is free.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::control::ControlId;
use crate::run_name::RunName;

/// How often the broker gives a batch to a downloader before it dead-letters it. Said aloud because RabbitMQ's own
/// default differs by version (none in 3.x, 20 in 4.x).
pub const DELIVERY_LIMIT: i64 = 20;

/// How often a dead letter may be looked at before RabbitMQ drops it: never, in a form that every version understands.
pub const LOOK_LIMIT: i64 = 1_000_000_000;

/// How long a reply queue outlives its last consumer, so that a producer that died can come back for its replies.
pub const REPLY_QUEUE_LEASE: Duration = Duration::from_hours(24);

/// How long the queue of a downloader that listens for questions, or of a command that asked one, outlives its consumer:
/// longer than a reconnection takes.
pub const CONTROL_QUEUE_LEASE: Duration = Duration::from_mins(1);

/// How long a question waits for a downloader; later nobody listens for the answer.
pub const QUESTION_LIFE: Duration = Duration::from_secs(10);

/// The queue names of one fleet. Fleets with different prefixes share a virtual host without meeting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topology {
    prefix: String,
}

impl Topology {
    /// Batches wait here. The exchange that they are published to has the same name.
    #[must_use]
    pub fn tasks(&self) -> String {
        format!("{}.tasks", self.prefix)
    }

    /// What no worker can read, or survive. The exchange that it comes through has the same name.
    #[must_use]
    pub fn dead(&self) -> String {
        format!("{}.dead", self.prefix)
    }

    /// The exchange that gives a question to every downloader.
    #[must_use]
    pub fn control(&self) -> String {
        format!("{}.control", self.prefix)
    }

    /// Where one downloader listens for questions.
    #[must_use]
    pub fn listener(&self, id: ControlId) -> String {
        format!("{}.control.{id}", self.prefix)
    }

    /// Where the answers to one asker go.
    #[must_use]
    pub fn answers(&self, id: ControlId) -> String {
        format!("{}.answers.{id}", self.prefix)
    }

    /// Where the outcomes of `run` go.
    #[must_use]
    pub fn replies(&self, run: &RunName) -> String {
        format!("{}.replies.{run}", self.prefix)
    }

    /// A routing key that leads into no queue of ours: no prefix and no run's name has a colon.
    #[must_use]
    pub fn nowhere(&self) -> String {
        format!("{}:nowhere", self.prefix)
    }
}

impl Default for Topology {
    fn default() -> Self {
        Self { prefix: "warren".to_owned() }
    }
}

impl FromStr for Topology {
    type Err = String;

    fn from_str(prefix: &str) -> Result<Self, String> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if prefix.is_empty() || prefix.len() > 64 || !prefix.chars().all(plain) || prefix.starts_with("amq.") {
            return Err("a prefix is 1 to 64 letters, digits, '-', '_' or '.', and not 'amq.'".to_owned());
        }
        Ok(Self { prefix: prefix.to_owned() })
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_prefix_replaces_the_first_word() {
        let run = "gimp".parse().expect("valid");
        assert_eq!(Topology::default().replies(&run), "warren.replies.gimp");
        assert_eq!("fleet-2".parse::<Topology>().expect("valid").tasks(), "fleet-2.tasks");
        assert!("amq.x".parse::<Topology>().is_err());
        assert!("a b".parse::<Topology>().is_err());
    }
}
