//! What a run was started with, kept with it, so that it can be gone on with: the values of the options and arguments, as
//! they were typed, set in the environment, or left at their defaults. Secrets are not kept: a run's folder is for
//! handing on.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};
use common::config::split_addresses;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::cli::Cli;
use crate::since::Since;

/// Options that belong to one invocation and not to the run.
const NOT_KEPT: [&str; 13] = [
    "help",
    "version",
    "run",
    "runs",
    "stream",
    "format",
    "log_format",
    "quiet",
    "metrics",
    "otlp",
    "otlp_sample",
    "dashboard",
    "dashboard_host",
];

/// The broker's address, whose password is not kept.
const BROKER: &str = "broker";

/// The password that RabbitMQ gives to everybody, which is no secret.
const NO_SECRET: &str = "guest";

/// Why what was kept is of no use.
#[derive(Debug, thiserror::Error)]
pub enum RecallError {
    /// Another version of Warren, or a damaged ledger.
    #[error("what the run was started with cannot be read from its ledger; it was made by another version of Warren")]
    Unreadable,
    /// Kept by a version with other options.
    #[error("this version of Warren does not take what the run was started with")]
    Refused(#[source] clap::Error),
    /// The broker's password is needed.
    #[error(
        "the broker's password is not kept with a run; give it again by --broker (WARREN_BROKER) or --broker-password-file"
    )]
    Password,
}

/// The options and arguments of a command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Remembered {
    command: String,
    values: BTreeMap<String, Vec<String>>,
    /// Whether the broker's address had a password that is not kept.
    #[serde(default)]
    password_left_out: bool,
}

impl Remembered {
    /// What was given for `command`, whose matches these are.
    #[must_use]
    pub fn new(command: &str, matches: &ArgMatches) -> Self {
        let mut kept = Self { command: command.to_owned(), values: BTreeMap::new(), password_left_out: false };
        for argument in arguments(command) {
            let id = argument.get_id().as_str();
            if !NOT_KEPT.contains(&id) {
                kept.set(id, values(matches, id));
            }
        }
        kept
    }

    /// Reads what [`Remembered::text`] wrote.
    pub fn read(text: &str) -> Result<Self, RecallError> {
        serde_json::from_str(text).map_err(|_| RecallError::Unreadable)
    }

    /// As it is kept: without the broker's password, which may have been given since.
    ///
    /// # Panics
    /// Never: it is plain data.
    #[must_use]
    pub fn text(&self) -> String {
        let mut kept = self.clone();
        if let Some(addresses) = kept.values.get_mut(BROKER) {
            for address in addresses {
                kept.password_left_out |= leave_password_out(address);
            }
        }
        serde_json::to_string(&kept).expect("plain data with string keys")
    }

    /// Replaces what is given again, on the command line or in the environment.
    #[must_use]
    pub fn replaced_by(mut self, matches: &ArgMatches) -> Self {
        let typed = |id: &str| source(matches, id) == Some(ValueSource::CommandLine);
        if typed(BROKER) && !typed("embedded") {
            // A run in one process goes on with a fleet.
            self.values.remove("embedded");
        }
        for argument in arguments(&self.command) {
            let id = argument.get_id().as_str();
            let given = matches!(source(matches, id), Some(ValueSource::CommandLine | ValueSource::EnvVariable));
            if given && !NOT_KEPT.contains(&id) {
                if id == BROKER {
                    self.password_left_out = false;
                }
                self.set(id, values(matches, id));
            }
        }
        self
    }

    /// Replaces the paths that are the values of an argument.
    pub fn replace_paths(&mut self, id: &str, paths: &[PathBuf]) {
        self.values.insert(id.to_owned(), paths.iter().map(|path| whole(path)).collect());
    }

    /// The value of an argument that has one.
    #[must_use]
    pub fn value(&self, id: &str) -> Option<&str> {
        self.values.get(id)?.first().map(String::as_str)
    }

    /// The command with all its options, as if they had been typed.
    pub fn parse(&self) -> Result<crate::cli::Command, RecallError> {
        let needs_none = ["embedded", "broker_password_file"].iter().any(|id| self.values.contains_key(*id));
        if self.password_left_out && !needs_none {
            return Err(RecallError::Password);
        }
        let mut typed = vec!["producer".to_owned(), self.command.clone()];
        let mut positional = Vec::new();
        for argument in arguments(&self.command) {
            let Some(values) = self.values.get(argument.get_id().as_str()) else { continue };
            match argument.get_long() {
                Some(long) if argument.get_action().takes_values() => {
                    typed.extend(values.iter().map(|value| format!("--{long}={value}")));
                }
                Some(long) => typed.push(format!("--{long}")),
                None => positional.extend(values.iter().cloned()),
            }
        }
        typed.push("--".to_owned());
        typed.extend(positional);
        let matches = Cli::command().try_get_matches_from(typed).map_err(RecallError::Refused)?;
        Ok(Cli::from_arg_matches(&matches).map_err(RecallError::Refused)?.command)
    }

    fn set(&mut self, id: &str, values: Vec<String>) {
        if values.is_empty() {
            self.values.remove(id);
        } else {
            self.values.insert(id.to_owned(), values);
        }
    }
}

fn arguments(command: &str) -> Vec<Arg> {
    let mut all = Cli::command();
    all.build();
    let found = all.find_subcommand(command).map(Command::get_arguments);
    found.map(|arguments| arguments.cloned().collect()).unwrap_or_default()
}

fn source(matches: &ArgMatches, id: &str) -> Option<ValueSource> {
    if matches.try_contains_id(id).is_ok() { matches.value_source(id) } else { None }
}

