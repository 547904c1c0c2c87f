//! `--metrics`: the numbers are the ledger's, every one is documented, and the probes say what is so.

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use harness::ports::free_port;
use harness::scrape::{self, Metrics};
use harness::world::Crawl;
use harness::{Broker, Exit, Gate, Mount, Response, Signal, World, eventually, one_at_a_time, png, promtool};
use rusqlite::Connection;

use crate::{PROGRAMS, embedded, images, plain, world};

const SOON: Duration = Duration::from_secs(30);

/// An address on loopback that nobody has, and its port.
fn address() -> (String, u16) {
    let port = free_port();
    (format!("127.0.0.1:{port}"), port)
}

/// A site where everything happens to images that can, one of which is held until the gate opens.
fn some_of_everything(world: &World, gate: &Gate) {
    let named = ["same", "gone", "text", "secret"].map(str::to_owned);
    let names: Vec<String> = (0..8).map(|number| number.to_string()).chain(named).collect();
    world.page("/", &format!("<img src=/{}.png>", names.join(".png><img src=/")));
    for number in 0..8 {
        world.image(&format!("/{number}.png"), png(8, 8, number));
    }
    world.image("/same.png", png(8, 8, 1));
    world.route("/gone.png", Response::status(404));
    world.route("/text.png", Response::ok("image/png", "no image at all"));
    world.image("/secret.png", png(8, 8, 99));
    world.route("/robots.txt", Response::ok("text/plain", "User-agent: *\nDisallow: /secret\n"));
    world.route("/0.png", Response::image(png(8, 8, 0)).behind(gate));
}

/// Of the ledger of a run at work: images by a column.
fn counted(run: &Path, column: &str) -> BTreeMap<String, f64> {
    let ledger = Connection::open(run.join("ledger.db")).expect("the ledger is there");
    let sql = format!(
        "SELECT {column}, count(*) FROM images WHERE {column} IS NOT NULL AND {column} != 'outstanding' GROUP BY 1"
    );
    let mut statement = ledger.prepare(&sql).expect("its columns are documented");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, f64>(1)?))).expect("it can be asked");
    rows.collect::<Result<_, _>>().expect("numbers")
}

/// Waits until a run has settled so many images.
async fn expect_settled(port: u16, images: f64) -> Metrics {
    eventually("images are settled", SOON, async || {
        let metrics = Metrics::of(port).await;
        let settled: f64 = metrics.by_label("warren_producer_images_settled_total").values().sum();
        if (settled - images).abs() < 0.5 { Ok(metrics) } else { Err(settled.to_string()) }
    })
    .await
}

fn is(value: f64, expected: f64) -> bool {
    (value - expected).abs() < 1e-9
}

/// A row of the documentation's table: a metric's type, its labels, and whose it is.
fn documented() -> BTreeMap<String, (String, BTreeSet<String>, String)> {
    let text =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/metrics.md")).expect("the documentation");
    let rows = text.lines().filter(|line| line.starts_with("| `warren_"));
    let rows = rows.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let words = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<Vec<_>>();
        let name = words(cells[1]).remove(0);
        (name, (cells[2].to_owned(), words(cells[3]).into_iter().collect(), cells[4].to_owned()))
    });
    rows.collect()
}

fn expect_documented(metrics: &Metrics, program: &str) {
    let documented = documented();
    assert!(documented.len() > 30, "the table is found");
    let of = |whose: &String| program == "embedded" || whose == "both" || whose == program;
    let expected: BTreeMap<_, _> = documented.into_iter().filter(|(_, (.., whose))| of(whose)).collect();
    let names: BTreeSet<&String> = expected.keys().collect();
    assert_eq!(metrics.types.keys().collect::<BTreeSet<_>>(), names, "the metrics of {program}");
    for (name, (kind, labels, _)) in &expected {
        assert_eq!(&metrics.types[name], kind, "the type of {name}");
        assert_eq!(&metrics.labels(name), labels, "the labels of {name}");
        let help = format!("# HELP {name} ");
        assert!(
            metrics.text.lines().any(|line| line.starts_with(&help) && line.len() > help.len()),
            "{name} has no help"
        );
    }
    promtool(&["check", "metrics"], &metrics.text);
}

