//! A real RabbitMQ for the tests: one node that they share, or one of a test's own that it may stop and kill.
//!
//! `WARREN_TEST_BROKER=amqp://…` takes the place of the shared node, to test against another version. There the tests
//! keep apart by the programs' `--prefix` instead of by virtual hosts.

mod certificates;
mod cluster;
mod node;
mod place;
mod surroundings;

pub use certificates::{Authority, Certificate};
pub use cluster::Cluster;
pub use node::Node;
pub use place::Place;
pub use surroundings::NodeSettings;

use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;

/// Where tests get a place on a broker, or a broker.
#[derive(Debug)]
pub struct Broker;

impl Broker {
    /// A place on the shared broker that no other test sees. The first to ask waits for the node to start.
    ///
    /// Panics, and says how to get it, when RabbitMQ is not installed: a test that cannot run must not look passed.
    pub async fn place(name: &str) -> Place {
        static SHARED: OnceCell<Node> = OnceCell::const_new();
        if let Ok(uri) = std::env::var("WARREN_TEST_BROKER") {
            return Place::apart_by_prefix(&uri, &unique(name));
        }
        SHARED
            .get_or_init(async || Node::start("shared", &NodeSettings::default()).await)
            .await
            .place(&unique(name))
            .await
    }

    /// A node of the test's own. `settings` are Erlang terms for its application `rabbit`, comma separated, or empty.
    pub async fn private(name: &str, settings: &str) -> Node {
        Self::private_with(name, NodeSettings { terms: settings.to_owned(), ..NodeSettings::default() }).await
    }

    /// A node of the test's own with settings of any kind.
    pub async fn private_with(name: &str, settings: NodeSettings) -> Node {
        Node::start(&unique(name), &settings).await
    }
}

fn unique(name: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{name}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::waiting::eventually;

    #[tokio::test]
    async fn places_do_not_see_each_other() {
        let here = Broker::place("here").await;
        let there = Broker::place("there").await;
        let queue = here.queue("tasks");
        here.declare_classic(&queue).await;
        here.publish(&queue, b"one").await;
        assert_eq!(here.depth(&queue).await.expect("the queue is there").messages, 1);
        assert_eq!(here.take(&queue).await.as_deref(), Some(b"one".as_slice()));
        assert!(there.depth(&there.queue("tasks")).await.is_err());
    }

    #[tokio::test]
    async fn a_private_node_comes_back_with_what_it_held() {
        let mut node = Broker::private("self", "{consumer_timeout, 3000}").await;
        let place = node.place("x").await;
        place.declare_classic("kept").await;
        place.publish("kept", b"persistent").await;
        node.stop().await;
        assert!(place.depth("kept").await.is_err());
        node.start_again().await;
        node.kill();
        node.start_again().await;
        eventually("the message", Duration::from_secs(10), async || {
            place.take("kept").await.ok_or("the queue is empty")
        })
        .await;
        let timeout = node.rabbitmqctl(&["eval", "application:get_env(rabbit, consumer_timeout)."]).await;
        assert_eq!(timeout.trim(), "{ok,3000}");
    }
}
