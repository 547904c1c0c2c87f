//! What people see who run Warren on a terminal, and what shells and manual readers get.

use std::fs;
use std::process::Command;
use std::time::Duration;

use harness::run::json;
use harness::{Exit, Gate, Response, Signal, Terminal, World, eventually, png};

use crate::{embedded, images, plain, world};

/// An escape sequence that sets colours.
fn has_colours(written: &str) -> bool {
    written.split("\u{1b}[").skip(1).any(|rest| {
        let end = rest.find(|letter: char| letter.is_ascii_alphabetic());
        end.is_some_and(|end| &rest[end..=end] == "m" && !matches!(&rest[..end], "" | "0"))
    })
}

/// Whether a text is somewhere on the screen.
fn has(screen: &[String], text: &str) -> bool {
    screen.iter().any(|line| line.contains(text))
}

/// A run that stands still: two images are stored, one has failed, one is held.
fn held(world: &mut World, gate: &Gate, size: (u16, u16), options: &[&str]) -> Terminal {
    let mut urls = images(world, 2, plain);
    world.route("/held.png", Response::image(png(3, 3, 9)).behind(gate));
    urls.extend([world.url("/missing.png?%1b[2J"), world.url("/held.png")]);
    let list = world.folder().file("list.txt", urls.join("\n"));
    let list = list.to_string_lossy().into_owned();
    world.start_run_on(size, &[&["urls"], options, &[&list]].concat())
}

#[tokio::test]
async fn the_bar_says_how_a_run_is_going() {
    let mut world = embedded("terminal-wide").await;
    let gate = Gate::shut();
    let mut terminal = held(&mut world, &gate, (80, 24), &["--run", "wide"]);
    let wanted = ["last failure: http-404", "1 downloader", " 3/4 "];
    let is_settled = |screen: &[String]| wanted.iter().all(|text| has(screen, text));
    let screen = terminal.expect("three outcomes, and the downloader", is_settled).await;
    let bar = screen.iter().position(|line| line.contains("3/4")).unwrap_or_else(|| panic!("no bar: {screen:?}"));
    assert!(screen[bar].contains("/s") && screen[bar].starts_with("00:00:"), "{screen:?}");
    assert!(screen[bar + 1].starts_with("1 out, 1 downloader, 2 stored, 1 failed"), "{screen:?}");
    assert!(screen[bar + 2].starts_with("last failure: http-404 http://127.0.0.1:"), "{screen:?}");
    assert!(has_colours(&terminal.written()));
    gate.open();
    assert_eq!(terminal.wait().await, Exit::Code(0));
    let screen = terminal.screen().join("\n");
    assert!(
        screen.contains("stored") && !screen.contains("last failure"),
        "the bar is gone, the summary stays: {screen}"
    );
}

#[tokio::test]
async fn a_narrow_terminal_has_whole_words_and_no_line_wraps() {
    let mut world = embedded("terminal-narrow").await;
    let gate = Gate::shut();
    let mut terminal = held(&mut world, &gate, (40, 24), &["--run", "narrow"]);
    let wanted = ["last failure: http-404", "1 downloader", " 3/4 "];
    let is_settled = |screen: &[String]| wanted.iter().all(|text| has(screen, text));
    let screen = terminal.expect("three outcomes, and the downloader", is_settled).await;
    let bar = screen.iter().position(|line| line.contains("3/4")).unwrap_or_else(|| panic!("no bar: {screen:?}"));
    assert!(screen[bar + 1].starts_with("1 out, 1 downloader, 2 stored"), "{screen:?}");
    assert!(screen[bar + 2].starts_with("last failure: http-404") && screen[bar + 2].ends_with("..."), "{screen:?}");
    assert!(screen[bar..].iter().all(|line| line.chars().count() < 40), "{screen:?}");
    assert!(screen[bar + 3..].iter().all(String::is_empty), "nothing is left below: {screen:?}");
    gate.open();
    assert_eq!(terminal.wait().await, Exit::Code(0));
}

