//! Several addresses of one broker: whichever works is taken.

use harness::ports::free_port;
use harness::{Broker, World};

use crate::{PROGRAMS, images, plain, world};

#[tokio::test]
async fn an_address_that_cannot_be_reached_is_passed_over() {
    let place = Broker::place("passed-over").await;
    let both = format!("amqp://warren:s3cret@127.0.0.1:{}/%2f,{}", free_port(), place.uri());
    let mut world = World::at("passed-over", PROGRAMS, Some(place.told(&["--broker", &both]))).await;
    let urls = images(&world, 10, plain);
    world.downloaders(1).await;
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(10);
    assert!(!finished.talk.contains("s3cret"), "it tells the password:\n{}", finished.talk);
}

#[tokio::test]
async fn all_addresses_that_were_tried_are_named_when_none_works() {
    let (one, other) = (free_port(), free_port());
    let mut world = world("none-works").await;
    let seed = world.url("/");
    let address = |port: u16| format!("amqp://warren:s3cret@127.0.0.1:{port}/%2f");
    let finished = world.producer(&["crawl", "--broker", &address(one), "--broker", &address(other), &seed]).await;
    finished.expect_code(3);
    for port in [one, other] {
        let named = format!("amqp://warren@127.0.0.1:{port}/%2f");
        assert!(finished.talk.contains(&named), "{named} is not named:\n{}", finished.talk);
    }
    assert!(!finished.talk.contains("s3cret"), "it tells the password:\n{}", finished.talk);
}

/// The first address is of another broker, where the user is not known: that is no reason not to ask the second.
#[tokio::test]
async fn a_node_that_refuses_does_not_keep_the_others_from_being_asked() {
    let place = Broker::place("refuses").await;
    let both = format!("{},{}", place.uri_with(|uri| uri.set_path("/no-such-vhost")), place.uri());
    let mut world = World::at("refuses", PROGRAMS, Some(place.told(&["--broker", &both]))).await;
    let urls = images(&world, 3, plain);
    world.downloaders(1).await;
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(3);
}
