//! Rights that are taken away in the middle of a run: both programs try a few times, because a broker that boots may
//! refuse for a moment, and then leave with 3 and say why.

use std::time::Duration;

use harness::broker::Node;
use harness::world::Crawl;
use harness::{Broker, Exit, Gate, Place, World};
use tokio::sync::OnceCell;

use crate::{PROGRAMS, images};

const PASSWORD: &str = "their-s3cret";
/// Five tries with growing pauses between them.
const FEW_TRIES: Duration = Duration::from_secs(45);

/// The node that these tests share: each has a user and a virtual host of its own there.
async fn node() -> &'static Node {
    static SHARED: OnceCell<Node> = OnceCell::const_new();
    SHARED.get_or_init(async || Broker::private("access", "").await).await
}

/// A user of this name, who may do everything in a virtual host of the same name, and a run of theirs under way.
async fn under_way(name: &str, gate: &Gate) -> (World, Crawl) {
    let node = node().await;
    let place = node.place(name).await;
    node.rabbitmqctl(&["add_user", name, PASSWORD]).await;
    node.rabbitmqctl(&["set_permissions", "-p", name, name, ".*", ".*", ".*"]).await;
    let theirs = place.uri_with(|uri| {
        uri.set_username(name).expect("an amqp URI has a user");
        uri.set_password(Some(PASSWORD)).expect("an amqp URI has a password");
    });
    let place: Place = place.told(&["--broker", &theirs]);
    let mut world = World::at(name, PROGRAMS, Some(place)).await;
    let urls = images(&world, 8, |image| image.behind(gate));
    world.downloaders(1).await;
    let crawl = world.start_urls(&urls, &["--timeout", "100s"]);
    gate.reached(4).await;
    (world, crawl)
}

/// Both programs leave with 3, name what they tried, and keep the password.
async fn expect_refusal(mut world: World, mut crawl: Crawl, word: &str) {
    let exit = crawl.process.wait(FEW_TRIES).await;
    let talk = crawl.process.talk();
    assert_eq!(exit, Exit::Code(3), "{talk}");
    let downloader = world.worker(1);
    assert_eq!(downloader.wait(FEW_TRIES).await, Exit::Code(3), "{}", downloader.talk());
    for talk in [talk, downloader.talk()] {
        assert!(talk.contains("refuses") && talk.contains("127.0.0.1") && talk.contains(word), "{talk}");
        assert!(!talk.contains(PASSWORD), "it tells the password:\n{talk}");
        let tries = talk.matches("lost the broker").count();
        assert!(tries <= 16, "a storm of {tries} tries:\n{talk}");
    }
    // What is outstanding stays so: the run can be resumed once there are rights again.
    let finished = world.finish(crawl).await;
    finished.expect_counts();
    assert_eq!(finished.count("outstanding"), 8);
}

#[tokio::test]
async fn a_password_that_is_changed_in_the_middle_of_a_run_ends_it_with_3() {
    let gate = Gate::shut();
    let (world, crawl) = under_way("changed", &gate).await;
    node().await.rabbitmqctl(&["change_password", "changed", "another-one"]).await;
    node().await.rabbitmqctl(&["close_all_connections", "--vhost", "changed", "a test"]).await;
    expect_refusal(world, crawl, "password").await;
}

#[tokio::test]
async fn permissions_that_are_cleared_in_the_middle_of_a_run_end_it_with_3() {
    let gate = Gate::shut();
    let (world, crawl) = under_way("cleared", &gate).await;
    node().await.rabbitmqctl(&["clear_permissions", "-p", "cleared", "cleared"]).await;
    node().await.rabbitmqctl(&["close_all_connections", "--vhost", "cleared", "a test"]).await;
    expect_refusal(world, crawl, "cleared").await;
}

/// The broker closes the connections by itself then.
#[tokio::test]
async fn a_virtual_host_that_is_deleted_in_the_middle_of_a_run_ends_it_with_3() {
    let gate = Gate::shut();
    let (world, crawl) = under_way("deleted", &gate).await;
    node().await.rabbitmqctl(&["delete_vhost", "deleted"]).await;
    expect_refusal(world, crawl, "deleted").await;
}
