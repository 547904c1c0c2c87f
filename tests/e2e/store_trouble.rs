//! A store that takes nothing is its worker's trouble, not the images': the worker takes no work, says why, and goes on
//! when the store does. The images end stored, and no batch comes near the broker's limit of deliveries.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::time::Duration;

use harness::world::Crawl;
use harness::{Exit, Mount, Response, Signal, World, eventually, png};

use crate::{images, plain, world};

const SOON: Duration = Duration::from_secs(30);

/// Waits until the worker has said what is wrong, has tried the store a second time, and takes nothing meanwhile.
async fn expect_trouble(world: &mut World, why: &str) {
    eventually("the trouble is told", SOON, async || {
        let talk = world.worker(1).talk();
        let tried = talk.matches("the store still takes no images").count();
        if talk.contains("the store takes no images") && talk.contains(why) && tried >= 2 { Ok(()) } else { Err(talk) }
    })
    .await;
    let place = world.place().clone();
    let depth = place.depth(&place.queue("tasks")).await.expect("the queue is there");
    assert_eq!(depth.consumers, 0, "a worker in trouble takes nothing");
    let counts = place.delivery_counts(&place.queue("tasks")).await;
    assert!(!counts.is_empty(), "what it had in hand is in the queue again");
    assert!(counts.iter().all(|count| *count <= 2), "deliveries are used up: {counts:?}");
}

async fn expect_all_stored(world: &mut World, crawl: Crawl, count: usize) {
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(count).expect_in_store(&world.store());
    assert!(world.worker(1).talk().contains("the store takes images again"), "{}", world.worker(1).talk());
    let place = world.place();
    assert_eq!(place.depth(&place.queue("dead")).await.expect("the queue is there").messages, 0);
    for file in world.store().files() {
        let name = file.to_string_lossy();
        assert!(name.ends_with(".png") || name.ends_with("/lock"), "left over: {name}");
    }
}

#[tokio::test]
async fn a_full_disk_is_waited_for() {
    let mut world = world("full").await;
    let disk = Mount::in_memory(world.store().folder(), "size=2m");
    world.downloaders(1).await;
    let ballast = disk.fill();
    let urls = images(&world, 40, plain);
    let crawl = world.start_urls(&urls, &[]);
    expect_trouble(&mut world, "No space left on device").await;
    fs::remove_file(ballast).expect("removed");
    expect_all_stored(&mut world, crawl, 40).await;
}

#[tokio::test]
async fn a_disk_without_inodes_is_waited_for() {
    let mut world = world("inodes").await;
    let disk = Mount::in_memory(world.store().folder(), "nr_inodes=20");
    world.downloaders(1).await;
    let urls = images(&world, 40, plain);
    let crawl = world.start_urls(&urls, &[]);
    expect_trouble(&mut world, "no inodes left").await;
    disk.change("nr_inodes=1000");
    expect_all_stored(&mut world, crawl, 40).await;
}

#[tokio::test]
async fn a_disk_that_became_read_only_is_waited_for() {
    let mut world = world("read-only").await;
    let disk = Mount::in_memory(world.store().folder(), "size=2m");
    world.downloaders(1).await;
    disk.change("ro");
    let urls = images(&world, 20, plain);
    let crawl = world.start_urls(&urls, &[]);
    expect_trouble(&mut world, "Read-only file system").await;
    disk.change("rw");
    expect_all_stored(&mut world, crawl, 20).await;
}

/// As a user who is not root, whom permissions do not bind.
#[tokio::test]
async fn missing_permissions_are_waited_for() {
    let mut world = world("permissions").await;
    let disk = Mount::in_memory(world.store().folder(), "size=2m,mode=0777");
    let open = |path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("we own it");
    open(world.folder().to_path_buf(), 0o755);
    let store = world.store().folder().to_owned();
    world.start_downloader_by(&["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"], &[]);
    eventually("the store is in use", SOON, async || {
        if store.join(".part").is_dir() { Ok(()) } else { Err(world.worker(1).talk()) }
    })
    .await;
    open(store.clone(), 0o555);
    let urls = images(&world, 20, plain);
    let crawl = world.start_urls(&urls, &[]);
    expect_trouble(&mut world, "Permission denied").await;
    open(store, 0o777);
    expect_all_stored(&mut world, crawl, 20).await;
    drop(disk);
}

#[tokio::test]
async fn a_worker_in_trouble_drains_and_leaves_when_idle() {
    let mut world = world("trouble-ends").await;
    let disk = Mount::in_memory(world.store().folder(), "size=2m");
    world.downloaders(1).await;
    disk.fill();
    let urls = images(&world, 20, plain);
    let mut crawl = world.start_urls(&urls, &[]);
    expect_trouble(&mut world, "No space left on device").await;
    world.worker(1).signal(Signal::Term);
    assert_eq!(world.worker(1).wait(SOON).await, Exit::Code(0), "{}", world.worker(1).talk());

    world.start_downloader(&["--exit-when-idle", "2s"]);
    assert_eq!(world.worker(2).wait(SOON).await, Exit::Code(0), "{}", world.worker(2).talk());
    assert!(world.worker(2).talk().contains("the store takes no images"), "{}", world.worker(2).talk());
    crawl.process.signal(Signal::Term);
    assert_eq!(crawl.process.wait(SOON).await, Exit::Code(130));
}

#[tokio::test]
async fn downloaders_share_a_store_while_others_die_and_start() {
    let mut world = world("shared").await;
    // Five pictures under a hundred names: the same file is written by several at once.
    let urls: Vec<String> = (0..100)
        .map(|number| {
            let path = format!("/copy-{number}.png");
            world.route(&path, Response::image(png(40, 40, number % 5)).after(Duration::from_millis(50)));
            world.url(&path)
        })
        .collect();
    world.downloaders(3).await;
    let crawl = world.start_urls(&urls, &[]);
    world.expect_requests(10).await;
    world.worker(1).signal(Signal::Kill);
    world.start_downloader(&[]);
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(5).expect_in_store(&world.store());
    assert_eq!(finished.count("duplicate"), 95);
    let pictures = world.store().files().iter().filter(|file| file.extension().is_some()).count();
    assert_eq!(pictures, 5);
    let parts = fs::read_dir(world.store().folder().join(".part")).expect("it is there").count();
    assert_eq!(parts, 3, "one folder for each that lives; the dead one's is swept");
}
