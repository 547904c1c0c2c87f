//! `producer retry` and `producer cancel`: a run's failed images once more, and a run's end for good.

use std::time::Duration;

use harness::{Gate, Response, eventually, png};
use serde_json::Value;

use crate::{embedded, images, plain, world};

#[tokio::test]
async fn failed_images_are_tried_again_as_a_continuation_of_the_run() {
    let mut world = world("retry").await;
    world.downloaders(1).await;
    let mut urls = images(&world, 3, plain);
    let good = || Response::image(png(7, 7, 1));
    world.site().sequence("/gone.png", vec![Response::status(404), Response::image(png(7, 7, 2))]);
    let busy: Vec<Response> = (0..3).map(|_| Response::status(503).header("retry-after", "0")).collect();
    world.site().sequence("/busy.png", [busy, vec![good()]].concat());
    world.route("/never.png", Response::status(410));
    urls.extend(["/gone.png", "/busy.png", "/never.png"].map(|path| world.url(path)));
    let finished = world.urls(&urls, &["--retries", "1"]).await;
    finished.expect_complete().expect_stored(3);
    finished.row(&world.url("/busy.png")).expect("failed", Some("http-503"));
    assert_eq!(finished.row(&world.url("/busy.png")).number("attempts"), Some(2));

    let finished = world.again("retry", &finished.folder, &["--reason", "http-404"]).await;
    finished.expect_complete().expect_stored(4);
    assert_eq!(finished.row(&world.url("/gone.png")).number("attempts"), Some(2));
    assert_eq!(world.site().log().hits("/never.png"), 1, "only what has the reason is tried again");

    // The tries of a retry are counted anew, so that the first 503 of it is not its last.
    let finished = world.again("retry", &finished.folder, &[]).await;
    finished.expect_complete().expect_stored(5).expect_in_store(&world.store());
    assert_eq!(finished.row(&world.url("/busy.png")).number("attempts"), Some(4));
    finished.row(&world.url("/never.png")).expect("failed", Some("http-410"));
    assert_eq!(world.site().log().hits("/never.png"), 2);
    assert_eq!(world.site().log().hits(urls[0].trim_start_matches(&world.url(""))), 1, "what is stored stays");
}

#[tokio::test]
async fn rejected_images_are_tried_again_when_their_reason_is_named() {
    let mut world = embedded("rejected").await;
    let urls = images(&world, 2, plain);
    let finished = world.urls(&urls, &["--max-bytes", "10"]).await;
    finished.expect_complete();
    assert_eq!(finished.count("rejected"), 2);
    world.again("retry", &finished.folder, &["--max-bytes", "1MiB"]).await.expect_complete().expect_stored(0);
    let options = ["--reason", "too-large", "--max-bytes", "1MiB"];
    world.again("retry", &finished.folder, &options).await.expect_complete().expect_stored(2);
}

#[tokio::test]
async fn a_cancelled_run_ends_and_its_work_is_dropped() {
    let mut world = world("cancel").await;
    world.downloader(&["--concurrency", "2"]).await;
    let gate = Gate::shut();
    let mut urls = images(&world, 2, plain);
    let held: Vec<String> = (0..60).map(|number| format!("/held-{number}.png")).collect();
    for (path, seed) in held.iter().zip(0..) {
        world.route(path, Response::image(png(3, 3, seed)).behind(&gate));
    }
    urls.extend(held.iter().map(|path| world.url(path)));
    let crawl = world.start_urls(&urls, &["--per-host", "0"]);
    gate.reached(2).await;
    let folder = crawl.folder.clone();
    let cancelled = world.again("cancel", &folder, &["--format", "json"]).await;
    cancelled.expect_code(0).expect_state("cancelled").expect_counts();
    let summary: Value = serde_json::from_str(&cancelled.output).expect("the summary");
    assert_eq!(summary["state"], "cancelled");
    world.finish(crawl).await.expect_code(130).expect_state("cancelled");
    // What is queued is dropped: all that was not begun is never asked for.
    let (place, tasks) = (world.place().clone(), world.place().queue("tasks"));
    eventually("the queue is empty", Duration::from_secs(20), async || {
        let depth = place.depth(&tasks).await.map_err(|error| error.to_string())?;
        if depth.messages == 0 { Ok(()) } else { Err(format!("{depth:?}")) }
    })
    .await;
    gate.open();
    // The same downloader serves the next run at once.
    let more = images(&world, 4, plain);
    world.urls(&more, &[]).await.expect_complete().expect_stored(4);
    let asked = held.iter().filter(|path| world.site().log().hits(path) > 0).count();
    assert!(asked <= 8, "{asked} images of the cancelled run were fetched");
    // For good.
    for command in ["resume", "retry"] {
        let refused = world.again(command, &folder, &[]).await;
        refused.expect_code(2);
        assert!(refused.talk.contains("was cancelled"), "{}", refused.talk);
    }
    world.again("cancel", &folder, &[]).await.expect_code(0).expect_state("cancelled");
}

#[tokio::test]
async fn a_run_that_nobody_works_on_is_cancelled_and_a_complete_one_is_not() {
    let mut world = world("idle").await;
    let urls = images(&world, 5, plain);
    let timed_out = world.urls(&urls, &["--timeout", "1s"]).await;
    timed_out.expect_code(4);
    world.again("cancel", &timed_out.folder, &[]).await.expect_code(0).expect_state("cancelled").expect_counts();
    // Its work waits in the queue, and the first downloader drops it.
    world.downloaders(1).await;
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(5);
    for url in &urls {
        let path = url.trim_start_matches(&world.url(""));
        assert_eq!(world.site().log().hits(path), 1, "{path}");
    }
    world.again("cancel", &finished.folder, &[]).await.expect_complete();
}
