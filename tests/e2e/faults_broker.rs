//! The broker closes channels, loses queues, restarts and dies in the middle of a run: the run completes.
//!
//! The nodes that are stopped here are the tests' own, one at a time: a boot is six seconds of processor time.

use std::time::Duration;

use harness::{Broker, Gate, Response, Signal, World, eventually, one_at_a_time};

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

/// A world on a node of its own, with a crawl under way that takes a few seconds more.
async fn under_way(place: harness::Place) -> (World, harness::world::Crawl) {
    let mut world = World::at("restart", PROGRAMS, Some(place)).await;
    let urls = images(&world, 80, |image| image.after(Duration::from_millis(100)));
    world.downloaders(2).await;
    let crawl = world.start_urls(&urls, &["--per-host", "4"]);
    world.expect_requests(10).await;
    (world, crawl)
}

async fn expect_all_stored(mut world: World, crawl: harness::world::Crawl) {
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(80).expect_in_store(&world.store());
    world.worker(1).expect_running();
    world.worker(2).expect_running();
}

#[tokio::test]
async fn a_run_survives_a_restart_of_the_broker() {
    let _turn = one_at_a_time().await;
    let mut node = Broker::private("restart", "").await;
    let (world, crawl) = under_way(node.place("crawl").await).await;
    node.stop().await;
    node.start_again().await;
    expect_all_stored(world, crawl).await;
}

/// The queues are older than the run here: RabbitMQ writes a new quorum queue's registration to disk minutes later or when
/// it is stopped, and one that is killed before that starts the queue without its log and without a leader
/// (`name_not_registered` in its log; seen with 3.10.8, reported of others in rabbitmq-server issue 15725).
#[tokio::test]
async fn a_run_survives_the_death_of_the_broker() {
    let _turn = one_at_a_time().await;
    let mut node = Broker::private("death", "").await;
    let place = node.place("crawl").await;
    World::at("declare", PROGRAMS, Some(place.clone())).await.downloaders(1).await;
    node.stop().await;
    node.start_again().await;
    let (world, crawl) = under_way(place).await;
    node.kill();
    node.start_again().await;
    expect_all_stored(world, crawl).await;
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
async fn a_task_queue_of_another_type_is_refused_by_name() {
    let mut world = world("mismatch").await;
    world.page("/", "<img src=1.png>");
    let tasks = world.place().queue("tasks");
    world.place().declare_classic(&tasks).await;
    let finished = world.crawl(&[]).await;
    finished.expect_code(3);
    assert!(finished.talk.contains(&tasks), "the queue is not named:\n{}", finished.talk);
    let downloader = world.start_downloader(&[]);
    assert_eq!(downloader.wait(SOON).await, harness::Exit::Code(3), "{}", downloader.talk());
    assert!(downloader.talk().contains(&tasks), "the queue is not named:\n{}", downloader.talk());
}

#[tokio::test]
async fn programs_whose_broker_is_gone_for_good_can_still_end() {
    let _turn = one_at_a_time().await;
    let mut node = Broker::private("gone", "").await;
    let mut world = World::at("gone", PROGRAMS, Some(node.place("crawl").await)).await;
    let gate = Gate::shut();
    let urls = images(&world, 4, |image| image.behind(&gate));
    world.downloaders(1).await;
    let crawl = world.start_urls(&urls, &["--timeout", "3s"]);
    gate.reached(4).await;
    node.kill();
    let finished = world.finish(crawl).await;
    finished.expect_code(4).expect_state("timed-out").expect_counts();
    assert_eq!(finished.count("outstanding"), 4);
    // Nobody can be told of the images in its hands, so it is told twice.
    world.worker(1).signal(Signal::Term);
    world.worker(1).expect_running();
    world.worker(1).signal(Signal::Term);
    world.worker(1).wait(Duration::from_secs(5)).await;
    gate.open();
}
