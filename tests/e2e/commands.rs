//! The commands that fetch no images: `extract` and `status`, and what comes on standard output.

use std::time::Duration;

use harness::run::json;
use harness::{Gate, Response, eventually, png};
use serde_json::Value;

use crate::{embedded, images, plain, world};

#[tokio::test]
async fn extract_prints_what_a_page_offers() {
    let mut world = embedded("extract").await;
    let html = r#"<img src="a.png" alt="An a" title="T"><img srcset="b.png 1x, c.png 2x"><p>No image.</p>"#;
    let page = world.folder().file("page.html", html);
    let page = page.to_string_lossy();
    let shown = world.producer(&["extract", "--base", "http://host.example/dir/", &page]).await;
    shown.expect_code(0);
    let lines: Vec<Value> = shown.output.lines().map(json).collect();
    let urls: Vec<&str> = lines.iter().filter_map(|line| line["url"].as_str()).collect();
    assert_eq!(urls, ["http://host.example/dir/a.png", "http://host.example/dir/c.png"]);
    let first = (&lines[0]["source"], &lines[0]["alt"], &lines[0]["title"]);
    assert_eq!(first, (&json("\"img\""), &json("\"An a\""), &json("\"T\"")));
    assert!(
        lines.iter().all(|line| ["descriptor", "caption"].iter().all(|field| line.get(field).is_some())),
        "{lines:?}"
    );

    let all = world.producer(&["extract", "--base", "http://host.example/", "--srcset", "all", &page]).await;
    assert_eq!(all.expect_code(0).output.lines().count(), 3);
    world.producer(&["extract", "no-such-file.html"]).await.expect_code(2);
}

#[tokio::test]
async fn extract_fetches_nothing_but_the_page() {
    let mut world = embedded("extract-url").await;
    world.page("/page.html", r#"<img src="a.png">"#).image("/a.png", png(2, 2, 1));
    let url = world.url("/page.html");
    let shown = world.producer(&["extract", "--allow-private", &url]).await;
    assert_eq!(json(shown.expect_code(0).output.trim())["url"], world.url("/a.png"));
    assert_eq!(world.site().log().hits("/a.png"), 0);
}

#[tokio::test]
async fn status_shows_runs_that_are_over() {
    let mut world = world("status").await;
    let urls = images(&world, 2, plain);
    world.downloaders(1).await;
    world.urls(&urls, &["--run", "mine"]).await.expect_complete();
    let runs = world.folder().join("runs");
    let runs = runs.to_string_lossy().into_owned();
    let place = world.place().arguments();
    let broker: Vec<&str> = place.iter().map(String::as_str).collect();
    for which in [&[][..], &["mine"]] {
        let arguments = [&["status", "--runs", &runs, "--format", "json"], &broker[..], which].concat();
        let shown = world.producer(&arguments).await;
        assert!(json(&shown.expect_code(0).output).to_string().contains("\"mine\""), "{}", shown.output);
    }
    let table = world.producer(&[&["status", "--runs", &runs], &broker[..]].concat()).await;
    assert!(table.expect_code(0).output.contains("mine"), "{}", table.output);
    world.producer(&[&["status", "--runs", &runs, "other"], &broker[..]].concat()).await.expect_code(2);
}

#[tokio::test]
async fn a_stream_prints_each_outcome_as_it_comes() {
    let mut world = embedded("stream").await;
    let gate = Gate::shut();
    let mut urls = images(&world, 2, plain);
    world.route("/held.png", Response::image(png(3, 3, 9)).behind(&gate));
    urls.push(world.url("/held.png"));
    let crawl = world.start_urls(&urls, &["--stream", "--format", "json"]);
    let outcomes = |output: &str| output.lines().filter(|line| line.starts_with('{')).map(json).collect::<Vec<Value>>();
    eventually("two outcomes while the third is held", Duration::from_secs(20), async || {
        let seen = outcomes(&crawl.process.output()).len();
        (seen == 2).then_some(()).ok_or(format!("{seen}"))
    })
    .await;
    gate.open();
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(3);
    let mut streamed: Vec<String> =
        outcomes(&finished.output).iter().filter_map(|outcome| outcome["url"].as_str().map(str::to_owned)).collect();
    streamed.sort();
    urls.sort();
    assert_eq!(streamed, urls, "each outcome once");
    let last = outcomes(&finished.output).pop().expect("a last line");
    assert_eq!(last["images"]["stored"], 3, "the summary is the last line");
}
