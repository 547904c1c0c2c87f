//! `producer status`: the runs of the folder, the queues, and how many downloaders consume.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;
use common::exit::Exit;
use common::outcome::Status;
use common::run_name::RunName;
use common::transport::amqp::{Amqp, AmqpSettings};
use common::transport::{Queue, Transport, TransportError};
use serde_json::{Value, json};

use crate::cli::{OutputFormat, StatusOptions};
use crate::ledger::{self, Glance};

/// What cannot be shown.
#[derive(Debug, thiserror::Error)]
pub enum StatusError {
    /// A name without a run.
    #[error("there is no run {run} in {folder}; hint: --runs says where runs live, and `producer status` lists them")]
    NoSuchRun {
        /// The name.
        run: RunName,
        /// Where it was looked for.
        folder: String,
    },
    /// The folder cannot be read.
    #[error("cannot read the folder of runs {0}")]
    Folder(String, #[source] io::Error),
}

/// Shows how things stand. The runs are shown even if the broker cannot be reached; then the exit code says so.
pub async fn status(options: StatusOptions) -> anyhow::Result<Exit> {
    let settings = AmqpSettings::new(&options.broker, "warren status".to_owned())?;
    let runs = match &options.run {
        Some(run) => vec![look(&options.runs, run)?],
        None => all(&options.runs)?,
    };
    let broker = if options.offline { None } else { Some(ask(settings).await) };
    let text = match options.format {
        OutputFormat::Json => format!("{:#}\n", as_json(&runs, broker.as_ref())),
        OutputFormat::Text => as_text(&runs, broker.as_ref()),
    };
    io::stdout().write_all(text.as_bytes()).context("cannot write to standard output")?;
    match broker {
        Some(Err(error)) => Err(error.into()),
        _ => Ok(Exit::Complete),
    }
}

struct Run {
    name: String,
    glance: Glance,
}

struct Fleet {
    downloaders: u32,
    waiting: u32,
    dead: u32,
}

fn look(runs: &Path, run: &RunName) -> anyhow::Result<Run> {
    let folder = runs.join(run.as_str());
    if !folder.join(ledger::FILE).is_file() {
        return Err(StatusError::NoSuchRun { run: run.clone(), folder: runs.display().to_string() }.into());
    }
    Ok(Run { name: run.to_string(), glance: ledger::glance(&folder)? })
}

fn all(runs: &Path) -> anyhow::Result<Vec<Run>> {
    let entries = match fs::read_dir(runs) {
        Ok(entries) => entries,
        // Nobody has run anything yet.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(StatusError::Folder(runs.display().to_string(), error).into()),
    };
    let mut names: Vec<RunName> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().join(ledger::FILE).is_file())
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .collect();
    names.sort();
    names.iter().map(|name| look(runs, name)).collect()
}

async fn ask(settings: AmqpSettings) -> Result<Fleet, TransportError> {
    let transport = Transport::Amqp(Amqp::connect(settings).await?);
    let tasks = transport.inspect(Queue::Tasks).await?;
    let dead = transport.inspect(Queue::Dead).await?;
    transport.close().await;
    Ok(Fleet { downloaders: tasks.consumers, waiting: tasks.ready, dead: dead.ready })
}

fn as_json(runs: &[Run], broker: Option<&Result<Fleet, TransportError>>) -> Value {
    let run = |Run { name, glance }: &Run| {
        let counts = &glance.counts;
        let mut images: serde_json::Map<String, Value> =
            Status::ALL.iter().map(|status| (status.as_str().to_owned(), counts.of(*status).into())).collect();
        images.insert("found".to_owned(), counts.found().into());
        let pages = &counts.pages;
        json!({
            "run": name,
            "state": glance.state,
            "pages": {"pending": pages.pending, "fetched": pages.fetched, "failed": pages.failed, "blocked": pages.blocked},
            "images": images,
            "bytes": counts.bytes,
        })
    };
    let broker = match broker {
        None => Value::Null,
        Some(Ok(fleet)) => json!({
            "reachable": true, "downloaders": fleet.downloaders, "batches_waiting": fleet.waiting, "dead_letters": fleet.dead,
        }),
        Some(Err(error)) => json!({"reachable": false, "error": error.to_string()}),
    };
    json!({"runs": runs.iter().map(run).collect::<Vec<_>>(), "broker": broker})
}

fn as_text(runs: &[Run], broker: Option<&Result<Fleet, TransportError>>) -> String {
    let mut lines = Vec::new();
    if runs.is_empty() {
        lines.push("No runs.".to_owned());
    } else {
        let width = runs.iter().map(|run| run.name.len()).max().unwrap_or(0).max(3);
        let heads = ["found", "stored", "duplicate", "rejected", "blocked", "failed", "outstanding"];
        let head = columns(heads);
        lines.push(format!("{:width$}  {:12}{:>8}{head}", "run", "state", "pages"));
        for Run { name, glance } in runs {
            let counts = &glance.counts;
            let statuses = columns(Status::ALL.map(|status| counts.of(status)));
            let (state, pages, found) = (&glance.state, counts.pages.fetched, counts.found());
            lines.push(format!("{name:width$}  {state:12}{pages:>8}{found:>12}{statuses}"));
        }
    }
    match broker {
        Some(Ok(Fleet { downloaders, waiting, dead })) => {
            lines.push(format!("\ndownloaders: {downloaders}   batches waiting: {waiting}   dead letters: {dead}"));
        }
        Some(Err(_)) => lines.push("\nThe broker cannot be asked:".to_owned()),
        None => {}
    }
    lines.join("\n") + "\n"
}

fn columns<T: std::fmt::Display, const N: usize>(cells: [T; N]) -> String {
    cells.map(|cell| format!("{cell:>12}")).concat()
}
