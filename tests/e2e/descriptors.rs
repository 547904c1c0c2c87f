//! A downloader with few file descriptors does less at once; the run ends as any other.

use std::time::Duration;

use crate::{images, world};

#[tokio::test]
async fn a_downloader_with_few_descriptors_does_less_at_once() {
    let mut world = world("descriptors").await;
    let urls = images(&world, 150, |image| image.after(Duration::from_millis(100)));
    world.start_downloader_by(&["prlimit", "--nofile=64", "--"], &["--per-host", "0", "--concurrency", "64"]);
    let finished = world.urls(&urls, &["--per-host", "0"]).await;
    finished.expect_complete().expect_stored(150).expect_in_store(&world.store());
    assert!(finished.rows.iter().all(|row| row.number("attempts") == Some(1)), "it was charged to images");
    let talk = world.worker(1).talk();
    assert!(talk.contains("file descriptors"), "it does not say why it is slow:\n{talk}");
}
