//! Buckets: every layout in one, and nothing that was told is lost when its server, a downloader or both die.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::{Exit, Finished, Mount, Python, Random, S3, Signal, World, eventually, png, s3};

use crate::{embedded, images, plain, world};

const SERVER: &str = env!("CARGO_BIN_EXE_warren-test-s3");

const SOON: Duration = Duration::from_mins(1);

/// Follows every row's path to its bytes, by the documented ways: the object itself, a tar member, a record of a WARC file.
/// Prints how many.
const READ: &str = r##"
import hashlib, io, json, os, sys, tarfile
from warcio.archiveiterator import ArchiveIterator

store, manifest = sys.argv[1:3]
kept = [row for row in map(json.loads, open(manifest)) if row["status"] in ("stored", "duplicate")]
for row in kept:
    name, _, member = row["path"].partition("#")
    with open(os.path.join(store, name), "rb") as object:
        if name.endswith(".tar"):
            payload = tarfile.open(fileobj=object).extractfile(member).read()
        elif name.endswith(".warc.gz"):
            object.seek(int(member.split(",")[0]))
            payload = next(ArchiveIterator(object)).content_stream().read()
        else:
            payload = object.read()
    assert hashlib.sha256(payload).hexdigest() == row["sha256"], row
    assert len(payload) == row["bytes"], row
print(len(kept))
"##;

/// A world whose downloaders use the bucket.
async fn world_with_bucket(name: &str) -> (World, S3) {
    let (mut world, server) = (world(name).await, S3::start(SERVER).await);
    server.admit(&mut world);
    (world, server)
}

/// Options for a downloader that keeps images in the bucket.
fn options(world: &World, server: &S3, layout: &str, more: &[&str]) -> Vec<String> {
    let spool = spool(world).to_string_lossy().into_owned();
    let mut options = server.options();
    options.extend(["--layout", layout, "--spool", &spool].iter().chain(more).map(|&option| option.to_owned()));
    options
}

fn spool(world: &World) -> PathBuf {
    world.folder().join("spool")
}

fn start<'a>(world: &'a mut World, options: &[String]) -> &'a mut harness::Process {
    let options: Vec<&str> = options.iter().map(String::as_str).collect();
    world.start_downloader(&options)
}

/// Ends a downloader in good order: what it has is in the bucket.
async fn end(world: &mut World, number: usize) {
    world.worker(number).says(&["ready for work"], SOON).await;
    world.worker(number).signal(Signal::Term);
    assert_eq!(world.worker(number).wait(SOON).await, Exit::Code(0), "{}", world.worker(number).talk());
}

/// All that the run tells of is in the bucket, and nothing in it is of no use.
fn expect_in_bucket(server: &S3, run: &Finished) {
    let (root, manifest) = (server.root(), run.folder.join("results.jsonl"));
    let read = Python::get().run(READ, &[&root, &manifest]);
    assert_eq!(read.trim(), (run.count("stored") + run.count("duplicate")).to_string());
    for object in server.objects() {
        assert!(!object.contains(".warren-probe") && !object.contains(".part"), "left over: {object}");
    }
}

/// Shards and what stands beside them, none without the other.
fn expect_shards(server: &S3, at_least: usize, endings: &[&str]) {
    let objects = server.objects();
    let shards: Vec<&str> = objects.iter().filter_map(|object| object.strip_suffix(endings[0])).collect();
    assert!(shards.len() >= at_least, "{objects:?}");
    for shard in &shards {
        for ending in endings {
            assert!(objects.contains(&format!("{shard}{ending}")), "{shard} lacks its {ending}: {objects:?}");
        }
    }
    assert_eq!(objects.len(), shards.len() * endings.len(), "{objects:?}");
}

fn expect_empty(spool: &Path) {
    let left: Vec<_> = harness::Store::at(spool).files().into_iter().filter(|file| !file.ends_with(".store")).collect();
    assert!(left.is_empty(), "left in the spool: {left:?}");
}

const WEBDATASET: [&str; 3] = [".tar", ".parquet", "_stats.json"];
const WARC: [&str; 2] = [".warc.gz", ".cdxj"];

/// Twelve images, one of which is sent in parts and one of which comes twice.
fn pictures(world: &World) -> Vec<String> {
    let mut urls = images(world, 10, plain);
    world.image("/large.png", png(3200, 3000, 99)).image("/twin.png", png(8, 8, 1));
    urls.extend([world.url("/large.png"), world.url("/twin.png")]);
    urls
}

