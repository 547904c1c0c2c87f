//! The `warc` layout: other people's validators, indexers and readers find in it what the manifest says.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use harness::{Exit, Finished, Gate, Python, Response, Signal, World, eventually, png};

use crate::packed::{self, SOON, drain};
use crate::{embedded, images, world};

const LAYOUT: [&str; 2] = ["--layout", "warc"];

/// Follows every row's path to its record, by offset and length alone; then reads all records from the beginning. Prints
/// `rows`, `TYPE` and a count for each type of record, and `agents` with what the requests sent.
const READ: &str = r##"
import collections, hashlib, io, json, os, sys
from warcio.archiveiterator import ArchiveIterator

store, manifest = sys.argv[1:3]
rows = [json.loads(line) for line in open(manifest)]
kept = [row for row in rows if row["status"] in ("stored", "duplicate")]
for row in kept:
    shard, place = row["path"].split("#")
    offset, length = map(int, place.split(","))
    with open(os.path.join(store, shard), "rb") as file:
        file.seek(offset)
        member = file.read(length)
    records = ArchiveIterator(io.BytesIO(member), check_digests="raise")
    record = next(records)
    payload = record.content_stream().read()
    assert hashlib.sha256(payload).hexdigest() == row["sha256"], row
    assert len(payload) == row["bytes"], row
    assert record.rec_type == ("resource" if row["source"] == "data" else "response"), row
    target = record.rec_headers.get_header("WARC-Target-URI")
    assert row["status"] == "duplicate" or target == (row["final_url"] or row["url"]), row
    assert next(records, None) is None, row

types, agents = collections.Counter(), set()
ids, concurrent, infos = set(), set(), set()
for shard in sys.argv[3:]:
    with open(shard, "rb") as file:
        for number, record in enumerate(ArchiveIterator(file, check_digests="raise")):
            head, http = record.rec_headers, record.http_headers
            payload = record.content_stream().read()
            digest = lambda name: (head.get_header(name) or "")[:5]
            assert digest("WARC-Block-Digest") == "sha1:", head
            if record.rec_type in ("response", "resource", "revisit"):
                assert digest("WARC-Payload-Digest") == "sha1:", head
            assert (number == 0) == (record.rec_type == "warcinfo") or number > 0, shard
            assert record.format == "warc" and head.protocol == "WARC/1.1", head
            types[record.rec_type] += 1
            ids.add(head.get_header("WARC-Record-ID"))
            concurrent.add(head.get_header("WARC-Concurrent-To"))
            infos.add(head.get_header("WARC-Warcinfo-ID"))
            if record.rec_type == "warcinfo":
                assert head.get_header("WARC-Filename") == os.path.basename(shard), head
            if record.rec_type == "request":
                agents.add(http.get_header("User-Agent"))
                assert http.get_header("Host"), http
            if record.rec_type == "response":
                assert head.get_header("WARC-IP-Address") == "127.0.0.1", head
                assert int(http.get_header("Content-Length")) == len(payload), http
                chunked = head.get_header("WARC-Target-URI").endswith("/chunked.png")
                assert http.get_header("Transfer-Encoding") is None, http
                assert http.get_header("X-Orig-Transfer-Encoding") == ("chunked" if chunked else None), http
assert len(ids) == sum(types.values()), "an id twice"
assert concurrent | infos <= ids | {None}, "a reference that leads nowhere"
print(json.dumps({"rows": len(kept), "types": types, "agents": sorted(agents)}))
"##;

/// The shards of a store that are whole.
fn shards(world: &World) -> Vec<PathBuf> {
    let is_shard = |path: &PathBuf| path.to_string_lossy().ends_with(".warc.gz");
    let open = world.store().folder().join(".part");
    let mut shards: Vec<_> =
        world.store().files().into_iter().filter(|path| is_shard(path) && !path.starts_with(&open)).collect();
    shards.sort();
    shards
}

/// Runs one of the tools on files, and returns what it printed. Panics when it finds fault with them.
fn tool(name: &str, arguments: &[&str], files: &[PathBuf]) -> String {
    let mut command = Command::new(Python::get().program(name));
    let ran = command.args(arguments).args(files).output().expect("the tool is installed");
    let (output, talk) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success() && talk.is_empty(), "{command:?} ended with {}:\n{output}\n{talk}", ran.status);
    output.into_owned()
}

