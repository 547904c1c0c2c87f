//! Reads what the task queue delivers. Messages are input from outside like any other: what cannot be read is
//! dead-lettered with a log line, and the worker goes on.

use common::chain::Chain;
use common::task::Task;
use common::telemetry::Places;
use common::transport::{Message, Receipt};
use common::wire;

use crate::metrics::Metrics;
use crate::settle;

/// A readable delivery.
#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) task: Task,
    /// How often it was delivered before, and came back.
    pub(crate) came_back: u32,
    /// Where those of its images hang that are followed.
    pub(crate) places: Places,
    /// To be settled.
    pub(crate) receipt: Receipt,
}

/// Reads a delivery; one that cannot be read is settled.
pub(crate) async fn open(message: Message, metrics: &Metrics) -> Option<Delivery> {
    metrics.delivered();
    let Message { body, delivery_count, places, receipt, .. } = message;
    match wire::read_task(&body) {
        Ok(task) => Some(Delivery { task, came_back: delivery_count, places, receipt }),
        Err(error) => {
            tracing::warn!(
                error = %Chain(&error),
                size_bytes = body.len(),
                "a message of the task queue is not readable; it goes to the dead letters"
            );
            settle::unreadable(receipt, metrics).await;
            None
        }
    }
}
