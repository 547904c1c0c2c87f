//! The `webdataset` layout: shards that other people's readers read, that say what is known of each image, and that are whole
//! whatever becomes of the workers that write them.

use std::fs;
use std::time::Duration;

use harness::run::json;
use harness::shards::Shards;
use harness::{Exit, Python, Random, Response, World, eventually, png};
use serde_json::Value;

use crate::packed::{self, SOON, drain};
use crate::{embedded, images, plain, world};

/// A worker's options, for shards of so many images.
fn of(images: &str) -> [&str; 4] {
    ["--layout", "webdataset", "--shard-images", images]
}

/// Reads all shards of a folder as three readers do, and prints what each of them sees of every sample.
const READERS: &str = r#"
import glob, hashlib, io, json, os, sys, tarfile
import pyarrow as pa, pyarrow.parquet as pq, webdataset as wds

shards = sorted(glob.glob(os.path.join(sys.argv[1], "*.tar")))
seen = {"webdataset": [], "tarfile": [], "parquet": []}
endings = {"png", "jpg", "gif", "webp"}

def sample(key, fields):
    image = next(fields[e] for e in fields if e in endings)
    about = json.loads(fields["json"])
    assert about["key"] == key
    assert fields["txt"].decode() == (about["caption"] or "")
    return {"key": key, "sha256": hashlib.sha256(image).hexdigest(), "about": about}

for s in wds.WebDataset(shards, shardshuffle=False, empty_check=False):
    seen["webdataset"].append(sample(s["__key__"], {k: v for k, v in s.items() if not k.startswith("__")}))

# As training scripts do, which want these members of every sample.
pairs = wds.WebDataset(shards, shardshuffle=False, empty_check=False).to_tuple("png", "txt")
assert [text.decode() or None for _, text in pairs] == [s["about"]["caption"] for s in seen["webdataset"]]

# As `datasets` does: members one behind the other, grouped by what is before the first dot.
for shard in shards:
    current, fields = None, {}
    with tarfile.open(shard, "r|") as tar:
        for member in tar:
            key, ending = os.path.basename(member.name).split(".", 1)
            assert member.isreg() and member.mode == 0o444 and member.uname == "bigdata", member.get_info()
            if key != current and current is not None:
                seen["tarfile"].append(sample(current, fields))
                fields = {}
            current = key
            assert ending not in fields
            fields[ending] = tar.extractfile(member).read()
    seen["tarfile"].append(sample(current, fields))

theirs = [("caption", pa.string()), ("url", pa.string()), ("key", pa.string()), ("status", pa.string()),
    ("error_message", pa.string()), ("width", pa.int32()), ("height", pa.int32()), ("original_width", pa.int32()),
    ("original_height", pa.int32()), ("exif", pa.string()), ("sha256", pa.string())]
for shard in shards:
    table = pq.read_table(shard.replace(".tar", ".parquet"))
    assert [(f.name, f.type) for f in table.schema][:len(theirs)] == theirs, table.schema
    assert table.schema.field("fetched_at").type == pa.timestamp("ms", tz="UTC")
    rows = table.to_pylist()
    for row in rows:
        row["fetched_at"] = row["fetched_at"].isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row["extra"] = json.loads(row["extra"]) if row["extra"] else None
        seen["parquet"].append({"key": row["key"], "sha256": row["sha256"], "about": row})
    stats = json.load(open(shard.replace(".tar", "_stats.json")))
    assert stats["count"] == stats["successes"] == len(rows) == stats["status_dict"]["success"], stats
    assert stats["start_time"] <= stats["end_time"] and stats["failed_to_download"] == stats["failed_to_resize"] == 0

# As img2dataset's incremental mode finds what is done.
done = {int(os.path.basename(f).split("_")[0]) for f in glob.glob(os.path.join(sys.argv[1], "*.json"))}
assert done == {int(os.path.basename(s)[:-4]) for s in shards}
print(json.dumps(seen))
"#;

