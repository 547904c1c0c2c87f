//! What bodies take of a downloader's memory, all together, stays within `--max-memory`, however many come at once; what has no
//! room waits in files that have no name.

use std::fs;
use std::time::{Duration, Instant};

use harness::{Act, Exit, Hostile, Response, Signal, eventually, one_at_a_time, png};

use crate::world;

const MIB: u64 = 1 << 20;

/// The head of a BMP of 24-bit pixels without a palette, for a file of so many bytes: rows of 4,096 pixels.
fn bmp_head(length: u32) -> Vec<u8> {
    let height = (length - 54) / (4096 * 3);
    let mut head = b"BM".to_vec();
    head.extend(length.to_le_bytes());
    head.extend([0; 4]);
    for field in [54, 40, 4096, height] {
        head.extend(field.to_le_bytes());
    }
    head.extend([1, 0, 24, 0]);
    head.extend([0; 24]);
    head
}

/// The head of a WebP of 4,096 by 4,096 pixels, for a file of so many bytes, an even number: all but its first bytes is coded data.
fn webp_head(length: u32) -> Vec<u8> {
    let mut head = b"RIFF".to_vec();
    head.extend((length - 8).to_le_bytes());
    head.extend(b"WEBPVP8 ");
    head.extend((length - 20).to_le_bytes());
    head.extend([0x10, 0, 0, 0x9d, 1, 0x2a, 0, 0x10, 0, 0x10]);
    head
}

/// A server of images of `length` bytes, each of which begins when `count` have been asked for. All are equal but for a pixel, of
/// which `first` sends a byte, and as dense as photographs are: they do not shrink.
async fn large(count: usize, head: Vec<u8>, length: u32, announced: bool, first: Act) -> Hostile {
    let announcement = if announced { format!("Content-Length: {length}") } else { "Connection: close".to_owned() };
    let rest = length as usize - head.len() - 1;
    let noise: Vec<u8> = noise().take(1 << 20).collect();
    let acts = vec![
        Act::Gather,
        Act::head(&[&announcement]),
        Act::Send(head),
        first,
        Act::Send(noise[..rest % (1 << 20)].to_vec()),
        Act::Times(rest / (1 << 20), noise),
    ];
    Hostile::gathering(count, acts).await
}

/// Bytes without a pattern (Marsaglia, Xorshift RNGs, 2003).
fn noise() -> impl Iterator<Item = u8> {
    let next = |state: &u32| {
        let state = state ^ state << 13;
        let state = state ^ state >> 17;
        Some(state ^ state << 5)
    };
    std::iter::successors(Some(1_u32), next).map(|state| state.to_be_bytes()[0])
}

/// So many images, all different and all asked for at once, are stored, and the downloader takes less memory than that, in bytes.
async fn expect_within(name: &str, head: fn(u32) -> Vec<u8>, count: usize, options: &[&str], most: u64) {
    let length = 64 << 20;
    // One that is announced and finds no room goes on in a file from its first byte.
    let announced = !options.contains(&"--max-memory");
    let server = large(count, head(length), length, announced, Act::Number).await;
    let mut world = world(name).await;
    let urls: Vec<String> = (0..count).map(|number| format!("{}?{number}", server.url())).collect();
    world.downloader(&[&["--per-host", "0"], options].concat()).await;
    let begun = Instant::now();
    let finished = world.urls(&urls, &["--per-host", "0", "--ignore-robots", "--retries", "0"]).await;
    let took = begun.elapsed();
    finished.expect_complete().expect_stored(count);
    if !options.contains(&"--layout") {
        finished.expect_in_store(&world.store());
    }
    let memory = world.worker(1).most_memory();
    println!("{name}, {count} images of 64 MiB: {} MiB at most, {took:?}", memory / MIB);
    assert!(memory < most, "{} MiB", memory / MIB);
    world.worker(1).signal(Signal::Term);
    assert_eq!(world.worker(1).wait(Duration::from_mins(1)).await, Exit::Code(0));
    expect_nothing_left(&world.store().folder().join(".part"));
}

