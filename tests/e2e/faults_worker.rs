//! Downloaders that die: what they had comes to others, and every image still has one outcome and one file.

use std::time::Duration;

use harness::{Broker, Gate, Place, Signal, World, eventually};

use crate::{PROGRAMS, images, plain, world};

#[tokio::test]
async fn what_a_killed_downloader_had_in_flight_is_fetched_by_another() {
    let mut world = world("killed").await;
    let gate = Gate::shut();
    // Dripping: the bytes of a body are half written when its downloader dies.
    let urls = images(&world, 12, |image| image.behind(&gate).dripping(Duration::from_millis(2)));
    world.downloaders(1).await;
    let crawl = world.start_urls(&urls, &[]);
    gate.reached(4).await;
    gate.open();
    world.worker(1).signal(Signal::Kill);
    world.downloaders(1).await;
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(12).expect_in_store(&world.store());
}

#[tokio::test]
async fn a_fleet_that_dies_one_by_one_loses_nothing() {
    let mut world = world("dying").await;
    let urls = images(&world, 120, |image| image.after(Duration::from_millis(30)));
    world.downloaders(2).await;
    let crawl = world.start_urls(&urls, &[]);
    for number in 1..=3 {
        let seen = world.site().log().requests().len();
        world.expect_requests(seen + 10).await;
        world.worker(number).signal(Signal::Kill);
        world.start_downloader(&[]);
    }
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(120).expect_in_store(&world.store());
}

/// The broker gives a frozen downloader up and hands on what it had. Thawed, it acks what is no longer its own, must not
/// mind, and comes back.
#[tokio::test]
async fn a_frozen_downloader_is_replaced_and_comes_back() {
    let place = Broker::place("frozen").await.with_heartbeat(1);
    let mut world = World::at("frozen", PROGRAMS, Some(place.clone())).await;
    let gate = Gate::shut();
    let urls = images(&world, 12, |image| image.behind(&gate));
    world.downloaders(1).await;
    let crawl = world.start_urls(&urls, &[]);
    gate.reached(4).await;
    world.worker(1).signal(Signal::Stop);
    let tasks = place.queue("tasks");
    expect_consumers(&place, &tasks, 0).await;
    gate.open();
    world.start_downloader(&[]);
    world.finish(crawl).await.expect_complete().expect_stored(12).expect_in_store(&world.store());

    world.worker(1).signal(Signal::Cont);
    expect_consumers(&place, &tasks, 2).await;
    let more = images(&world, 12, plain);
    world.urls(&more, &[]).await.expect_complete().expect_stored(12);
    world.worker(1).expect_running();
}

async fn expect_consumers(place: &Place, queue: &str, count: u32) {
    eventually("the consumers of the task queue", Duration::from_mins(1), async || {
        let depth = place.depth(queue).await.map_err(|error| error.to_string())?;
        if depth.consumers == count { Ok(()) } else { Err(format!("{depth:?}, not {count}")) }
    })
    .await;
}
