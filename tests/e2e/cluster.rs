//! A cluster of three nodes that loses one in the middle of a run: the queues lie on all three, and both programs go to
//! the nodes that are left.

use std::time::{Duration, Instant};

use harness::broker::Cluster;
use harness::world::Crawl;
use harness::{World, one_at_a_time};

use crate::{PROGRAMS, images};

/// How soon after the loss of a node images must be fetched again.
const GOES_ON_WITHIN: Duration = Duration::from_secs(30);
const IMAGES: u16 = 120;

/// A run that takes half a minute when nothing happens, at a cluster whose first node leads all its queues.
async fn under_way(cluster: &Cluster) -> (World, Crawl) {
    let place = cluster.place("crawl").await;
    let mut world = World::at("cluster", PROGRAMS, Some(place)).await;
    let urls = images(&world, IMAGES.into(), |image| image.after(Duration::from_millis(600)));
    world.downloaders(2).await;
    let crawl = world.start_urls(&urls, &["--per-host", "4", "--timeout", "100s"]);
    world.expect_requests(8).await;
    for queue in ["warren.tasks", "warren.dead", "warren.replies.run-1"] {
        assert_eq!(cluster.leader("crawl", queue).await, (0, 3), "{queue}");
    }
    (world, crawl)
}

/// New images are fetched within the time, and the run ends with all of them.
async fn expect_all_stored(mut world: World, crawl: Crawl) {
    let lost = Instant::now();
    let seen = world.site().log().requests().len();
    // What the downloaders have in hand goes on in any case; a whole further batch does not.
    world.expect_requests((seen + 64).min(IMAGES.into())).await;
    assert!(lost.elapsed() < GOES_ON_WITHIN, "it went on only after {:?}", lost.elapsed());
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(IMAGES.into()).expect_in_store(&world.store());
    world.worker(1).expect_running();
    world.worker(2).expect_running();
}

#[tokio::test]
async fn a_run_survives_the_death_of_the_node_that_leads_its_queues() {
    let _turn = one_at_a_time().await;
    let mut cluster = Cluster::start("leader").await;
    let (world, crawl) = under_way(&cluster).await;
    cluster.node(0).kill();
    expect_all_stored(world, crawl).await;
}

/// The node that all connections are on, and that leads all queues, does not see the others any more.
#[tokio::test]
async fn a_run_survives_that_its_node_is_cut_off_from_the_others() {
    let _turn = one_at_a_time().await;
    let cluster = Cluster::start("minority").await;
    let (world, crawl) = under_way(&cluster).await;
    cluster.cut_off(0).await;
    expect_all_stored(world, crawl).await;
}
