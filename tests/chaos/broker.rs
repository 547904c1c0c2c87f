//! The broker of the storm.

use std::path::PathBuf;
use std::sync::Arc;

use harness::broker::Node;
use tokio::sync::mpsc;

use crate::fault::{Fault, Kind};
use crate::record::Record;

/// Lives through the faults, and gives the node back when there are no more.
pub(crate) async fn live(mut node: Node, mut faults: mpsc::Receiver<Fault>, record: Arc<Record>) -> Node {
    while let Some(fault) = faults.recv().await {
        match fault.kind {
            Kind::RestartBroker => node.stop().await,
            Kind::KillBroker => node.kill(),
            _ => unreachable!("{fault:?} is not for a broker"),
        }
        tokio::time::sleep(fault.lasts).await;
        node.start_again().await;
        record.say("the broker takes connections again");
        record.survived(fault.kind);
    }
    node
}

/// Keeps the node's log with those of the programs.
pub(crate) fn keep_log(node: &Node, folder: &std::path::Path) -> PathBuf {
    let path = folder.join("rabbitmq.log");
    if let Err(error) = std::fs::write(&path, node.log()) {
        eprintln!("the broker's log cannot be kept: {error}");
    }
    path
}
