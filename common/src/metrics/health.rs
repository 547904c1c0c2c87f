//! Whether a program is alive, and whether it is ready. A program that is not alive should be started anew; one that is not
//! ready says why, and mends itself or ends.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::Instant;

/// A loop that did not come round for this long hangs: nothing that a loop of ours waits for by itself takes longer than a call
/// to the broker, 5 s.
const HANGS_AFTER: Duration = Duration::from_mins(1);

/// How often a loop should at least show that it comes round.
pub const BEAT_EVERY: Duration = Duration::from_secs(5);

/// Why a program is not ready, in a few words that give nothing away.
pub type Unready = &'static str;

/// What is asked of a program.
pub trait Health: fmt::Debug + Send + Sync + 'static {
    /// Whether its loops come round.
    fn is_alive(&self) -> bool;

    /// Whether it does its work.
    fn ready(&self) -> Result<(), Unready>;
}

/// The sign of life of one loop.
#[derive(Debug)]
pub struct Pulse {
    started: Instant,
    /// The last beat, in milliseconds since the start and from 1 on; 0 while no beat is to be expected.
    last: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Self { started: Instant::now(), last: AtomicU64::new(0) }
    }
}

impl Pulse {
    /// The loop came round, and will again.
    pub fn beat(&self) {
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(now.saturating_add(1), Ordering::Relaxed);
    }

    /// The loop is over in good order.
    pub fn rest(&self) {
        self.last.store(0, Ordering::Relaxed);
    }

    /// Whether it has not begun, is over, or came round lately.
    #[must_use]
    pub fn is_alive(&self) -> bool {
        let last = self.last.load(Ordering::Relaxed);
        last == 0 || self.started.elapsed().saturating_sub(Duration::from_millis(last - 1)) < HANGS_AFTER
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_loop_that_does_not_come_round_for_a_minute_hangs() {
        let pulse = Pulse::default();
        advance(HANGS_AFTER * 2).await;
        assert!(pulse.is_alive(), "it has not begun");
        pulse.beat();
        advance(Duration::from_millis(59_999)).await;
        assert!(pulse.is_alive());
        advance(Duration::from_millis(1)).await;
        assert!(!pulse.is_alive());
        pulse.beat();
        assert!(pulse.is_alive());
        advance(HANGS_AFTER).await;
        pulse.rest();
        assert!(pulse.is_alive(), "it is over");
    }
}
