//! The way of one image through the rooms: [`fetch`], its turn and what the server says; [`check`], what the bytes are; [`keep`],
//! what is stored of it. Here is how it begins and how it ends.

mod check;
mod fetch;
mod keep;

use std::sync::Arc;

use common::outcome::Outcome;
use common::task::ImageTask;
use common::telemetry::Trail;

use crate::batch::Batch;
use crate::claims::Claimed;
use crate::exchange::Exchange;
use crate::picture::Unjudged;
use crate::reply::Finished;
use crate::runs::Holding;
use crate::settle;
use crate::store::About;
use crate::worker::Worker;

/// What an image in hand comes to.
enum End {
    /// It was tried; this is what the producer is told.
    Outcome(Box<Outcome>),
    /// Its batch goes back to the queue.
    GivenBack,
    /// Its run is gone.
    Unwanted,
}

impl Worker {
    /// The way of one image through the rooms.
    pub(crate) async fn image(&self, batch: Arc<Batch>, task: ImageTask, holding: Holding, trail: Trail) {
        let end = tokio::select! {
            biased;
            () = holding.gone() => End::Unwanted,
            end = self.try_once(&batch, &task, &holding, &trail) => end,
        };
        match end {
            End::Outcome(outcome) => {
                let outcome = *outcome;
                tracing::debug!(
                    run = %batch.run, batch = batch.number, image.url = task.url, task.id = %task.id,
                    attempt = outcome.attempt, status = outcome.status.as_str(),
                    reason = outcome.reason.map(tracing::field::display), duration_ms = outcome.duration_ms,
                    size_bytes = outcome.bytes, "an image is done"
                );
                self.vitals.done(outcome.bytes.unwrap_or(0));
                // Fails only when the broker is lost for good, and then the delivery comes again.
                let telling = trail.step("reply");
                drop(self.finished.send(Finished { batch, outcome, telling }).await);
            }
            End::Unwanted => {
                holding.dropped();
                settle::image_done(&batch).await;
            }
            End::GivenBack => settle::image_done(&batch).await,
        }
    }

    /// Tries the image, unless this process has done so, or is about to, for an earlier delivery.
    async fn try_once(&self, batch: &Batch, task: &ImageTask, holding: &Holding, trail: &Trail) -> End {
        let claim = match self.claims.claim(&batch.run, task).await {
            Claimed::Ours(claim) => claim,
            Claimed::Finished(outcome) => return End::Outcome(outcome),
        };
        let end = self.fetch_and_keep(batch, task, holding, trail).await;
        if let End::Outcome(outcome) = &end {
            self.metrics.tried(outcome);
            claim.finish(outcome);
        }
        end
    }
}

/// Nothing is known of an image, for want of what this program needs to look at it.
fn unjudged(batch: &Batch, url: &str, why: &Unjudged) {
    batch.must_come_again();
    tracing::error!(
        run = %batch.run, batch = batch.number, image.url = url, error = %why,
        hint = "look at this machine's memory, and at its limits on processes and open files; /proc has to be there",
        "an image cannot be looked at here; its batch goes back to the queue"
    );
}

/// What packed layouts keep beside an image.
fn about(batch: &Batch, task: &ImageTask, outcome: Outcome, exchange: Option<Arc<Exchange>>) -> About {
    About {
        run: batch.run.clone(),
        asking: Arc::clone(&batch.asking),
        url: task.url.clone(),
        hops: task.hops,
        exchange,
        digests: None,
        context: task.context.clone(),
        outcome,
    }
}
