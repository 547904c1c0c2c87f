//! Names in the store: made of the bytes alone, never followed out of the store, whatever lies there already and
//! whatever servers call their images.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use harness::store::sha256;
use harness::{World, png};

use crate::world;

/// Puts an image on the site, and returns its URL and where it belongs in the store.
fn image(world: &World, path: &str, seed: u64) -> (String, String) {
    let bytes = png(9, 9, seed);
    let hash = sha256(&bytes);
    world.image(path, bytes);
    (world.url(path), format!("{}/{hash}.png", &hash[..2]))
}

async fn expect_said(world: &mut World, words: &[&str]) {
    world.worker(1).says(words, Duration::from_secs(30)).await;
}

#[tokio::test]
async fn nothing_in_the_store_is_followed_out_of_it() {
    let mut world = world("links").await;
    let places: Vec<(String, String)> =
        (0..4).map(|number| image(&world, &format!("/{number}.png"), 100 + number)).collect();
    let store = world.store().folder().to_owned();
    let outside = world.folder().folder("outside");
    let precious = world.folder().file("precious", "not an image");
    let folder = |number: usize| store.join(&places[number].1[..2]);
    let file = |number: usize| store.join(&places[number].1);
    for number in 1..4 {
        assert_ne!(folder(0), folder(number), "this test needs pictures of different folders");
        fs::create_dir_all(folder(number)).expect("created");
    }
    symlink(&outside, folder(0)).expect("linked");
    symlink(&precious, file(1)).expect("linked");
    let made = Command::new("mkfifo").arg(file(2)).status().expect("there is mkfifo");
    assert!(made.success());
    fs::create_dir(file(3)).expect("created");

    let urls: Vec<String> = places.iter().map(|(url, _)| url.clone()).collect();
    world.downloaders(1).await;
    let crawl = world.start_urls(&urls, &["--timeout", "100s"]);
    expect_said(&mut world, &["the store takes no images"]).await;
    fs::remove_file(folder(0)).expect("removed");
    fs::remove_dir(file(3)).expect("removed");
    world.finish(crawl).await.expect_complete().expect_stored(4).expect_in_store(&world.store());
    assert_eq!(fs::read_dir(outside).expect("it is there").count(), 0, "written outside of the store");
    assert_eq!(fs::read_to_string(precious).expect("it is there"), "not an image");
    for number in 0..4 {
        let found = fs::symlink_metadata(file(number)).expect("it is there");
        assert!(found.is_file(), "{}: {found:?}", file(number).display());
    }
}

#[tokio::test]
async fn a_folder_that_is_a_link_is_named() {
    let mut world = world("link").await;
    let (url, place) = image(&world, "/1.png", 1);
    let store = world.store().folder().to_owned();
    fs::create_dir_all(&store).expect("created");
    let link = store.join(&place[..2]);
    symlink("/tmp", &link).expect("linked");
    world.downloaders(1).await;
    let crawl = world.start_urls(&[url], &[]);
    expect_said(&mut world, &["cannot use as a folder", &link.to_string_lossy(), "not followed", "take away"]).await;
    fs::remove_file(link).expect("removed");
    world.finish(crawl).await.expect_complete().expect_stored(1).expect_in_store(&world.store());
}

#[tokio::test]
async fn what_servers_call_their_images_names_no_file() {
    let mut world = world("names").await;
    let long = format!("/{}.png", "n".repeat(300));
    let paths = [
        "/a/logo.png",
        "/b/logo.png",
        "/b/Logo.png",
        "/b/logo.png?size=1",
        "/b/logo.png?size=2",
        "/con",
        "/..%2F..%2Fetc%2Fpasswd",
        "/nul%00.png",
        "/%E2%80%AEgnp.exe",
        "/.png",
        "/-rf",
        &long,
    ];
    let urls: Vec<String> = paths.iter().zip(200..).map(|(path, seed)| image(&world, path, seed).0).collect();
    world.downloaders(1).await;
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(paths.len()).expect_in_store(&world.store());
    for row in &finished.rows {
        let (path, hash) = (row.text("path").expect("a path"), row.text("sha256").expect("a hash"));
        assert_eq!(path, format!("{}/{hash}.png", &hash[..2]), "{row}");
    }
}