#[tokio::test]
async fn the_metrics_of_both_programs_are_those_of_the_documentation_from_the_first_page_on() {
    let mut world = world("metrics-documented").await;
    let ((listen, worker), (asked, producer)) = (address(), address());
    let gate = Gate::shut();
    some_of_everything(&world, &gate);
    world.downloader(&["--metrics", &listen]).await;
    // Before anything happened, and in the middle of it.
    expect_documented(&Metrics::of(worker).await, "downloader");
    let crawl = world.start_crawl(&["--metrics", &asked, "--depth", "0"]);
    expect_documented(&Metrics::of(producer).await, "producer");
    expect_settled(producer, 11.0).await;
    for (port, program) in [(worker, "downloader"), (producer, "producer")] {
        expect_documented(&Metrics::of(port).await, program);
    }
    // Nothing that a stranger chose is in a label.
    let pages = Metrics::of(worker).await.text + &Metrics::of(producer).await.text;
    for word in [".png", "127.0.0.1", "run-", "w1"] {
        assert!(!pages.contains(word), "{word} in\n{pages}");
    }
    gate.open();
    world.finish(crawl).await.expect_complete();
}

#[tokio::test]
async fn the_numbers_are_those_of_the_ledger() {
    let mut world = world("metrics-numbers").await;
    let ((listen, worker), (asked, producer)) = (address(), address());
    let gate = Gate::shut();
    some_of_everything(&world, &gate);
    world.downloader(&["--metrics", &listen, "--max-memory", "8MiB", "--concurrency", "6"]).await;
    let crawl = world.start_crawl(&["--metrics", &asked, "--depth", "0"]);
    let run = expect_settled(producer, 11.0).await;
    assert_eq!(run.by_label("warren_producer_images_settled_total"), counted(&crawl.folder, "status"));
    assert_eq!(run.by_label("warren_producer_image_reasons_total"), counted(&crawl.folder, "reason"));
    assert_eq!(run.by_label("warren_producer_image_reasons_total").get("http-404"), Some(&1.0));
    for (series, value) in [
        ("warren_producer_images_found_total", 12.0),
        ("warren_producer_images_outstanding", 1.0),
        ("warren_producer_images_out", 1.0),
        ("warren_producer_pages_total{outcome=\"fetched\"}", 1.0),
        ("warren_producer_pages_pending", 0.0),
        ("warren_producer_page_fetch_duration_seconds_count", 1.0),
        ("warren_producer_retries_total{what=\"image\"}", 0.0),
        ("warren_broker_connected{link=\"consume\"}", 1.0),
        ("warren_broker_blocked", 0.0),
    ] {
        assert!(is(run.value(series), value), "{series} is {}, not {value}", run.value(series));
    }
    // One that went from few batches to many is counted twice while those that it had before are in hand.
    assert!(run.value("warren_producer_downloaders") >= 1.0);
    assert!(run.value("warren_producer_window") >= 12.0);
    assert!(run.value("warren_producer_ledger_write_duration_seconds_count") > 0.0);
    assert!(run.value("warren_producer_batches_published_total") > 0.0);
    assert!(run.value("warren_producer_replies_total{kind=\"reply\"}") > 0.0);
    let busy = Metrics::of(worker).await;
    for (series, value) in [
        ("warren_downloader_images_in_flight", 1.0),
        ("warren_downloader_slots", 6.0),
        ("warren_downloader_slots_used", 1.0),
        ("warren_downloader_memory_limit_bytes", 8_388_608.0),
        ("warren_downloader_store_healthy", 1.0),
        ("warren_downloader_info{layout=\"files\",store=\"folder\",verify=\"header\"}", 1.0),
    ] {
        assert!(is(busy.value(series), value), "{series} is {}, not {value}", busy.value(series));
    }

    gate.open();
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(8);
    let bytes = (0..8).chain([1]).map(|number| png(8, 8, number).len()).sum::<usize>();
    let bytes = f64::from(u32::try_from(bytes).expect("few"));
    let done = eventually("its last batch is settled", SOON, async || {
        let metrics = Metrics::of(worker).await;
        let settled = metrics.value("warren_downloader_deliveries_settled_total{how=\"acknowledged\"}");
        let came = metrics.value("warren_downloader_deliveries_total");
        if is(settled, came) && came > 0.0 { Ok(metrics) } else { Err(format!("{settled} of {came}")) }
    })
    .await;
    // What is a duplicate to the run, and what robots.txt forbids, it does not know.
    let expected =
        [("stored", 9.0), ("rejected", 1.0), ("failed", 1.0)].map(|(status, tries)| (status.to_owned(), tries));
    assert_eq!(done.by_label("warren_downloader_images_total"), BTreeMap::from(expected));
    let expected = [("http-404", 1.0), ("not-an-image", 1.0)].map(|(reason, tries)| (reason.to_owned(), tries));
    assert_eq!(done.by_label("warren_downloader_image_reasons_total"), BTreeMap::from(expected));
    let stored = done.value("warren_downloader_stored_bytes_total");
    assert!(is(stored, bytes), "{stored}, not {bytes}");
    assert!(done.value("warren_downloader_received_bytes_total") > stored);
    let stages: Vec<f64> = ["wait", "fetch", "verify", "transform", "store"]
        .map(|stage| done.value(&format!("warren_downloader_stage_duration_seconds_count{{stage=\"{stage}\"}}")))
        .to_vec();
    assert_eq!(stages, [11.0, 11.0, 10.0, 0.0, 9.0]);
    assert!(done.value("warren_downloader_stage_duration_seconds_count{stage=\"reply\"}") > 0.0);
    assert!(is(done.value("warren_downloader_memory_used_bytes"), 0.0));
}

