//! Names of shards, by the convention of WARC 1.1's annex C: `prefix-time-serial-host.warc.gz`. The serial is random, so
//! workers need not agree on it.

use std::time::SystemTime;

/// How the name of a shard ends.
pub(super) const SHARD: &str = ".warc.gz";

const PREFIX: &str = "warren-";

/// Digits of the moment, to the millisecond, and of the serial.
const MOMENT: usize = 17;
const SERIAL: usize = 10;

/// This machine's name, as far as it fits a file's name.
pub(super) fn host() -> String {
    let name = hostname::get().ok().and_then(|name| name.into_string().ok()).unwrap_or_default();
    let clean: String = name.chars().filter(|c| is_of_host(*c)).take(64).collect();
    if clean.is_empty() { "localhost".to_owned() } else { clean }
}

/// The name of a shard that begins now, without its ending.
pub(super) fn stem(now: SystemTime, host: &str) -> String {
    let moment = humantime::format_rfc3339_millis(now).to_string();
    let digits: String = moment.chars().filter(char::is_ascii_digit).collect();
    format!("{PREFIX}{digits}-{:010}-{host}", rand::random_range(0..10_000_000_000_u64))
}

/// Whether a name without its ending is one of these.
pub(super) fn is_ours(stem: &str) -> bool {
    let mut parts = stem.strip_prefix(PREFIX).unwrap_or_default().splitn(3, '-');
    let mut digits = |length| {
        parts.next().is_some_and(|part| part.len() == length && part.bytes().all(|byte| byte.is_ascii_digit()))
    };
    digits(MOMENT)
        && digits(SERIAL)
        && parts.next().is_some_and(|host| !host.is_empty() && host.chars().all(is_of_host))
}

fn is_of_host(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_name_has_time_serial_and_host() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_093_600_007);
        let stem = stem(now, "h-1.example");
        assert!(stem.starts_with("warren-20251125180000007-") && stem.ends_with("-h-1.example"), "{stem}");
        assert!(is_ours(&stem));
        assert_ne!(stem, self::stem(now, "h-1.example"));
        assert!(is_ours(&self::stem(now, &host())));
    }

    #[test]
    fn what_others_name_is_not_ours() {
        for stem in ["", "warren-", "warren-20251125180000007-0123456789-", "warren-20251125180000007-01234-h"] {
            assert!(!is_ours(stem), "{stem}");
        }
        for stem in ["rec-20251125180000007-0123456789-h", "warren-2025112518000000x-0123456789-h"] {
            assert!(!is_ours(stem), "{stem}");
        }
        assert!(!is_ours("warren-20251125180000007-0123456789-h/.."));
    }
}
