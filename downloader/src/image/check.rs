//! What the bytes are: their hash, and whether they are an image that is taken.

use bytes::Bytes;
use common::outcome::{Outcome, Status};
use common::task::ImageTask;
use sha2::{Digest, Sha256};

use super::{about, unjudged};
use crate::batch::Batch;
use crate::image_fetch::Fetched;
use crate::verify::Rejected;
use crate::worker::Worker;

/// Bodies from this length on are hashed away from the threads that serve the network, in bytes: about a millisecond.
const LARGE: usize = 512 << 10;

impl Worker {
    /// Checks and stores what was fetched. `None` if that could not be done here: the batch comes again.
    pub(super) async fn keep(&self, batch: &Batch, task: &ImageTask, fetched: Fetched<Bytes>) -> Option<Outcome> {
        let Fetched { mut outcome, body, exchange } = fetched;
        let Some(body) = body else { return Some(outcome) };
        outcome.bytes = Some(body.len() as u64);
        outcome.sha256 = Some(sha256(body.clone()).await);
        let judged = self.verifier.verify(&body).await;
        match judged.map_err(|why| unjudged(batch, &task.url, &why)).ok()? {
            Ok(verified) => {
                outcome.format = Some(verified.format.name().to_owned());
                (outcome.width, outcome.height) = verified.size.unzip();
                outcome.scripted = verified.scripted;
                self.keep_image(batch, about(batch, task, outcome, exchange), body, &verified).await
            }
            Err(Rejected { reason, detail, format, size }) => {
                outcome.status = Status::Rejected;
                outcome.reason = Some(reason);
                outcome.detail = detail;
                outcome.format = format.map(|format| format.name().to_owned());
                (outcome.width, outcome.height) = size.unzip();
                Some(outcome)
            }
        }
    }
}

/// The hash in hexadecimal.
pub(super) async fn sha256(body: Bytes) -> String {
    let large = body.len() >= LARGE;
    let hash = move || common::image_id::hex(&Sha256::digest(&body));
    if !large {
        return hash();
    }
    match tokio::task::spawn_blocking(hash).await {
        Ok(digest) => digest,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