#[tokio::test]
async fn each_image_is_an_object() {
    let (mut world, server) = world_with_bucket("s3-files").await;
    let options = options(&world, &server, "files", &[]);
    start(&mut world, &options);
    let urls = pictures(&world);
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(11);
    assert_eq!(finished.count("duplicate"), 1);
    expect_in_bucket(&server, &finished);
    assert_eq!(server.objects().len(), 11, "{:?}", server.objects());
    // By another downloader, onto what is there already.
    start(&mut world, &options);
    end(&mut world, 1).await;
    let again = world.urls(&urls, &[]).await;
    again.expect_complete().expect_stored(11);
    expect_in_bucket(&server, &again);
    assert_eq!(server.objects().len(), 11, "{:?}", server.objects());
    expect_empty(&spool(&world));
}

#[tokio::test]
async fn shards_are_in_the_bucket_when_a_downloader_has_ended() {
    for (layout, endings) in [("webdataset", &WEBDATASET[..]), ("warc", &WARC[..])] {
        let (mut world, server) = world_with_bucket(&format!("s3-{layout}")).await;
        let options = options(&world, &server, layout, &["--shard-images", "5"]);
        start(&mut world, &options);
        let urls = pictures(&world);
        let finished = world.urls(&urls, &[]).await;
        finished.expect_complete().expect_stored(11);
        end(&mut world, 1).await;
        expect_in_bucket(&server, &finished);
        expect_shards(&server, 2, endings);
        expect_empty(&spool(&world));
    }
}

#[tokio::test]
async fn a_crawl_without_a_broker_has_its_shards_in_the_bucket() {
    let (mut world, server) = (embedded("s3-embedded").await, S3::start(SERVER).await);
    server.admit(&mut world);
    let mut options = options(&world, &server, "webdataset", &[]);
    world.page("/", "<img src=1.png>").image("/1.png", png(8, 8, 1));
    options.push(world.url("/"));
    let finished = world.crawl(&options.iter().map(String::as_str).collect::<Vec<_>>()).await;
    finished.expect_complete().expect_stored(1);
    expect_in_bucket(&server, &finished);
    expect_shards(&server, 1, &WEBDATASET);
    expect_empty(&spool(&world));
}

#[tokio::test]
async fn a_server_that_dies_and_comes_back_loses_nothing() {
    let (mut world, mut server) = world_with_bucket("s3-dies").await;
    let options = options(&world, &server, "files", &[]);
    start(&mut world, &options);
    let urls = images(&world, 200, |image| image.after(Duration::from_millis(20)));
    let crawl = world.start_urls(&urls, &["--timeout", "110s"]);
    // For a moment, which the retries last out.
    for requests in [20, 60] {
        world.expect_requests(requests).await;
        server.kill();
        server.start_again().await;
    }
    assert!(!world.worker(1).talk().contains("the store takes no images"), "{}", world.worker(1).talk());
    // For longer than they do.
    server.kill();
    world.worker(1).says(&["the store takes no images"], SOON).await;
    let talk = world.worker(1).talk();
    assert!(talk.contains("s3://images/crawls/of") && talk.contains("look at the server"), "{talk}");
    server.start_again().await;
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(200);
    expect_in_bucket(&server, &finished);
    assert!(world.worker(1).talk().contains("the store takes images again"), "{}", world.worker(1).talk());
    let place = world.place();
    assert_eq!(place.depth(&place.queue("dead")).await.expect("the queue is there").messages, 0);
}

#[tokio::test]
async fn shards_wait_for_a_server_that_is_away_but_not_without_bound() {
    let (mut world, mut server) = world_with_bucket("s3-away").await;
    let options = options(&world, &server, "webdataset", &["--shard-images", "10"]);
    start(&mut world, &options);
    world.expect_consumers().await;
    server.kill();
    let urls = images(&world, 200, plain);
    let crawl = world.start_urls(&urls, &["--timeout", "110s"]);
    world.worker(1).says(&["the store takes no images"], SOON).await;
    assert!(world.worker(1).talk().contains("its images are safe in the spool"), "{}", world.worker(1).talk());
    let whole = harness::Store::at(&spool(&world)).hashes().into_iter();
    let whole = whole.filter(|(path, _)| path.extension().is_some_and(|ending| ending == "tar")).count();
    assert!((4..=7).contains(&whole), "{whole} shards wait");
    server.start_again().await;
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(200);
    end(&mut world, 1).await;
    expect_in_bucket(&server, &finished);
    expect_shards(&server, 20, &WEBDATASET);
    expect_empty(&spool(&world));
}

