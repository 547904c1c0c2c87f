//! What can be done to a run from the dashboard. Each is what a command of the program does: a pause is a mark in the run's folder,
//! the others are the commands themselves, started for that run with the options that it remembers.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::ArgMatches;
use clap::parser::ValueSource;
use common::chain::Chain;
use common::reason::Reason;
use common::run_name::RunName;

use super::tasks::{self, TaskView, Tasks};
use crate::ledger;
use crate::report::{CANCELLED, COMPLETE};
use crate::run_folder;
use crate::word::Mark;

/// Our variables that a command is to have as well: where the broker is, and how to talk. Others are options of whatever the
/// dashboard was started with, and none of the run's.
const HANDED_ON: [&str; 8] = [
    "WARREN_BROKER",
    "WARREN_BROKER_PASSWORD_FILE",
    "WARREN_BROKER_CA",
    "WARREN_BROKER_CERT",
    "WARREN_BROKER_KEY",
    "WARREN_PREFIX",
    "WARREN_LOG",
    "WARREN_LOG_FORMAT",
];

/// The options of these, which may have been typed.
const BROKER_OPTIONS: [(&str, &str); 6] = [
    ("broker", "WARREN_BROKER"),
    ("broker_password_file", "WARREN_BROKER_PASSWORD_FILE"),
    ("broker_ca", "WARREN_BROKER_CA"),
    ("broker_cert", "WARREN_BROKER_CERT"),
    ("broker_key", "WARREN_BROKER_KEY"),
    ("prefix", "WARREN_PREFIX"),
];

/// What somebody wants.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// Hand nothing out.
    Pause,
    /// Go on with that.
    Unpause,
    /// End for good.
    Cancel,
    /// Go on with a run that nobody works on.
    Resume,
    /// Try what failed again, or what has this reason.
    Retry(Option<Reason>),
}

/// Why it is not done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Refusal {
    /// There is no such run.
    NoSuchRun,
    /// It makes no sense as the run stands.
    NotNow(String),
    /// It was tried, and failed.
    Failed(String),
}

/// Does it.
#[derive(Debug)]
pub(crate) struct Actions {
    runs: PathBuf,
    environment: Environment,
    tasks: Tasks,
}

impl Actions {
    /// For the runs of a folder, by commands that have this environment.
    pub(crate) fn new(runs: PathBuf, environment: Environment) -> Self {
        Self { runs, environment, tasks: Tasks::default() }
    }

    /// The commands that were started.
    pub(super) fn tasks(&self) -> Vec<TaskView> {
        self.tasks.views()
    }

    /// Does it, as far as it does not take longer: what a command does, its end shows. Blocks for as long as the disk does.
    pub(super) fn act(&self, run: &RunName, action: &Action) -> Result<(), Refusal> {
        let folder = run_folder::existing(&self.runs, run).map_err(|_| Refusal::NoSuchRun)?;
        let (_, state) = ledger::recall(&folder).map_err(|error| Refusal::Failed(Chain(&error).to_string()))?;
        let is_held = run_folder::is_held(&folder);
        let mark = |done: Result<(), run_folder::FolderError>| {
            done.map_err(|error| Refusal::Failed(Chain(&error).to_string()))
        };
        match action {
            Action::Pause if !is_held => Err(not_now("Nobody works on the run; there is nothing to pause.")),
            Action::Pause => mark(Mark::Pause.leave(&folder)),
            Action::Unpause => mark(Mark::Pause.take_back(&folder)),
            _ if state == CANCELLED && !is_held => Err(not_now("The run was cancelled, and that is for good.")),
            Action::Cancel if state == COMPLETE && !is_held => Err(not_now("The run is complete already.")),
            Action::Cancel => self.start(run, tasks::CANCEL, &[], folder),
            _ if is_held => Err(not_now("A producer works on the run already.")),
            Action::Resume => {
                // Whoever says "go on" means it.
                mark(Mark::Pause.take_back(&folder))?;
                self.start(run, "resume", &[], folder)
            }
            Action::Retry(reason) => {
                mark(Mark::Pause.take_back(&folder))?;
                let only = reason.map(|reason| format!("--reason={reason}"));
                self.start(run, "retry", &only.into_iter().collect::<Vec<_>>(), folder)
            }
        }
    }