#[tokio::test]
async fn colours_and_bars_are_for_those_who_want_them() {
    let mut world = embedded("terminal-plain").await;
    for (variable, value) in [("NO_COLOR", "1"), ("CLICOLOR", "0")] {
        let gate = Gate::shut();
        world.set_variable(variable, value);
        let run = format!("without-{}", variable.to_lowercase().replace('_', "-"));
        let mut terminal = held(&mut world, &gate, (80, 24), &["--run", &run]);
        terminal.expect_shown("last failure: http-404").await;
        gate.open();
        assert_eq!(terminal.wait().await, Exit::Code(0));
        assert!(!has_colours(&terminal.written()), "{variable}: {:?}", terminal.written());
        world.unset_variable(variable);
    }
    world.page("/", r#"<img src="/image-1.png">"#);
    let mut quiet = world.start_run_on((80, 24), &["crawl", "--quiet", &world.url("/")]);
    assert_eq!(quiet.wait().await, Exit::Code(0));
    let screen = quiet.screen().join("\n");
    assert!(screen.contains("stored") && !screen.contains("INFO") && !quiet.written().contains("out,"), "{screen}");
}

#[tokio::test]
async fn quiet_leaves_warnings_and_the_summary() {
    let mut world = embedded("terminal-quiet").await;
    let list = world.folder().file("list.txt", "no address\n");
    let list = list.to_string_lossy().into_owned();
    let finished = world.finish_run(&["urls", "-q", &list]).await;
    finished.expect_complete();
    assert!(finished.talk.contains("WARN") && !finished.talk.contains("INFO"), "{}", finished.talk);
    assert!(finished.output.contains("rejected"), "{}", finished.output);
}

#[tokio::test]
async fn status_is_watched_in_place_and_ends_by_ctrl_c() {
    let mut world = world("terminal-watch").await;
    let urls = images(&world, 2, plain);
    world.downloaders(1).await;
    world.urls(&urls, &["--run", "seen"]).await.expect_complete();
    let runs = world.folder().join("runs").to_string_lossy().into_owned();
    let mut arguments = vec!["status".to_owned(), "--watch=100ms".to_owned(), "--runs".to_owned(), runs.clone()];
    arguments.extend(world.place().arguments());
    let mut terminal = Terminal::start(&mut world.producer_command(&arguments), (160, 24));
    terminal
        .expect("the run and the downloader", |screen| {
            let has = |text: &str| screen.iter().filter(|line| line.contains(text)).count();
            has("seen") == 1 && has("w1") == 1 && screen[0].contains("every 100ms")
        })
        .await;
    let first = terminal.screen()[0].clone();
    terminal.expect("a later look in the same place", |screen| screen[0] != first && screen[0].contains("every")).await;
    world.urls(&urls, &["--run", "later"]).await.expect_complete();
    terminal.expect_shown("later").await;
    terminal.interrupt();
    assert_eq!(terminal.wait().await, Exit::Code(0));
    assert!(terminal.screen().iter().any(|line| line.contains("later")), "the last look stays");
}

#[tokio::test]
async fn status_is_watched_while_the_broker_is_away_and_in_pipes() {
    let mut world = embedded("terminal-watch-pipe").await;
    let urls = images(&world, 1, plain);
    world.urls(&urls, &["--run", "alone"]).await.expect_complete();
    let runs = world.folder().join("runs").to_string_lossy().into_owned();
    let nobody = format!("amqp://127.0.0.1:{}/%2f", harness::ports::free_port());
    let arguments = |format: &str| {
        ["status", "--watch=100ms", "--runs", &runs, "--format", format, "--broker", &nobody]
            .map(str::to_owned)
            .to_vec()
    };
    for (format, word) in [("json", "\"alone\""), ("text", "alone")] {
        let mut process = world.start_producer(&arguments(format), std::process::Stdio::null());
        eventually("two looks", Duration::from_mins(1), async || {
            let seen = process.output().matches(word).count();
            if seen >= 2 { Ok(()) } else { Err(process.talk()) }
        })
        .await;
        process.signal(Signal::Int);
        assert_eq!(process.wait(Duration::from_secs(10)).await, Exit::Code(0));
        let output = process.output();
        if format == "json" {
            let look = json(output.lines().next().expect("there are two"));
            let (run, reachable) = (&look["runs"][0]["run"], &look["broker"]["reachable"]);
            assert_eq!((run, reachable), (&"alone".into(), &false.into()), "{look}");
        } else {
            assert!(output.contains("asking again") && !output.contains('\u{1b}'), "{output}");
        }
    }
}

#[tokio::test]
async fn bash_completes_the_options_of_both_programs() {
    let mut world = embedded("terminal-completions").await;
    for (program, typed, offered) in [
        ("producer", "producer crawl --otlp-s", "--otlp-sample"),
        ("producer", "producer sta", "status"),
        ("downloader", "downloader --max-mem", "--max-memory"),
    ] {
        let script = world.producer(&["completions", "--program", program, "bash"]).await;
        script.expect_code(0);
        let file = world.folder().file(&format!("{program}.bash"), &script.output);
        let ask = format!(
            r#". '{}'; COMP_WORDS=({typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1))
            _{program} {program} "${{COMP_WORDS[COMP_CWORD]}}" "${{COMP_WORDS[COMP_CWORD-1]}}"; printf '%s\n' "${{COMPREPLY[@]}}""#,
            file.display()
        );
        let checked = Command::new("bash").args(["-n"]).arg(&file).status().expect("there is a bash");
        assert!(checked.success(), "bash cannot read {}", file.display());
        let shown = Command::new("bash").args(["--norc", "-c", &ask]).output().expect("there is a bash");
        let (output, talk) = (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
        assert!(output.lines().any(|line| line == offered), "{typed}: {output} {talk}");
    }
    for shell in ["zsh", "fish", "elvish", "powershell"] {
        let script = world.producer(&["completions", shell]).await;
        assert!(script.expect_code(0).output.contains("otlp-sample"), "{shell}");
    }
}

#[tokio::test]
async fn the_manual_pages_are_well_formed() {
    let mut world = embedded("terminal-man").await;
    let folder = world.folder().join("man1");
    let name = folder.to_string_lossy().into_owned();
    world.producer(&["man", &name]).await.expect_code(0);
    let pages: Vec<_> =
        fs::read_dir(&folder).expect("it was made").map(|entry| entry.expect("readable").path()).collect();
    for name in ["producer.1", "producer-crawl.1", "producer-dead-list.1", "downloader.1"] {
        assert!(pages.iter().any(|page| page.ends_with(name)), "{name} is not among {pages:?}");
    }
    let hint = "hint: tests/install.sh brings man-db and groff-base";
    for page in pages {
        let mut man = Command::new("man");
        man.args(["--warnings", "--local-file"]).arg(&page).env("MANWIDTH", "100").env("LC_ALL", "C.UTF-8");
        let shown = man.output().unwrap_or_else(|error| panic!("man: {error}\n{hint}"));
        let (output, talk) = (String::from_utf8_lossy(&shown.stdout), String::from_utf8_lossy(&shown.stderr));
        assert!(shown.status.success() && talk.is_empty(), "{}: {talk}\n{hint}", page.display());
        assert!(output.contains("NAME") && output.contains("SYNOPSIS"), "{}: {output}\n{hint}", page.display());
    }
    let one = world.producer(&["man", "--program", "downloader"]).await;
    assert!(one.expect_code(0).output.contains(".TH downloader 1"), "{}", one.output);
}
