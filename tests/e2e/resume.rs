//! A run that stopped goes on where it was: after a kill, a time-out, an interrupt, on another machine. Nothing is fetched
//! that was finished, and the manifest is that of a run that was never disturbed.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use harness::{Crawl, Gate, Response, Signal, World, eventually, png};
use rusqlite::Connection;

use crate::{embedded, images, plain, world};

/// Waits until so many images of a run have their outcome in the ledger.
async fn settled(crawl: &Crawl, count: usize) {
    let ledger = crawl.folder.join("ledger.db");
    eventually("outcomes in the ledger", Duration::from_secs(30), async || {
        let count_settled = || -> rusqlite::Result<usize> {
            let sql = Connection::open_with_flags(&ledger, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY)?;
            sql.query_row("SELECT count(*) FROM images WHERE status <> 'outstanding'", [], |row| row.get(0))
        };
        let found = count_settled().map_err(|error| error.to_string())?;
        if found >= count { Ok(()) } else { Err(format!("{found} of {count}")) }
    })
    .await;
}

/// A site of two pages with three images each, of which the last one is held back.
fn site(world: &World, gate: &Gate) {
    world
        .page("/", "<a href=/next>n</a><img src=/1.png><img src=/2.png><img src=/3.png>")
        .page("/next", "<img src=/4.png alt=four><img src=/5.png><img src=/6.png>");
    for number in 1..=5 {
        world.image(&format!("/{number}.png"), png(number, 2, 7));
    }
    world.route("/6.png", Response::image(png(6, 2, 7)).behind(gate));
}

/// A crawl of that site by one downloader, which has come as far as the image that is held back.
async fn nearly_done(name: &str) -> (World, Gate, Crawl) {
    let mut world = world(name).await;
    world.downloaders(1).await;
    let gate = Gate::shut();
    site(&world, &gate);
    let crawl = world.start_crawl(&["--depth", "1"]);
    settled(&crawl, 5).await;
    (world, gate, crawl)
}

#[tokio::test]
async fn a_killed_run_goes_on_and_nothing_is_fetched_twice() {
    let (mut world, gate, mut crawl) = nearly_done("killed").await;
    gate.reached(1).await;
    crawl.process.kill();
    let mut resumed = world.start_again("resume", &crawl.folder, &[]);
    resumed.process.says(&["goes on"], Duration::from_secs(20)).await;
    gate.open();
    let finished = world.finish(resumed).await;
    finished.expect_complete().expect_stored(6).expect_in_store(&world.store());
    assert_eq!(finished.row(&world.url("/4.png")).text("alt"), Some("four"));
    assert_eq!(finished.summed("pages", "fetched"), 2);
    for path in ["/", "/next", "/1.png", "/4.png", "/6.png"] {
        assert_eq!(world.site().log().hits(path), 1, "{path}");
    }
}

#[tokio::test]
async fn replies_that_came_while_nobody_listened_are_read() {
    let (mut world, gate, mut crawl) = nearly_done("meanwhile").await;
    crawl.process.kill();
    gate.open();
    let replies = world.place().queue("replies.run-1");
    let place = world.place().clone();
    eventually("the reply waits", Duration::from_secs(20), async || {
        let depth = place.depth(&replies).await.map_err(|error| error.to_string())?;
        if depth.messages > 0 && depth.consumers == 0 { Ok(()) } else { Err(format!("{depth:?}")) }
    })
    .await;
    world.worker(1).kill();
    let finished = world.again("resume", &crawl.folder, &["--timeout", "5s"]).await;
    finished.expect_complete().expect_stored(6);
}

#[tokio::test]
async fn a_run_that_timed_out_goes_on() {
    let mut world = world("again").await;
    let urls = images(&world, 20, plain);
    let finished = world.urls(&urls, &["--timeout", "1s"]).await;
    finished.expect_code(4).expect_state("timed-out");
    world.downloaders(1).await;
    let finished = world.again("resume", &finished.folder, &[]).await;
    finished.expect_complete().expect_stored(20);
    // A complete run has nothing left, and says so again.
    world.again("resume", &finished.folder, &[]).await.expect_complete().expect_stored(20);
}

#[tokio::test]
async fn an_interrupted_embedded_crawl_goes_on_elsewhere_with_its_options() {
    let mut world = embedded("elsewhere").await;
    let gate = Gate::shut();
    site(&world, &gate);
    let mut crawl = world.start_crawl(&["--depth", "1", "--exclude-images", "/2.png$"]);
    settled(&crawl, 4).await;
    crawl.process.signal(Signal::Int);
    let interrupted = world.finish(crawl).await;
    interrupted.expect_code(130).expect_state("interrupted");
    let copy = world.folder().join("copied/run-1");
    fs::create_dir_all(copy.parent().expect("a parent")).expect("a folder");
    let copied = Command::new("cp").arg("-r").args([&interrupted.folder, &copy]).status().expect("cp runs");
    assert!(copied.success());
    gate.open();
    let finished = world.again("resume", &copy, &[]).await;
    finished.expect_complete().expect_stored(5).expect_in_store(&world.store());
    assert_eq!(world.site().log().hits("/2.png"), 0, "the run remembers its options");
    assert_eq!(world.site().log().hits("/next"), 1);
}