    fn start(&self, run: &RunName, command: &'static str, options: &[String], folder: PathBuf) -> Result<(), Refusal> {
        if !self.tasks.begin(run, command) {
            return Err(not_now("Another command was started for the run and has not ended."));
        }
        let mut arguments = vec![OsString::from(command), "--runs".into(), self.runs.clone().into()];
        arguments.extend(options.iter().map(OsString::from));
        arguments.extend(["--".into(), run.as_str().into()]);
        match tasks::start(&folder, &arguments, self.environment.changes()) {
            Ok(child) => {
                tracing::info!(%run, command, "the dashboard was told to start a command");
                self.tasks.watch(run.clone(), command, child, folder);
                Ok(())
            }
            Err(error) => {
                self.tasks.end(run, command, None, Some(error.to_string()));
                Err(Refusal::Failed(format!("producer {command} cannot be started: {error}")))
            }
        }
    }
}

fn not_now(why: &str) -> Refusal {
    Refusal::NotNow(why.to_owned())
}

/// What differs for commands from our own environment: none of Warren's variables but those that say where the broker is, and
/// those as they were typed here. Secrets go this way and not by arguments, which everybody on the machine can see.
#[derive(Debug, Clone, Default)]
pub struct Environment(Vec<(OsString, Option<OsString>)>);

impl Environment {
    /// For the commands that are started by one with these arguments.
    #[must_use]
    pub fn of(matches: &ArgMatches) -> Self {
        let names = std::env::vars_os().map(|(name, _)| name).filter(|name| {
            let name = name.to_string_lossy();
            name.starts_with("WARREN_") && !HANDED_ON.contains(&name.as_ref())
        });
        let mut changes: Vec<(OsString, Option<OsString>)> = names.map(|name| (name, None)).collect();
        for (option, variable) in BROKER_OPTIONS {
            let is_typed = matches.try_contains_id(option).is_ok()
                && matches.value_source(option) == Some(ValueSource::CommandLine);
            if let Some(values) = matches.try_get_raw(option).ok().flatten().filter(|_| is_typed) {
                let values: Vec<&OsStr> = values.collect();
                changes.push((variable.into(), Some(values.join(OsStr::new(",")))));
            }
        }
        Self(changes)
    }

    /// Each variable that differs, and its value, if it has one there.
    pub(super) fn changes(&self) -> &[(OsString, Option<OsString>)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Cli;

    #[test]
    fn a_command_gets_the_broker_as_it_was_typed() {
        let line =
            "producer crawl --broker amqp://u:p@a/%2f --broker amqp://u:p@b/%2f --prefix fleet-2 --depth 3 http://h/";
        let matches = Cli::command().get_matches_from(line.split(' '));
        let given = Environment::of(matches.subcommand().expect("a command").1);
        let value =
            |name: &str| given.changes().iter().find(|(known, _)| known == name).and_then(|(_, value)| value.clone());
        assert_eq!(value("WARREN_BROKER"), Some("amqp://u:p@a/%2f,amqp://u:p@b/%2f".into()));
        assert_eq!(value("WARREN_PREFIX"), Some("fleet-2".into()));
        assert_eq!(value("WARREN_DEPTH"), None);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        let runs = tempfile::tempdir().expect("a folder");
        let actions = Actions::new(runs.path().to_owned(), Environment::default());
        let run: RunName = "r".parse().expect("valid");
        assert_eq!(actions.act(&run, &Action::Cancel), Err(Refusal::NoSuchRun));
        let folder = run_folder::RunFolder::create(runs.path(), &run).expect("new");
        drop(ledger::Ledger::create(folder.path(), &run, "{}", None).expect("a ledger"));
        assert!(matches!(actions.act(&run, &Action::Resume), Err(Refusal::NotNow(_))), "it is held");
        assert_eq!(actions.act(&run, &Action::Pause), Ok(()));
        assert!(Mark::Pause.is_left(folder.path()));
        assert_eq!(actions.act(&run, &Action::Unpause), Ok(()));
        assert!(!Mark::Pause.is_left(folder.path()));
        drop(folder);
        assert!(matches!(actions.act(&run, &Action::Pause), Err(Refusal::NotNow(_))), "nobody holds it");
        assert!(actions.tasks().is_empty());
    }
}
