//! What to do while the store takes nothing (a full disk, a lost mount, missing permissions). That is this worker's
//! trouble and no image's: no work is taken, what is in hand goes back to the queue, and the store itself is tried, each
//! time a little later, with the image that it refused. Trying with deliveries would use up their limit.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime};

use common::chain::Chain;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::store::{Image, Store, StoreError};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Whether the store is in trouble.
#[derive(Debug, Default)]
pub(crate) struct StoreTrouble {
    /// What was refused first, while the trouble lasts.
    refused: watch::Sender<Option<Refusal>>,
    /// Tries since the store last took an image that somebody asked for.
    tries: AtomicU32,
}

#[derive(Debug)]
struct Refusal {
    image: Image,
    error: StoreError,
    since: SystemTime,
}

impl StoreTrouble {
    /// The store refused an image. Many meet the same trouble at once; the first one tells of it.
    pub(crate) fn refused(&self, image: Image, error: &StoreError) {
        let news = self.refused.send_if_modified(|refused| {
            let news = refused.is_none();
            if news {
                *refused = Some(Refusal { image, error: error.clone(), since: SystemTime::now() });
            }
            news
        });
        if news {
            tracing::error!(
                error = %Chain(error),
                hint = error.hint(),
                "the store takes no images; taking no work until it does, and returning what is in hand"
            );
        }
    }

    /// The store took an image that somebody asked for.
    pub(crate) fn worked(&self) {
        self.tries.store(0, Ordering::Relaxed);
    }

    /// Why the store takes nothing now, and since when; `None` when it does.
    pub(crate) fn now(&self) -> Option<(String, SystemTime)> {
        self.refused.borrow().as_ref().map(|refusal| (Chain(&refusal.error).to_string(), refusal.since))
    }

    /// Whether it is in trouble now.
    pub(crate) fn is_on(&self) -> bool {
        self.refused.borrow().is_some()
    }

    /// Waits for trouble.
    pub(crate) async fn begins(&self) {
        self.becomes(true).await;
    }

    /// Waits for the end of the trouble.
    pub(crate) async fn ends(&self) {
        self.becomes(false).await;
    }

    /// Tries the store while it is in trouble, until it takes what it refused; for as long as this is polled.
    pub(crate) async fn mend(&self, store: &Store) {
        let mut seen = self.refused.subscribe();
        // An error would mean that the sender is gone, which we hold ourselves.
        while let Ok(what) = seen.wait_for(Option::is_some).await.map(|refusal| refusal.as_ref().map(Refusal::what)) {
            let Some((image, error)) = what else { continue };
            self.try_again(store, image, error).await;
            tracing::info!("the store takes images again; taking work");
            self.refused.send_replace(None);
        }
    }

    async fn try_again(&self, store: &Store, image: Image, mut error: StoreError) {
        loop {
            sleep(pause(self.tries.fetch_add(1, Ordering::Relaxed)).mul_f64(rand::random_range(0.5..=1.0))).await;
            // What it met last: the trouble may have moved on.
            match store.probe(image.clone(), &error).await {
                Ok(()) => return,
                Err(again) => error = again,
            }
            tracing::warn!(error = %Chain(&error), "the store still takes no images");
        }
    }

    async fn becomes(&self, on: bool) {
        let mut seen = self.refused.subscribe();
        drop(seen.wait_for(|refused| refused.is_some() == on).await);
    }
}

impl Refusal {
    fn what(&self) -> (Image, StoreError) {
        (self.image.clone(), self.error.clone())
    }
}

/// How long to leave the store alone after so many tries.
fn pause(tries: u32) -> Duration {
    FIRST_PAUSE.saturating_mul(2u32.saturating_pow(tries)).min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_a_minute() {
        let pauses: Vec<u64> = (0..8).map(|tries| pause(tries).as_secs()).collect();
        assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(pause(u32::MAX), LONGEST_PAUSE);
    }
}
