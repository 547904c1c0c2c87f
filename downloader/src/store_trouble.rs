//! What to do while the store takes nothing (a full disk, a lost mount): stop taking work, say so, try again later,
//! each time a little later. The images are not to blame and go back to the queue.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, sleep_until};

const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_mins(1);

/// Whether the store is in trouble, and until when to leave it alone.
#[derive(Debug, Default)]
pub(crate) struct StoreTrouble(Mutex<Option<Pause>>);

#[derive(Debug, Clone, Copy)]
struct Pause {
    length: Duration,
    until: Instant,
}

impl StoreTrouble {
    /// The store refused. Says whether this is news: many images meet the same trouble at once.
    pub(crate) fn refused(&self) -> bool {
        let mut pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if pause.is_some_and(|pause| now < pause.until) {
            return false;
        }
        let length = pause.map_or(FIRST_PAUSE, |pause| (pause.length * 2).min(LONGEST_PAUSE));
        *pause = Some(Pause { length, until: now + length });
        true
    }

    /// The store took an image. Says whether it had been in trouble.
    pub(crate) fn worked(&self) -> bool {
        let mut pause = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pause.take_if(|pause| Instant::now() >= pause.until).is_some()
    }

    /// Waits while the store is left alone.
    pub(crate) async fn passes(&self) {
        let until = self.0.lock().unwrap_or_else(PoisonError::into_inner).map(|pause| pause.until);
        if let Some(until) = until {
            sleep_until(until).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_and_end_with_the_trouble() {
        let trouble = StoreTrouble::default();
        trouble.passes().await;
        assert!(trouble.refused());
        assert!(!trouble.refused(), "no news within the pause");
        let begun = Instant::now();
        trouble.passes().await;
        assert_eq!(begun.elapsed(), FIRST_PAUSE);
        assert!(trouble.refused());
        trouble.passes().await;
        assert_eq!(begun.elapsed(), FIRST_PAUSE * 3);
        assert!(trouble.worked());
        assert!(!trouble.worked());
        assert!(trouble.refused());
    }
}
