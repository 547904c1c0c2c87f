//! A gate that requests wait at until the test opens it: how a test holds images in flight.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::waiting::within;

/// Shut at first; opened once, for all. Its clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate {
    open: Arc<watch::Sender<bool>>,
    arrived: Arc<watch::Sender<usize>>,
}

impl Default for Gate {
    fn default() -> Self {
        Self::shut()
    }
}

impl Gate {
    /// A shut gate.
    pub fn shut() -> Self {
        Self { open: Arc::new(watch::Sender::new(false)), arrived: Arc::new(watch::Sender::new(0)) }
    }

    /// Lets through who waits and who comes.
    pub fn open(&self) {
        self.open.send_replace(true);
    }

    /// How many came so far, those included whose client has gone since.
    pub fn arrived(&self) -> usize {
        *self.arrived.borrow()
    }

    /// Waits until `count` requests have come.
    pub async fn reached(&self, count: usize) {
        let mut arrived = self.arrived.subscribe();
        let what = format!("{count} requests at the gate");
        let reached = within(&what, Duration::from_secs(30), arrived.wait_for(|arrived| *arrived >= count)).await;
        drop(reached.expect("the gate is there as long as we have it"));
    }

    /// A request waits here.
    pub(super) async fn pass(&self) {
        self.arrived.send_modify(|arrived| *arrived += 1);
        let mut open = self.open.subscribe();
        drop(open.wait_for(|open| *open).await.expect("the gate is there as long as a route has it"));
    }
}