/// Only the lock of each worker.
fn expect_nothing_left(parts: &std::path::Path) {
    for worker in fs::read_dir(parts).expect("a part folder").flatten() {
        for file in fs::read_dir(worker.path()).expect("a worker's folder").flatten() {
            assert_eq!(file.file_name(), "lock", "{}", file.path().display());
        }
    }
}

#[tokio::test]
async fn sixty_four_images_of_64_mib_at_once_fit_into_400_mib() {
    let _turn = one_at_a_time().await;
    for layout in ["files", "webdataset", "warc"] {
        expect_within(layout, webp_head, 64, &["--layout", layout], 400 * MIB).await;
    }
}

/// A BMP is deflated for an archive. This one does not become shorter by it.
#[tokio::test]
async fn images_that_are_deflated_fit_into_400_mib_too() {
    let _turn = one_at_a_time().await;
    expect_within("deflated", bmp_head, 8, &["--layout", "warc"], 400 * MIB).await;
}

#[tokio::test]
async fn a_body_larger_than_the_budget_passes_alone() {
    let _turn = one_at_a_time().await;
    expect_within("alone", bmp_head, 6, &["--max-memory", "1MiB"], 200 * MIB).await;
}

#[tokio::test]
async fn a_run_that_is_cancelled_frees_the_memory_of_its_bodies() {
    let mut world = world("freed").await;
    // Twelve bodies that stop before their end: in memory and in files, as far as the budget goes.
    let stuck =
        Hostile::start(vec![Act::head(&["Content-Length: 4194304"]), Act::Times(3, vec![0; 1 << 20]), Act::Hold]).await;
    let urls: Vec<String> = (0..12).map(|number| format!("{}?{number}", stuck.url())).collect();
    let options = ["--max-memory", "8MiB", "--per-host", "0", "--fetch-timeout", "100s", "--min-rate", "0"];
    world.downloader(&options).await;
    let crawl = world.start_urls(&urls, &["--per-host", "0", "--ignore-robots"]);
    eventually("all bodies have begun", Duration::from_secs(30), async || {
        let connections = stuck.connections();
        if connections == 12 { Ok(()) } else { Err(format!("{connections} of 12")) }
    })
    .await;
    world.again("cancel", &crawl.folder, &[]).await;
    drop(world.finish(crawl).await);

    // The next run needs all of the budget at once, for a body that a file cannot spare it.
    let whole = png(2700, 2700, 1);
    assert!(whole.len() > 6 << 20);
    world.route("/whole.png", Response::image(whole));
    let url = world.url("/whole.png");
    let begun = Instant::now();
    let finished = world.urls(&[url], &[]).await;
    finished.expect_complete().expect_stored(1);
    assert!(begun.elapsed() < Duration::from_mins(1), "it waited for bodies of nobody's: {:?}", begun.elapsed());
}

#[tokio::test]
async fn bodies_of_all_sizes_leave_no_gaps_that_add_up() {
    let _turn = one_at_a_time().await;
    let mut world = world("sizes").await;
    let (mut servers, mut urls) = (Vec::new(), Vec::new());
    for number in 0..24 {
        // From 50 KiB to 24 MiB, announced and not.
        let length = (50 << 10) + number * (1 << 20);
        servers.push(large(1, bmp_head(length), length, number % 2 == 0, Act::Send(vec![0])).await);
    }
    for round in 0..20 {
        urls.extend(servers.iter().map(|server| format!("{}?{round}", server.url())));
    }
    world.downloader(&["--per-host", "0", "--max-memory", "64MiB"]).await;
    let finished = world.urls(&urls, &["--per-host", "0", "--ignore-robots", "--retries", "0"]).await;
    finished.expect_complete().expect_stored(24).expect_in_store(&world.store());
    let memory = world.worker(1).most_memory();
    println!("{} images of all sizes: {} MiB at most", urls.len(), memory / MIB);
    assert!(memory < 160 * MIB, "{} MiB", memory / MIB);
}
