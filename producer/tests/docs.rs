//! Keeps the documentation true where that is cheap: the words and fields that `docs/output.md` lists are those of the
//! code, the messages that `docs/protocol.md` shows can be read, `docs/options.md` is what `--help` prints, and links
//! lead somewhere.
//!
//! After a change of an option or its help, write `docs/options.md` anew with
//! `WARREN_BLESS=1 cargo test -p warren-producer --test docs`.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Command, CommandFactory};
use common::control;
use common::image_id::ImageId;
use common::outcome::Status;
use common::reason::Reason;
use common::wire;
use producer::ledger::{COLUMNS, Counts, PageCounts, Traps};
use producer::report::summary::Summary;
use serde_json::Value;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member has a workspace").to_owned()
}

fn read(file: &str) -> String {
    fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The words in backticks.
fn words(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// The rows of the tables below a heading of `docs/output.md`, by cell.
fn table(heading: &str) -> Vec<Vec<String>> {
    let text = read("docs/output.md");
    let (_, section) = text
        .split_once(&format!("\n## {heading}\n"))
        .unwrap_or_else(|| panic!("docs/output.md has no section {heading:?}"));
    let section = section.split("\n## ").next().unwrap_or(section);
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `"));
    let rows: Vec<Vec<String>> = rows
        .map(|row| {
            format!("`{row}").trim_end_matches(['|', ' ']).split(" | ").map(|cell| cell.trim().to_owned()).collect()
        })
        .collect();
    assert!(!rows.is_empty(), "docs/output.md has no table below {heading:?}");
    rows
}

/// The words of a table's first column.
fn first_column(heading: &str) -> Vec<String> {
    table(heading).iter().flat_map(|row| words(&row[0])).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    let object = value.as_object().expect("a JSON object");
    object.keys().map(String::as_str).collect()
}

/// Every reason but the statuses, one after the other. A new one does not compile until it stands here.
fn reasons() -> impl Iterator<Item = Reason> {
    std::iter::successors(Some(Reason::BadUrl), |reason| match reason {
        Reason::BadUrl => Some(Reason::Scheme),
        Reason::Scheme => Some(Reason::PrivateAddress),
        Reason::PrivateAddress => Some(Reason::Robots),
        Reason::Robots => Some(Reason::XRobotsTag),
        Reason::XRobotsTag => Some(Reason::MetaRobots),
        Reason::MetaRobots => Some(Reason::NoFollow),
        Reason::NoFollow => Some(Reason::TdmReservation),
        Reason::TdmReservation => Some(Reason::Timeout),
        Reason::Timeout => Some(Reason::TooSlow),
        Reason::TooSlow => Some(Reason::Connect),
        Reason::Connect => Some(Reason::Dns),
        Reason::Dns => Some(Reason::Tls),
        Reason::Tls => Some(Reason::Network),
        Reason::Network => Some(Reason::BadHttp),
        Reason::BadHttp => Some(Reason::Headers),
        Reason::Headers => Some(Reason::Redirects),
        Reason::Redirects => Some(Reason::Redirected),
        Reason::Redirected => Some(Reason::TooLarge),
        Reason::TooLarge => Some(Reason::Encoding),
        Reason::Encoding => Some(Reason::TooManyPixels),
        Reason::TooManyPixels => Some(Reason::Empty),
        Reason::Empty => Some(Reason::NotAnImage),
        Reason::NotAnImage => Some(Reason::Truncated),
        Reason::Truncated => Some(Reason::Malformed),
        Reason::Malformed => Some(Reason::Undecodable),
        Reason::Undecodable => Some(Reason::FilteredFormat),
        Reason::FilteredFormat => Some(Reason::FilteredMinBytes),
        Reason::FilteredMinBytes => Some(Reason::FilteredMinSize),
        Reason::FilteredMinSize => Some(Reason::FilteredMaxSize),
        Reason::FilteredMaxSize => Some(Reason::FilteredMaxAspect),
        Reason::FilteredMaxAspect => Some(Reason::DeadLettered),
        Reason::DeadLettered | Reason::Http(_) => None,
    })
}