#[tokio::test]
async fn a_downloader_that_drains_is_alive_and_not_ready() {
    let mut world = world("metrics-drain").await;
    let (listen, port) = address();
    let gate = Gate::shut();
    let urls = images(&world, 3, |image| image.behind(&gate));
    world.downloader(&["--metrics", &listen]).await;
    assert_eq!(scrape::expect_status(port, "/readyz", 200).await, "ready\n");
    let crawl = world.start_urls(&urls, &[]);
    gate.reached(1).await;
    world.worker(1).signal(Signal::Term);
    assert_eq!(scrape::expect_status(port, "/readyz", 503).await, "draining\n");
    assert_eq!(scrape::get(port, "/healthz").await, (200, "alive\n".to_owned()));
    gate.open();
    assert_eq!(world.worker(1).wait(SOON).await, Exit::Code(0));
    world.downloaders(1).await;
    world.finish(crawl).await.expect_complete().expect_stored(3);
}

#[tokio::test]
async fn a_downloader_whose_store_takes_nothing_is_alive_and_not_ready() {
    let mut world = world("metrics-store").await;
    let (listen, port) = address();
    let disk = Mount::in_memory(world.store().folder(), "size=2m");
    world.downloader(&["--metrics", &listen]).await;
    scrape::expect_status(port, "/readyz", 200).await;
    let ballast = disk.fill();
    let urls = images(&world, 20, plain);
    let crawl = world.start_urls(&urls, &[]);
    assert_eq!(scrape::expect_status(port, "/readyz", 503).await, "the store takes no images\n");
    assert_eq!(scrape::get(port, "/healthz").await.0, 200);
    let metrics = Metrics::of(port).await;
    assert!(is(metrics.value("warren_downloader_store_healthy"), 0.0));
    assert!(metrics.value("warren_downloader_store_refusals_total") > 0.0);
    eventually("what it had in hand goes back", SOON, async || {
        let given_back =
            Metrics::of(port).await.value("warren_downloader_deliveries_settled_total{how=\"given-back\"}");
        if given_back > 0.0 { Ok(()) } else { Err("nothing yet") }
    })
    .await;
    std::fs::remove_file(ballast).expect("removed");
    scrape::expect_status(port, "/readyz", 200).await;
    world.finish(crawl).await.expect_complete().expect_stored(20);
}