#[tokio::test]
async fn a_second_producer_on_a_run_is_refused() {
    let (mut world, gate, crawl) = nearly_done("two").await;
    let process = format!("process {}", crawl.process.id());
    for command in ["resume", "retry"] {
        let refused = world.again(command, &crawl.folder, &[]).await;
        refused.expect_code(2);
        assert!(refused.talk.contains("another producer") && refused.talk.contains(&process), "{}", refused.talk);
    }
    // A copy of the folder is not locked, but its replies are being read.
    let copy = world.folder().join("copied/run-1");
    fs::create_dir_all(copy.parent().expect("a parent")).expect("a folder");
    assert!(Command::new("cp").arg("-r").args([&crawl.folder, &copy]).status().expect("cp runs").success());
    let refused = world.again("resume", &copy, &[]).await;
    refused.expect_code(2);
    assert!(refused.talk.contains("consumes the run's replies"), "{}", refused.talk);
    gate.open();
    world.finish(crawl).await.expect_complete().expect_stored(6);
}

#[tokio::test]
async fn a_list_is_gone_on_with_where_it_was() {
    let mut world = world("list").await;
    let urls = images(&world, 30, plain);
    let mut rows = urls.clone();
    rows.extend((0..5_000).map(|row| format!("no url {row}")));
    rows.push(world.url("/last.png"));
    world.image("/last.png", png(9, 9, 9));
    let mut crawl = world.start_urls(&rows, &["--timeout", "60s"]);
    settled(&crawl, 1_000).await;
    crawl.process.kill();
    world.downloaders(1).await;
    let finished = world.again("resume", &crawl.folder, &[]).await;
    finished.expect_complete().expect_stored(31);
    assert_eq!(finished.count("rejected"), 5_000);
}

#[tokio::test]
async fn a_list_from_standard_input_is_asked_for_again() {
    let mut world = world("stdin").await;
    world.downloaders(1).await;
    let urls = images(&world, 3, plain);
    let list = world.folder().file("list", urls.join("\n"));
    let (reader, mut writer) = std::io::pipe().expect("a pipe");
    // A portion and a little more: some rows are taken in while the list goes on.
    let many: String = "no url\n".repeat(1_500);
    std::io::Write::write_all(&mut writer, many.as_bytes()).expect("written");
    let mut crawl = world.start_run_reading(&["urls", "-"], reader);
    settled(&crawl, 1).await;
    crawl.process.kill();
    drop(writer);
    let refused = world.again("resume", &crawl.folder, &[]).await;
    refused.expect_code(2);
    assert!(refused.talk.contains("--input") && refused.talk.contains("00 rows"), "{}", refused.talk);
    let whole = many + &fs::read_to_string(&list).expect("readable");
    let whole = fs::File::open(world.folder().file("whole", whole)).expect("readable");
    let resumed = world.start_again_reading("resume", &crawl.folder, &["--input", "-"], Stdio::from(whole));
    let finished = world.finish(resumed).await;
    finished.expect_complete().expect_stored(3);
    assert_eq!(finished.count("rejected"), 1, "equal rows are one");
}

#[tokio::test]
async fn a_run_that_is_not_there_or_damaged_is_an_error_that_says_so() {
    let mut world = world("damaged").await;
    let missing = world.folder().join("runs/nothing");
    let refused = world.again("resume", &missing, &[]).await;
    refused.expect_code(2);
    assert!(refused.talk.contains("there is no run nothing"), "{}", refused.talk);

    let urls = images(&world, 300, plain);
    let finished = world.urls(&urls, &["--timeout", "1s"]).await;
    finished.expect_code(4);
    let ledger = finished.folder.join("ledger.db");
    damage(&ledger);
    let refused = world.again("resume", &finished.folder, &[]).await;
    refused.expect_code(1);
    assert!(refused.talk.contains("ledger.db") && refused.talk.contains("damaged"), "{}", refused.talk);
}

/// As a power cut leaves it: a journal that ends in the middle of a record.
#[tokio::test]
async fn a_torn_journal_is_read_up_to_its_last_whole_record() {
    let (mut world, gate, mut crawl) = nearly_done("torn").await;
    crawl.process.kill();
    let journal = crawl.folder.join("ledger.db-wal");
    let length = fs::metadata(&journal).expect("there is a journal").len();
    let torn = fs::File::options().write(true).open(&journal).expect("writable");
    torn.set_len(length - 1_000).expect("shortened");
    gate.open();
    let finished = world.again("resume", &crawl.folder, &["--timeout", "20s"]).await;
    // An outcome that was acknowledged and is torn off is waited for; then all that is missing is sent again.
    let finished = match finished.exit {
        harness::Exit::Code(4) => world.again("resume", &crawl.folder, &[]).await,
        _ => finished,
    };
    finished.expect_complete().expect_stored(6).expect_in_store(&world.store());
}

/// Writes over the middle of a file.
fn damage(path: &Path) {
    let mut bytes = fs::read(path).expect("readable");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 4_096].fill(0x5a);
    fs::write(path, bytes).expect("writable");
}
