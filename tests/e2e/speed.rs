//! Thousands of real images through RabbitMQ and one downloader. It prints the rate and judges only the outcome: how
//! fast it must be is measured with optimised builds, elsewhere.

use std::fs;
use std::path::{Path, PathBuf};

use harness::{Nginx, one_at_a_time};

use crate::world;

const CLIPART: &str = "/usr/share/openclipart/png";
const COUNT: usize = 8_000;
const LARGEST: u64 = 200_000;

/// PNG files below `folder` that are not too large, links to others included, by their path from `root`.
fn small_images(root: &Path, folder: &Path, found: &mut Vec<PathBuf>) {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        let Ok(metadata) = fs::metadata(&path) else { continue };
        if metadata.is_dir() {
            small_images(root, &path, found);
        } else if path.extension().is_some_and(|extension| extension == "png") && metadata.len() < LARGEST {
            found.push(path.strip_prefix(root).expect("it lies below").to_owned());
        }
    }
}

#[tokio::test]
async fn eight_thousand_images_arrive_through_one_downloader() {
    let _turn = one_at_a_time().await;
    let nginx = Nginx::serve(CLIPART, "openclipart-png").await;
    let mut files = Vec::new();
    small_images(Path::new(CLIPART), Path::new(CLIPART), &mut files);
    files.truncate(COUNT);
    assert_eq!(files.len(), COUNT, "hint: apt-get install openclipart-png");
    let urls: Vec<String> = files.iter().map(|file| nginx.url(file).to_string()).collect();

    let mut world = world("speed").await;
    world.downloader(&["--per-host", "0"]).await;
    let finished = world.urls(&urls, &["--per-host", "0", "--ignore-robots"]).await;
    finished.expect_complete().expect_in_store(&world.store());
    println!("{} images/s", finished.summary["images_per_second"]);
    assert_eq!(finished.rows.len(), COUNT);
    let bad = finished.rows.iter().find(|row| !["stored", "duplicate"].contains(&row.status()));
    assert!(bad.is_none(), "{}", bad.expect("just seen"));
}