/// The lines of indexes without the spacing of their JSON, and in one order.
fn index(lines: &str) -> Vec<String> {
    let line = |line: &str| {
        let (key, rest) = line.split_once(" {").unwrap_or_else(|| panic!("no line of an index: {line}"));
        format!("{key} {}", harness::run::json(&format!("{{{rest}")))
    };
    let mut lines: Vec<String> = lines.lines().map(line).collect();
    lines.sort_unstable();
    lines
}

/// Checks the archive of a run as strangers would. Returns what is in it.
fn expect_archive(world: &World, runs: &[&Finished]) -> serde_json::Value {
    let shards = shards(world);
    assert!(!shards.is_empty(), "no shard: {:?}", world.store().files());
    let checked = tool("warcio", &["check", "-v"], &shards);
    assert!(checked.contains("digest pass") && !checked.contains("no digest to check"), "{checked}");
    tool("warcio", &["index", "--fields", "offset,warc-type,warc-target-uri"], &shards);
    let mut indexes = String::new();
    for shard in &shards {
        let index = fs::read_to_string(beside(shard)).unwrap_or_else(|error| panic!("{}: {error}", shard.display()));
        assert!(index.lines().is_sorted(), "{index}");
        indexes.push_str(&index);
    }
    assert_eq!(index(&indexes), index(&tool("cdxj-indexer", &[], &shards)));
    let mut said = serde_json::Value::Null;
    for run in runs {
        let (store, manifest) = (world.store().folder().to_owned(), run.folder.join("results.jsonl"));
        let mut arguments: Vec<&dyn AsRef<OsStr>> = vec![&store, &manifest];
        arguments.extend(shards.iter().map(|shard| shard as &dyn AsRef<OsStr>));
        said = harness::run::json(&Python::get().run(READ, &arguments));
        let kept = run.count("stored") + run.count("duplicate");
        assert_eq!(said["rows"], kept, "{said}");
    }
    said
}

/// The index of a shard.
fn beside(shard: &Path) -> PathBuf {
    PathBuf::from(format!("{}.cdxj", shard.to_string_lossy().trim_end_matches(".warc.gz")))
}

#[tokio::test]
async fn a_crawl_is_an_archive_that_validators_indexers_and_readers_take() {
    let mut world = world("warc").await;
    let inline = BASE64_STANDARD.encode(png(4, 4, 70));
    world.page(
        "/",
        &format!("<a href=/deep>d</a><img src='/A b.png?z=1&a=%2f'><img src='data:image/png;base64,{inline}'>"),
    );
    world.page(
        "/deep",
        "<img src=/moved.png><img src=/twin.png><img src=/drawing.svg><img src=/large.png><img src=/chunked.png>",
    );
    world.image("/A%20b.png?z=1&a=%2F", png(8, 8, 71));
    world.image("/twin.png", png(8, 8, 71));
    world.route("/moved.png", Response::redirect("/there//final.png?B=2&a=1"));
    world.image("/there//final.png?B=2&a=1", png(8, 8, 72));
    world.image("/large.png", png(300, 300, 73));
    let drawing = "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>".to_owned() + &" ".repeat(5000);
    world.route("/drawing.svg", Response::ok("image/svg+xml; charset=utf-8", drawing));
    // As it travels; the length that the site announces is that of the chunks.
    let bytes = png(8, 8, 74);
    let chunk = [format!("{:x}\r\n", bytes.len()).as_bytes(), &bytes[..], b"\r\n0\r\n\r\n"].concat();
    world.route("/chunked.png", Response::image(chunk).header("Transfer-Encoding", "chunked"));
    world.downloader(&LAYOUT).await;
    let finished = world.crawl(&["--user-agent", "Bot/1", "--from", "me@example.org"]).await;
    finished.expect_complete().expect_stored(6);
    assert_eq!(finished.count("duplicate"), 1, "the same bytes under another URL");
    drain(&mut world, 1).await;
    let said = expect_archive(&world, &[&finished]);
    let types = [("warcinfo", 1), ("response", 5), ("revisit", 1), ("resource", 1), ("request", 6), ("metadata", 7)];
    assert_eq!(said["types"], serde_json::json!(BTreeMap::from(types)), "{said}");
    assert_eq!(said["agents"], serde_json::json!(["Bot/1"]));
}

