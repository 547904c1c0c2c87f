//! `producer report` and `--report`: one file that says what the run came to and shows what it stored, whatever the store is, and in which
//! nothing of what was crawled is more than text. How it looks and behaves is seen in a browser, in `tests/browser`.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use harness::run::json;
use harness::{Finished, Gate, Response, S3, Signal, World, png};
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::{embedded, images, plain, world};

const SERVER: &str = env!("CARGO_BIN_EXE_warren-test-s3");

/// A report, taken apart.
struct Report {
    html: String,
    images: Vec<Value>,
}

impl Report {
    fn of(run: &Finished) -> Self {
        Self::read(&run.folder.join("report.html"))
    }

    /// Reads one, and checks what is true of all: it is whole, and nothing in it can run or ask for anything but its own script.
    fn read(file: &Path) -> Self {
        let html = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        assert!(html.starts_with("<!doctype html>") && html.ends_with("</html>\n"), "it is whole");
        assert!(html.len() < 20_000_000, "{}", html.len());
        let scripts: Vec<&str> =
            html.split("<script").skip(1).map(|rest| rest.split("</script>").next().unwrap_or_default()).collect();
        let [data, script] = scripts[..] else { panic!("{} scripts", scripts.len()) };
        let data = data.strip_prefix(" type=\"application/json\" id=\"data\">").expect("the data comes first");
        assert!(!data.contains('<'), "the data has no markup");
        let script = script.strip_prefix('>').expect("a script");
        let style = html.split("<style>").nth(1).and_then(|rest| rest.split("</style>").next()).expect("a style sheet");
        let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
        let policy = format!(
            "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
            hash(script),
            hash(style)
        );
        assert!(html.contains(&format!("content=\"{policy}\"")), "the policy is of what is there");
        for loads in ["<link", "<iframe", "<object", "<embed", "<img", "@import", "url(", " style=\""] {
            assert!(!html.contains(loads), "{loads}");
        }
        let images = json(data)["images"].as_array().expect("images").clone();
        Self { html, images }
    }

    fn pictures(&self) -> usize {
        let pictures = self.images.iter().filter_map(|image| image["thumbnail"].as_str());
        let decoded = pictures.map(|text| BASE64_STANDARD.decode(text).expect("base64"));
        decoded.inspect(|picture| assert!(picture.starts_with(b"RIFF") && &picture[8..12] == b"WEBP")).count()
    }

    /// Has all images of the run, and pictures of all that it kept.
    fn expect_pictures_of(&self, run: &Finished) {
        assert_eq!(self.images.len(), run.rows.len());
        assert_eq!(self.pictures(), run.count("stored") + run.count("duplicate"));
    }
}

fn runs(world: &World) -> String {
    world.folder().join("runs").to_string_lossy().into_owned()
}

#[tokio::test]
async fn a_report_has_pictures_of_what_was_stored_in_every_layout() {
    for layout in ["files", "webdataset", "warc"] {
        let mut world = embedded(&format!("report-{layout}")).await;
        let mut urls = images(&world, 20, plain);
        urls.push(world.url("/missing.png"));
        let done = world.urls(&urls, &["--layout", layout, "--report"]).await;
        done.expect_complete().expect_stored(20);
        let report = Report::of(&done);
        report.expect_pictures_of(&done);
        let missing = report.images.iter().find(|image| image["url"] == urls[20].as_str()).expect("it is there");
        assert_eq!((&missing["status"], &missing["reason"]), (&"failed".into(), &"http-404".into()), "{layout}");
        assert!(report.html.contains("Stored</dt><dd>20</dd>") && report.html.contains("http-404"), "{layout}");
        assert!(done.folder.join("thumbnails.db").is_file());
    }
}

#[tokio::test]
async fn thumbnails_are_made_once_and_copies_are_looked_at_too() {
    let mut world = embedded("report-again").await;
    let urls = images(&world, 3, plain);
    let done = world.urls(&urls, &["--run", "mine", "--report", "--resize", "32x32"]).await;
    done.expect_complete();
    Report::of(&done).expect_pictures_of(&done);
    fs::remove_dir_all(world.store().folder()).expect("removed");
    fs::create_dir(world.store().folder()).expect("made");
    let runs = runs(&world);
    world.producer(&["report", "--runs", &runs, "mine"]).await.expect_code(0);
    Report::of(&done).expect_pictures_of(&done);
}

#[tokio::test]
async fn a_fleets_store_has_to_be_named_folder_or_bucket() {
    let mut world = world("report-fleet").await;
    let urls = images(&world, 5, plain);
    world.downloaders(1).await;
    let done = world.urls(&urls, &["--run", "mine", "--report"]).await;
    done.expect_complete().expect_stored(5);
    let report = Report::of(&done);
    assert_eq!((report.images.len(), report.pictures()), (5, 0));
    assert!(report.html.contains("It is not known where the images are"));
    let (runs, store) = (runs(&world), world.store().folder().to_string_lossy().into_owned());
    world.producer(&["report", "--runs", &runs, "--store", &format!("{store}/nowhere"), "mine"]).await.expect_code(0);
    assert!(Report::of(&done).html.contains("cannot be read from this machine"));
    world.producer(&["report", "--runs", &runs, "--store", &store, "mine"]).await.expect_code(0);
    Report::of(&done).expect_pictures_of(&done);
}

