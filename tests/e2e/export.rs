//! `producer export`: the manifest of a run in another form, at any time.

use std::fs;
use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use harness::{Gate, Process, Response, Signal, World, eventually, png};

use crate::{PROGRAMS, embedded, images, plain};

fn runs(world: &World) -> String {
    world.folder().join("runs").to_string_lossy().into_owned()
}

#[tokio::test]
async fn every_form_has_the_rows_of_the_run_and_replaces_what_was_there() {
    let mut world = embedded("export").await;
    let urls = images(&world, 3, plain);
    let done = world.urls(&urls, &["--run", "mine"]).await;
    done.expect_complete();
    let manifest = fs::read_to_string(done.folder.join("results.jsonl")).expect("a manifest");
    let (runs, folder) = (runs(&world), world.folder().folder("out"));
    assert_eq!(world.producer(&["export", "--runs", &runs, "mine"]).await.expect_code(0).output, manifest);
    for name in ["a.JSONL", "a.csv", "a.parquet"] {
        let file = folder.join(name);
        fs::write(&file, "what was there").expect("written");
        let file = file.to_string_lossy();
        world.producer(&["export", "--runs", &runs, "mine", "--output", &file]).await.expect_code(0);
    }
    assert_eq!(fs::read_to_string(folder.join("a.JSONL")).expect("written"), manifest);
    assert_eq!(
        fs::read(folder.join("a.parquet")).expect("written"),
        fs::read(done.folder.join("results.parquet")).expect("a manifest")
    );
    let csv = fs::read_to_string(folder.join("a.csv")).expect("written");
    assert!(csv.starts_with("url,final_url,page_url,") && csv.lines().count() == 4, "{csv}");
    assert_eq!(csv.matches("\r\n").count(), 4, "{csv}");
    assert_eq!(fs::read_dir(&folder).expect("a folder").count(), 3, "nothing is left beside them");
}

#[tokio::test]
async fn what_cannot_be_written_to_is_said_before_anything_is() {
    let mut world = embedded("export-refused").await;
    let urls = images(&world, 1, plain);
    world.urls(&urls, &["--run", "mine"]).await.expect_complete();
    let (runs, folder) = (runs(&world), world.folder().folder("out.csv"));
    let folder = folder.to_string_lossy();
    for (run, output, code, said) in [
        ("nosuch", "a.csv", 2, "there is no run nosuch"),
        ("mine", "a.xlsx", 2, "ends in .jsonl, .csv or .parquet"),
        ("mine", "csv", 2, "ends in .jsonl, .csv or .parquet"),
        ("mine", &folder, 2, "is no file"),
        ("mine", "nowhere/a.csv", 1, "cannot write nowhere/a.csv"),
    ] {
        let refused = world.producer(&["export", "--runs", &runs, run, "--output", output]).await;
        assert!(refused.expect_code(code).talk.contains(said), "{output}: {}", refused.talk);
        assert!(!refused.talk.contains("panicked"), "{}", refused.talk);
    }
}

#[tokio::test]
async fn a_run_that_lasts_is_read_as_it_stands_and_an_interrupted_one_has_its_manifests() {
    let mut world = embedded("export-live").await;
    let gate = Gate::shut();
    world.image("/a.png", png(9, 9, 1)).route("/b.png", Response::image(png(9, 9, 2)).behind(&gate));
    let mut run = world.start_urls(&["/a.png", "/b.png"].map(|path| world.url(path)), &["--run", "mine"]);
    gate.reached(1).await;
    let runs = runs(&world);
    let mut shown = String::new();
    eventually("an outcome in the export", Duration::from_secs(30), async || {
        let arguments = ["export", "--runs", &runs, "mine"].map(str::to_owned);
        let mut export = world.start_producer(&arguments, Stdio::null());
        export.wait(Duration::from_secs(30)).await;
        shown = export.output();
        if shown.contains("\"stored\"") { Ok(()) } else { Err(shown.clone()) }
    })
    .await;
    assert!(shown.contains("\"outstanding\"") && shown.lines().count() == 2, "{shown}");
    assert!(!run.folder.join("results.jsonl").exists(), "the manifest itself comes at the end");
    run.process.signal(Signal::Int);
    let ended = world.finish(run).await;
    ended.expect_code(130);
    assert_eq!((ended.count("stored"), ended.count("outstanding")), (1, 1));
    let parquet = fs::read(ended.folder.join("results.parquet")).expect("a manifest");
    assert!(parquet.starts_with(b"PAR1") && parquet.ends_with(b"PAR1"));
    assert!(!ended.folder.join("results.parquet.part").exists());
}

#[tokio::test]
async fn a_reader_that_has_enough_is_no_error() {
    let mut world = embedded("export-head").await;
    // More than a pipe holds.
    let text = "x".repeat(1000);
    let rows: Vec<String> = (0..2000).map(|number| format!("no-url-{number}-{text}")).collect();
    let list = world.folder().file("list.txt", rows.join("\n"));
    let done = world.start_run(&["urls", "--run", "mine", &list.to_string_lossy()]);
    world.finish(done).await.expect_complete();
    let mut command = Process::command(PROGRAMS.producer);
    command.args(["export", "--runs", &runs(&world), "mine"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut export = command.spawn().expect("the program is there");
    let mut first = [0; 100];
    export.stdout.take().expect("a pipe").read_exact(&mut first).expect("a row");
    let mut talk = String::new();
    export.stderr.take().expect("a pipe").read_to_string(&mut talk).expect("text");
    assert!(export.wait().expect("it ends").success(), "{talk}");
    assert!(!talk.contains("panicked"), "{talk}");
}
