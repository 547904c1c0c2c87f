//! A broker that is short of memory or disk takes no messages until it has some again.

use std::time::Duration;

use clap::Parser;
use common::cli::BrokerOptions;
use common::transport::Transport;
use common::transport::amqp::{Amqp, AmqpSettings};
use harness::{Broker, Place, eventually, one_at_a_time, within};

const SOON: Duration = Duration::from_secs(30);

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
