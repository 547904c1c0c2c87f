//! Images that stood in their pages (`data:` URIs) on their way to the fleet: no host to ask, but bytes to bring along,
//! which are read from the ledger at the last moment.

use bytes::Bytes;
use common::outcome::Status;
use common::reason::Reason;
use tokio::time::Instant;

use super::{Event, Pipeline};
use crate::ledger::PendingImage;

/// Images that are read or out at once: their bytes are in memory here, in the broker and in a downloader meanwhile. Each has at
/// most [`common::task::ImageTask::MAX_INLINE`].
pub(super) const AT_ONCE: usize = 16;

impl Pipeline {
    /// Reads the bytes of images that are to be sent.
    pub(super) fn fetch_inline(&mut self, images: Vec<PendingImage>) {
        if images.is_empty() {
            return;
        }
        self.images.inline_under_way += images.len();
        let ledger = self.ledger.clone();
        self.tasks.spawn(async move {
            let bytes = ledger.inline(images.iter().map(|image| image.id).collect()).await?;
            Ok(Event::InlineRead(images.into_iter().zip(bytes).collect()))
        });
    }

    /// Sends images with their bytes.
    pub(super) fn send_inline(&mut self, read: Vec<(PendingImage, Option<Bytes>)>) {
        if self.images.dispatch.out() == 0 {
            self.silence.begin(Instant::now());
        }
        for (image, bytes) in read {
            self.images.inline_under_way -= 1;
            if let Some(bytes) = bytes {
                self.images.dispatch.send_inline(image, bytes);
            } else {
                // Only in a ledger that somebody changed: what is not kept is not let wait again.
                self.decide(&image, (Status::Rejected, Reason::Empty).into());
                self.unpark(image.host);
            }
        }
    }
}
