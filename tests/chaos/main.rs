//! `make chaos`: a run of 20,000 images on three downloaders while everything fails that can. See CONTRIBUTING.md.
//!
//! Standard output has one table at the end, standard error what happens meanwhile. Exit code 0: all that must hold holds.
//! 1: it does not, and the logs stay where the last lines say.

mod broker;
mod downloader;
mod fault;
mod options;
mod producer;
mod record;
mod samples;
mod storm;
mod surroundings;
mod verdict;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use harness::Programs;
use tokio::task::LocalSet;

use crate::options::Options;
use crate::record::Record;

fn main() -> ExitCode {
    let options = Options::parse();
    let seed = options.seed.unwrap_or_else(from_the_clock);
    match options::programs().and_then(|programs| Ok((programs, fresh_folder(&options, seed)?))) {
        Ok((programs, folder)) => weather(&options, seed, programs, &folder),
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn weather(options: &Options, seed: u64, programs: Programs, folder: &Path) -> ExitCode {
    eprintln!(
        "chaos: seed {seed}, {} minutes, {} images, logs in {}",
        options.minutes,
        options.images(),
        folder.display()
    );
    let record = Arc::new(Record::new());
    let local = LocalSet::new();
    let passing = {
        let (options, folder, record) = (options.clone(), folder.to_owned(), Arc::clone(&record));
        // A task of its own: when something panics, what was seen until then is told all the same.
        local.spawn_local(async move {
            let aftermath = storm::pass(&options, seed, &folder, programs, &record).await;
            verdict::judge(&aftermath, options.source, &folder, &record)
        })
    };
    match local.run_until(passing).await {
        Ok(table) => println!("seed {seed}\n{table}"),
        Err(error) => record.problem(format!("the storm was not seen to its end: {error}")),
    }
    let problems = record.problems();
    if problems.is_empty() {
        if !options.keep {
            fs::remove_dir_all(folder).unwrap_or_else(|error| eprintln!("{} is left: {error}", folder.display()));
        }
        return ExitCode::SUCCESS;
    }
    eprintln!("\nchaos: seed {seed}: {} problems; logs, run and store are in {}", problems.len(), folder.display());
    for problem in problems {
        eprintln!("- {problem}");
    }
    ExitCode::FAILURE
}

fn from_the_clock() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    // Short enough to be typed again.
    u64::from(now.subsec_nanos()) / 1_000 + now.as_secs() % 1_000 * 1_000_000
}

/// The folder of this storm, empty. It stays after a failure, until a storm of the same seed. One that was named must be
/// empty: it may hold what somebody needs.
fn fresh_folder(options: &Options, seed: u64) -> Result<PathBuf, String> {
    let folder = if let Some(folder) = &options.folder {
        folder.clone()
    } else {
        let folder = std::env::temp_dir().join(format!("warren-chaos-{seed}"));
        match fs::remove_dir_all(&folder) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(format!("cannot empty {}: {error}", folder.display()));
            }
            _ => folder,
        }
    };
    fs::create_dir_all(&folder).map_err(|error| format!("cannot create {}: {error}", folder.display()))?;
    let folder = folder.canonicalize().map_err(|error| format!("cannot use {}: {error}", folder.display()))?;
    match fs::read_dir(&folder).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(folder),
        Ok(false) => Err(format!("{} is not empty", folder.display())),
        Err(error) => Err(format!("cannot read {}: {error}", folder.display())),
    }
}
