//! The process itself: what a program of Warren's is when it was started with [`ARGUMENT`].

use std::env;
use std::ffi::OsStr;
use std::io::{self, Read as _};
use std::process::ExitCode;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};

use super::{answer, decode};

/// What tells a program that it is such a process; most memory, most pixels and whether the pixels are wanted follow.
pub(super) const ARGUMENT: &str = "--warren-decode-avif";

/// Longest that it may work, in seconds of a processor.
const MOST_SECONDS: u64 = 60;

/// If this process was started to decode a file, does so; the caller ends with what is returned then: failure only where it is
/// not the file's.
#[must_use]
pub(crate) fn serve() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(ARGUMENT)) {
        return None;
    }
    let mut number = || arguments.next().and_then(|text| text.into_string().ok()).and_then(|text| text.parse().ok());
    let (Some(memory), Some(pixels), Some(wanted)) = (number(), number(), number()) else {
        return Some(ExitCode::FAILURE);
    };
    Some(work(memory, pixels, wanted != 0).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS))
}

fn work(memory: u64, most_pixels: u64, wanted: bool) -> io::Result<()> {
    outlive_signals()?;
    limit(Resource::Data, memory, memory)?;
    // What ends it is another signal than that of a system which is out of memory.
    limit(Resource::Cpu, MOST_SECONDS, MOST_SECONDS + 1)?;
    limit(Resource::Core, 0, 0)?;
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    answer::write(&mut io::stdout().lock(), &decode(&bytes, most_pixels, wanted))
}

/// Who ends a service tells all of its processes, and the downloader finishes what it has in hand; this one ends soon by itself.
/// That a signal is caught lasts, though nobody waits for it.
fn outlive_signals() -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build()?;
    let _inside = runtime.enter();
    [SignalKind::hangup(), SignalKind::interrupt(), SignalKind::terminate()]
        .into_iter()
        .try_for_each(|kind| signal(kind).map(drop))
}

/// Sets a limit that tells, and one that ends, or what is less where this process was started with less.
fn limit(resource: Resource, tells: u64, ends: u64) -> io::Result<()> {
    let maximum = getrlimit(resource).maximum.map_or(ends, |known| known.min(ends));
    let current = tells.min(maximum.saturating_sub(ends - tells));
    Ok(setrlimit(resource, Rlimit { current: Some(current), maximum: Some(maximum) })?)
}
