//! Two-step stopping: the first signal asks for an orderly end, the second for an end at once.

use std::panic::resume_unwind;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinError;
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
/// The program is a task like those that it talks to. Polled on the thread that waits for the runtime, it would be woken
/// through the kernel for each of their messages: a crawl of the GIMP manual switches between threads 4,200 times
/// instead of 7,600, and takes 5 % less of the processor.
///
/// # Errors
/// When the runtime cannot be built, or as the program says.
///
/// # Panics
/// When the program does.
pub fn block_on<T, E>(program: impl Future<Output = Result<T, E>> + Send + 'static) -> Result<T, E>
where
    T: Send + 'static,
    E: From<std::io::Error> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let result = runtime.block_on(runtime.spawn(program));
    runtime.shutdown_background();
    match result.map_err(JoinError::try_into_panic) {
        Ok(result) => result,
        Err(Ok(panic)) => resume_unwind(panic),
        // The runtime lived until now, and nobody else could abort it.
        Err(Err(cancelled)) => Err(std::io::Error::other(cancelled).into()),
    }
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