#[test]
fn every_reason_is_listed_with_whether_it_is_tried_again() {
    let listed: Vec<(String, bool)> = table("Reasons")
        .iter()
        .flat_map(|row| {
            let again = match row.last().map(String::as_str) {
                Some("yes") => true,
                Some("no") => false,
                other => panic!("the last column of {row:?} says {other:?}, not yes or no"),
            };
            words(&row[0]).into_iter().map(move |word| (word, again))
        })
        .collect();
    let (others, listed): (Vec<_>, Vec<_>) = listed.into_iter().partition(|(word, _)| word == "http-NNN");
    assert_eq!(others.len(), 1, "all other statuses are one row, http-NNN");
    assert!(!others[0].1, "only the statuses that are listed are tried again");
    for (word, again) in &listed {
        let reason: Reason = word.parse().unwrap_or_else(|error| panic!("docs/output.md: {error}"));
        assert_eq!(reason.is_transient(), *again, "whether {word} is tried again");
    }
    let transient = (100..=599).map(Reason::Http).filter(|reason| reason.is_transient());
    for reason in reasons().chain(transient) {
        let times = listed.iter().filter(|(word, _)| *word == reason.to_string()).count();
        assert_eq!(times, 1, "docs/output.md lists {reason} {times} times");
    }
}

#[test]
fn the_statuses_are_those_of_the_code() {
    assert_eq!(first_column("Statuses"), Status::ALL.map(Status::as_str));
}

#[test]
fn the_columns_of_the_manifest_and_their_types_are_those_of_the_code() {
    let rows = table("The manifest");
    let listed = rows.iter().flat_map(|row| words(&row[0]).into_iter().map(|name| (name, row[1].clone())));
    let listed: Vec<(String, String)> = listed.collect();
    let written = COLUMNS.map(|column| (column.name.to_owned(), column.kind.as_str().to_owned()));
    assert_eq!(listed, written);
}

#[test]
fn the_fields_of_the_summary_are_those_of_the_code() {
    let run = "docs".parse().expect("a name");
    let one = PageCounts { fetched: 1, ..PageCounts::default() };
    let traps = Traps { endless: 1, ..Traps::default() };
    let counts = Counts { style_sheets: one, sitemaps: one, traps, ..Counts::default() };
    let summary = Summary::new(run, "complete", &counts, Duration::ZERO).ignoring_robots(true);
    let summary: Value = serde_json::from_str(&summary.json()).expect("the summary is JSON");
    let (mut listed, mut written) = (first_column("The summary"), keys(&summary));
    listed.sort();
    written.sort_unstable();
    assert_eq!(listed, written);
    let section: String = table("The summary").concat().concat();
    for counts in ["pages", "images"] {
        for name in keys(&summary[counts]) {
            assert!(section.contains(&format!("`{name}`")), "docs/output.md leaves out {counts}.{name}");
        }
    }
}

#[test]
fn the_messages_that_the_protocol_shows_can_be_read() {
    let text = read("docs/protocol.md");
    let examples = text.split("```json\n").skip(1).filter_map(|rest| rest.split("```").next());
    let (mut tasks, mut replies, mut questions, mut answers) = (0, 0, 0, 0);
    for example in examples {
        if example.contains("\"images\"") {
            let task = wire::read_task(example.as_bytes()).expect("a task that a downloader reads");
            for image in &task.images {
                assert_eq!(image.id, ImageId::new(&task.run, &image.url), "the id of {}", image.url);
            }
            tasks += 1;
        } else if example.contains("\"answers\"") {
            control::read_question(example.as_bytes()).expect("a question that a downloader reads");
            questions += 1;
        } else if example.contains("\"in_flight\"") {
            control::read_answer(example.as_bytes()).expect("an answer that a producer reads");
            answers += 1;
        } else {
            wire::read_reply(example.as_bytes()).expect("a reply that a producer reads");
            replies += 1;
        }
    }
    assert_eq!((tasks, replies, questions, answers), (1, 1, 1, 1), "one example each");
}

