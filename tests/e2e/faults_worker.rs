//! Downloaders that die: what they had comes to others, and every image still has one outcome and one file.

use std::fs;
use std::time::Duration;

use harness::{Broker, Gate, Place, Response, Signal, World, eventually, png};

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
    assert_eq!(parts(&world), ["w1"], "what it left");
    world.downloaders(1).await;
    eventually("what the dead left is swept at the next start", Duration::from_secs(20), async || {
        let parts = parts(&world);
        if parts == ["w2"] { Ok(()) } else { Err(format!("{parts:?}")) }
    })
    .await;
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(12).expect_in_store(&world.store());
}

/// Whose part folders are in the store.
fn parts(world: &World) -> Vec<String> {
    let folders = fs::read_dir(world.store().folder().join(".part")).expect("a downloader made it");
    let name = |folder: fs::DirEntry| folder.file_name().to_string_lossy().split('-').next().map(str::to_owned);
    folders.flatten().filter_map(name).collect()
}

/// Starts a downloader that freezes at a place, and waits until it has.
async fn frozen_at(world: &mut World, place: &str) {
    let environment = format!("WARREN_KILLPOINTS={place}=hang");
    world.start_downloader_by(&["env", &environment], &["--per-host", "0"]);
    world.worker(1).says(&["frozen by"], Duration::from_secs(30)).await;
}

#[tokio::test]
async fn what_was_stored_and_not_told_is_recognised_and_told() {
    let mut world = world("untold").await;
    let urls = images(&world, 9, plain);
    let crawl = world.start_urls(&urls, &[]);
    frozen_at(&mut world, "downloader.reply").await;
    eventually("images are stored", Duration::from_secs(30), async || {
        let stored = world.store().files().iter().filter(|file| file.extension().is_some()).count();
        if stored > 0 { Ok(()) } else { Err("none") }
    })
    .await;
    world.worker(1).signal(Signal::Kill);
    world.start_downloader(&[]);
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(9).expect_in_store(&world.store());
    assert_eq!(finished.by_worker().get("w1"), None, "it told nobody");
    assert_eq!(world.store().files().iter().filter(|file| file.extension().is_some()).count(), 9);
}

#[tokio::test]
async fn what_was_told_and_not_acknowledged_counts_once() {
    let mut world = world("unacknowledged").await;
    let gate = Gate::shut();
    let mut urls = images(&world, 16, plain);
    // Keeps the run going, in a batch of its own or with few others.
    world.route("/last.png", Response::image(png(8, 8, 99)).behind(&gate));
    urls.push(world.url("/last.png"));
    let crawl = world.start_urls(&urls, &["--per-host", "0"]);
    frozen_at(&mut world, "downloader.ack").await;
    world.worker(1).signal(Signal::Kill);
    world.start_downloader(&["--per-host", "0"]);
    gate.reached(1).await;
    let log = world.site().log();
    eventually("something is fetched again", Duration::from_secs(30), async || {
        let again = (1..=16).filter(|number| log.hits(&format!("/image-{number}.png")) > 1).count();
        if again > 0 { Ok(()) } else { Err("nothing yet") }
    })
    .await;
    gate.open();
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(17).expect_in_store(&world.store());
    assert_eq!(finished.rows.len(), 17);
    assert!(finished.by_worker().contains_key("w1"), "the first that told counts: {:?}", finished.by_worker());
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
