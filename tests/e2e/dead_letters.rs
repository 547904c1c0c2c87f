//! Batches that no downloader can deal with: the run learns of each, and every image has its outcome.

use std::time::Duration;

use serde_json::Value;
use tokio::time::sleep;

use crate::{images, plain, world};

#[tokio::test]
async fn a_batch_that_dies_is_sent_again_image_by_image_and_then_has_failed() {
    let mut world = world("dead").await;
    let urls = images(&world, 12, plain);
    let mut crawl = world.start_urls(&urls, &["--timeout", "30s"]);
    let (place, tasks, dead) = (world.place().clone(), world.place().queue("tasks"), world.place().queue("dead"));
    // In the place of downloaders of another version: they can read no batch, and say so to the broker.
    let mut sizes = Vec::new();
    while crawl.process.exit().is_none() {
        if place.depth(&tasks).await.is_ok()
            && let Some(batch) = place.reject(&tasks).await
        {
            let batch: Value = serde_json::from_slice(&batch).expect("a batch");
            sizes.push(batch["images"].as_array().expect("images").len());
        } else {
            sleep(Duration::from_millis(20)).await;
        }
    }
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(0);
    for url in &urls {
        finished.row(url).expect("failed", Some("dead-lettered"));
    }
    assert_eq!(sizes.iter().filter(|size| **size == 1).count(), 12, "each image once alone: {sizes:?}");
    assert!(sizes.iter().any(|size| *size > 1), "{sizes:?}");
    assert_eq!(place.depth(&dead).await.expect("there").messages, u32::try_from(sizes.len()).expect("few"));

    // A downloader that can read comes: a retry mends it.
    world.downloaders(1).await;
    let finished = world.again("retry", &finished.folder, &["--reason", "dead-lettered"]).await;
    finished.expect_complete().expect_stored(12).expect_in_store(&world.store());
}
