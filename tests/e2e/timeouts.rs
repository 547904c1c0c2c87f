//! No downloader, no broker, or one that refuses: the producer says so in time, and nothing is lost.

use std::time::{Duration, Instant};

use harness::ports::free_port;
use harness::{Process, World, png};

use crate::{PROGRAMS, images, plain, world};

const REFUSAL: Duration = Duration::from_secs(10);

#[tokio::test]
async fn without_a_downloader_the_timeout_strikes_and_all_is_outstanding() {
    let mut world = world("nobody").await;
    world.page("/", "<img src=1.png><img src=2.png>").image("/1.png", png(2, 2, 1)).image("/2.png", png(2, 2, 2));
    let started = Instant::now();
    let finished = world.crawl(&["--timeout", "2s"]).await;
    finished.expect_code(4).expect_state("timed-out").expect_counts();
    assert!(started.elapsed() >= Duration::from_secs(2), "not before its time");
    assert_eq!((finished.rows.len(), finished.count("outstanding")), (2, 2));
    assert_eq!(world.site().log().hits("/1.png"), 0);
}

#[tokio::test]
async fn the_timeout_counts_from_the_last_reply() {
    let mut world = world("slowly").await;
    world.downloaders(1).await;
    // Each image takes a quarter of the timeout and comes alone: together they take several times as long.
    let urls = images(&world, 9, |image| image.after(Duration::from_secs(1)));
    let finished = world.urls(&urls, &["--timeout", "4s", "--per-host", "1"]).await;
    finished.expect_complete().expect_stored(9);
}

#[tokio::test]
async fn a_timeout_leaves_the_outcomes_that_came() {
    let mut world = world("partly").await;
    let gate = harness::Gate::shut();
    world.downloaders(1).await;
    let mut urls = images(&world, 3, plain);
    world.route("/held.png", harness::Response::image(png(3, 3, 99)).behind(&gate));
    urls.push(world.url("/held.png"));
    let finished = world.urls(&urls, &["--timeout", "3s"]).await;
    finished.expect_code(4).expect_state("timed-out").expect_counts().expect_stored(3);
    finished.row(&world.url("/held.png")).expect("outstanding", None);
    gate.open();
}

/// Runs both programs against `uri`; both must give up with 3 in time, name the address and keep the password.
async fn expect_refusal(world: &mut World, uri: &str, address: &str, words: &[&str]) {
    let options: Vec<&str> = vec!["--broker", uri];
    world.page("/", "<img src=1.png>");
    let mut producer = world.start_crawl(&options).process;
    let downloader = world.start_downloader(&options);
    for process in [&mut producer, downloader] {
        let exit = process.wait(REFUSAL).await;
        let talk = process.talk();
        assert_eq!(exit, harness::Exit::Code(3), "{} said:\n{talk}", process.name());
        assert!(talk.contains(address), "{} does not say what it tried:\n{talk}", process.name());
        assert!(!talk.contains("s3cret"), "{} tells the password:\n{talk}", process.name());
        let lower = talk.to_lowercase();
        assert!(words.iter().any(|word| lower.contains(word)), "{} does not say why:\n{talk}", process.name());
    }
}

#[tokio::test]
async fn no_broker_is_exit_code_3_within_ten_seconds() {
    let mut world = world("none").await;
    let address = format!("127.0.0.1:{}", free_port());
    let uri = format!("amqp://warren:s3cret@{address}/%2f");
    expect_refusal(&mut world, &uri, &address, &["refused", "reach", "connect"]).await;
}

#[tokio::test]
async fn a_wrong_password_is_exit_code_3_and_said() {
    let mut world = world("password").await;
    let uri = world.place().uri_with(|uri| {
        uri.set_password(Some("wrong-s3cret")).expect("an amqp URI has a password");
    });
    let address = world.place().address();
    expect_refusal(&mut world, &uri, &address, &["password", "access_refused", "credentials"]).await;
}

#[tokio::test]
async fn a_wrong_virtual_host_is_exit_code_3_and_said() {
    let mut world = world("vhost").await;
    let uri = world.place().uri_with(|uri| uri.set_path("/no-such-vhost"));
    let address = world.place().address();
    expect_refusal(&mut world, &uri, &address, &["no-such-vhost"]).await;
}

#[tokio::test]
async fn the_broker_is_taken_from_the_environment() {
    let world = world("environment").await;
    let address = format!("127.0.0.1:{}", free_port());
    let mut command = Process::command(PROGRAMS.producer);
    command.args(["crawl", &world.url("/")]).current_dir(&**world.folder());
    command.env("WARREN_BROKER", format!("amqp://warren:s3cret@{address}/%2f"));
    let mut producer = Process::start("producer", &mut command, world.folder());
    assert_eq!(producer.wait(REFUSAL).await, harness::Exit::Code(3));
    assert!(producer.talk().contains(&address), "{}", producer.talk());
}