#[tokio::test]
async fn runs_that_share_a_shard_are_told_apart_in_it() {
    let mut world = world("warc-shared").await;
    world.downloader(&LAYOUT).await;
    let gate = Gate::shut();
    let urls = images(&world, 6, |image| image.behind(&gate));
    let first = world.start_urls(&urls[..4], &["--user-agent", "Bot/1"]);
    let second = world.start_urls(&urls[2..], &["--user-agent", "Bot/2"]);
    gate.reached(8).await;
    gate.open();
    let (first, second) = (world.finish(first).await, world.finish(second).await);
    first.expect_complete().expect_stored(4);
    second.expect_complete().expect_stored(4);
    drain(&mut world, 1).await;
    assert_eq!(shards(&world).len(), 1, "{:?}", shards(&world));
    let said = expect_archive(&world, &[&first, &second]);
    assert_eq!(said["agents"], serde_json::json!(["Bot/1", "Bot/2"]), "{said}");
    let types = [("warcinfo", 2), ("response", 8), ("request", 8), ("metadata", 8)];
    assert_eq!(said["types"], serde_json::json!(BTreeMap::from(types)), "each run has its own copy: {said}");
}

#[tokio::test]
async fn what_a_killed_downloader_had_told_is_in_its_shards() {
    let mut world = world("warc-killed").await;
    let urls = images(&world, 240, |image| image.after(Duration::from_millis(20)));
    let options = ["--layout", "warc", "--shard-size", "16KiB"];
    world.downloader(&options).await;
    let crawl = world.start_urls(&urls, &[]);
    for number in 1..=3 {
        let seen = world.site().log().requests().len();
        world.expect_requests(seen + 40).await;
        world.worker(number).signal(Signal::Kill);
        world.worker(number).wait(SOON).await;
        // Whoever looks at the store now finds nothing half written under a final name.
        if !shards(&world).is_empty() {
            tool("warcio", &["check"], &shards(&world));
        }
        world.start_downloader(&options);
    }
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(240);
    drain(&mut world, 4).await;
    let told = finished.by_worker();
    assert!(told.len() > 1, "the killed told of nothing: {told:?}");
    expect_archive(&world, &[&finished]);
}

/// Of its index, and of each name that it gets. Shards of five images, so that another is open then, and the one that dies has
/// told of both.
#[tokio::test]
async fn a_downloader_may_die_at_every_step_of_completing_a_shard() {
    let options = [&LAYOUT[..], &["--shard-images", "5"]].concat();
    let steps = [
        "downloader.end=abort",
        "downloader.beside=abort",
        "downloader.publish=abort:.warc.gz",
        "downloader.publish=abort:.cdxj",
        "downloader.published=abort:.cdxj",
    ];
    for step in steps {
        let mut world = world("warc-steps").await;
        let finished = packed::dies_at(step, &mut world, &options).await;
        expect_archive(&world, &[&finished]);
        expect_nothing_open(&world);
    }
}

/// Neither an open shard nor an index without its shard.
fn expect_nothing_open(world: &World) {
    let mut expected: Vec<PathBuf> = shards(world).into_iter().flat_map(|shard| [beside(&shard), shard]).collect();
    expected.sort();
    let mut files = world.store().files();
    files.sort();
    assert_eq!(files, expected);
}

#[tokio::test]
async fn one_of_two_that_start_at_once_completes_what_a_dead_one_left() {
    let mut world = world("warc-two").await;
    let finished = packed::followed_by_two(&mut world, &LAYOUT).await;
    // All that was told is there, no record of it twice.
    expect_archive(&world, &[&finished]);
    expect_nothing_open(&world);
}

