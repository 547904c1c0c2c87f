//! Reads what the task queue delivers. Messages are input from outside like any other: what cannot be read is
//! dead-lettered with a log line, and the worker goes on.

use std::sync::Arc;

use common::chain::Chain;
use common::task::ImageTask;
use common::transport::Message;
use common::wire;

use crate::batch::Batch;
use crate::settle;

/// A readable delivery: the batch, and what to fetch of it.
pub(crate) async fn open(message: Message) -> Option<(Arc<Batch>, Vec<ImageTask>)> {
    match wire::read_task(&message.body) {
        Ok(task) => {
            let batch = Batch::new(task.run, task.batch, task.user_agent, task.images.len(), message.receipt);
            Some((Arc::new(batch), task.images))
        }
        Err(error) => {
            tracing::warn!(
                error = %Chain(&error),
                size_bytes = message.body.len(),
                "a message of the task queue is not readable; it goes to the dead letters"
            );
            settle::unreadable(message.receipt).await;
            None
        }
    }
}
