//! What sites answer instead of an image, and what becomes of it.

use std::time::{Duration, Instant};

use harness::{Response, png};

use crate::embedded;

#[tokio::test]
async fn what_is_no_image_is_rejected_and_what_fails_says_why() {
    let mut world = embedded("content").await;
    let image = png(10, 10, 1);
    let half = image[..image.len() / 2].to_vec();
    let cases = [
        ("/text.png", Response::html("<p>No image.</p>"), "rejected", Some("not-an-image")),
        ("/lie.png", Response::ok("image/png", "<html>"), "rejected", Some("not-an-image")),
        ("/empty.png", Response::ok("image/png", ""), "rejected", None),
        ("/half.png", Response::ok("image/png", half), "rejected", Some("truncated")),
        ("/gone.png", Response::status(404), "failed", Some("http-404")),
        ("/forbidden.png", Response::status(403), "failed", Some("http-403")),
        ("/cut.png", Response::image(image.clone()).cut_after(20), "rejected", Some("truncated")),
        ("/mime.txt", Response::ok("text/plain", image.clone()), "stored", None),
    ];
    for (path, response, ..) in &cases {
        world.route(path, response.clone());
    }
    let urls: Vec<String> = cases.iter().map(|(path, ..)| world.url(path)).collect();
    let finished = world.urls(&urls, &["--retries", "0"]).await;
    finished.expect_complete().expect_stored(1).expect_in_store(&world.store());
    for (path, _, status, reason) in cases {
        let row = finished.row(&world.url(path));
        assert_eq!(row.status(), status, "{row}");
        assert!(reason.is_none() || row.reason() == reason, "{row}");
        assert_eq!(row.reason().is_none(), status == "stored", "every other outcome has a reason: {row}");
        assert_eq!(row.number("attempts"), Some(1), "{row}");
    }
}

#[tokio::test]
async fn bodies_have_a_size_limit() {
    let mut world = embedded("large").await;
    let large = png(120, 120, 1);
    assert!(large.len() > 10 << 10);
    world
        .image("/small.png", png(90, 90, 2))
        .image("/large.png", large.clone())
        .route("/endless.png", Response::endless("image/png", large));
    let urls = ["/small.png", "/large.png", "/endless.png"].map(|path| world.url(path));
    let finished = world.urls(&urls, &["--max-bytes", "10KiB"]).await;
    finished.expect_complete().expect_stored(1);
    finished.row(&urls[0]).expect("stored", None);
    finished.row(&urls[1]).expect("rejected", Some("too-large"));
    finished.row(&urls[2]).expect("rejected", Some("too-large"));
}

#[tokio::test]
async fn fetches_have_a_time_limit_to_the_last_byte() {
    let mut world = embedded("slow").await;
    let pause = Duration::from_millis(50);
    world
        .route("/drips.png", Response::image(png(20, 20, 1)).dripping(pause))
        .route("/silent.png", Response::image(png(20, 20, 2)).after(Duration::from_mins(1)));
    let urls = ["/drips.png", "/silent.png"].map(|path| world.url(path));
    let started = Instant::now();
    let finished = world.urls(&urls, &["--fetch-timeout", "1s", "--retries", "0"]).await;
    finished.expect_complete();
    assert!(started.elapsed() < Duration::from_secs(15), "{:?}", started.elapsed());
    for url in &urls {
        finished.row(url).expect("failed", Some("timeout"));
    }
}

#[tokio::test]
async fn redirects_are_followed_to_an_end() {
    let mut world = embedded("redirects").await;
    world
        .route("/from.png", Response::redirect("/via.png"))
        .route("/via.png", Response::redirect("there/to.png"))
        .image("/there/to.png", png(3, 3, 1))
        .route("/loop.png", Response::redirect("/pool.png"))
        .route("/pool.png", Response::redirect("/loop.png"))
        .route("/nowhere.png", Response::redirect("http://"));
    let urls = ["/from.png", "/loop.png", "/nowhere.png"].map(|path| world.url(path));
    let finished = world.urls(&urls, &["--retries", "0"]).await;
    finished.expect_complete().expect_stored(1);
    let row = finished.row(&urls[0]);
    assert_eq!(row.text("final_url"), Some(world.url("/there/to.png").as_str()), "{row}");
    for url in &urls[1..] {
        assert_eq!(finished.row(url).status(), "failed", "{}", finished.row(url));
    }
    assert!(world.site().log().hits("/loop.png") < 20, "a loop has an end");
}

#[tokio::test]
async fn what_fails_for_the_moment_is_tried_again() {
    let mut world = embedded("retries").await;
    let busy = || Response::status(503);
    world.site().sequence("/moody.png", vec![busy(), busy(), Response::image(png(3, 3, 1))]);
    world.route("/never.png", busy()).route("/gone.png", Response::status(404));
    let urls = ["/moody.png", "/never.png", "/gone.png"].map(|path| world.url(path));
    let finished = world.urls(&urls, &["--retries", "2"]).await;
    finished.expect_complete().expect_stored(1);
    let attempts = |row: usize| finished.row(&urls[row]).number("attempts");
    finished.row(&urls[0]).expect("stored", None);
    finished.row(&urls[1]).expect("failed", Some("http-503"));
    assert_eq!((attempts(0), attempts(1), attempts(2)), (Some(3), Some(3), Some(1)), "404 is final");
    assert_eq!(world.site().log().hits("/never.png"), 3);
}
