//! The broker restarts and dies in the middle of a run: the run completes.
//!
//! The nodes that are stopped here are the tests' own, one at a time: a boot is six seconds of processor time.

use std::time::Duration;

use harness::broker::Node;
use harness::world::Crawl;
use harness::{Broker, Gate, Place, Signal, World, eventually, one_at_a_time};

use crate::{PROGRAMS, images};

/// A world on a node of its own, with a crawl under way that takes a few seconds more.
async fn under_way(place: Place) -> (World, Crawl) {
    let mut world = World::at("restart", PROGRAMS, Some(place)).await;
    let urls = images(&world, 80, |image| image.after(Duration::from_millis(400)));
    world.downloaders(2).await;
    let crawl = world.start_urls(&urls, &["--per-host", "4"]);
    world.expect_requests(10).await;
    (world, crawl)
}

async fn expect_all_stored(mut world: World, crawl: Crawl) {
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(80).expect_in_store(&world.store());
    world.worker(1).expect_running();
    world.worker(2).expect_running();
}

/// Waits until both downloaders consume with the prefetch of their concurrency. They begin with 1, and go back to it while
/// they meet what was delivered often.
async fn expect_prefetch(node: &Node) {
    eventually("the prefetch of both downloaders", Duration::from_secs(40), async || {
        let consumers = node.rabbitmqctl(&["list_consumers", "-p", "crawl", "queue_name", "prefetch_count"]).await;
        let of_tasks = consumers.lines().filter_map(|line| line.strip_prefix("warren.tasks\t"));
        let prefetches: Vec<&str> = of_tasks.collect();
        assert!(prefetches.iter().all(|prefetch| *prefetch != "0"), "unlimited: {consumers}");
        if prefetches == ["64", "64"] { Ok(()) } else { Err(format!("{prefetches:?}")) }
    })
    .await;
}

#[tokio::test]
async fn a_run_survives_a_restart_of_the_broker() {
    let _turn = one_at_a_time().await;
    let mut node = Broker::private("restart", "").await;
    let (mut world, crawl) = under_way(node.place("crawl").await).await;
    expect_prefetch(&node).await;
    node.stop().await;
    node.start_again().await;
    world.expect_consumers().await;
    // Without it the whole queue would come into a downloader's memory at once.
    expect_prefetch(&node).await;
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
    // Nobody can be told of the images in its hands, so it is told twice. A second signal that comes before the first was taken is
    // the first one.
    world.worker(1).signal(Signal::Term);
    world.worker(1).says(&["takes no further work"], Duration::from_secs(20)).await;
    world.worker(1).expect_running();
    world.worker(1).signal(Signal::Term);
    world.worker(1).wait(Duration::from_secs(5)).await;
    gate.open();
}
