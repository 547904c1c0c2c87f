//! One image can be followed from its page to its file: the spans of both programs are one tree, in the collector that `--otlp`
//! names. A collector that is away, or slow, changes nothing for a run.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use harness::run::json;
use harness::{Collector, Gate, Response, Span, World, eventually, png};
use serde_json::Value;

use crate::{embedded, images, plain, world};

/// What an image goes through, in the order in which it begins.
const WAY: [&str; 9] = ["page", "image", "dispatch", "queue", "wait", "fetch", "verify", "store", "reply"];

/// By how much clocks of one machine that are read one after the other may seem to contradict each other, in nanoseconds.
const SLACK: u64 = 2_000_000;

/// Two pages with an image each, and one that both have.
fn two_pages(world: &World) {
    world.page("/", r#"<a href="/second.html">Next</a><img src="/first.png"><img src="/both.png">"#);
    world.page("/second.html", r#"<img src="/second.png"><img src="/both.png">"#);
    for (number, name) in ["/first.png", "/second.png", "/both.png"].into_iter().enumerate() {
        world.image(name, png(8, 8, number as u64 + 1));
    }
}

/// The spans of one tree, by name.
fn tree<'s>(spans: &'s [Span], trace: &str) -> BTreeMap<&'s str, Vec<&'s Span>> {
    let mut by_name: BTreeMap<&str, Vec<&Span>> = BTreeMap::new();
    for span in spans.iter().filter(|span| span.trace == trace) {
        by_name.entry(&span.name).or_default().push(span);
    }
    by_name
}

/// The way of the image at `url`: what hangs below its span, and what that hangs below.
fn way<'s>(spans: &'s [Span], url: &str) -> BTreeMap<&'s str, &'s Span> {
    let mut found = spans.iter().filter(|span| span.name == "image" && span.note("url.full") == Some(url));
    let image = found.next().unwrap_or_else(|| panic!("no span of {url}"));
    assert!(found.next().is_none(), "{url} was tried once");
    let is_of = |span: &&Span| span.trace == image.trace && (span.parent == image.id || span.id == image.parent);
    let mut way: BTreeMap<&str, &Span> = BTreeMap::from([("image", image)]);
    for span in spans.iter().filter(is_of) {
        assert!(way.insert(&span.name, span).is_none(), "{} comes once", span.name);
    }
    way
}

fn expect_in_order(way: &BTreeMap<&str, &Span>, names: &[&str]) {
    for pair in names.windows(2) {
        let of = |name: &str| *way.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", way.keys()));
        let (one, next) = (of(pair[0]), of(pair[1]));
        assert!(one.began <= next.began + SLACK, "{} began after {}", pair[0], pair[1]);
    }
}

/// The queue, and what a downloader does, come one after the other and leave little time between, within the image's own. Only
/// what waits for the broker's word (`dispatch`, `reply`) may last into what that word allowed already.
fn expect_times_add_up(way: &BTreeMap<&str, &Span>) {
    let one_by_one = ["queue", "wait", "fetch", "verify", "store", "reply"];
    for pair in one_by_one.windows(2) {
        let (one, next) = (way[pair[0]], way[pair[1]]);
        assert!(one.ended <= next.began + SLACK, "{} lasted into {}", pair[0], pair[1]);
    }
    let sum: Duration = one_by_one[..5].iter().map(|name| way[name].took()).sum();
    let all = Duration::from_nanos(way["reply"].began - way["queue"].began);
    assert!(sum <= all + Duration::from_nanos(5 * SLACK), "{sum:?} of {all:?}");
    assert!(all <= sum + Duration::from_millis(500), "{all:?}, and only {sum:?} are told of");
    let image = way["image"];
    for name in one_by_one.iter().chain(&["dispatch", "record"]) {
        let part = way[name];
        assert!(part.began + SLACK >= image.began, "{name} began before the image");
        let waits_for_a_word = ["dispatch", "reply"].contains(name);
        assert!(waits_for_a_word || part.ended <= image.ended + SLACK, "{name} lasted longer than the image");
    }
}