#[tokio::test]
async fn shards_of_two_workers_are_read_by_other_peoples_readers() {
    let mut world = world("webdataset").await;
    let img = |number: u64| {
        // The second half has the bytes of the first.
        let slow = Duration::from_millis(5);
        world.route(&format!("/{number}.png"), Response::image(png(20, 10, number % 60)).after(slow));
        let alt = if number.is_multiple_of(3) {
            String::new()
        } else {
            format!(" alt='Picture &quot;{number}&quot; \u{e9}'")
        };
        format!("<figure><img src={number}.png{alt} title=t><figcaption>below</figcaption></figure>")
    };
    let page: String = (0..120).map(img).collect();
    world.page("/", &page);
    world.downloader(&of("20")).await.downloader(&of("20")).await;
    let finished = world.crawl(&[]).await;
    finished.expect_complete().expect_stored(60);
    assert_eq!(finished.count("duplicate"), 60);
    drain(&mut world, 1).await;
    drain(&mut world, 2).await;
    let shards = Shards::read(&world.store());
    shards.expect_holds(&finished.rows);
    assert!(shards.count() >= 3 && shards.images() >= 60, "{shards:?}");

    let seen = json(&Python::get().run(READERS, &[&world.store().folder()]));
    let samples = seen["tarfile"].as_array().expect("samples");
    assert_eq!(samples.len(), shards.images());
    assert_eq!((&seen["webdataset"], &seen["parquet"]), (&seen["tarfile"], &seen["tarfile"]));
    for row in finished.rows.iter().filter(|row| row.status() == "stored") {
        let key = row.text("path").and_then(|path| path.split('#').nth(1)?.split('.').next()).expect("a member");
        let sample = samples.iter().find(|sample| sample["key"] == key).unwrap_or_else(|| panic!("no sample: {row}"));
        let about = &sample["about"];
        // Equal bytes of two workers: either copy may be the one that the manifest calls stored.
        assert_eq!(sample["sha256"].as_str(), row.text("sha256"), "{row}");
        for (theirs, ours) in [("url", "url"), ("page_url", "page_url"), ("alt", "alt"), ("title", "title")] {
            if about["url"].as_str() == Some(row.url()) {
                assert_eq!(about[theirs].as_str(), row.text(ours), "{theirs}: {row}");
            }
        }
        assert_eq!((&about["width"], &about["height"]), (&20.into(), &10.into()));
        assert_eq!((&about["status"], &about["page_caption"]), (&"success".into(), &"below".into()));
        assert_eq!(about["caption"], about["alt"]);
    }
}

#[tokio::test]
async fn a_lists_captions_and_columns_are_kept_and_redirects_keep_the_first_address() {
    let mut world = embedded("webdataset-list").await;
    world.image("/1.png", png(8, 8, 1)).image("/2.png", png(8, 8, 2));
    world.route("/old.png", Response::redirect("/2.png"));
    let rows = [
        format!("url,text,licence\n{},\"two\nlines\",CC0", world.url("/1.png")),
        format!("{},,", world.url("/old.png")),
    ];
    let list = world.folder().file("list.csv", rows.join("\n"));
    let list = list.to_string_lossy().into_owned();
    let options = ["urls", "--caption-column", "text", "--columns", "licence", "--layout", "webdataset", &list];
    let crawl = world.start_run(&options);
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(2);
    Shards::read(&world.store()).expect_holds(&finished.rows);
    let seen = json(&Python::get().run(READERS, &[&world.store().folder()]));
    assert_eq!((&seen["webdataset"], &seen["parquet"]), (&seen["tarfile"], &seen["tarfile"]));
    let about = |path: &str| {
        let url = Value::from(world.url(path));
        let samples = seen["tarfile"].as_array().expect("samples");
        samples.iter().map(|sample| &sample["about"]).find(|about| about["url"] == url).expect("it is there").clone()
    };
    let (first, moved) = (about("/1.png"), about("/old.png"));
    assert_eq!((&first["caption"], &first["extra"]["licence"]), (&"two\nlines".into(), &"CC0".into()));
    assert_eq!((&moved["caption"], &moved["final_url"]), (&Value::Null, &world.url("/2.png").into()));
}

#[tokio::test]
async fn nothing_that_was_told_is_missing_however_often_workers_are_killed() {
    let mut world = world("webdataset-killed").await;
    let slowly = |response: Response| response.after(Duration::from_millis(15));
    let urls = images(&world, 1_500, slowly);
    let options = [&of("40")[..], &["--concurrency", "16"]].concat();
    world.downloader(&options).await.downloader(&options).await;
    let mut random = Random::new(7);
    let mut crawl = world.start_urls(&urls, &[]);
    let mut last = 2;
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(100 + random.below(300))).await;
        if crawl.process.exit().is_some() {
            break;
        }
        world.worker(last).kill();
        world.start_downloader(&options);
        last += 1;
    }
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_counts();
    assert_eq!(finished.count("stored") + finished.count("duplicate"), urls.len());
    drain(&mut world, 1).await;
    drain(&mut world, last).await;
    // The last one that was killed may have left a shard that no worker has started after.
    world.start_downloader(&["--exit-when-idle", "1s"]);
    assert_eq!(world.worker(last + 1).wait(SOON).await, Exit::Code(0));
    let mended =
        (1..=last + 1).filter(|number| world.worker(*number).talk().contains("that a worker left open")).count();
    assert!(mended > 0, "no shard was open when its worker was killed");
    Shards::read(&world.store()).expect_holds(&finished.rows);
    // One that was killed before it had its lock is swept a minute later.
    let left = fs::read_dir(world.store().folder().join(".part")).expect("it is there").flatten();
    let left: Vec<_> = left.map(|folder| folder.file_name()).collect();
    let swept = left.iter().all(|name| name.to_string_lossy().starts_with("new-"));
    assert!(swept, "what the dead left is completed, and the rest swept: {left:?}");
}

