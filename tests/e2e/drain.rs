//! SIGTERM to a downloader: what is in flight is finished and answered for, the rest goes back, nothing happens twice.

use std::time::Duration;

use harness::{Exit, Gate, Signal};

use crate::{images, world};

const GRACE: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_downloader_told_to_end_finishes_what_it_has_in_flight() {
    let mut world = world("drain").await;
    let gate = Gate::shut();
    let urls = images(&world, 40, |image| image.behind(&gate));
    world.downloader(&["--per-host", "0", "--concurrency", "8"]).await;
    let crawl = world.start_urls(&urls, &["--per-host", "0"]);
    gate.reached(8).await;
    world.worker(1).signal(Signal::Term);
    // A second one is there to take what goes back.
    world.start_downloader(&["--per-host", "0"]);
    world.worker(1).expect_running();
    gate.open();
    assert_eq!(world.worker(1).wait(GRACE).await, Exit::Code(0), "{}", world.worker(1).talk());

    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(40).expect_in_store(&world.store());
    for url in &urls {
        let path = url.trim_start_matches(&world.url(""));
        assert_eq!(world.site().log().hits(path), 1, "fetched twice: {path}");
    }
    let shares = finished.by_worker();
    assert!(shares.get("w1").is_some_and(|share| *share >= 8), "what was in flight is finished: {shares:?}");
}

#[tokio::test]
async fn an_idle_downloader_told_to_end_ends() {
    let mut world = world("idle").await;
    world.downloaders(1).await;
    world.worker(1).signal(Signal::Int);
    assert_eq!(world.worker(1).wait(GRACE).await, Exit::Code(0));
}

#[tokio::test]
async fn a_second_signal_ends_a_downloader_at_once_and_loses_nothing() {
    let mut world = world("at-once").await;
    let gate = Gate::shut();
    let urls = images(&world, 6, |image| image.behind(&gate));
    world.downloaders(1).await;
    let crawl = world.start_urls(&urls, &[]);
    gate.reached(1).await;
    world.worker(1).signal(Signal::Term);
    // A second signal that comes before the first was taken is the first one.
    world.worker(1).says(&["takes no further work"], Duration::from_secs(20)).await;
    world.worker(1).expect_running();
    world.worker(1).signal(Signal::Term);
    world.worker(1).wait(Duration::from_secs(5)).await;
    gate.open();
    world.downloaders(1).await;
    world.finish(crawl).await.expect_complete().expect_stored(6).expect_in_store(&world.store());
}