#[tokio::test]
async fn what_a_killed_downloader_had_told_is_uploaded_by_the_next_on_its_spool() {
    for (layout, endings) in [("webdataset", &WEBDATASET[..]), ("warc", &WARC[..])] {
        let (mut world, mut server) = world_with_bucket(&format!("s3-killed-{layout}")).await;
        let options = options(&world, &server, layout, &["--shard-images", "8"]);
        start(&mut world, &options);
        let urls = images(&world, 400, |image| image.after(Duration::from_millis(50)));
        let crawl = world.start_urls(&urls, &[]);
        for number in 1..=4 {
            let seen = world.site().log().requests().len();
            world.expect_requests(seen + 40).await;
            if number % 2 == 0 {
                // Both at once.
                server.kill();
            }
            world.worker(number).signal(Signal::Kill);
            if number % 2 == 0 {
                server.start_again().await;
            }
            // Under another name: the spool is what counts.
            start(&mut world, &options);
        }
        let finished = world.finish(crawl).await;
        finished.expect_complete().expect_stored(400);
        assert!(finished.by_worker().len() > 1, "the killed told of nothing");
        // The last one does not end in good order either: whoever starts on its spool uploads what it left.
        world.worker(5).signal(Signal::Kill);
        let leaving: Vec<String> =
            options.iter().cloned().chain(["--exit-when-idle", "1s"].map(str::to_owned)).collect();
        start(&mut world, &leaving);
        assert_eq!(world.worker(6).wait(SOON).await, Exit::Code(0), "{}", world.worker(6).talk());
        expect_in_bucket(&server, &finished);
        expect_shards(&server, 10, endings);
        expect_empty(&spool(&world));
    }
}

#[tokio::test]
async fn a_downloader_may_die_at_every_step_of_an_upload() {
    let steps = [
        "downloader.upload=abort:.tar",
        "downloader.part=abort:.tar",
        "downloader.uploaded=abort:.tar",
        "downloader.upload=abort:.parquet",
        "downloader.upload=abort:_stats.json",
        "downloader.uploaded=abort:_stats.json",
    ];
    for step in steps {
        let (mut world, server) = world_with_bucket("s3-steps").await;
        let options = options(&world, &server, "webdataset", &["--shard-images", "5"]);
        let urls = pictures(&world);
        world.set_variable("WARREN_KILLPOINTS", step);
        start(&mut world, &options);
        let crawl = world.start_urls(&urls, &[]);
        let exit = world.worker(1).wait(SOON).await;
        assert!(matches!(exit, Exit::Signal(_)), "{step}: {exit}: {}", world.worker(1).talk());
        world.unset_variable("WARREN_KILLPOINTS");
        start(&mut world, &options);
        let finished = world.finish(crawl).await;
        finished.expect_complete().expect_stored(11);
        end(&mut world, 2).await;
        expect_in_bucket(&server, &finished);
        expect_shards(&server, 2, &WEBDATASET);
        expect_empty(&spool(&world));
    }
}

/// What the server had of an object when it died is of no use to anybody: all of it is sent again.
#[tokio::test]
async fn a_server_that_dies_between_two_parts_gets_them_all_again() {
    for layout in ["files", "webdataset", "warc"] {
        let (mut world, mut server) = world_with_bucket(&format!("s3-parts-{layout}")).await;
        let options = options(&world, &server, layout, &["--shard-images", "11"]);
        start(&mut world, &options);
        world.image("/huge.bmp", huge_bmp());
        let mut urls = images(&world, 10, plain);
        urls.push(world.url("/huge.bmp"));
        let crawl = world.start_urls(&urls, &["--timeout", "110s"]);
        eventually("a part is there", SOON, async || if server.parts() > 0 { Ok(()) } else { Err("none") }).await;
        server.kill();
        let (parts, objects) = (server.parts(), server.objects());
        assert!(
            parts > 0
                && objects
                    .iter()
                    .all(|name| !name.contains(".bmp") && !name.contains(".tar") && !name.contains(".warc")),
            "{parts} parts, {objects:?}"
        );
        server.start_again().await;
        let finished = world.finish(crawl).await;
        finished.expect_complete().expect_stored(11);
        end(&mut world, 1).await;
        expect_in_bucket(&server, &finished);
        expect_empty(&spool(&world));
    }
}

/// Noise of 60 MB, which is sent in eight parts.
fn huge_bmp() -> Vec<u8> {
    const SIDE: u32 = 4472;
    let length = SIDE * SIDE * 3;
    let mut file = b"BM".to_vec();
    for number in [54 + length, 0, 54, 40, SIDE, SIDE, 1 | 24 << 16, 0, length, 0, 0, 0, 0] {
        file.extend(number.to_le_bytes());
    }
    let mut noise = Random::new(7);
    file.extend((0..length / 8).flat_map(|_| noise.next().to_le_bytes()));
    file
}