/// Of its end, of what stands beside it, and of each name that it gets. Shards of five images, so that another is open then, and
/// the one that dies has told of both.
#[tokio::test]
async fn a_downloader_may_die_at_every_step_of_completing_a_shard() {
    let steps = [
        "downloader.end=abort",
        "downloader.beside=abort",
        "downloader.publish=abort:.tar",
        "downloader.publish=abort:.parquet",
        "downloader.publish=abort:_stats.json",
        "downloader.published=abort:_stats.json",
    ];
    for step in steps {
        let mut world = world("webdataset-steps").await;
        let finished = packed::dies_at(step, &mut world, &of("5")).await;
        Shards::read(&world.store()).expect_holds(&finished.rows);
        expect_no_part(&world);
    }
}

#[tokio::test]
async fn one_of_two_that_start_at_once_completes_what_a_dead_one_left() {
    let mut world = world("webdataset-two").await;
    let finished = packed::followed_by_two(&mut world, &of("1000")).await;
    // All that was told is there, no member of it twice.
    Shards::read(&world.store()).expect_holds(&finished.rows);
    expect_no_part(&world);
}

/// Whoever ended in good order, or was cleared up after, has no part folder.
fn expect_no_part(world: &World) {
    let left = fs::read_dir(world.store().folder().join(".part")).expect("it is there").flatten();
    let left: Vec<_> = left.map(|folder| folder.file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[tokio::test]
async fn a_full_disk_leaves_no_half_of_an_image() {
    let mut world = world("webdataset-full").await;
    let (finished, _disk) = packed::on_a_full_disk(&mut world, &of("25")).await;
    let shards = Shards::read(&world.store());
    assert_eq!(shards.expect_holds(&finished.rows).images(), 60);
}

#[tokio::test]
async fn a_shard_is_completed_when_its_runs_are_over() {
    let mut world = world("webdataset-over").await;
    let urls = images(&world, 10, plain);
    world.downloader(&of("1000")).await;
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(10);
    eventually("the shard is completed", SOON, async || {
        let files: Vec<_> = fs::read_dir(world.store().folder()).into_iter().flatten().flatten().collect();
        let done = files.iter().any(|file| file.file_name().to_string_lossy().ends_with("_stats.json"));
        if done { Ok(()) } else { Err(format!("{files:?}")) }
    })
    .await;
    Shards::read(&world.store()).expect_holds(&finished.rows);
    // The worker is alive, and begins another.
    let again = world.urls(&urls, &[]).await;
    again.expect_complete().expect_stored(10);
    drain(&mut world, 1).await;
    assert_eq!(Shards::read(&world.store()).expect_holds(&again.rows).count(), 2);
}

/// By the points at which operations can be made to fail; see `torture`.
async fn endure(points: &str) {
    let mut world = world("webdataset-faults").await;
    let urls = images(&world, 60, |response| response.after(Duration::from_millis(10)));
    world.set_variable("WARREN_FAILPOINTS", points);
    world.downloader(&of("10")).await;
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(60);
    drain(&mut world, 1).await;
    world.unset_variable("WARREN_FAILPOINTS");
    world.start_downloader(&["--exit-when-idle", "1s"]);
    assert_eq!(world.worker(2).wait(SOON).await, Exit::Code(0));
    let shards = Shards::read(&world.store());
    assert_eq!(shards.expect_holds(&finished.rows).images(), 60, "{points}");
}

#[tokio::test]
async fn a_disk_that_fails_now_and_then_loses_and_halves_nothing() {
    // Beside each other: a store in trouble mostly waits.
    tokio::join!(endure("store.write=4"), endure("store.sync=5"), endure("store.rename=3"), endure("store.create=2"));
}
