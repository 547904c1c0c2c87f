//! The only place that acknowledges or returns a task delivery. An ack says: every image of this message is durable in
//! the store, or has an outcome that needs no storing, and every outcome is confirmed in the reply queue.

use common::killpoint;
use common::transport::{Receipt, Settled};

use crate::batch::{Batch, Verdict};
use crate::metrics::{How, Metrics};

/// One image of `batch` is done; settles the delivery after the last one.
pub(crate) async fn image_done(batch: &Batch) {
    let (settled, how) = match batch.finish_image() {
        None => return,
        Some(Verdict::Ack(receipt)) => {
            killpoint::reached("downloader.ack", batch.run.as_str()).await;
            let settled = receipt.ack().await;
            if settled == Settled::Done {
                batch.acknowledged();
            }
            (settled, How::Acknowledged)
        }
        Some(Verdict::Release(receipt)) => (receipt.release().await, How::GivenBack),
    };
    note(&batch.metrics, settled, how);
    if settled == Settled::Stale {
        tracing::debug!(
            run = %batch.run,
            batch = batch.number,
            "the connection of this batch is gone, so it will be delivered again"
        );
    }
}

/// A delivery of which nothing was begun goes back.
pub(crate) async fn give_back(receipt: Receipt, metrics: &Metrics) {
    // A stale receipt means that it comes again by itself.
    note(metrics, receipt.release().await, How::GivenBack);
}

/// A message that no worker can read goes to the dead-letter queue.
pub(crate) async fn unreadable(receipt: Receipt, metrics: &Metrics) {
    // A stale receipt means that the message comes again and is rejected then.
    note(metrics, receipt.reject().await, How::DeadLettered);
}

fn note(metrics: &Metrics, settled: Settled, how: How) {
    metrics.settled(if settled == Settled::Stale { How::Stale } else { how });
}
