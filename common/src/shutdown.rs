//! Two-step stopping: the first signal asks for an orderly end, the second for an end at once.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::exit::Exit;

/// How long "at once" may take.
const AT_ONCE: Duration = Duration::from_secs(3);

/// What running code watches to learn that it should end.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Take no new work; finish and report what is in hand.
    pub drain: CancellationToken,
    /// Leave now; whatever is unfinished stays with the broker or the ledger.
    pub now: CancellationToken,
}

/// Runs a program to its end on a runtime of its own. What still blocks a thread then (a look-up of a name, a read of
/// standard input) is left behind: it must not keep the process from ending.
///
/// # Errors
/// When the runtime cannot be built, or as the program says.
pub fn block_on<T, E: From<std::io::Error>>(program: impl Future<Output = Result<T, E>>) -> Result<T, E> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(program);
    runtime.shutdown_background();
    result
}

impl Shutdown {
    /// Watches SIGTERM and Ctrl-C for as long as the runtime lives.
    ///
    /// # Errors
    /// When the handlers cannot be installed.
    pub fn on_signals() -> std::io::Result<Self> {
        let shutdown = Self::default();
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let watched = shutdown.clone();
        tokio::spawn(async move {
            let mut signalled = async || {
                tokio::select! {
                    _ = terminate.recv() => {}
                    _ = interrupt.recv() => {}
                }
            };
            signalled().await;
            watched.drain.cancel();
            signalled().await;
            watched.now.cancel();
            // Whoever says it twice means it: a program that is still there then is stuck in something it cannot leave.
            tokio::select! {
                () = signalled() => {}
                () = sleep(AT_ONCE) => {}
            }
            std::process::exit(Exit::Interrupted as i32);
        });
        Ok(shutdown)
    }
}
