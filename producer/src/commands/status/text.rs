//! How things stand, for people.

use std::time::{Duration, SystemTime};

use common::control::Answer;
use common::outcome::Status;
use common::transport::TransportError;

use super::runs::Run;
use crate::fleet::{Fleet, PATIENCE};
use crate::ledger::RUNNING;
use crate::printable::printable;
use crate::report::summary::size;

/// Longest name or text of a downloader that is shown, in characters.
const LONGEST: usize = 100;

/// Everything as tables.
pub(super) fn as_text(runs: &[Run], broker: Option<&Result<Fleet, TransportError>>) -> String {
    let mut lines = if runs.is_empty() { vec!["No runs.".to_owned()] } else { runs_table(runs) };
    match broker {
        Some(Ok(fleet)) => lines.extend(fleet_lines(fleet)),
        Some(Err(_)) => lines.push("\nThe broker cannot be asked:".to_owned()),
        None => {}
    }
    lines.join("\n") + "\n"
}

fn runs_table(runs: &[Run]) -> Vec<String> {
    let width = runs.iter().map(|run| run.name.as_str().len()).max().unwrap_or(0).max(3);
    let heads =
        ["found", "stored", "duplicate", "unchanged", "rejected", "blocked", "failed", "outstanding", "replies"];
    let mut lines = vec![format!("{:width$}  {:12}{:>8}{}", "run", "state", "pages", columns(heads))];
    for Run { name, state, paused, glance, replies, .. } in runs {
        let state = if *paused && state == RUNNING { "paused" } else { state };
        let counts = &glance.counts;
        let statuses = columns(Status::ALL.map(|status| counts.of(status)));
        let (name, pages, found) = (name.as_str(), counts.pages.fetched, counts.found());
        let replies = replies.map_or("-".to_owned(), |replies| replies.to_string());
        lines.push(format!("{name:width$}  {state:12}{pages:>8}{found:>12}{statuses}{replies:>12}"));
    }
    let killed = runs.iter().filter(|run| run.killed);
    lines.extend(killed.map(|Run { name, .. }| format!("run {name} was killed; hint: `producer resume {name}`")));
    lines
}

fn columns<T: std::fmt::Display, const N: usize>(cells: [T; N]) -> String {
    cells.map(|cell| format!("{cell:>12}")).concat()
}

fn fleet_lines(fleet: &Fleet) -> Vec<String> {
    let Fleet { downloaders, waiting, dead, blocked, answers, .. } = fleet;
    let mut lines = vec![format!("\ndownloaders: {downloaders}   batches waiting: {waiting}   dead letters: {dead}")];
    if *blocked {
        lines.push(
            "The broker is blocked: it is short of memory or disk and takes no messages, so nothing goes on until it has \
             some again, and downloaders cannot be asked. hint: `rabbitmqctl status` says which"
                .to_owned(),
        );
    }
    if *dead > 0 {
        lines.push("hint: `producer dead list` shows the dead letters".to_owned());
    }
    if !answers.is_empty() {
        lines.push(String::new());
        lines.extend(workers_table(answers));
    }
    let silent = usize::try_from(*downloaders).unwrap_or(usize::MAX).saturating_sub(answers.len());
    if silent > 0 && !blocked {
        lines.push(format!(
            "{silent} of {downloaders} did not answer within {} s: frozen, cut off, or counted twice while busy",
            PATIENCE.as_secs_f64()
        ));
    }
    lines
}

const HEAD: [&str; 9] =
    ["downloader", "host", "in flight", "concurrency", "images/s", "done", "received", "up for", "store"];

fn workers_table(answers: &[Answer]) -> Vec<String> {
    let table: Vec<[String; 9]> = std::iter::once(HEAD.map(str::to_owned)).chain(answers.iter().map(cells)).collect();
    let widths: [usize; 9] =
        std::array::from_fn(|column| table.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let line = |row: &[String; 9]| {
        let cell = |column: usize| {
            let (text, width) = (&row[column], widths[column]);
            // Names to the left, numbers to the right, and nothing behind the last.
            match column {
                0 | 1 => format!("{text:width$}"),
                8 => text.clone(),
                _ => format!("{text:>width$}"),
            }
        };
        (0..row.len()).map(cell).collect::<Vec<_>>().join("  ")
    };
    table.iter().map(line).collect()
}

fn cells(answer: &Answer) -> [String; 9] {
    let store = answer.store_trouble.as_ref().map_or("ok".to_owned(), |trouble| {
        format!("takes nothing for {}: {}", since(trouble.since), printable(&trouble.why, LONGEST))
    });
    [
        printable(&answer.worker, LONGEST),
        printable(&answer.host, LONGEST),
        answer.in_flight.to_string(),
        answer.concurrency.to_string(),
        format!("{:.1}", answer.images_per_second),
        answer.done.to_string(),
        size(answer.bytes),
        since(answer.started_at),
        store,
    ]
}

/// How long ago that was, by the two machines' clocks.
fn since(milliseconds: u64) -> String {
    let at = SystemTime::UNIX_EPOCH + Duration::from_millis(milliseconds);
    let seconds = at.elapsed().unwrap_or_default().as_secs();
    humantime::format_duration(Duration::from_secs(seconds)).to_string()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use common::control::StoreTrouble;
    use common::wire;

    use super::*;

    fn fleet(answers: Vec<Answer>) -> Fleet {
        Fleet { downloaders: 3, waiting: 7, dead: 1, blocked: false, answers, replies: BTreeMap::new() }
    }

    fn answer(worker: &str, store_trouble: Option<StoreTrouble>) -> Answer {
        Answer {
            v: wire::VERSION,
            worker: worker.to_owned(),
            host: "rack3".to_owned(),
            version: "0.1.0".to_owned(),
            started_at: wire_now() - 90_000,
            concurrency: 64,
            in_flight: 3,
            done: 1000,
            bytes: 1_234_567,
            images_per_second: 12.34,
            store_trouble,
        }
    }

    fn wire_now() -> u64 {
        let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970");
        u64::try_from(since.as_millis()).expect("before the year 500 million")
    }

    #[test]
    fn downloaders_line_up_and_the_silent_are_counted() {
        let trouble = StoreTrouble { why: "no space left".to_owned(), since: wire_now() - 5_000 };
        let text = fleet_lines(&fleet(vec![answer("w1", None), answer("worker-2", Some(trouble))])).join("\n");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1], "downloaders: 3   batches waiting: 7   dead letters: 1");
        assert_eq!(lines[4], "downloader  host   in flight  concurrency  images/s  done  received  up for  store");
        assert_eq!(lines[5], "w1          rack3          3           64      12.3  1000    1.2 MB  1m 30s  ok");
        assert!(lines[6].ends_with("takes nothing for 5s: no space left"), "{text}");
        assert_eq!(lines[7], "1 of 3 did not answer within 1.5 s: frozen, cut off, or counted twice while busy");
    }

    #[test]
    fn a_blocked_broker_is_said_and_its_downloaders_are_not_blamed() {
        let text = fleet_lines(&Fleet { blocked: true, ..fleet(Vec::new()) }).join("\n");
        assert!(text.contains("The broker is blocked"), "{text}");
        assert!(!text.contains("did not answer"), "{text}");
    }
}
