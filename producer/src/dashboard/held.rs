//! An image on its way to a browser. It is held in whole, so only a few are at once, and each for a bounded time: who takes it slower
//! than that, or not at all, gets no more of it, because others wait for the room that it takes.

use std::io;
use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::unfold;
use tokio::sync::OwnedSemaphorePermit;
use tokio::sync::mpsc::{Sender, channel};
use tokio::time::timeout;

/// Longest time that an image is held for whoever takes it.
const LONGEST: Duration = Duration::from_mins(1);

/// Bytes that are handed to the connection at once: what stays with one that takes nothing is some of these, and not the image.
const PIECE: usize = 64 << 10;

/// The bytes of an image, and the turn by which they are held.
#[derive(Debug)]
pub(super) struct Held {
    bytes: Bytes,
    turn: OwnedSemaphorePermit,
}

impl Held {
    pub(super) fn new(bytes: Bytes, turn: OwnedSemaphorePermit) -> Self {
        Self { bytes, turn }
    }

    /// In bytes.
    pub(super) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// The body of an answer, to be of just this length: if it ends before, its connection is cut. The bytes go as soon as they were
    /// taken, nobody is there to take them, or the time is over.
    pub(super) fn given_out(self) -> Body {
        self.given_out_within(LONGEST)
    }

    fn given_out_within(self, longest: Duration) -> Body {
        let (sender, receiver) = channel::<io::Result<Bytes>>(1);
        tokio::spawn(async move {
            if timeout(longest, give(&self.bytes, &sender)).await.is_err() {
                tracing::debug!(bytes = self.bytes.len(), "an image was not taken from the dashboard in time");
            }
            drop((self.bytes, self.turn));
        });
        Body::from_stream(unfold(receiver, |mut receiver| async {
            receiver.recv().await.map(|piece| (piece, receiver))
        }))
    }
}

async fn give(bytes: &Bytes, sender: &Sender<io::Result<Bytes>>) {
    for piece in bytes.chunks(PIECE) {
        // A copy, because a part of the image would keep all of it.
        if sender.send(Ok(Bytes::copy_from_slice(piece))).await.is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::body::to_bytes;
    use tokio::sync::Semaphore;
    use tokio::time::sleep;

    use super::*;

    async fn held(turns: &Arc<Semaphore>, bytes: &Bytes) -> Held {
        Held::new(bytes.clone(), Arc::clone(turns).acquire_owned().await.expect("a turn"))
    }

    #[tokio::test]
    async fn an_image_is_held_until_it_was_taken_and_not_longer_than_its_time() {
        let turns = Arc::new(Semaphore::new(1));
        for length in [0, 1, PIECE - 1, PIECE, PIECE + 1, 5 * PIECE + 7] {
            let bytes = Bytes::from(vec![7; length]);
            let body = held(&turns, &bytes).await.given_out();
            assert_eq!(to_bytes(body, usize::MAX).await.expect("whole"), bytes, "{length}");
        }
        let long = Bytes::from(vec![7; 5 * PIECE]);
        let body = held(&turns, &long).await.given_out_within(Duration::from_secs(1));
        sleep(Duration::from_millis(100)).await;
        assert_eq!(turns.available_permits(), 0, "nobody took it, and the time is not over");
        // Waits until the time is over.
        drop(held(&turns, &long).await);
        let taken = to_bytes(body, usize::MAX).await.expect("a part");
        assert_eq!(taken.len(), PIECE, "what the connection had by then");
    }

    #[tokio::test]
    async fn an_image_that_nobody_takes_any_more_is_not_held() {
        let turns = Arc::new(Semaphore::new(1));
        let long = Bytes::from(vec![7; 5 * PIECE]);
        drop(held(&turns, &long).await.given_out());
        let next = timeout(LONGEST / 2, held(&turns, &long)).await;
        assert!(next.is_ok(), "its turn was given back at once");
    }
}
