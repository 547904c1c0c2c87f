//! robots.txt is obeyed, and private addresses need a word from both sides.

use harness::{Response, World, png};

use crate::{embedded, images, plain, world};

fn site_with_robots(world: &World) {
    world
        .route("/robots.txt", Response::ok("text/plain", "User-agent: *\nDisallow: /secret/\n"))
        .page("/", r#"<img src="open.png"><img src="secret/hidden.png"><a href="secret/page.html">secret</a>"#)
        .page("/secret/page.html", r#"<img src="/behind.png">"#)
        .image("/open.png", png(3, 3, 1))
        .image("/behind.png", png(3, 3, 2))
        .image("/secret/hidden.png", png(3, 3, 3));
}

#[tokio::test]
async fn what_robots_txt_disallows_is_blocked_and_not_requested() {
    let mut world = embedded("robots").await;
    site_with_robots(&world);
    let finished = world.crawl(&[]).await;
    finished.expect_complete().expect_stored(1);
    finished.row(&world.url("/open.png")).expect("stored", None);
    finished.row(&world.url("/secret/hidden.png")).expect("blocked", Some("robots"));
    assert_eq!(finished.rows.len(), 2, "a blocked page names no images");
    assert_eq!((finished.summed("pages", "fetched"), finished.summed("pages", "blocked")), (1, 1));
    let log = world.site().log();
    assert_eq!((log.hits("/robots.txt"), log.hits("/secret/hidden.png"), log.hits("/secret/page.html")), (1, 0, 0));
    let agents: Vec<_> =
        log.requests().iter().map(|request| request.header("user-agent").unwrap_or("").to_owned()).collect();
    assert!(agents.iter().all(|agent| agent.to_lowercase().contains("warren")), "honest by default: {agents:?}");
}

#[tokio::test]
async fn robots_txt_is_not_asked_when_told_so() {
    let mut world = embedded("no-robots").await;
    site_with_robots(&world);
    world.crawl(&["--ignore-robots"]).await.expect_complete().expect_stored(3);
    assert_eq!(world.site().log().hits("/robots.txt"), 0);
}

#[tokio::test]
async fn a_robots_txt_that_fails_forbids_and_one_that_lacks_allows() {
    let mut world = embedded("broken-robots").await;
    let urls = images(&world, 1, plain);
    world.route("/robots.txt", Response::status(503));
    let finished = world.urls(&urls, &["--retries", "0"]).await;
    finished.expect_complete();
    finished.row(&urls[0]).expect("blocked", Some("robots"));
    world.route("/robots.txt", Response::status(404));
    world.urls(&urls, &[]).await.expect_complete().expect_stored(1);
}

#[tokio::test]
async fn private_addresses_are_blocked_without_a_connection() {
    let mut world = embedded("private").await;
    let urls = images(&world, 2, plain);
    world.without_private_addresses();
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete();
    for url in &urls {
        finished.row(url).expect("blocked", Some("private-address"));
    }
    let crawled = world.crawl(&[]).await;
    assert_eq!(crawled.summed("pages", "blocked"), 1, "{}", crawled.summary);
    assert_eq!(world.site().log().connections(), 0);
}

#[tokio::test]
async fn a_downloader_refuses_private_addresses_whatever_a_task_says() {
    let mut world = world("refuses").await;
    let urls = images(&world, 2, plain);
    world.without_private_addresses().downloaders(1).await;
    world.with_private_addresses();
    let finished = world.urls(&urls, &["--ignore-robots"]).await;
    finished.expect_complete();
    for url in &urls {
        finished.row(url).expect("blocked", Some("private-address"));
    }
    assert_eq!(world.site().log().connections(), 0);
}

#[tokio::test]
async fn other_schemes_are_blocked_behind_a_redirect_too() {
    let mut world = embedded("schemes").await;
    world.route("/out.png", Response::redirect("file:///etc/passwd"));
    let urls = [world.url("/out.png"), "file:///etc/passwd".to_owned()];
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete();
    for url in &urls {
        finished.row(url).expect("blocked", Some("scheme"));
    }
}
