//! What the bytes are: their hash, and whether they are an image that is taken.

use std::time::Instant;

use bytes::Bytes;
use common::outcome::{Outcome, Status};
use common::task::ImageTask;
use common::telemetry::Trail;
use sha2::{Digest, Sha256};

use super::{about, unjudged};
use crate::batch::Batch;
use crate::cli::Layout;
use crate::image_fetch::Fetched;
use crate::metrics::Stage;
use crate::store::{About, Digests};
use crate::verify::Rejected;
use crate::worker::Worker;

/// Bodies from this length on are hashed away from the threads that serve the network, in bytes: about a millisecond.
const LARGE: usize = 512 << 10;

impl Worker {
    /// Checks and stores what was fetched. `None` if that could not be done here: the batch comes again.
    pub(super) async fn keep(
        &self,
        batch: &Batch,
        task: &ImageTask,
        trail: &Trail,
        fetched: Fetched<Bytes>,
    ) -> Option<Outcome> {
        let Fetched { mut outcome, body, exchange } = fetched;
        let Some(body) = body else { return Some(outcome) };
        let mut verifying = trail.step("verify");
        verifying.note_number("warren.bytes", Some(body.len()));
        outcome.bytes = Some(body.len() as u64);
        let begun = Instant::now();
        let archived = (self.settings.layout == Layout::Warc).then(|| exchange.clone());
        let digests = move |body: &[u8]| archived.map(|exchange| Digests::of(exchange.as_deref(), body));
        let (sha256, digests) = over(body.clone(), |body| (sha256(body), digests(body))).await;
        outcome.sha256 = Some(sha256);
        let judged = self.verifier.verify(&body).await;
        self.metrics.over(Stage::Verify, begun);
        match judged.map_err(|why| unjudged(batch, &task.url, &why)).ok()? {
            Ok(verified) => {
                outcome.format = Some(verified.format.name().to_owned());
                (outcome.width, outcome.height) = verified.size.unzip();
                outcome.scripted = verified.scripted;
                verifying.note("warren.format", verified.format.name());
                drop(verifying);
                let about = About { digests, ..about(batch, task, outcome, exchange) };
                self.keep_image(batch, about, trail, body, &verified).await
            }
            Err(Rejected { reason, detail, format, size }) => {
                if verifying.is_seen() {
                    verifying.failed(&reason.to_string());
                }
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
pub(super) fn sha256(body: &[u8]) -> String {
    common::image_id::hex(&Sha256::digest(body))
}

/// Hashes a body where that keeps nobody waiting.
pub(super) async fn over<T: Send + 'static>(body: Bytes, hash: impl FnOnce(&[u8]) -> T + Send + 'static) -> T {
    if body.len() < LARGE {
        return hash(&body);
    }
    match tokio::task::spawn_blocking(move || hash(&body)).await {
        Ok(hashed) => hashed,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