#[tokio::test]
async fn a_bucket_that_is_gone_is_waited_for() {
    let (mut world, server) = world_with_bucket("s3-gone").await;
    let options = options(&world, &server, "files", &[]);
    start(&mut world, &options);
    world.expect_consumers().await;
    server.hide_bucket();
    let urls = images(&world, 20, plain);
    let crawl = world.start_urls(&urls, &[]);
    world.worker(1).says(&["NoSuchBucket", "create the bucket"], SOON).await;
    server.show_bucket();
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(20);
    expect_in_bucket(&server, &finished);
}

/// A bucket that takes objects says nothing of the disk on which bodies wait that find no room in memory.
#[tokio::test]
async fn a_spool_without_room_is_waited_for_however_well_the_bucket_is() {
    let (mut world, server) = world_with_bucket("s3-spool-full").await;
    let disk = Mount::in_memory(&spool(&world), "size=32m");
    let options = options(&world, &server, "files", &["--max-memory", "1MiB"]);
    start(&mut world, &options);
    world.expect_consumers().await;
    let ballast = disk.fill();
    let large = |number| {
        let path = format!("/large-{number}.png");
        world.image(&path, png(800, 800, number));
        world.url(&path)
    };
    let urls: Vec<String> = (1..=6).map(large).collect();
    let crawl = world.start_urls(&urls, &["--timeout", "110s"]);
    eventually("the trouble is told", SOON, async || {
        let talk = world.worker(1).talk();
        if talk.matches("the store still takes no images").count() >= 2 { Ok(()) } else { Err(talk) }
    })
    .await;
    let talk = world.worker(1).talk();
    assert!(talk.contains("a file without a name") && talk.contains("No space left on device"), "{talk}");
    assert!(!talk.contains("the store takes images again"), "{talk}");
    fs::remove_file(ballast).expect("removed");
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(6);
    expect_in_bucket(&server, &finished);
}

#[tokio::test]
async fn a_bucket_that_cannot_be_used_is_an_error_at_the_start() {
    let (mut world, mut server) = world_with_bucket("s3-refused").await;
    let mut number = 0;
    for layout in ["files", "webdataset"] {
        let options = options(&world, &server, layout, &[]);
        world.set_variable("AWS_SECRET_ACCESS_KEY", "another-secret");
        number += 1;
        expect_refusal(&mut world, &options, number, &["403", "SignatureDoesNotMatch", "AWS_ACCESS_KEY_ID"]).await;
        server.admit(&mut world);
        server.hide_bucket();
        number += 1;
        expect_refusal(&mut world, &options, number, &["404", "NoSuchBucket", "create the bucket"]).await;
        server.show_bucket();
    }
    server.kill();
    let options = options(&world, &server, "files", &[]);
    expect_refusal(&mut world, &options, number + 1, &["look at the server", "--s3-endpoint"]).await;
}

async fn expect_refusal(world: &mut World, options: &[String], number: usize, told: &[&str]) {
    start(world, options);
    assert_eq!(world.worker(number).wait(SOON).await, Exit::Code(1), "{}", world.worker(number).talk());
    let talk = world.worker(number).talk();
    for word in ["error: cannot put s3://images/crawls/of", "hint: "].iter().chain(told) {
        assert!(talk.contains(word), "it does not say {word:?}:\n{talk}");
    }
    for secret in [s3::SECRET_KEY, s3::ACCESS_KEY, "another-secret"] {
        assert!(!talk.contains(secret), "it says a secret:\n{talk}");
    }
}

#[tokio::test]
async fn a_spool_goes_to_its_own_bucket_alone() {
    let (mut world, server) = world_with_bucket("s3-spool").await;
    let ours = options(&world, &server, "warc", &["--exit-when-idle", "1s"]);
    start(&mut world, &ours);
    assert_eq!(world.worker(1).wait(SOON).await, Exit::Code(0), "{}", world.worker(1).talk());
    let theirs: Vec<String> =
        ours.iter().map(|option| option.replace("s3://images/crawls", "s3://images/else")).collect();
    start(&mut world, &theirs);
    assert_eq!(world.worker(2).wait(SOON).await, Exit::Code(1), "{}", world.worker(2).talk());
    let talk = world.worker(2).talk();
    assert!(talk.contains("its shards belong to s3://images/crawls/of"), "{talk}");
}