#[tokio::test]
async fn programs_without_a_broker_are_alive_and_not_ready_until_it_is_back() {
    let _turn = one_at_a_time().await;
    let mut node = Broker::private("metrics-broker", "").await;
    let mut world = World::at("metrics-broker", PROGRAMS, Some(node.place("crawl").await)).await;
    let ((listen, worker), (asked, producer)) = (address(), address());
    let gate = Gate::shut();
    let urls = images(&world, 2, |image| image.behind(&gate));
    world.downloader(&["--metrics", &listen]).await;
    let crawl: Crawl = world.start_urls(&urls, &["--metrics", &asked]);
    gate.reached(1).await;
    for port in [worker, producer] {
        scrape::expect_status(port, "/readyz", 200).await;
    }
    node.stop().await;
    for port in [worker, producer] {
        assert_eq!(scrape::expect_status(port, "/readyz", 503).await, "not connected to the broker\n");
        assert_eq!(scrape::get(port, "/healthz").await.0, 200);
        eventually("both links are lost", SOON, async || {
            let lost = Metrics::of(port).await.by_label("warren_broker_connections_lost_total");
            if lost.len() == 2 { Ok(()) } else { Err(format!("{lost:?}")) }
        })
        .await;
    }
    node.start_again().await;
    for port in [worker, producer] {
        scrape::expect_status(port, "/readyz", 200).await;
        assert_eq!(Metrics::of(port).await.by_label("warren_broker_connected").len(), 2);
    }
    gate.open();
    world.finish(crawl).await.expect_complete().expect_stored(2);
}

#[tokio::test]
async fn one_endpoint_shows_both_programs_of_a_process() {
    let mut world = embedded("metrics-embedded").await;
    let (asked, port) = address();
    let gate = Gate::shut();
    some_of_everything(&world, &gate);
    let crawl = world.start_crawl(&["--metrics", &asked, "--depth", "0", "--layout", "webdataset"]);
    let metrics = expect_settled(port, 11.0).await;
    expect_documented(&metrics, "embedded");
    assert_eq!(scrape::get(port, "/readyz").await, (200, "ready\n".to_owned()));
    assert_eq!(metrics.by_label("warren_broker_connected").len(), 2);
    assert!(is(metrics.value("warren_downloader_images_total{status=\"stored\"}"), 8.0));
    assert!(is(metrics.value("warren_downloader_shards_open"), 1.0));
    assert!(metrics.text.contains("warren_downloader_info{layout=\"webdataset\""), "{}", metrics.text);
    assert!(metrics.text.contains("warren_build_info{program=\"producer\""), "{}", metrics.text);
    gate.open();
    world.finish(crawl).await.expect_complete().expect_stored(8);
}

#[tokio::test]
async fn an_address_that_is_taken_is_wrong_usage_and_leaves_nothing_behind() {
    let mut world = world("metrics-taken").await;
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("known").to_string();
    let worker = world.start_downloader(&["--metrics", &address]);
    assert_eq!(worker.wait(SOON).await, Exit::Code(2));
    let talk = worker.talk();
    assert!(talk.contains(&address) && talk.contains("hint:") && talk.contains("in use"), "{talk}");
    let crawl = world.start_crawl(&["--metrics", &address]);
    let finished = world.finish(crawl).await;
    assert!(finished.expect_code(2).talk.contains("hint:"), "{}", finished.talk);
    assert!(!world.folder().join("runs").exists(), "no run was begun");
}
