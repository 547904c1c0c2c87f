//! When an open shard is completed although it is not full: when all runs are over that have images in it. Nobody adds to
//! it for them any more, and somebody may want to read what they left.

use std::time::Duration;

use common::transport::{Queue, Transport};
use tokio::time::{interval, timeout};

use crate::store::Store;

/// How often is asked whether the runs are still there.
const EVERY: Duration = Duration::from_secs(2);

/// Longest wait for the broker's answer. One that does not come means that the run is there.
const PATIENCE: Duration = Duration::from_secs(3);

/// Has shards completed whose runs are over, for as long as this is polled.
pub(crate) async fn complete_after_runs(store: Store, transport: Transport) {
    let mut clock = interval(EVERY);
    loop {
        clock.tick().await;
        let runs = store.runs_in_open_shard();
        if runs.is_empty() {
            continue;
        }
        let mut are_over = true;
        for run in runs {
            let there = timeout(PATIENCE, transport.exists(Queue::Replies(run.clone()))).await;
            if !matches!(there, Ok(Ok(false))) {
                are_over = false;
                break;
            }
            // Nobody asks for it again, while others keep the shard open.
            store.run_is_over(&run);
        }
        if are_over {
            // An error is the writer's end, and then it has done so.
            drop(store.complete_shards().await);
        }
    }
}
