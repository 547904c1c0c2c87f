//! A batch that ends every downloader that takes it: it ends among the dead letters, and takes nothing with it.

use std::time::{Duration, Instant};

use harness::{Exit, Response, png};

use crate::{images, world};

/// SIGABRT.
const ABORTED: Exit = Exit::Signal(6);

#[tokio::test]
async fn an_image_that_kills_its_downloaders_takes_no_other_with_it() {
    let mut world = world("killer").await;
    world.route("/killer.png", Response::image(png(8, 8, 7)));
    let killer = [world.url("/killer.png")];
    let good = images(&world, 200, |image| image.after(Duration::from_millis(20)));
    let patient = ["--timeout", "110s"];
    // Alone in its batch: what shares a batch with a killer cannot be told apart from it by a downloader.
    let mut deadly = world.start_urls(&killer, &patient);
    let mut harmless = world.start_urls(&good, &patient);
    let (started, mut starts) = (Instant::now(), 0);
    // A service manager, in short.
    while deadly.process.exit().is_none() || harmless.process.exit().is_none() {
        assert!(started.elapsed() < Duration::from_secs(100), "after {starts} starts: {}", deadly.process.talk());
        if starts == 0 || world.worker(starts).exit().is_some() {
            if starts > 0 {
                assert_eq!(world.worker(starts).exit(), Some(ABORTED), "{}", world.worker(starts).talk());
            }
            world.start_downloader_by(&["env", "WARREN_KILLPOINTS=downloader.fetch=abort:/killer.png"], &[]);
            starts += 1;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    world.finish(harmless).await.expect_complete().expect_stored(200).expect_in_store(&world.store());
    let deadly = world.finish(deadly).await;
    deadly.expect_complete().row(&killer[0]).expect("failed", Some("dead-lettered"));
    let place = world.place();
    assert_eq!(place.depth(&place.queue("dead")).await.expect("it is there").messages, 1, "the killer alone");
    assert!((20..=23).contains(&starts), "{starts} starts for 21 deliveries");
}
