//! Three private nodes that form a cluster, on one machine.

use std::fmt::Write as _;
use std::time::Duration;

use super::node::Node;
use super::place::Place;
use super::surroundings::{NodeSettings, Realm};
use super::unique;
use crate::folder::Folder;
use crate::waiting::eventually;

const SIZE: usize = 3;
const FORMED: Duration = Duration::from_mins(1);

/// Erlang's own patience with a silent node, which is a minute by default: seconds here.
const TICK_TIME: u8 = 8;

/// The nodes find each other by their names. One that sees no majority of them pauses until it does.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    _folder: Folder,
}

impl Cluster {
    /// Starts three nodes at once and waits until they are one.
    pub async fn start(name: &str) -> Self {
        let folder = Folder::new(name);
        let realm = Realm::start(&folder).await;
        let names: Vec<String> = (1..=SIZE).map(|number| format!("{}-{number}@localhost", unique(name))).collect();
        let mut lines = "cluster_formation.peer_discovery_backend = classic_config\n\
                         cluster_partition_handling = pause_minority\n"
            .to_owned();
        for (number, name) in names.iter().enumerate() {
            writeln!(lines, "cluster_formation.classic_config.nodes.{} = {name}", number + 1).expect("a string grows");
        }
        let erlang = format!("-kernel net_ticktime {TICK_TIME}");
        let settings = NodeSettings { lines, erlang, ..NodeSettings::default() };
        let nodes = names.into_iter().map(|name| {
            let folder = Folder::new(name.split('@').next().unwrap_or_default());
            Node::new(folder, name, &settings, realm.clone())
        });
        let mut cluster = Self { nodes: nodes.collect(), _folder: folder };
        for node in &mut cluster.nodes {
            node.launch();
        }
        for node in &mut cluster.nodes {
            node.expect_up().await;
        }
        cluster.expect_whole().await;
        cluster
    }

    /// Waits until every node sees all of them.
    pub async fn expect_whole(&self) {
        eventually("all nodes are one cluster", FORMED, async || {
            let running = self.nodes[0].rabbitmqctl(&["eval", "length(rabbit_nodes:all_running())."]).await;
            if running.trim() == SIZE.to_string() { Ok(()) } else { Err(format!("{running} run")) }
        })
        .await;
    }

    /// A new virtual host, which the programs find by the addresses of all nodes, from the first on.
    pub async fn place(&self, name: &str) -> Place {
        let place = self.nodes[0].place(name).await;
        let addresses: Vec<String> = self.nodes.iter().map(|node| node.uri(name)).collect();
        place.told(&["--broker", &addresses.join(",")])
    }

    /// A node, from 0.
    pub fn node(&mut self, number: usize) -> &mut Node {
        &mut self.nodes[number]
    }

    /// Its other nodes.
    pub fn others(&self, number: usize) -> impl Iterator<Item = &Node> {
        self.nodes.iter().enumerate().filter(move |(other, _)| *other != number).map(|(_, node)| node)
    }

    /// Which node leads a quorum queue, and how many members the queue has.
    pub async fn leader(&self, virtual_host: &str, queue: &str) -> (usize, usize) {
        let listed = self.nodes[0].rabbitmqctl(&["list_queues", "-p", virtual_host, "name", "leader", "members"]).await;
        let line = listed.lines().find(|line| line.split('\t').next() == Some(queue));
        let fields: Vec<&str> = line.unwrap_or_else(|| panic!("no {queue}:\n{listed}")).split('\t').collect();
        let leader = self.nodes.iter().position(|node| node.name() == fields[1].trim_matches('\''));
        (leader.unwrap_or_else(|| panic!("nobody leads:\n{listed}")), fields[2].matches("@localhost").count())
    }

    /// Cuts a node off from the others: they do not know each other's secret any more.
    pub async fn cut_off(&self, number: usize) {
        let terms = "[begin erlang:set_cookie(Node, cut), erlang:disconnect_node(Node) end || Node <- nodes()].";
        self.nodes[number].rabbitmqctl(&["eval", terms]).await;
    }
}
