//! The exit codes of both programs: scripts depend on them, so they are a type and not numbers in passing.

/// How a program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// The work is complete; failed images are outcomes, not errors.
    Complete = 0,
    /// An error of Warren's own, or of the machine it runs on.
    Internal = 1,
    /// Wrong usage or bad input.
    Usage = 2,
    /// The broker cannot be reached, or refuses.
    Broker = 3,
    /// No reply came for `--timeout` while images were outstanding; the run can be resumed.
    TimedOut = 4,
    /// Ended by a signal; the run can be resumed.
    Interrupted = 130,
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}