#[tokio::test]
async fn pictures_come_from_a_bucket_in_every_layout() {
    for layout in ["files", "webdataset", "warc"] {
        let (mut world, server) = (embedded(&format!("report-bucket-{layout}")).await, S3::start(SERVER).await);
        server.admit(&mut world);
        let urls = images(&world, 12, plain);
        let spool = world.folder().join("spool").to_string_lossy().into_owned();
        let mut options = server.options();
        options.extend(["--layout", layout, "--spool", &spool, "--report"].map(str::to_owned));
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let done = world.urls(&urls, &options).await;
        done.expect_complete().expect_stored(12);
        Report::of(&done).expect_pictures_of(&done);
    }
}

#[tokio::test]
async fn every_command_that_runs_something_writes_one_when_asked() {
    let mut world = embedded("report-commands").await;
    let gate = Gate::shut();
    world.page("/", r#"<img src="a.png"><img src="b.png">"#).image("/a.png", png(9, 9, 1));
    world.route("/b.png", Response::image(png(9, 9, 2)).behind(&gate));
    let mut run = world.start_crawl(&["--report", "--retries", "0"]);
    gate.reached(1).await;
    run.process.signal(Signal::Int);
    let interrupted = world.finish(run).await;
    interrupted.expect_code(130);
    assert!(Report::of(&interrupted).html.contains("interrupted"));
    gate.open();
    fs::remove_file(interrupted.folder.join("report.html")).expect("removed");
    let resumed = world.again("resume", &interrupted.folder, &[]).await;
    resumed.expect_complete().expect_stored(2);
    assert!(Report::of(&resumed).html.contains("complete"), "a run remembers that it is reported on");

    let without = world.urls(&[world.url("/a.png"), world.url("/late.png")], &[]).await;
    without.expect_complete();
    assert!(!without.folder.join("report.html").exists() && !without.folder.join("thumbnails.db").exists());
    world.image("/late.png", png(9, 9, 3));
    let retried = world.again("retry", &without.folder, &["--reason", "http-404", "--report"]).await;
    retried.expect_complete().expect_stored(2);
    Report::of(&retried).expect_pictures_of(&retried);
}

#[tokio::test]
async fn what_strangers_wrote_is_text_and_nothing_else() {
    let mut world = embedded("report-hostile").await;
    let svg = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>".to_vec();
    world.route("/evil.svg", Response::ok("image/svg+xml", svg)).page(
        "/",
        r#"<img src="evil.svg" alt="</script><script>alert(1)</script><!--<script>">
           <img src="x&quot;&gt;&lt;script&gt;alert(2)&lt;/script&gt;.png" title="&quot; autofocus onfocus=alert(3) &quot;">
           <img src="javascript:alert(4)">"#,
    );
    let done = world.crawl(&["--depth", "0", "--report"]).await;
    done.expect_complete();
    let report = Report::of(&done);
    assert!(report.images.iter().any(|image| image["alt"] == "</script><script>alert(1)</script><!--<script>"));
    assert!(!report.html.contains("href=\"javascript:") && !report.html.contains("<script>alert"));
    assert_eq!(report.pictures(), 0, "an SVG is not drawn");
    assert!(report.images.iter().any(|image| image["none"] == "SVG, not drawn"));
}

#[tokio::test]
async fn what_cannot_be_reported_is_said_with_its_code() {
    let mut world = embedded("report-refused").await;
    let urls = images(&world, 1, plain);
    world.urls(&urls, &["--run", "mine"]).await.expect_complete();
    let runs = runs(&world);
    for (arguments, code, said) in [
        (&["nosuch"][..], 2, "there is no run nosuch"),
        (&["mine", "--store", "gs://bucket"], 2, "--store takes a folder or s3://BUCKET/PREFIX"),
        (&["mine", "--store", "x", "--s3-endpoint", "http://h"], 2, "--s3-endpoint is for"),
        (&["mine", "--output", "nowhere/at/all.html"], 1, "cannot write nowhere/at/all.html"),
    ] {
        let refused = world.producer(&[&["report", "--runs", &runs], arguments].concat()).await;
        assert!(refused.expect_code(code).talk.contains(said), "{arguments:?}: {}", refused.talk);
        assert!(!refused.talk.contains("panicked"), "{}", refused.talk);
    }
    let file = world.folder().join("mine.html");
    let named = file.to_string_lossy();
    world.producer(&["report", "--runs", &runs, "mine", "--output", &named]).await.expect_code(0);
    assert_eq!(Report::read(&file).images.len(), 1);
}

#[tokio::test]
async fn a_run_that_lasts_is_reported_on_as_it_stands() {
    let mut world = embedded("report-live").await;
    let gate = Gate::shut();
    world.route("/a.png", Response::image(png(9, 9, 2)).behind(&gate));
    let run = world.start_urls(&[world.url("/a.png")], &["--run", "mine"]);
    gate.reached(1).await;
    let runs = runs(&world);
    let arguments = ["report", "--runs", &runs, "mine"].map(str::to_owned);
    let mut reporting = world.start_producer(&arguments, std::process::Stdio::null());
    reporting.wait(std::time::Duration::from_mins(1)).await;
    let report = Report::read(&run.folder.join("report.html"));
    assert!(report.html.contains(">running</span>"));
    assert_eq!(report.images[0]["status"], "outstanding");
    gate.open();
    world.finish(run).await.expect_complete();
}
