//! Hands images to the fleet: shapes them into batches, publishes those, and remembers what is out.

use std::collections::HashMap;

use common::image_id::ImageId;
use common::run_name::RunName;
use common::task::{ImageTask, Task};
use common::transport::{Destination, Transport, TransportError};
use common::wire;
use tokio::task::JoinSet;

use crate::ledger::PendingImage;

/// What is out, and the means to send more.
#[derive(Debug)]
pub struct Dispatch {
    transport: Transport,
    run: RunName,
    user_agent: String,
    batches: u64,
    out: HashMap<ImageId, PendingImage>,
    publishing: JoinSet<Result<(), TransportError>>,
}

impl Dispatch {
    /// Nothing is out yet.
    #[must_use]
    pub fn new(transport: Transport, run: RunName, user_agent: String) -> Self {
        Self { transport, run, user_agent, batches: 0, out: HashMap::new(), publishing: JoinSet::new() }
    }

    /// Images that are out.
    #[must_use]
    pub fn out(&self) -> usize {
        self.out.len()
    }

    /// Sends images in batches of at most `batch`, spread over `consumers` where there are few. Those of one host are
    /// neighbours, so that a downloader uses its connections again.
    pub fn send(&mut self, mut images: Vec<PendingImage>, batch: usize, consumers: usize) {
        images.sort_by_key(|image| image.host);
        let share = images.len().div_ceil(consumers.max(1)).clamp(1, batch);
        let mut images = images.into_iter().peekable();
        while images.peek().is_some() {
            let group: Vec<PendingImage> = images.by_ref().take(share).collect();
            self.publish(&group);
            self.out.extend(group.into_iter().map(|image| (image.image, image)));
        }
    }

    /// Sends everything that is out once more: the batches may have been lost with a deleted queue. Images that are
    /// merely slow are fetched twice by that, and counted once.
    pub fn send_again(&mut self) {
        let out: Vec<PendingImage> = self.out.values().cloned().collect();
        for group in out.chunks(Task::MAX_IMAGES) {
            self.publish(group);
        }
    }

    fn publish(&mut self, group: &[PendingImage]) {
        self.batches += 1;
        let images = group.iter().map(|image| ImageTask {
            id: image.image,
            url: image.url.clone(),
            attempt: image.attempts + 1,
        });
        let task = Task {
            v: wire::VERSION,
            run: self.run.clone(),
            batch: self.batches,
            user_agent: self.user_agent.clone(),
            images: images.collect(),
        };
        let (transport, to) = (self.transport.clone(), Destination::Tasks(self.run.clone()));
        // A task queue that is gone is declared again inside the transport, so a confirmed batch is in it.
        self.publishing.spawn(async move { transport.publish(to, wire::write(&task)).await.map(drop) });
    }

    /// Waits for the next publish to fail for good; pends for ever while none does. Cancel-safe.
    pub async fn failed(&mut self) -> TransportError {
        loop {
            match self.publishing.join_next().await {
                Some(Ok(Err(error))) => return error,
                Some(_) => {}
                None => std::future::pending().await,
            }
        }
    }

    /// An outcome of a try came; gives back what was out, unless that was another try or nothing.
    pub fn came_back(&mut self, image: ImageId, attempt: u32) -> Option<PendingImage> {
        if self.out.get(&image)?.attempts + 1 != attempt {
            return None;
        }
        self.out.remove(&image)
    }
}
