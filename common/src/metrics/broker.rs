//! The links to the broker, in numbers.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::{Page, Source};

/// The links that a program lives by. What only answers people (`producer status`) is none of them.
#[derive(Debug, Default)]
pub struct BrokerMetrics {
    publish: Arc<Link>,
    consume: Arc<Link>,
    blocked: AtomicBool,
}

/// One of them.
#[derive(Debug, Default)]
pub struct Link {
    stands: AtomicBool,
    lost: AtomicU64,
}

impl Link {
    /// A session stands.
    pub(crate) fn stands(&self) {
        self.stands.store(true, Ordering::Relaxed);
    }

    /// There is none (any more).
    pub(crate) fn fell(&self) {
        if self.stands.swap(false, Ordering::Relaxed) {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn is_up(&self) -> bool {
        self.stands.load(Ordering::Relaxed)
    }
}

impl BrokerMetrics {
    /// Of queues in this process, which never go away.
    #[must_use]
    pub fn of_this_process() -> Self {
        let metrics = Self::default();
        metrics.publish.stands();
        metrics.consume.stands();
        metrics
    }

    /// The link that publishes.
    pub(crate) fn publish(&self) -> Arc<Link> {
        Arc::clone(&self.publish)
    }

    /// The link that consumes what the program lives by: tasks, or replies.
    pub(crate) fn consume(&self) -> Arc<Link> {
        Arc::clone(&self.consume)
    }

    /// Whether the broker takes no messages at the moment.
    pub(crate) fn set_blocked(&self, blocked: bool) {
        self.blocked.store(blocked, Ordering::Relaxed);
    }

    /// Whether both links stand.
    #[must_use]
    pub fn are_up(&self) -> bool {
        self.publish.is_up() && self.consume.is_up()
    }
}

impl Source for BrokerMetrics {
    fn write(&self, page: &mut Page<'_>) -> fmt::Result {
        let links = [("publish", &self.publish), ("consume", &self.consume)];
        page.truths(
            "broker_connected",
            "Whether the link to the broker stands (1) or is being made (0).",
            "link",
            links.map(|(name, link)| (name, link.is_up())),
        )?;
        page.counters(
            "broker_connections_lost",
            "Sessions with the broker that ended without being told to.",
            "link",
            links.map(|(name, link)| (name, link.lost.load(Ordering::Relaxed))),
        )?;
        page.truth(
            "broker_blocked",
            "Whether the broker, short of memory or disk, takes no messages (1).",
            self.blocked.load(Ordering::Relaxed),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_that_never_stood_was_not_lost() {
        let metrics = BrokerMetrics::default();
        metrics.publish.fell();
        metrics.publish.stands();
        assert!(!metrics.are_up());
        metrics.consume.stands();
        assert!(metrics.are_up());
        metrics.publish.fell();
        metrics.publish.fell();
        assert!(!metrics.are_up());
        assert_eq!(metrics.publish.lost.load(Ordering::Relaxed), 1);
    }
}
