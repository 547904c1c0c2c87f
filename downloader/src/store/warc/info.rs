//! The `warcinfo` record: who asked for what follows, and by which manners. A shard begins with one; where images of several
//! runs share a shard, each run has one in it, and the records name theirs.

use std::fmt::Write;
use std::time::SystemTime;

use super::record::{Head, RecordId, word};
use crate::exchange::Asking;

/// The record. `shard` is the file's name.
pub(super) fn record(id: RecordId, now: SystemTime, shard: &str, host: &str, worker: &str, asking: &Asking) -> Vec<u8> {
    let date = humantime::format_rfc3339_millis(now).to_string();
    Head::new("warcinfo", id, &date)
        .field("WARC-Filename", word(shard))
        .record("application/warc-fields", fields(host, worker, asking).as_bytes())
}

fn fields(host: &str, worker: &str, asking: &Asking) -> String {
    let mut fields = String::new();
    let mut field = |name: &str, value: &str| {
        write!(fields, "{name}: {}\r\n", word(value)).expect("a string takes everything");
    };
    field("software", common::http::DEFAULT_USER_AGENT);
    field("format", "WARC File Format 1.1");
    field("conformsTo", "http://iipc.github.io/warc-specifications/specifications/warc-format/warc-1.1/");
    field("robots", if asking.obeys_robots { "obey" } else { "ignore" });
    field("hostname", host);
    field("http-header-user-agent", &asking.user_agent);
    if let Some(from) = &asking.from {
        field("http-header-from", from);
    }
    field("isPartOf", asking.run.as_str());
    field("description", &format!("images fetched by the downloader {worker}"));
    fields
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn it_says_who_asked_and_how() {
        let asking = Asking {
            run: "run-1".parse().expect("valid"),
            user_agent: "Bot/1".to_owned(),
            from: Some("me@example.org".to_owned()),
            obeys_robots: true,
        };
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(1_764_093_600_007);
        let record = |shard, worker, asking: &Asking| {
            String::from_utf8(super::record(RecordId([2; 16]), now, shard, "h", worker, asking)).expect("text")
        };
        let text = record("a.warc.gz", "w\r\n1", &asking);
        let (head, block) = text.split_once("\r\n\r\n").expect("a head");
        let begin = "WARC/1.1\r\nWARC-Type: warcinfo\r\n\
                     WARC-Record-ID: <urn:uuid:02020202-0202-4202-8202-020202020202>\r\n\
                     WARC-Date: 2025-11-25T18:00:00.007Z\r\nWARC-Filename: a.warc.gz\r\n\
                     Content-Type: application/warc-fields\r\nWARC-Block-Digest: sha1:";
        assert!(head.starts_with(begin), "{head}");
        let software = format!("software: {}\r\nformat: WARC File Format 1.1\r\n", common::http::DEFAULT_USER_AGENT);
        assert!(block.starts_with(&software), "{block}");
        let end = "http-header-user-agent: Bot/1\r\nhttp-header-from: me@example.org\r\nisPartOf: run-1\r\n\
                   description: images fetched by the downloader w  1\r\n\r\n\r\n";
        assert!(block.contains("\r\nrobots: obey\r\n") && block.ends_with(end), "{block}");
        let asking = Asking { obeys_robots: false, from: None, ..asking };
        let reckless = record("a", "w", &asking);
        assert!(reckless.contains("\r\nrobots: ignore\r\n") && !reckless.contains("http-header-from"), "{reckless}");
    }
}