#[tokio::test]
async fn one_image_is_followed_from_its_page_to_its_file() {
    let mut world = world("tracing").await;
    let collector = Collector::start().await;
    two_pages(&world);
    world.downloader(&["--otlp", &collector.url()]).await;
    let (otlp, root) = (collector.url(), world.url("/"));
    let finished = world.crawl(&["--otlp", &otlp, "--otlp-sample", "1", &root]).await;
    finished.expect_complete().expect_stored(3);
    let spans = collector.expect("reply", 3).await;

    for (path, page) in [("/first.png", "/"), ("/both.png", "/"), ("/second.png", "/second.html")] {
        let url = world.url(path);
        let way = way(&spans, &url);
        expect_in_order(&way, &WAY);
        expect_times_add_up(&way);
        assert_eq!(way["page"].note("url.full"), Some(world.url(page).as_str()), "{path} hangs below its page");
        assert!(way["page"].parent.chars().all(|digit| digit == '0'), "the tree begins with the page");
        for name in ["queue", "wait", "fetch", "verify", "store", "reply"] {
            assert_eq!(way[name].service, "warren-downloader", "{name}");
        }
        for name in ["page", "image", "dispatch", "record"] {
            assert_eq!(way[name].service, "warren-producer", "{name}");
        }
        assert_eq!(way["image"].note("warren.path"), finished.row(&url).text("path"));
        let tree = tree(&spans, &way["page"].trace);
        assert_eq!((tree["page"].len(), tree["page fetch"].len(), tree["extract"].len()), (1, 1, 1));
        assert_eq!(tree["page fetch"][0].parent, way["page"].id);
    }
    let trees: BTreeSet<&str> = spans.iter().map(|span| span.trace.as_str()).collect();
    assert_eq!(trees.len(), 2, "a tree for each page");
}

#[tokio::test]
async fn a_list_begins_with_the_dispatch_and_each_try_is_a_tree() {
    let mut world = embedded("tracing-list").await;
    let collector = Collector::start().await;
    let mut urls = images(&world, 2, plain);
    urls.push(world.url("/missing.png"));
    let otlp = collector.url();
    let finished = world.urls(&urls, &["--otlp", &otlp, "--otlp-sample", "1"]).await;
    finished.expect_complete().expect_stored(2);
    let spans = collector.expect("record", 3).await;
    for url in &urls[..2] {
        let way = way(&spans, url);
        expect_in_order(&way, &WAY[1..]);
        expect_times_add_up(&way);
    }
    let way = way(&spans, &urls[2]);
    assert_eq!(way["fetch"].note("error.type"), Some("http-404"));
    assert_eq!(way["image"].note("warren.status"), Some("failed"));
    assert!(!way.contains_key("store"));
}

#[tokio::test]
async fn a_share_is_followed_and_the_rest_costs_no_span() {
    let mut world = embedded("tracing-sample").await;
    let collector = Collector::start().await;
    let urls = images(&world, 200, plain);
    let otlp = collector.url();
    let finished = world.urls(&urls, &["--otlp", &otlp, "--otlp-sample", "0.2"]).await;
    finished.expect_complete().expect_stored(200);
    let spans = collector.spans();
    let followed = spans.iter().filter(|span| span.name == "image").count();
    assert!((10..80).contains(&followed), "{followed} of 200 are followed");
    for name in &WAY[2..] {
        assert_eq!(spans.iter().filter(|span| span.name == *name).count(), followed, "{name}");
    }
    let none = world.urls(&urls[..5], &["--otlp", &otlp, "--otlp-sample", "0"]).await;
    none.expect_complete();
    assert_eq!(collector.spans().len(), spans.len(), "nothing more came");
}

#[tokio::test]
async fn a_collector_that_dies_in_the_middle_changes_nothing() {
    let mut world = embedded("tracing-killed").await;
    let collector = Collector::start().await;
    let gate = Gate::shut();
    let mut urls = images(&world, 50, plain);
    for number in 1..=50 {
        let path = format!("/held-{number}.png");
        world.route(&path, Response::image(png(8, 8, 100 + number)).behind(&gate));
        urls.push(world.url(&path));
    }
    let otlp = collector.url();
    let crawl = world.start_urls(&urls, &["--otlp", &otlp, "--otlp-sample", "1"]);
    collector.expect("record", 50).await;
    collector.kill();
    gate.open();
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(100);
    let told = finished.talk.matches("the collector does not take spans").count();
    assert_eq!(told, 1, "said once:\n{}", finished.talk);
    assert!(finished.talk.contains("spans did not reach the collector"), "{}", finished.talk);
}

#[tokio::test]
async fn a_collector_that_never_answers_holds_a_run_up_for_seconds_at_most() {
    let mut world = embedded("tracing-stalled").await;
    let collector = Collector::stalling().await;
    let urls = images(&world, 20, plain);
    let otlp = collector.url();
    let begun = Instant::now();
    let finished = world.urls(&urls, &["--otlp", &otlp, "--otlp-sample", "1"]).await;
    finished.expect_complete().expect_stored(20);
    assert!(collector.requests() > 0, "it was asked");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    assert!(finished.talk.contains("the collector is too slow for the last spans"), "{}", finished.talk);
}

