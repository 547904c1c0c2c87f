//! What the benches measure with.

use std::fs;
use std::time::Duration;

/// So many a second.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "for people")]
pub(crate) fn rate(rows: u64, took: Duration) -> u64 {
    (rows as f64 / took.as_secs_f64()) as u64
}

/// Memory that is held now, and the most that was.
pub(crate) fn memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let of = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name));
        line.and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok()).unwrap_or_default() / 1024
    };
    format!("RSS {} MiB (most {})", of("VmRSS"), of("VmHWM"))
}
