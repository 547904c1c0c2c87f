//! Every hop of a redirect is a request to a host like any other: its robots.txt is asked, its pace is kept.

use std::time::Duration;

use harness::{Response, Site, png};

use crate::{embedded, world};

#[tokio::test]
async fn a_redirect_does_not_lead_past_the_robots_txt_of_another_host() {
    let mut world = embedded("redirect-robots").await;
    let other = Site::start().await;
    other
        .route("/robots.txt", Response::ok("text/plain", "User-agent: *\nDisallow: /closed/\n"))
        .image("/closed/a.png", png(3, 3, 1))
        .image("/open/b.png", png(3, 3, 2))
        .page("/closed/page.html", "<img src=/never.png>");
    world
        .page("/", "<img src=a.png><img src=b.png><a href=page.html>page</a>")
        .route("/a.png", Response::redirect(&other.url("/closed/a.png")))
        .route("/b.png", Response::redirect(&other.url("/open/b.png")))
        .route("/page.html", Response::redirect(&other.url("/closed/page.html")));
    let finished = world.crawl(&["--scope", "any"]).await;
    finished.expect_complete().expect_stored(1);
    let refused = finished.row(&world.url("/a.png"));
    refused.expect("blocked", Some("robots"));
    assert_eq!(refused.text("final_url"), Some(other.url("/closed/a.png").as_str()), "{refused}");
    let stored = finished.row(&world.url("/b.png"));
    assert_eq!(stored.text("final_url"), Some(other.url("/open/b.png").as_str()), "{stored}");
    assert_eq!(stored.number("attempts"), Some(1), "a redirect is no try: {stored}");
    assert_eq!(finished.summed("pages", "blocked"), 1);
    let log = other.log();
    assert_eq!((log.hits("/robots.txt"), log.hits("/closed/a.png"), log.hits("/closed/page.html")), (1, 0, 0));
}

#[tokio::test]
async fn hops_keep_the_pace_of_the_host_that_they_lead_to() {
    let mut world = world("redirect-pace").await;
    for number in 0..4 {
        world
            .route(&format!("/from-{number}.png"), Response::redirect(&format!("/to-{number}.png")))
            .image(&format!("/to-{number}.png"), png(3, 3, number));
    }
    world.downloaders(2).await;
    let urls: Vec<String> = (0..4).map(|number| world.url(&format!("/from-{number}.png"))).collect();
    let finished = world.urls(&urls, &["--delay", "100ms"]).await;
    finished.expect_complete().expect_stored(4);
    let pauses = world.site().log().pauses();
    assert_eq!(pauses.len(), 8, "robots.txt, four redirects, four images");
    assert!(pauses.iter().all(|pause| *pause >= Duration::from_millis(100)), "{pauses:?}");
}

#[tokio::test]
async fn pages_behind_redirects_are_read_at_their_place_and_only_within_the_scope() {
    let mut world = embedded("redirect-pages").await;
    let other = Site::start().await;
    other.page("/away.html", "<img src=away.png>").image("/away.png", png(3, 3, 9));
    world
        .route("/", Response::redirect("/real/index.html"))
        .page("/real/index.html", "<img src=a.png><a href=/out>out</a><a href=/loop>loop</a>")
        .image("/real/a.png", png(3, 3, 1))
        .route("/loop", Response::redirect("/loop"))
        .route("/out", Response::redirect(&other.url("/away.html")));
    let finished = world.crawl(&["--depth", "3"]).await;
    finished.expect_complete().expect_stored(1);
    assert_eq!(finished.row(&world.url("/real/a.png")).text("page_url"), Some(world.url("/real/index.html").as_str()));
    assert_eq!(other.log().hits("/away.html"), 0, "out of scope, and known before it is asked");
    assert_eq!((finished.summed("pages", "fetched"), finished.summed("pages", "failed")), (2, 1));
    assert!(world.site().log().hits("/loop") < 20, "a loop has an end");
}