#[tokio::test]
async fn an_address_that_is_none_is_wrong_usage_and_no_password_is_told() {
    let mut world = embedded("tracing-address").await;
    for (otlp, why) in [("localhost:4318", "http:// or https://"), ("http://me:s3cret@localhost", "OTEL_EXPORTER")] {
        let refused = world.producer(&["crawl", "--embedded", "--otlp", otlp, "http://site.example/"]).await;
        refused.expect_code(2);
        assert!(refused.talk.contains(why) && !refused.talk.contains("s3cret"), "{}", refused.talk);
    }
}

#[tokio::test]
async fn what_strangers_write_into_headers_harms_nobody() {
    let mut world = world("tracing-forged").await;
    let collector = Collector::start().await;
    let urls = images(&world, 3, plain);
    let crawl = world.start_urls(&urls, &[]);
    let (place, tasks) = (world.place().clone(), world.place().queue("tasks"));
    eventually("the task, which nobody takes", Duration::from_secs(20), async || match place.depth(&tasks).await {
        Ok(depth) if depth.messages == 1 => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    let task = place.take(&tasks).await.expect("it is there");
    let trace = "7".repeat(32);
    let good = format!("0=00-{trace}-{}-01", "8".repeat(16));
    // An image each, so that the run ends with the last of them and not before.
    for (index, forged) in ["0=".repeat(50_000), vec![&*good; 65].join(","), good].iter().enumerate() {
        let mut one: Value = serde_json::from_slice(&task).expect("JSON");
        one["images"] = Value::Array(vec![one["images"][index].take()]);
        let headers = [("warren-traceparents", &**forged), ("traceparent", "\u{1b}[2J"), ("warren-sent", "-1")];
        place.publish_with(&tasks, one.to_string().as_bytes(), &headers).await;
    }
    world.downloader(&["--otlp", &collector.url()]).await;
    world.finish(crawl).await.expect_complete().expect_stored(3);
    let spans = collector.expect("reply", 1).await;
    assert!(
        spans.iter().all(|span| span.trace == trace),
        "one image is followed, by the one header that is well-formed"
    );
    assert!(spans.iter().all(|span| span.name != "queue"), "when it was sent is not known");
}

#[tokio::test]
async fn json_lines_tell_of_each_outcome_in_both_programs() {
    let mut world = world("tracing-json").await;
    world.set_variable("WARREN_LOG", "common=debug,producer=debug,downloader=debug");
    let mut urls = images(&world, 2, plain);
    urls.push(world.url("/missing.png"));
    world.downloader(&["--log-format", "json"]).await;
    let finished = world.urls(&urls, &["--log-format", "json", "--run", "told"]).await;
    finished.expect_complete().expect_stored(2);
    let lines = |talk: &str| talk.lines().map(json).collect::<Vec<_>>();
    let both = [("an outcome came", lines(&finished.talk)), ("an image is done", lines(&world.worker(1).talk()))];
    for (message, lines) in both {
        assert!(lines.iter().all(|line| line["timestamp"].is_string() && line["level"].is_string()));
        let told: Vec<_> = lines.iter().filter(|line| line["message"] == message).collect();
        assert_eq!(told.len(), 3, "{message}");
        for line in told {
            assert_eq!(
                (&line["level"], &line["run"], &line["worker"]),
                (&"DEBUG".into(), &"told".into(), &"w1".into())
            );
            for field in ["batch", "attempt", "duration_ms"] {
                assert!(line[field].is_u64(), "{field}: {line}");
            }
            assert!(line["task.id"].as_str().is_some_and(|id| id.len() == 32), "{line}");
            let is_missing = line["image.url"] == urls[2].as_str();
            assert_eq!(line["status"], if is_missing { "failed" } else { "stored" });
            assert_eq!(line.get("reason").is_some_and(|reason| reason == "http-404"), is_missing, "{line}");
            assert_eq!(line["size_bytes"].is_u64(), !is_missing, "{line}");
        }
    }
    let batches = |talk: &str, message: &str| -> BTreeSet<(String, u64)> {
        let lines = lines(talk).into_iter().filter(|line| line["message"] == message);
        lines.map(|line| (line["task.id"].to_string(), line["batch"].as_u64().unwrap_or(0))).collect()
    };
    let (producer, downloader) = (finished.talk.clone(), world.worker(1).talk());
    assert_eq!(batches(&producer, "an outcome came"), batches(&downloader, "an image is done"), "the same batches");
}
