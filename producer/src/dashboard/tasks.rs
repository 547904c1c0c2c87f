//! The commands that the dashboard started for runs: each is this same program as a process of its own, which outlives the
//! dashboard, tells into a file in the run's folder what it has to say, and is watched to its end.

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use common::run_name::RunName;
use serde::Serialize;
use tokio::process::{Child, Command};

/// The file in the run's folder.
pub(super) const LOG: &str = "dashboard.log";

/// The command that may be started while another one works.
pub(super) const CANCEL: &str = "cancel";

/// Of what a command said last, so many bytes are shown.
const SHOWN: u64 = 2000;

/// Commands that are remembered, at most.
const MOST: usize = 1000;

/// A command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct TaskView {
    run: RunName,
    /// `resume`, `retry` or `cancel`.
    command: &'static str,
    /// Whether it has ended.
    ended: bool,
    /// Its exit code, if it ended and was not killed.
    exit: Option<i32>,
    /// What it said last, if it ended otherwise than well.
    said: Option<String>,
}

/// All of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Tasks {
    known: Arc<Mutex<HashMap<(RunName, &'static str), TaskView>>>,
}

impl Tasks {
    /// The last command of each kind that was started for each run.
    pub(super) fn views(&self) -> Vec<TaskView> {
        let mut views: Vec<TaskView> =
            self.known.lock().unwrap_or_else(PoisonError::into_inner).values().cloned().collect();
        views.sort_by(|one, other| (&one.run, one.command).cmp(&(&other.run, other.command)));
        views
    }

    /// Notes that a command begins for a run. False: another one has not ended. A run may be cancelled while a command works on it.
    pub(super) fn begin(&self, run: &RunName, command: &'static str) -> bool {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (run.clone(), command);
        let others = known.values().filter(|task| task.run == *run && (command != CANCEL || task.command == CANCEL));
        let is_busy = others.into_iter().any(|task| !task.ended);
        if is_busy || (known.len() >= MOST && !known.contains_key(&key)) {
            return false;
        }
        let task = TaskView { run: run.clone(), command, ended: false, exit: None, said: None };
        known.insert(key, task);
        true
    }

    /// Notes how it ended.
    pub(super) fn end(&self, run: &RunName, command: &'static str, exit: Option<i32>, said: Option<String>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(task) = known.get_mut(&(run.clone(), command)) {
            (task.ended, task.exit, task.said) = (true, exit, said);
        }
    }

    /// Watches a command that was begun, to its end.
    pub(super) fn watch(&self, run: RunName, command: &'static str, mut child: Child, folder: PathBuf) {
        let tasks = self.clone();
        tokio::spawn(async move {
            let exit = match child.wait().await {
                Ok(status) => status.code(),
                Err(error) => {
                    tracing::warn!(%run, error = %error, "a command that the dashboard started cannot be watched");
                    None
                }
            };
            let said = if exit == Some(0) { None } else { last_line(&folder.join(LOG)) };
            tracing::info!(%run, command, exit, "a command that the dashboard started has ended");
            tasks.end(&run, command, exit, said);
        });
    }
}

/// Starts this program with these arguments, in a group of its own: what ends the dashboard does not end it.
pub(super) fn start(
    folder: &Path,
    arguments: &[OsString],
    environment: &[(OsString, Option<OsString>)],
) -> io::Result<Child> {
    let mut log = File::options().create(true).append(true).open(folder.join(LOG))?;
    let words: Vec<_> = arguments.iter().map(|word| word.to_string_lossy()).collect();
    let now = humantime::format_rfc3339_seconds(SystemTime::now());
    writeln!(log, "{now} the dashboard starts: producer {}", words.join(" "))?;
    let mut command = Command::new(std::env::current_exe()?);
    command.args(arguments).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).process_group(0);
    for (name, value) in environment {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command.spawn()
}

/// The last line of a log that says something.
fn last_line(log: &Path) -> Option<String> {
    let read = || {
        let mut file = File::open(log)?;
        let length = file.seek(SeekFrom::End(0))?;
        file.seek(SeekFrom::Start(length.saturating_sub(SHOWN)))?;
        let mut text = Vec::new();
        file.take(SHOWN).read_to_end(&mut text)?;
        Ok::<_, io::Error>(text)
    };
    let text = read().ok()?;
    let text = String::from_utf8_lossy(&text);
    text.lines().rev().find(|line| !line.trim().is_empty()).map(|line| line.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_has_one_command_at_a_time() {
        let (tasks, run) = (Tasks::default(), "r".parse().expect("valid"));
        assert!(tasks.begin(&run, "retry"));
        assert!(!tasks.begin(&run, "retry") && !tasks.begin(&run, "resume"));
        tasks.end(&run, "retry", Some(2), Some("error: no".to_owned()));
        let ended = TaskView {
            run: run.clone(),
            command: "retry",
            ended: true,
            exit: Some(2),
            said: Some("error: no".to_owned()),
        };
        assert_eq!(tasks.views(), [ended]);
        assert!(tasks.begin(&run, "resume"));
        assert!(tasks.begin(&run, CANCEL), "what works on it is cancelled");
        assert!(!tasks.begin(&run, CANCEL));
        assert!(tasks.begin(&"other".parse().expect("valid"), "retry"));
    }

    #[test]
    fn the_last_line_of_a_log_is_found_however_long_it_is() {
        let folder = tempfile::tempdir().expect("a folder");
        let log = folder.path().join(LOG);
        assert_eq!(last_line(&log), None);
        std::fs::write(&log, format!("{}\nerror: no\n\n", "x\n".repeat(5000))).expect("written");
        assert_eq!(last_line(&log).as_deref(), Some("error: no"));
        std::fs::write(&log, "ä".repeat(5000)).expect("written");
        assert!(last_line(&log).is_some_and(|line| line.len() <= 2100));
    }
}
