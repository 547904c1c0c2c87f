//! How things stand, for programs.

use std::time::{Duration, SystemTime};

use common::control::Answer;
use common::outcome::Status;
use common::transport::TransportError;
use serde_json::{Map, Value, json};

use super::runs::Run;
use crate::fleet::Fleet;

/// Everything as one object.
pub(super) fn as_json(runs: &[Run], broker: Option<&Result<Fleet, TransportError>>) -> Value {
    let broker = match broker {
        None => Value::Null,
        Some(Ok(fleet)) => json!({
            "reachable": true,
            "blocked": fleet.blocked,
            "downloaders": fleet.downloaders,
            "batches_waiting": fleet.waiting,
            "dead_letters": fleet.dead,
            "workers": fleet.answers.iter().map(worker).collect::<Vec<_>>(),
        }),
        Some(Err(error)) => json!({"reachable": false, "error": error.to_string()}),
    };
    json!({"runs": runs.iter().map(run).collect::<Vec<_>>(), "broker": broker})
}

fn run(run: &Run) -> Value {
    let counts = &run.glance.counts;
    let mut images: Map<String, Value> =
        Status::ALL.iter().map(|status| (status.as_str().to_owned(), counts.of(*status).into())).collect();
    images.insert("found".to_owned(), counts.found().into());
    let pages = &counts.pages;
    json!({
        "run": run.name,
        "state": run.state,
        "killed": run.killed,
        "paused": run.paused,
        "pages": {"pending": pages.pending, "fetched": pages.fetched, "failed": pages.failed, "blocked": pages.blocked},
        "images": images,
        "bytes": counts.bytes,
        "replies_waiting": run.replies,
    })
}

fn worker(answer: &Answer) -> Value {
    let store = match &answer.store_trouble {
        None => json!({"state": "ok"}),
        Some(trouble) => json!({"state": "trouble", "why": trouble.why, "since": time(trouble.since)}),
    };
    json!({
        "worker": answer.worker,
        "host": answer.host,
        "version": answer.version,
        "started_at": time(answer.started_at),
        "concurrency": answer.concurrency,
        "in_flight": answer.in_flight,
        "done": answer.done,
        "bytes": answer.bytes,
        "images_per_second": (answer.images_per_second * 10.0).round() / 10.0,
        "store": store,
    })
}

/// As the manifest writes times.
fn time(milliseconds: u64) -> String {
    humantime::format_rfc3339_millis(SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds)).to_string()
}
