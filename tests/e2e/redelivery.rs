//! What the broker delivers a second time: it is not fetched again by a downloader that has it in hand or has just
//! finished it, and it is counted once in any case.

use std::time::Duration;

use harness::{Broker, Gate, Response, World, eventually, one_at_a_time, png};

use crate::{PROGRAMS, images, world};

const SOON: Duration = Duration::from_secs(30);

fn pictures(world: &World) -> usize {
    world.store().files().iter().filter(|file| file.extension().is_some()).count()
}

/// The broker goes away while images are in flight. Some are finished before it is back, some after: their batches are
/// delivered again, and neither is asked of the site again.
#[tokio::test]
async fn a_lost_connection_has_nothing_fetched_twice() {
    let _turn = one_at_a_time().await;
    let mut node = Broker::private("again", "").await;
    let place = node.place("crawl").await;
    let mut world = World::at("again", PROGRAMS, Some(place.clone())).await;
    let (early, late) = (Gate::shut(), Gate::shut());
    let urls: Vec<String> = (0..12)
        .map(|number| {
            let gate = if number < 6 { &early } else { &late };
            let path = format!("/{number}.png");
            world.route(&path, Response::image(png(8, 8, number)).behind(gate));
            world.url(&path)
        })
        .collect();
    world.downloader(&["--per-host", "0"]).await;
    let crawl = world.start_urls(&urls, &["--per-host", "0", "--timeout", "100s"]);
    early.reached(6).await;
    late.reached(6).await;
    node.stop().await;
    early.open();
    eventually("what was let go is in the store", SOON, async || {
        let stored = pictures(&world);
        (stored == 6).then_some(()).ok_or(format!("{stored} of 6"))
    })
    .await;
    node.start_again().await;
    let tasks = place.queue("tasks");
    eventually("the downloader is back", Duration::from_mins(1), async || {
        let depth = place.depth(&tasks).await.map_err(|error| error.to_string())?;
        (depth.consumers == 1 && depth.messages == 0).then_some(()).ok_or(format!("{depth:?}"))
    })
    .await;
    late.open();
    world.finish(crawl).await.expect_complete().expect_stored(12).expect_in_store(&world.store());
    for number in 0..12 {
        let path = format!("/{number}.png");
        assert_eq!(world.site().log().hits(&path), 1, "fetched twice: {path}\n{}", world.worker(1).talk());
    }
}

#[tokio::test]
async fn a_batch_that_is_in_the_queue_twice_counts_once() {
    let mut world = world("twice").await;
    let gate = Gate::shut();
    let urls = images(&world, 5, |image| image.behind(&gate));
    let crawl = world.start_urls(&urls, &[]);
    let place = world.place().clone();
    let tasks = place.queue("tasks");
    let body = eventually("the batch is in the queue", SOON, async || match place.depth(&tasks).await {
        Ok(depth) if depth.messages > 0 => place.take(&tasks).await.ok_or("it is gone".to_owned()),
        Ok(depth) => Err(format!("{depth:?}")),
        Err(error) => Err(error.to_string()),
    })
    .await;
    place.publish(&tasks, &body).await;
    place.publish(&tasks, &body).await;
    world.downloaders(1).await;
    gate.reached(5).await;
    eventually("both are in hand", SOON, async || {
        let depth = place.depth(&tasks).await.map_err(|error| error.to_string())?;
        (depth.messages == 0).then_some(()).ok_or(format!("{depth:?}"))
    })
    .await;
    gate.open();
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(5).expect_in_store(&world.store());
    assert_eq!(pictures(&world), 5);
    assert_eq!(gate.arrived(), 5, "the second came while the first was in hand");
}
