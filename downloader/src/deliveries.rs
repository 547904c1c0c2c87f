//! Takes deliveries, one after the other, for as long as there is a reason to: until the worker is told to drain, has been
//! idle for long enough, or its broker is lost for good. While the store is in trouble none are taken.

use std::sync::Arc;

use common::transport::{Consumer, Message};
use tokio::time::{Instant, sleep_until};
use tokio_util::task::TaskTracker;

use crate::intake;
use crate::worker::{BrokerLost, Replies, StopReason, Worker};

/// What comes from the task queue.
pub(crate) struct Deliveries<'w> {
    pub(crate) worker: &'w Arc<Worker>,
    pub(crate) consumer: &'w mut Consumer,
    /// The images in hand.
    pub(crate) images: &'w TaskTracker,
    /// Whether the store is in trouble, so that nothing is taken.
    paused: bool,
}

impl<'w> Deliveries<'w> {
    pub(crate) fn new(worker: &'w Arc<Worker>, consumer: &'w mut Consumer, images: &'w TaskTracker) -> Self {
        Self { worker, consumer, images, paused: false }
    }

    /// Takes deliveries to the end of this worker's work.
    pub(crate) async fn take(&mut self, replies: &mut Replies) -> anyhow::Result<StopReason> {
        let worker = Arc::clone(self.worker);
        let limit = worker.settings.exit_when_idle;
        let mut busy_until = Instant::now();
        loop {
            let idle = limit.map(|limit| busy_until + limit);
            tokio::select! {
                () = worker.draining.cancelled() => return Ok(StopReason::Drained),
                result = &mut *replies => {
                    // The replier ends before its senders only when the broker is lost for good.
                    result?.map_err(BrokerLost)?;
                    return Ok(StopReason::Drained);
                }
                () = sleep_until(idle.unwrap_or(busy_until)), if idle.is_some() => {
                    if self.images.is_empty() {
                        return Ok(StopReason::Idle);
                    }
                }
                () = worker.trouble.begins(), if !self.paused => {
                    self.paused = true;
                    self.set_prefetch().await;
                }
                () = worker.trouble.ends(), if self.paused => {
                    self.paused = false;
                    self.set_prefetch().await;
                }
                message = self.consumer.next(), if !self.paused => match message {
                    Ok(Some(message)) => self.accept(message).await,
                    Ok(None) => return Ok(StopReason::Drained),
                    Err(error) => return Err(BrokerLost(error).into()),
                },
            }
            busy_until = Instant::now();
        }
    }

    /// Has as many deliveries come as now should. A drain does not wait for a broker that is slow to answer.
    async fn set_prefetch(&mut self) {
        let prefetch = if self.paused { 0 } else { self.worker.settings.concurrency };
        tokio::select! {
            () = self.consumer.set_prefetch(prefetch) => {}
            () = self.worker.draining.cancelled() => {}
        }
    }

    async fn accept(&mut self, message: Message) {
        let Some((batch, tasks)) = intake::open(message).await else {
            return;
        };
        let received = Instant::now();
        for task in tasks {
            let (worker, batch) = (Arc::clone(self.worker), Arc::clone(&batch));
            let holding = worker.runs.hold(&batch.run, received);
            self.images.spawn(async move { worker.image(batch, task, holding).await });
        }
    }
}
