//! Waiting for something to become true: always with a deadline, never with a fixed sleep.

use std::fmt::Display;
use std::future::Future;
use std::time::{Duration, Instant};

use tokio::sync::{Mutex, MutexGuard};

/// How long between two looks.
const PAUSE: Duration = Duration::from_millis(25);

/// Looks again and again until `probe` answers `Ok`, and returns what it answered.
///
/// When `deadline` has passed it panics with `what` was awaited and the last error, so that a failure says how far
/// things had come.
pub async fn eventually<T, E: Display>(
    what: &str,
    deadline: Duration,
    mut probe: impl AsyncFnMut() -> Result<T, E>,
) -> T {
    let started = Instant::now();
    loop {
        match probe().await {
            Ok(value) => return value,
            Err(error) if started.elapsed() >= deadline => panic!("not within {deadline:?}: {what}: {error}"),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}

/// Awaits `future`, and panics with `what` was awaited when `deadline` passes first.
pub async fn within<T>(what: &str, deadline: Duration, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(deadline, future).await.unwrap_or_else(|_| panic!("not within {deadline:?}: {what}"))
}

/// Keeps the tests that load the machine (whole sites, nodes of their own) from running beside each other.
///
/// The small tests go on meanwhile. Waiting here counts against no deadline: those start after it.
pub async fn one_at_a_time() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}
