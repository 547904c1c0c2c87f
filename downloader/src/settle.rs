//! The only place that acknowledges or returns a task delivery. An ack says: every image of this message is durable in
//! the store, or has an outcome that needs no storing, and every outcome is confirmed in the reply queue.

use common::killpoint;
use common::transport::{Receipt, Settled};

use crate::batch::{Batch, Verdict};

/// One image of `batch` is done; settles the delivery after the last one.
pub(crate) async fn image_done(batch: &Batch) {
    let settled = match batch.finish_image() {
        None => return,
        Some(Verdict::Ack(receipt)) => {
            killpoint::reached("downloader.ack", batch.run.as_str()).await;
            let settled = receipt.ack().await;
            if settled == Settled::Done {
                batch.acknowledged();
            }
            settled
        }
        Some(Verdict::Release(receipt)) => receipt.release().await,
    };
    if settled == Settled::Stale {
        tracing::info!(
            run = %batch.run,
            batch = batch.number,
            "the connection of this batch is gone, so it will be delivered again"
        );
    }
}

/// A delivery of which nothing was begun goes back.
pub(crate) async fn give_back(receipt: Receipt) {
    // A stale receipt means that it comes again by itself.
    receipt.release().await;
}

/// A message that no worker can read goes to the dead-letter queue.
pub(crate) async fn unreadable(receipt: Receipt) {
    // A stale receipt means that the message comes again and is rejected then.
    receipt.reject().await;
}
