//! Every Nth operation fails: calls to the broker, to the store, to sites, commits of the ledger. While that goes on a run
//! may end as it likes, if it says why. Once nothing fails any more it goes on to its end, and nothing was lost, counted
//! twice or damaged.
//!
//! The programs of this crate are built with points at which operations can be made to fail (`common::failpoint`), the
//! released ones are not.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use harness::invariants::Expected;
use harness::store::sha256;
use harness::{Crawl, Exit, Findings, Finished, Signal, World, one_at_a_time, png};
use tokio::task::{JoinSet, LocalSet};

use crate::world;

const PAGES: u32 = 3;
const IMAGES: u32 = 40;

/// What a run is waited for while operations fail. Some never end: where each connection breaks before anything is
/// confirmed, replies come again and again. Their user interrupts them.
const TROUBLED: Duration = Duration::from_secs(20);

/// Runs beside each other: they mostly wait.
const AT_ONCE: usize = 4;

/// Why an image may have been given up: requests that failed as often as `--retries` allows, transfers that broke off as
/// often, and batches that were delivered as often as the broker allows.
const GIVEN_UP: [&str; 3] = ["network", "truncated", "dead-lettered"];

/// All points, and the groups they form.
const POINTS: [&str; 14] = [
    "broker",
    "broker.connect",
    "broker.call",
    "broker.publish",
    "broker.deliver",
    "store",
    "store.folder",
    "store.create",
    "store.write",
    "store.sync",
    "store.rename",
    "http.send",
    "http.body",
    "ledger.commit",
];

#[tokio::test]
async fn calls_to_the_broker_fail() {
    endure_all(&[("broker", 1), ("broker.call", 30), ("broker.publish", 20), ("broker.deliver", 5)]).await;
}

#[tokio::test]
async fn calls_to_the_store_fail() {
    endure_all(&[("store", 1), ("store.write", 5), ("store.sync", 2), ("store.rename", 8)]).await;
}

#[tokio::test]
async fn requests_fail() {
    endure_all(&[("http", 1), ("http.send", 2), ("http.body", 5)]).await;
}

#[tokio::test]
async fn commits_of_the_ledger_fail() {
    endure_all(&[("ledger.commit", 1), ("ledger.commit", 3), ("ledger.commit", 8)]).await;
}

/// Each point and group, and many N.
#[tokio::test]
#[ignore = "takes minutes: `make torture`"]
async fn everything_fails() {
    let every = [1, 2, 3, 5, 8, 13, 21, 34, 55];
    let cases: Vec<_> = POINTS.into_iter().flat_map(|points| every.map(|every| (points, every))).collect();
    endure_all(&cases).await;
}

async fn endure_all(cases: &[(&'static str, u64)]) {
    let _turn = one_at_a_time().await;
    let local = LocalSet::new();
    let mut waiting = cases.iter().copied();
    local
        .run_until(async {
            let mut running = JoinSet::new();
            loop {
                while running.len() < AT_ONCE
                    && let Some((points, every)) = waiting.next()
                {
                    running.spawn_local(endure(points, every));
                }
                match running.join_next().await {
                    Some(ended) => ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic())),
                    None => break,
                }
            }
        })
        .await;
}

/// One run of which every `every`th operation at `points` fails, and its way out.
async fn endure(points: &'static str, every: u64) {
    let context = format!("every {every} of {points}");
    let begun = Instant::now();
    let mut world = world("torture").await;
    let expected = site(&world);
    world.set_variable("WARREN_FAILPOINTS", &format!("{points}={every}"));
    let troubled = troubled_run(&mut world, points, &expected).await;
    world.unset_variable("WARREN_FAILPOINTS");
    world.stop_downloaders();
    world.downloaders(1).await;
    let mut run = troubled.folder.clone();
    let mut last = troubled;
    if last.exit != Exit::Code(0) {
        assert!(
            last.talk.contains("error: ") || matches!(last.exit, Exit::Code(4 | 130)),
            "{context}: it does not say why:\n{}",
            last.talk
        );
        last = if run.join("ledger.db").is_file() {
            world.again("resume", &run, &["--timeout", "60s"]).await
        } else {
            let crawl = start(&mut world, points, &expected);
            run.clone_from(&crawl.folder);
            world.finish(crawl).await
        };
    }
    last.expect_complete();
    // What failed too often is an outcome, and such images are tried again on demand.
    let given_up: Vec<&str> =
        GIVEN_UP.into_iter().filter(|reason| last.rows.iter().any(|row| row.reason() == Some(reason))).collect();
    if !given_up.is_empty() {
        let options: Vec<&str> = given_up.iter().flat_map(|reason| ["--reason", reason]).collect();
        last = world.again("retry", &run, &options).await;
        last.expect_complete();
    }
    Findings::of(&expected, &last, &world.store()).expect_none(&context);
    println!("{context}: survived after {:.1} s", begun.elapsed().as_secs_f64());
}

/// A site, and what must be known of it in the end.
fn site(world: &World) -> BTreeMap<String, Expected> {
    let mut expected = BTreeMap::new();
    for page in 0..PAGES {
        let of_page = (0..IMAGES).filter(|number| number % PAGES == page);
        let images: Vec<String> = of_page.map(|number| format!("<img src=/{number}.png>")).collect();
        let images = images.join("");
        let path = if page == 0 { "/".to_owned() } else { format!("/page-{page}") };
        world.page(&path, &format!("{images}<a href=/page-{}>next</a>", page + 1));
    }
    for number in 0..IMAGES {
        let (width, height) = (4 + number, 9);
        let bytes = png(width, height, number.into());
        let length = u64::try_from(bytes.len()).expect("lengths fit");
        let image = Expected { sha256: sha256(&bytes), bytes: length, width, height };
        expected.insert(world.url(&format!("/{number}.png")), image);
        world.image(&format!("/{number}.png"), bytes);
    }
    expected
}

/// A page that does not come is an outcome as well, and its images are never heard of: where requests fail, the images come
/// from a list.
fn start(world: &mut World, points: &str, expected: &BTreeMap<String, Expected>) -> Crawl {
    let options = ["--timeout", "6s", "--retries", "2", "--ignore-robots"];
    if points.starts_with("http") {
        let urls: Vec<String> = expected.keys().cloned().collect();
        return world.start_urls(&urls, &options);
    }
    let mut arguments = options.to_vec();
    arguments.extend(["--depth", "5"]);
    world.start_crawl(&arguments)
}

/// Starts a run while operations fail, looks after the downloader as a service manager would, and waits for the end.
async fn troubled_run(world: &mut World, points: &str, expected: &BTreeMap<String, Expected>) -> Finished {
    let mut downloaders = 1;
    world.start_downloader(&[]);
    let mut crawl = start(world, points, expected);
    let begun = Instant::now();
    while crawl.process.exit().is_none() {
        if begun.elapsed() > TROUBLED {
            println!("{points}: the run goes on and on; interrupting it");
            crawl.process.signal(Signal::Int);
            break;
        }
        if let Some(exit) = world.worker(downloaders).exit() {
            let talk = world.worker(downloaders).talk();
            assert!(exit != Exit::Code(0) && talk.contains("error: "), "a downloader ended with {exit}:\n{talk}");
            world.start_downloader(&[]);
            downloaders += 1;
        }
        crawl.process.ended_within(Duration::from_millis(300)).await;
    }
    world.finish(crawl).await
}
