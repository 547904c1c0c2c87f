//! Queues that close their channels, are full, are deleted, or are somebody else's.

use std::time::{Duration, Instant};

use harness::{Broker, Exit, Gate, Response, World, eventually, one_at_a_time};

use crate::{PROGRAMS, images, world};

const SOON: Duration = Duration::from_secs(30);

/// Regression: with lapin's automatic recovery, a consumer is silent for ever after a channel error.
#[tokio::test]
async fn a_downloader_whose_channel_was_closed_consumes_again() {
    let _turn = one_at_a_time().await;
    let node = Broker::private("ack-timeout", "{consumer_timeout, 2000}, {channel_tick_interval, 500}").await;
    let mut world = World::at("ack-timeout", PROGRAMS, Some(node.place("crawl").await)).await;
    let gate = Gate::shut();
    let urls = images(&world, 20, |image| image.behind(&gate));
    world.downloaders(1).await;
    let crawl = world.start_urls(&urls, &["--per-host", "4"]);
    gate.reached(1).await;
    // The delivery waits behind the gate for longer than the broker does: 406 PRECONDITION_FAILED.
    eventually("the broker closes the channel", SOON, async || {
        node.log().contains("delivery acknowledgement on channel").then_some(()).ok_or("not in its log")
    })
    .await;
    gate.open();
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(20).expect_in_store(&world.store());
    world.worker(1).expect_running();
}

#[tokio::test]
async fn a_deleted_task_queue_is_declared_again_and_filled_again() {
    let mut world = world("deleted").await;
    let gate = Gate::shut();
    let urls = images(&world, 200, |image: Response| image.behind(&gate));
    // One that is busy with little: tasks wait in the queue when it is deleted.
    world.downloader(&["--concurrency", "2", "--per-host", "0"]).await;
    let crawl = world.start_urls(&urls, &["--per-host", "0"]);
    gate.reached(2).await;
    let place = world.place().clone();
    place.delete(&place.queue("tasks")).await;
    gate.open();
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(200).expect_in_store(&world.store());
    world.worker(1).expect_running();
}

#[tokio::test]
async fn a_deleted_reply_queue_is_declared_again_and_what_was_lost_with_it_is_sent_again() {
    let mut world = world("no-replies").await;
    let gate = Gate::shut();
    let mut urls = images(&world, 40, |image| image);
    world.route("/held.png", Response::image(harness::png(3, 3, 99)).behind(&gate));
    urls.push(world.url("/held.png"));
    world.downloaders(1).await;
    let crawl = world.start_urls(&urls, &["--timeout", "100s"]);
    gate.reached(1).await;
    let place = world.place().clone();
    let replies = place.queue("replies.run-1");
    place.delete(&replies).await;
    gate.open();
    eventually("the reply queue is declared again", SOON, async || place.depth(&replies).await).await;
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(41).expect_in_store(&world.store());
    world.worker(1).expect_running();
}

/// A run that goes on by more addresses than it began with would declare another type.
#[tokio::test]
async fn a_reply_queue_of_another_shape_is_taken_as_it_is() {
    let mut world = world("other-replies").await;
    let urls = images(&world, 3, |image| image);
    world.downloaders(1).await;
    world.place().declare_classic(&world.place().queue("replies.run-1")).await;
    world.urls(&urls, &[]).await.expect_complete().expect_stored(3);
}

/// By a policy: an operator keeps a queue small. The tasks are offered again until the queue takes them.
#[tokio::test]
async fn a_full_task_queue_slows_a_run_down_and_loses_nothing() {
    let _turn = one_at_a_time().await;
    let node = Broker::private("full", "").await;
    let mut world = World::at("full", PROGRAMS, Some(node.place("crawl").await)).await;
    let small = r#"{"max-length": 2}"#;
    node.rabbitmqctl(&["set_policy", "-p", "crawl", "small", "^warren\\.tasks$", small, "--apply-to", "queues"]).await;
    let gate = Gate::shut();
    let urls = images(&world, 400, |image| image.behind(&gate));
    world.downloader(&["--concurrency", "2", "--per-host", "0"]).await;
    let mut crawl = world.start_urls(&urls, &["--per-host", "0", "--window", "400"]);
    crawl.process.says(&["full"], SOON).await;
    let tasks = world.place().queue("tasks");
    // The queue tells its publishers that it is full, so what was on its way by then comes in: on a busy machine a dozen of the
    // fifty messages.
    let depth = world.place().depth(&tasks).await.expect("the queue is there");
    assert!(depth.messages <= 25, "{depth:?}");
    crawl.process.expect_running();
    gate.open();
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(400).expect_in_store(&world.store());
}

#[tokio::test]
async fn a_task_queue_of_another_type_is_refused_by_name() {
    let mut world = world("mismatch").await;
    world.page("/", "<img src=1.png>");
    let tasks = world.place().queue("tasks");
    world.place().declare_classic(&tasks).await;
    let begun = Instant::now();
    let finished = world.crawl(&[]).await;
    finished.expect_code(3);
    assert!(begun.elapsed() < SOON / 2, "no storm of retries: {:?}\n{}", begun.elapsed(), finished.talk);
    let downloader = world.start_downloader(&[]);
    assert_eq!(downloader.wait(SOON).await, Exit::Code(3), "{}", downloader.talk());
    for talk in [finished.talk, downloader.talk()] {
        for word in [tasks.as_str(), "inequivalent arg", "current is none", "--prefix"] {
            assert!(talk.contains(word), "nothing of {word}:\n{talk}");
        }
    }
}
