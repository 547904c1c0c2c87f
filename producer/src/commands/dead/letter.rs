//! What can be said of a dead letter. Its body comes from whoever can publish, and may be of any version, or garbage.

use std::time::SystemTime;

use common::chain::Chain;
use common::run_name::RunName;
use common::topology::DELIVERY_LIMIT;
use common::transport::amqp;
use common::wire;
use serde_json::{Value, json};

/// Longest text of an error that is shown, in characters: it may quote what the letter says.
const LONGEST_ERROR: usize = 200;

/// A dead letter, read as far as that goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reading {
    /// Whose it is; by the letter itself, or where that cannot be read by its routing key.
    pub(super) run: Option<RunName>,
    /// The batch, or why this build cannot read it.
    pub(super) batch: Result<Batch, String>,
    /// Why it is dead, in the broker's word with hyphens: `rejected` or `delivery-limit`; `None` where nobody says.
    pub(super) reason: Option<String>,
    /// When it died.
    pub(super) died_at: Option<SystemTime>,
    /// How often downloaders had it, where that is known: not of those that were rejected.
    pub(super) deliveries: Option<i64>,
    /// How often somebody looked at it before.
    pub(super) looks: u32,
    /// Length of the message.
    pub(super) bytes: usize,
}

/// What a readable letter holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Batch {
    /// The run's own count.
    pub(super) number: u64,
    /// How many images.
    pub(super) images: usize,
    /// The first of them.
    pub(super) first_image: String,
}

impl Reading {
    /// Reads a letter.
    pub(super) fn new(letter: &amqp::Letter) -> Self {
        let (run, batch) = match wire::read_task(&letter.body) {
            Ok(task) => {
                let first_image = task.images.first().map(|image| image.url.clone()).unwrap_or_default();
                let batch = Batch { number: task.batch, images: task.images.len(), first_image };
                (Some(task.run), Ok(batch))
            }
            Err(error) => {
                (letter.run.clone(), Err(crate::printable::printable(&Chain(&error).to_string(), LONGEST_ERROR)))
            }
        };
        let death = letter.death.as_ref();
        let reason = death.map(|death| death.reason.replace('_', "-"));
        Self {
            run,
            batch,
            // The one that is too many is counted and not made.
            deliveries: reason.as_deref().filter(|reason| *reason == "delivery-limit").map(|_| DELIVERY_LIMIT + 1),
            reason,
            died_at: death.and_then(|death| death.at),
            looks: letter.looks,
            bytes: letter.body.len(),
        }
    }

    /// Whether it is of this run; without one, always.
    pub(super) fn is_of(&self, run: Option<&RunName>) -> bool {
        run.is_none() || self.run.as_ref() == run
    }

    /// Seconds since it died, by the broker's clock and ours.
    pub(super) fn age(&self) -> Option<u64> {
        self.died_at.map(|at| at.elapsed().unwrap_or_default().as_secs())
    }

    /// For programs.
    pub(super) fn json(&self) -> Value {
        let batch = self.batch.as_ref().ok();
        json!({
            "run": self.run,
            "reason": self.reason,
            "batch": batch.map(|batch| batch.number),
            "images": batch.map(|batch| batch.images),
            "first_image": batch.map(|batch| &batch.first_image),
            "unreadable": self.batch.as_ref().err(),
            "died_at": self.died_at.map(|at| humantime::format_rfc3339_seconds(at).to_string()),
            "age_seconds": self.age(),
            "deliveries": self.deliveries,
            "looks": self.looks,
            "bytes": self.bytes,
        })
    }
}
