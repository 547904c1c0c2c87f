//! A broker that is short of memory or disk takes no messages until it has some again.

use std::time::{Duration, Instant};

use clap::Parser;
use common::cli::BrokerOptions;
use common::transport::Transport;
use common::transport::amqp::{Amqp, AmqpSettings};
use harness::{Broker, Gate, Place, Response, World, eventually, one_at_a_time, png, within};
use tokio::time::sleep;

use crate::{PROGRAMS, images};

const SOON: Duration = Duration::from_secs(30);

/// A silence that a run does not bear, and a block that is longer than that.
const TIMEOUT: &str = "5s";
const LONGER: Duration = Duration::from_secs(12);

/// The connection that both programs use, without a program around it.
async fn connect(place: &Place) -> Transport {
    #[derive(Parser)]
    struct Options {
        #[command(flatten)]
        broker: BrokerOptions,
    }
    let options = Options::parse_from(["test".to_owned()].into_iter().chain(place.arguments()));
    let settings = AmqpSettings::new(&options.broker, "test".to_owned()).expect("an address");
    Transport::Amqp(Amqp::connect(settings).await.expect("the broker runs"))
}

/// The promise that the producer's patience with a blocked broker rests on.
#[tokio::test]
async fn a_probe_finds_out_that_the_broker_is_blocked() {
    let _turn = one_at_a_time().await;
    let node = Broker::private("probe", "").await;
    let place = node.place("probe").await;
    let transport = connect(&place).await;
    within("a probe", SOON, transport.probe()).await.expect("the broker confirms");
    assert!(!transport.is_blocked());

    node.rabbitmqctl(&["set_vm_memory_high_watermark", "0.0001"]).await;
    // What is published first while the alarm is raised may still be confirmed.
    let probing = tokio::spawn({
        let transport = transport.clone();
        async move {
            transport.probe().await?;
            transport.probe().await
        }
    });
    eventually("the transport knows that it is blocked", SOON, async || {
        transport.is_blocked().then_some(()).ok_or("not yet")
    })
    .await;

    node.rabbitmqctl(&["set_vm_memory_high_watermark", "0.4"]).await;
    within("the probes go through", SOON, probing).await.expect("no panic").expect("the broker confirms");
    assert!(!transport.is_blocked());
    transport.close().await;
}

/// A run with images that wait at a gate is blocked for longer than its timeout, and then goes on.
async fn expect_pause(name: &str, alarm: [&str; 2], all_clear: [&str; 2]) {
    let _turn = one_at_a_time().await;
    let node = Broker::private(name, "").await;
    let mut world = World::at(name, PROGRAMS, Some(node.place("crawl").await)).await;
    let gate = Gate::shut();
    let mut urls = images(&world, 100, |image| image.after(Duration::from_millis(50)));
    world.route("/held.png", Response::image(png(3, 3, 999)).behind(&gate));
    urls.insert(0, world.url("/held.png"));
    world.downloaders(2).await;
    let mut crawl = world.start_urls(&urls, &["--timeout", TIMEOUT, "--per-host", "2"]);
    gate.reached(1).await;

    node.rabbitmqctl(&alarm).await;
    let blocked = Instant::now();
    crawl.process.says(&["takes no messages"], SOON).await;
    gate.open();
    // Acks go over a connection of their own, which the broker goes on reading.
    let connections = node.rabbitmqctl(&["list_connections", "client_properties", "state"]).await;
    let consuming = connections.lines().filter(|line| line.contains("downloader") && line.contains("(consume)"));
    let states: Vec<&str> = consuming.filter_map(|line| line.split('\t').next_back()).collect();
    // "blocking": it would be blocked by the first message, and is not.
    assert!(states.len() >= 2 && states.iter().all(|state| *state == "blocking"), "{connections}");
    sleep(LONGER.saturating_sub(blocked.elapsed())).await;
    crawl.process.expect_running();

    node.rabbitmqctl(&all_clear).await;
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(101).expect_in_store(&world.store());
    world.worker(1).expect_running();
    world.worker(2).expect_running();
}

#[tokio::test]
async fn a_run_waits_while_the_broker_is_short_of_memory() {
    let alarm = ["set_vm_memory_high_watermark", "0.0001"];
    expect_pause("memory", alarm, ["set_vm_memory_high_watermark", "0.6"]).await;
}

#[tokio::test]
async fn a_run_waits_while_the_broker_is_short_of_disk() {
    expect_pause("disk", ["set_disk_free_limit", "900GB"], ["set_disk_free_limit", "50MB"]).await;
}