/// By the points at which operations can be made to fail; see `torture`.
async fn endure(points: &str) {
    let mut world = world("warc-faults").await;
    let options = [&LAYOUT[..], &["--shard-images", "10"]].concat();
    let urls = images(&world, 60, |response| response.after(Duration::from_millis(10)));
    world.set_variable("WARREN_FAILPOINTS", points);
    world.downloader(&options).await;
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(60);
    drain(&mut world, 1).await;
    world.unset_variable("WARREN_FAILPOINTS");
    world.start_downloader(&["--exit-when-idle", "1s"]);
    assert_eq!(world.worker(2).wait(SOON).await, Exit::Code(0));
    let said = expect_archive(&world, &[&finished]);
    assert_eq!(said["types"]["response"], 60, "{points}: {said}");
    expect_nothing_open(&world);
}

#[tokio::test]
async fn a_disk_that_fails_now_and_then_loses_and_halves_nothing() {
    // Beside each other: a store in trouble mostly waits.
    tokio::join!(endure("store.write=4"), endure("store.sync=5"), endure("store.rename=3"), endure("store.create=2"));
}

#[tokio::test]
async fn a_full_disk_leaves_no_half_of_an_image() {
    let mut world = world("warc-full").await;
    let options = [&LAYOUT[..], &["--shard-images", "25"]].concat();
    let (finished, _disk) = packed::on_a_full_disk(&mut world, &options).await;
    let said = expect_archive(&world, &[&finished]);
    assert_eq!(said["types"]["response"], 60, "{said}");
}

#[tokio::test]
async fn an_open_shard_that_was_cut_is_completed_at_the_next_start() {
    let mut world = world("warc-cut").await;
    world.downloader(&LAYOUT).await;
    let (crawl, gate) = packed::held_after(&mut world, 5).await;
    assert_eq!(shards(&world), [] as [PathBuf; 0], "a shard that is not complete has no final name");
    // The half of a record, as a kill in the middle of a write leaves it.
    let is_open = |path: &PathBuf| path.to_string_lossy().contains(".warc.gz");
    let open: Vec<_> = world.store().files().into_iter().filter(is_open).collect();
    let [open] = &open[..] else { panic!("one open shard, not {open:?}") };
    let half = [fs::read(open).expect("readable"), b"\x1f\x8b\x08\0\0\0\0\0\0\xff\x15".to_vec()].concat();
    fs::write(open, half).expect("writable");
    world.start_downloader(&LAYOUT);
    eventually("the shard is completed", SOON, async || {
        if shards(&world).len() == 1 { Ok(()) } else { Err(format!("{:?}", world.store().files())) }
    })
    .await;
    gate.open();
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(6);
    drain(&mut world, 2).await;
    expect_archive(&world, &[&finished]);
}

#[tokio::test]
async fn a_crawl_without_a_broker_leaves_an_archive_too() {
    let mut world = embedded("warc-embedded").await;
    world.page("/", "<img src=1.png>").image("/1.png", png(8, 8, 1));
    let finished = world.crawl(&LAYOUT).await;
    finished.expect_complete().expect_stored(1);
    expect_archive(&world, &[&finished]);
}

#[tokio::test]
async fn what_lets_somebody_in_is_not_in_the_archive() {
    let mut world = embedded("warc-secrets").await;
    let image = Response::image(png(8, 8, 1)).header("Set-Cookie", "session=s3cret");
    world.page("/", "<img src=1.png>").route("/1.png", image);
    let headers = "headers = { X-Key = \"s3cret\", Accept-Language = \"s3cret\" }";
    let config = world.folder().file("http.toml", format!("[[send]]\nfor = \"{}\"\n{headers}\n", world.url("")));
    let config = config.to_string_lossy().into_owned();
    let finished = world.crawl(&["--layout", "warc", "--http-config", &config]).await;
    finished.expect_complete().expect_stored(1);
    let requests = world.site().log().requests();
    let sent = requests.iter().find(|request| request.path == "/1.png").expect("it was asked for");
    assert_eq!((sent.header("x-key"), sent.header("accept-language")), (Some("s3cret"), Some("s3cret")));
    expect_archive(&world, &[&finished]);
    let script = "import gzip, sys\nsys.stdout.write(gzip.open(sys.argv[1]).read().decode('latin-1'))";
    for shard in shards(&world) {
        let text = Python::get().run(script, &[&shard]);
        assert!(text.contains("GET /1.png HTTP/1.1") && !text.contains("s3cret"), "{text}");
    }
}