/// The values of an argument; for a switch, something if it is on. Paths are made whole, because a run may be gone on with
/// from another folder.
fn values(matches: &ArgMatches, id: &str) -> Vec<String> {
    if let Ok(switch) = matches.try_get_one::<bool>(id) {
        return switch.filter(|on| **on).map(|_| "true".to_owned()).into_iter().collect();
    }
    if let Ok(paths) = matches.try_get_many::<PathBuf>(id) {
        return paths.into_iter().flatten().map(|path| whole(path)).collect();
    }
    if let Ok(Some(Since::Folder(folder))) = matches.try_get_one(id) {
        return vec![whole(folder)];
    }
    let raw = matches.try_get_raw(id).ok().flatten();
    raw.into_iter().flatten().map(|value| value.to_string_lossy().into_owned()).collect()
}

fn whole(path: &Path) -> String {
    let text = path.to_string_lossy();
    if text == "-" || text.contains("://") {
        return text.into_owned();
    }
    std::path::absolute(path).map_or_else(|_| text.into_owned(), |path| path.to_string_lossy().into_owned())
}

/// Says whether there was a secret. Several addresses may stand in one value, separated by commas.
fn leave_password_out(value: &mut String) -> bool {
    let mut left_out = false;
    let addresses = split_addresses(value).map(|address| match Url::parse(address) {
        Ok(mut url) if url.password().is_some_and(|password| password != NO_SECRET) => {
            left_out = true;
            // Fails only for addresses without a host, which have no password.
            url.set_password(None).unwrap_or(());
            url.to_string()
        }
        Ok(_) => address.to_owned(),
        // Nobody knows what is in it. Where it matters, it was refused by now.
        Err(_) => String::new(),
    });
    *value = addresses.collect::<Vec<_>>().join(",");
    left_out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::CrawlOptions;

    fn matches(line: &str) -> ArgMatches {
        let matches = Cli::command().get_matches_from(line.split(' '));
        matches.subcommand().expect("a command").1.clone()
    }

    fn crawl(remembered: &Remembered) -> CrawlOptions {
        match remembered.parse().expect("taken again") {
            crate::cli::Command::Crawl(options) => options,
            other => panic!("{other:?} is no crawl"),
        }
    }

    #[test]
    fn everything_that_was_typed_comes_back() {
        let kept = Remembered::new(
            "crawl",
            &matches(
                "producer crawl --depth 3 --include a --include=-b --ignore-robots --embedded --store s http://h/",
            ),
        );
        let again = crawl(&Remembered::read(&kept.text()).expect("readable"));
        assert_eq!((again.depth, again.seeds), (3, vec!["http://h/".to_owned()]));
        assert_eq!(again.include, ["a", "-b"]);
        assert!(again.run.ignore_robots && again.run.embedded && !again.run.allow_private);
        assert!(again.run.downloader.store.is_absolute());
    }

    #[test]
    fn the_run_before_is_kept_by_its_name_or_its_whole_path() {
        let since = |kept: &Remembered| crawl(kept).run.since;
        let kept =
            |given: &str| Remembered::new("crawl", &matches(&format!("producer crawl --since {given} http://h/")));
        assert_eq!(since(&kept("monday")), Some(Since::Run("monday".parse().expect("valid"))));
        match since(&kept("runs/monday")) {
            Some(Since::Folder(folder)) => {
                assert!(folder.is_absolute() && folder.ends_with("runs/monday"), "{folder:?}");
            }
            other => panic!("{other:?} is no folder"),
        }
        let none = kept("monday").replaced_by(&matches("producer resume --since= r"));
        assert_eq!(since(&none), Some(Since::Nothing));
    }

    #[test]
    fn what_is_given_again_replaces_it() {
        let kept = Remembered::new("crawl", &matches("producer crawl --timeout 5s --per-host 2 --embedded http://h/"));
        let again = kept.replaced_by(&matches("producer resume --per-host 9 --broker amqp://u:p@h/%2f r"));
        let options = crawl(&again);
        assert_eq!(options.run.per_host, Some(9));
        assert_eq!(options.run.timeout, std::time::Duration::from_secs(5));
        assert!(!options.run.embedded, "a broker that is typed is meant");
    }

    #[test]
    fn a_password_is_not_kept_and_is_asked_for() {
        let line = "producer crawl --broker amqp://u:s3cret@h/%2f http://h/";
        let kept = Remembered::new("crawl", &matches(line));
        assert!(!kept.text().contains("s3cret"));
        let several = "producer crawl --broker amqp://u:s3,cret@a/%2f,amqp://u:s3cret@b/%2f http://h/";
        let several = Remembered::new("crawl", &matches(several)).text();
        assert!(several.contains("amqp://u@a/%2f,amqp://u@b/%2f") && !several.contains("cret"), "{several}");
        let recalled = || Remembered::read(&kept.text()).expect("readable");
        assert!(matches!(recalled().parse(), Err(RecallError::Password)));
        let again = recalled().replaced_by(&matches("producer resume --broker amqp://u:s3cret@h/%2f r"));
        assert_eq!(crawl(&again).seeds, ["http://h/"]);
        assert!(!again.text().contains("s3cret"), "nor is one that is given again");
        let by_file = recalled().replaced_by(&matches("producer resume --broker-password-file f r"));
        assert!(by_file.parse().is_ok());
        assert!(Remembered::new("crawl", &matches("producer crawl http://h/")).parse().is_ok(), "guest is no secret");
    }
}
