//! What workers of a packed layout go through, whatever the layout; what is in the store then is for the tests of each to say.

use std::fs;
use std::time::Duration;

use harness::{Crawl, Exit, Finished, Gate, Mount, Response, Signal, World, eventually, png};

use crate::{images, plain};

pub(crate) const SOON: Duration = Duration::from_secs(30);

/// Has the worker of this number end in good order, which completes its shard.
pub(crate) async fn drain(world: &mut World, number: usize) {
    world.worker(number).signal(Signal::Term);
    assert_eq!(world.worker(number).wait(SOON).await, Exit::Code(0), "{}", world.worker(number).talk());
}

/// A run whose worker dies at a step, and is followed by another. With shards of five images another shard is open by then, and
/// the one that dies has told of both.
pub(crate) async fn dies_at(step: &str, world: &mut World, options: &[&str]) -> Finished {
    let urls = images(world, 17, |image| image.after(Duration::from_millis(10)));
    world.set_variable("WARREN_KILLPOINTS", step);
    world.downloader(options).await;
    let crawl = world.start_urls(&urls, &[]);
    let exit = world.worker(1).wait(SOON).await;
    assert!(matches!(exit, Exit::Signal(_)), "{step}: {exit}: {}", world.worker(1).talk());
    world.unset_variable("WARREN_KILLPOINTS");
    world.start_downloader(options);
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(17);
    drain(world, 2).await;
    finished
}

/// Starts a run of which so many images are told of and one does not come until the gate is open, which keeps the shard open; then
/// kills the worker.
pub(crate) async fn held_after(world: &mut World, count: usize) -> (Crawl, Gate) {
    let gate = Gate::shut();
    let mut urls = images(world, count as u64, plain);
    world.route("/last.png", Response::image(png(8, 8, 99)).behind(&gate));
    urls.push(world.url("/last.png"));
    let crawl = world.start_urls(&urls, &["--stream"]);
    eventually("the others are told of", SOON, async || {
        let told = crawl.process.output();
        if told.lines().count() == count { Ok(()) } else { Err(told) }
    })
    .await;
    world.worker(1).signal(Signal::Kill);
    world.worker(1).wait(SOON).await;
    (crawl, gate)
}

/// A run whose worker is killed with an open shard, and is followed by two that start at once: one of them completes it.
pub(crate) async fn followed_by_two(world: &mut World, options: &[&str]) -> Finished {
    world.downloader(options).await;
    let (crawl, gate) = held_after(world, 20).await;
    world.start_downloader(options);
    world.start_downloader(options);
    gate.open();
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(21);
    drain(world, 2).await;
    drain(world, 3).await;
    let talk = [2, 3].map(|number| world.worker(number).talk()).join("\n");
    assert_eq!(talk.matches("that a worker left open").count(), 1, "{talk}");
    finished
}

/// A run on a disk that is full at first. The store is on it for as long as it is held.
pub(crate) async fn on_a_full_disk(world: &mut World, options: &[&str]) -> (Finished, Mount) {
    let disk = Mount::in_memory(world.store().folder(), "size=2m");
    world.downloader(options).await;
    let ballast = disk.fill();
    let urls = images(world, 60, plain);
    let crawl = world.start_urls(&urls, &[]);
    world.worker(1).says(&["the store still takes no images"], SOON).await;
    fs::remove_file(ballast).expect("removed");
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(60);
    drain(world, 1).await;
    (finished, disk)
}
