//! What the producer asks of a downloader: a batch of images of one run.

use serde::{Deserialize, Serialize};

use crate::image_id::ImageId;
use crate::run_name::RunName;

/// A message of the task queue. At most [`Task::MAX_IMAGES`] images, so that no message is large and no downloader
/// hoards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The version of the format, [`crate::wire::VERSION`].
    pub v: u32,
    /// The run that asks, and by its name the queue that the replies go to.
    pub run: RunName,
    /// Counts the run's batches; only for people who read logs.
    pub batch: u64,
    /// What to send as `User-Agent`: the crawl's identity is the run's, not the worker's.
    pub user_agent: String,
    /// What to fetch.
    pub images: Vec<ImageTask>,
}

impl Task {
    /// Most images in a message.
    pub const MAX_IMAGES: usize = 64;
}

/// One image of a [`Task`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageTask {
    /// Its identity in the run.
    pub id: ImageId,
    /// Where it is: absolute, `http` or `https`, normalised.
    pub url: String,
    /// Which try this is, from 1.
    pub attempt: u32,
}
