//! The connection to the broker goes silent or is reset in the middle of a run: both ends notice, and the run completes.

use std::time::{Duration, Instant};

use harness::broker::NodeSettings;
use harness::folder::Folder;
use harness::ports::free_port;
use harness::{Broker, Gate, Namespace, Proxy, Response, Site, World, eventually, one_at_a_time, png};

use crate::{PROGRAMS, images};

const HEARTBEAT: Duration = Duration::from_secs(3);
const SOON: Duration = Duration::from_secs(30);

/// A downloader in a network of its own, and a firewall in it that swallows what it sends to the broker. The images that
/// it has in hand come from elsewhere, and go on.
#[tokio::test]
async fn a_downloader_that_is_cut_off_from_the_broker_notices_and_comes_back() {
    let _turn = one_at_a_time().await;
    let folder = Folder::new("cut-off");
    let namespace = Namespace::new(&folder).await;
    let (address, port) = (namespace.outside(), free_port());
    let lines = format!("listeners.tcp.2 = {address}:{port}\n");
    let node = Broker::private_with("cut-off", NodeSettings { lines, ..NodeSettings::default() }).await;
    let place = node.place("crawl").await;
    let from_within = place.uri_with(|uri| {
        uri.set_host(Some(&address.to_string())).expect("an address is a host");
        uri.set_port(Some(port)).expect("an amqp URI has a port");
        uri.set_query(Some(&format!("heartbeat={}", HEARTBEAT.as_secs())));
    });

    let mut world = World::at("cut-off", PROGRAMS, Some(place)).await;
    let site = Site::start_at(address).await;
    let gate = Gate::shut();
    let urls: Vec<String> = (1..=30)
        .map(|number| {
            let path = format!("/image-{number}.png");
            site.route(&path, Response::image(png(8, 8, number)).behind(&gate));
            site.url(&path)
        })
        .collect();
    world.start_downloader_in(&namespace, &["--broker", &from_within]);
    world.expect_consumers().await;
    let crawl = world.start_urls(&urls, &["--per-host", "4"]);
    gate.reached(4).await;

    namespace.cut(port);
    let cut = Instant::now();
    world.worker(1).says(&["lost the broker"], SOON).await;
    // Two heartbeats, one more because it is looked at once a heartbeat, and a moment for a busy machine.
    assert!(cut.elapsed() < HEARTBEAT * 3 + Duration::from_secs(3), "noticed after {:?}", cut.elapsed());
    gate.open();
    eventually("the images in hand are fetched and stored meanwhile", SOON, async || {
        let stored = world.store().folder().read_dir().map_or(0, Iterator::count);
        if stored > 0 { Ok(()) } else { Err("nothing is stored") }
    })
    .await;

    namespace.mend(port);
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(30).expect_in_store(&world.store());
    world.worker(1).expect_running();
}

#[tokio::test]
async fn connections_that_are_reset_again_and_again_lose_nothing() {
    let place = Broker::place("reset").await;
    let proxy = Proxy::start(place.address().parse().expect("an address with a port")).await;
    let through = place.clone().through(proxy.port());
    let mut world = World::at("reset", PROGRAMS, Some(place.told(&["--broker", through.uri()]))).await;
    let urls = images(&world, 150, |image| image.after(Duration::from_millis(60)));
    world.downloaders(2).await;
    let crawl = world.start_urls(&urls, &["--per-host", "4"]);
    for _ in 0..4 {
        let seen = world.site().log().requests().len();
        world.expect_requests(seen + 10).await;
        proxy.reset();
    }
    let finished = world.finish(crawl).await;
    finished.expect_complete().expect_stored(150).expect_in_store(&world.store());
    assert!(finished.talk.contains("lost the broker"), "nothing was reset:\n{}", finished.talk);
    world.worker(1).expect_running();
    world.worker(2).expect_running();
}
