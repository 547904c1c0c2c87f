//! A broker that is short of memory or disk takes no messages until it has some again.

use std::time::Duration;

use common::topology::Topology;
use common::transport::Transport;
use common::transport::amqp::{Amqp, AmqpSettings};
use harness::{Broker, eventually, one_at_a_time, within};

const SOON: Duration = Duration::from_secs(30);

/// The promise that the producer's patience with a blocked broker rests on.
#[tokio::test]
async fn a_probe_finds_out_that_the_broker_is_blocked() {
    let _turn = one_at_a_time().await;
    let node = Broker::private("probe", "").await;
    let place = node.place("probe").await;
    let uri = place.uri().parse().expect("the broker's URI is one");
    let settings = AmqpSettings { uri, topology: Topology::default(), name: "probe".to_owned() };
    let transport = Transport::Amqp(Amqp::connect(settings).await.expect("the broker runs"));
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
