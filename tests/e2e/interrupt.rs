//! Ctrl-C and SIGTERM to a producer: it ends soon, with a manifest and nothing lost.

use std::time::{Duration, Instant};

use harness::{Gate, Response, Signal, World, png};

use crate::{embedded, images, plain, world};

/// Interrupts a producer that has three images stored and holds one, and checks what it leaves.
async fn expect_interrupted(mut world: World, signal: Signal) {
    let gate = Gate::shut();
    let mut urls = images(&world, 3, plain);
    world.route("/held.png", Response::image(png(3, 3, 9)).behind(&gate));
    urls.push(world.url("/held.png"));
    let mut crawl = world.start_urls(&urls, &["--stream"]);
    gate.reached(1).await;
    harness::eventually("three outcomes", Duration::from_secs(20), async || {
        let seen = crawl.process.output().lines().filter(|line| line.starts_with('{')).count();
        (seen == 3).then_some(()).ok_or(format!("{seen}"))
    })
    .await;
    let told = Instant::now();
    crawl.process.signal(signal);
    let finished = world.finish(crawl).await;
    assert!(told.elapsed() < Duration::from_secs(15), "{:?}", told.elapsed());
    finished.expect_code(130).expect_state("interrupted").expect_counts().expect_stored(3);
    finished.row(&world.url("/held.png")).expect("outstanding", None);
    gate.open();
}

#[tokio::test]
async fn an_interrupted_producer_leaves_a_manifest() {
    let mut world = world("interrupt").await;
    world.downloaders(1).await;
    expect_interrupted(world, Signal::Int).await;
}

#[tokio::test]
async fn a_terminated_producer_leaves_a_manifest_too() {
    let mut world = world("terminate").await;
    world.downloaders(1).await;
    expect_interrupted(world, Signal::Term).await;
}

#[tokio::test]
async fn an_interrupted_embedded_crawl_leaves_a_manifest() {
    expect_interrupted(embedded("interrupt").await, Signal::Int).await;
}