/// What `--help` prints, the same on every machine.
fn help(mut command: Command, path: &[&str]) -> String {
    command.build();
    for name in path {
        command = command.find_subcommand(name).unwrap_or_else(|| panic!("no command {name}")).clone();
    }
    // Neither the terminal's width nor the values that variables happen to have.
    let mut command = command.term_width(100).max_term_width(100).mut_args(|argument| argument.hide_env_values(true));
    let text = command.render_long_help().to_string();
    let lines: Vec<&str> = text.trim_end().lines().map(str::trim_end).collect();
    lines.join("\n")
}

fn options() -> String {
    let mut text = "\
# Options

What `--help` prints, for each command. This file is made from the programs: after a change run
`WARREN_BLESS=1 cargo test -p warren-producer --test docs`, which writes it anew.

Durations take a unit (`30s`, `5m`, `1h 30m`), and so do sizes (`64MiB`, `200kB`). An option wins over its variable. A
variable of an option without a value is `true` or `false`.
"
    .to_owned();
    let producer = producer::cli::Cli::command;
    let programs = [
        ("producer", producer(), &[][..]),
        ("producer crawl", producer(), &["crawl"]),
        ("producer urls", producer(), &["urls"]),
        ("producer export", producer(), &["export"]),
        ("producer extract", producer(), &["extract"]),
        ("producer status", producer(), &["status"]),
        ("producer dashboard", producer(), &["dashboard"]),
        ("producer pause", producer(), &["pause"]),
        ("producer dead", producer(), &["dead"]),
        ("producer dead list", producer(), &["dead", "list"]),
        ("producer dead replay", producer(), &["dead", "replay"]),
        ("producer dead purge", producer(), &["dead", "purge"]),
        ("producer completions", producer(), &["completions"]),
        ("producer man", producer(), &["man"]),
        ("downloader", downloader::cli::Cli::command(), &[]),
    ];
    for (name, command, path) in programs {
        text.push_str(&["\n## ", name, "\n\n```text\n", &help(command, path), "\n```\n"].concat());
    }
    text
}

#[test]
fn the_options_are_what_help_prints() {
    let (file, made) = (root().join("docs/options.md"), options());
    if std::env::var_os("WARREN_BLESS").is_some() {
        fs::write(&file, &made).expect("docs/options.md can be written");
    }
    let hint = "hint: WARREN_BLESS=1 cargo test -p warren-producer --test docs";
    let written = fs::read_to_string(&file).unwrap_or_else(|error| panic!("docs/options.md: {error}\n{hint}"));
    for (number, (written, made)) in written.lines().zip(made.lines()).enumerate() {
        assert_eq!(written, made, "docs/options.md, line {}\n{hint}", number + 1);
    }
    assert_eq!(written.len(), made.len(), "docs/options.md is cut or has more\n{hint}");
}

#[test]
fn links_between_documents_lead_somewhere() {
    let mut files = vec!["README.md".to_owned(), "CHANGELOG.md".to_owned(), "CONTRIBUTING.md".to_owned()];
    for entry in fs::read_dir(root().join("docs")).expect("there is docs/") {
        let name = entry.expect("a file").file_name();
        // Beside them are pictures.
        if name.to_string_lossy().ends_with(".md") {
            files.push(format!("docs/{}", name.to_string_lossy()));
        }
    }
    for file in files {
        let folder = root().join(&file);
        let folder = folder.parent().expect("a file is in a folder");
        let text = read(&file);
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for target in targets.filter(|target| !target.contains("://") && !target.starts_with('#')) {
            let path = target.split('#').next().unwrap_or(target);
            assert!(folder.join(path).exists(), "{file} links to {target}, which is not there");
        }
    }
}
