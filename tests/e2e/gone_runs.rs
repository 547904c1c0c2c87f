//! Runs whose reply queue is gone: nobody waits for their images, so downloaders drop what is queued of them. A run that
//! is alive declares the queue again, and loses nothing.

use std::time::Duration;

use harness::{Exit, Gate, Signal};

use crate::{images, plain, world};

#[tokio::test]
async fn what_is_queued_of_a_run_that_is_gone_is_dropped_within_seconds() {
    let mut world = world("gone-run").await;
    let gate = Gate::shut();
    let urls = images(&world, 200, |image| image.behind(&gate));
    world.downloader(&["--per-host", "0", "--concurrency", "4", "--exit-when-idle", "3s"]).await;
    let mut crawl = world.start_urls(&urls, &["--run", "given-up", "--per-host", "0"]);
    gate.reached(4).await;
    // As `producer cancel` leaves a run: its producer is gone, and its reply queue.
    crawl.process.signal(Signal::Kill);
    crawl.process.wait(Duration::from_secs(5)).await;
    let place = world.place().clone();
    place.delete(&place.queue("replies.given-up")).await;

    assert_eq!(world.worker(1).wait(Duration::from_secs(20)).await, Exit::Code(0), "{}", world.worker(1).talk());
    assert_eq!(gate.arrived(), 4, "nothing is fetched for nobody");
    let depth = place.depth(&place.queue("tasks")).await.expect("the task queue is there");
    assert_eq!(depth.messages, 0, "what was queued is dropped");
    assert_eq!(place.depth(&place.queue("dead")).await.expect("it is there").messages, 0, "and nothing is dead");
    let talk = world.worker(1).talk();
    assert_eq!(talk.matches("the run is gone").count(), 1, "one line for a run:\n{talk}");
    assert!(talk.contains("given-up"), "the run is named:\n{talk}");

    // Another run is served as if nothing had been.
    gate.open();
    world.start_downloader(&[]);
    let others = images(&world, 5, plain);
    world.urls(&others, &[]).await.expect_complete().expect_stored(5);
}

#[tokio::test]
async fn a_run_that_loses_its_reply_queue_still_completes() {
    let mut world = world("lost-replies").await;
    let gate = Gate::shut();
    let urls = images(&world, 60, |image| image.behind(&gate));
    world.downloaders(2).await;
    let crawl = world.start_urls(&urls, &["--run", "alive"]);
    gate.reached(4).await;
    let place = world.place().clone();
    place.delete(&place.queue("replies.alive")).await;
    gate.open();
    world.finish(crawl).await.expect_complete().expect_stored(60).expect_in_store(&world.store());
}
