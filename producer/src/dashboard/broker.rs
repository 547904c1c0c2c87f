//! What the broker and the downloaders say, asked every few seconds on a connection that is kept while somebody watches.

use std::time::Duration;

use common::chain::Chain;
use common::control::Answer;
use common::run_name::RunName;
use common::transport::Transport;
use common::transport::amqp::{Amqp, AmqpSettings};
use serde::Serialize;
use tokio::time::timeout;

use crate::fleet::Fleet;

/// Longest time for a connection, or an answer.
const PATIENCE: Duration = Duration::from_secs(8);

/// The broker, as far as it says.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub(crate) enum BrokerView {
    /// Nobody wants it asked.
    NotAsked,
    /// The first answer is awaited.
    Awaited,
    /// It cannot be asked.
    OutOfReach {
        /// Why.
        why: String,
    },
    /// It answered.
    Reached {
        /// It takes no messages.
        blocked: bool,
        /// Batches that wait for a downloader.
        waiting: u32,
        /// Dead letters.
        dead: u32,
        /// Consumers of the task queue.
        downloaders: u32,
        /// What the downloaders say.
        workers: Vec<Downloader>,
    },
}

/// A downloader that answered.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Downloader {
    worker: String,
    host: String,
    version: String,
    started_ms: u64,
    concurrency: u32,
    in_flight: u32,
    done: u64,
    bytes: u64,
    rate: f64,
    /// What is the matter with its store.
    trouble: Option<String>,
}

impl From<Answer> for Downloader {
    fn from(answer: Answer) -> Self {
        Self {
            worker: answer.worker,
            host: answer.host,
            version: answer.version,
            started_ms: answer.started_at,
            concurrency: answer.concurrency,
            in_flight: answer.in_flight,
            done: answer.done,
            bytes: answer.bytes,
            rate: answer.images_per_second,
            trouble: answer.store_trouble.map(|trouble| trouble.why),
        }
    }
}

/// The way to the broker.
#[derive(Debug)]
pub(crate) struct Link {
    settings: AmqpSettings,
    transport: Option<Transport>,
}

impl Link {
    pub(crate) fn new(settings: AmqpSettings) -> Self {
        Self { settings, transport: None }
    }

    /// Asks, connecting first if need be.
    pub(crate) async fn ask(&mut self) -> BrokerView {
        let transport = match self.transport.clone() {
            Some(transport) => transport,
            None => match timeout(PATIENCE, Amqp::connect(self.settings.clone())).await {
                Ok(Ok(amqp)) => self.transport.insert(Transport::Amqp(amqp)).clone(),
                Ok(Err(error)) => return BrokerView::OutOfReach { why: Chain(&error).to_string() },
                Err(_) => return silent(),
            },
        };
        let no_runs: [RunName; 0] = [];
        match timeout(PATIENCE, Fleet::ask(&transport, &no_runs)).await {
            Ok(Ok(fleet)) => BrokerView::Reached {
                blocked: fleet.blocked,
                waiting: fleet.waiting,
                dead: fleet.dead,
                downloaders: fleet.downloaders,
                workers: fleet.answers.into_iter().map(Downloader::from).collect(),
            },
            Ok(Err(error)) => {
                self.transport = None;
                BrokerView::OutOfReach { why: Chain(&error).to_string() }
            }
            // A blocked broker reads nothing any more from a connection that published.
            Err(_) if transport.is_blocked() => {
                BrokerView::OutOfReach { why: "it takes no messages: it is short of memory or disk".to_owned() }
            }
            Err(_) => {
                self.leave().await;
                silent()
            }
        }
    }

    /// Leaves the broker until it is asked again.
    pub(crate) async fn leave(&mut self) {
        if let Some(transport) = self.transport.take()
            && timeout(Duration::from_secs(1), transport.close()).await.is_err()
        {
            tracing::debug!("the broker is silent; leaving without a word");
        }
    }
}

fn silent() -> BrokerView {
    BrokerView::OutOfReach { why: format!("it does not answer within {} s", PATIENCE.as_secs()) }
}
