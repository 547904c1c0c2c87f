//! Stub while the workspace is laid out.
use std::process::ExitCode;

/// The program.
#[must_use]
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
