//! The shapes of the queues. Declaring is idempotent and done at the start of every session, so a queue that somebody
//! deleted is back as soon as anybody reconnects.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::{ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions, QueueDeleteOptions};
use lapin::protocol::{AMQPErrorKind, AMQPSoftError};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{Channel, Connection, ExchangeKind};

use super::AmqpSettings;
use super::session::{Session, call, protocol_error};
use crate::topology::{CONTROL_QUEUE_LEASE, DELIVERY_LIMIT, LOOK_LIMIT, QUESTION_LIFE, REPLY_QUEUE_LEASE, Topology};
use crate::transport::{Destination, Queue, QueueState, TransportError};

/// Declares `queue` with everything that leads to it.
///
/// Batches go through an exchange that gives all of them to the task queue, with the run's name as the routing key. That
/// key stays with a batch that dies: the dead-letter exchange gives it to the dead-letter queue, and to the replies of the
/// run, which so learns of it.
pub(super) async fn declare(settings: &AmqpSettings, session: &Session, queue: &Queue) -> Result<(), TransportError> {
    let channel = &session.channel;
    let (tasks, dead, control) = (settings.topology.tasks(), settings.topology.dead(), settings.topology.control());
    match queue {
        // Before the task queue: a letter that dies into nothing would stay in it for ever.
        Queue::Tasks | Queue::Dead | Queue::Replies(_) => {
            declare_exchange(settings, channel, &dead, ExchangeKind::Topic).await?;
        }
        Queue::Listener(_) | Queue::Answers(_) => {
            declare_exchange(settings, channel, &control, ExchangeKind::Fanout).await?;
        }
    }
    match queue {
        Queue::Tasks => {
            declare_one(settings, channel, &Queue::Dead).await?;
            bind(settings, channel, &dead, &dead, "#").await?;
            declare_exchange(settings, channel, &tasks, ExchangeKind::Fanout).await?;
            declare_one(settings, channel, queue).await?;
            bind(settings, channel, &tasks, &tasks, "").await
        }
        Queue::Dead => {
            declare_one(settings, channel, queue).await?;
            bind(settings, channel, &dead, &dead, "#").await
        }
        Queue::Replies(run) => {
            // A run may be gone on with by more or fewer addresses than it began with: a queue of the other type does too.
            if !inspect(settings, &session.connection, queue).await?.exists {
                declare_one(settings, channel, queue).await?;
            }
            bind(settings, channel, &queue.name(&settings.topology), &dead, run.as_str()).await
        }
        Queue::Listener(_) => {
            declare_one(settings, channel, queue).await?;
            bind(settings, channel, &queue.name(&settings.topology), &control, "").await
        }
        Queue::Answers(_) => declare_one(settings, channel, queue).await,
    }
}

/// The exchange and the routing key of a message.
pub(super) fn route(topology: &Topology, to: &Destination) -> (String, String) {
    match to {
        Destination::Tasks(run) => (topology.tasks(), run.to_string()),
        Destination::Replies(run) => (String::new(), topology.replies(run)),
        Destination::Everybody => (topology.control(), String::new()),
        Destination::Answers(id) => (String::new(), topology.answers(*id)),
        Destination::Nowhere => (String::new(), topology.nowhere()),
    }
}

async fn declare_exchange(
    settings: &AmqpSettings,
    channel: &Channel,
    name: &str,
    kind: ExchangeKind,
) -> Result<(), TransportError> {
    let options = ExchangeDeclareOptions { durable: true, ..ExchangeDeclareOptions::default() };
    let declared = channel.exchange_declare(name.into(), kind, options, FieldTable::default());
    call(settings, declared).await.map_err(|error| blame(error, "exchange", name))
}

async fn bind(
    settings: &AmqpSettings,
    channel: &Channel,
    queue: &str,
    exchange: &str,
    key: &str,
) -> Result<(), TransportError> {
    let bound = channel.queue_bind(
        queue.into(),
        exchange.into(),
        key.into(),
        QueueBindOptions::default(),
        FieldTable::default(),
    );
    call(settings, bound).await
}

async fn declare_one(settings: &AmqpSettings, channel: &Channel, queue: &Queue) -> Result<(), TransportError> {
    let name = queue.name(&settings.topology);
    let declared = channel.queue_declare(name.as_str().into(), QueueDeclareOptions::durable(), shape(settings, queue));
    call(settings, declared).await.map(drop).map_err(|error| blame(error, "queue", &name))
}

/// A thing that is there with another shape is an error of its own.
fn blame(error: TransportError, kind: &'static str, name: &str) -> TransportError {
    match error {
        TransportError::Broken { source, .. } if is_mismatch(&source) => {
            TransportError::Mismatch { kind, name: name.to_owned(), source }
        }
        error => error,
    }
}

fn is_mismatch(error: &Arc<lapin::Error>) -> bool {
    matches!(protocol_error(error), Some(AMQPErrorKind::Soft(AMQPSoftError::PRECONDITIONFAILED)))
}

fn shape(settings: &AmqpSettings, queue: &Queue) -> FieldTable {
    let text = |value: &str| AMQPValue::LongString(value.into());
    // Short-lived and owned by one program: classic queues, which quorum queues are no replacement for. They are durable
    // because RabbitMQ 4.3 has no others that outlive a connection. But a classic queue dies with its node, so in a cluster
    // they are quorum queues all the same.
    let short_lived = if settings.is_cluster() { "quorum" } else { "classic" };
    let arguments = match queue {
        Queue::Tasks => vec![
            ("x-queue-type", text("quorum")),
            ("x-delivery-limit", AMQPValue::LongLongInt(DELIVERY_LIMIT)),
            ("x-dead-letter-exchange", text(&settings.topology.dead())),
            // A dead letter stays in the task queue until the dead-letter queue has it; this strategy needs this overflow.
            ("x-dead-letter-strategy", text("at-least-once")),
            ("x-overflow", text("reject-publish")),
        ],
        // A look takes letters and gives them back, which counts as a delivery; RabbitMQ 4 drops after 20 of them by itself.
        Queue::Dead => vec![("x-queue-type", text("quorum")), ("x-delivery-limit", AMQPValue::LongLongInt(LOOK_LIMIT))],
        Queue::Replies(_) => {
            let mut arguments =
                vec![("x-queue-type", text(short_lived)), ("x-expires", milliseconds(REPLY_QUEUE_LEASE))];
            if settings.is_cluster() {
                // RabbitMQ 4 drops after 20 deliveries by itself, and a producer that is cut off again and again is no
                // reason to lose replies.
                arguments.push(("x-delivery-limit", AMQPValue::LongLongInt(LOOK_LIMIT)));
            }
            arguments
        }
        Queue::Listener(_) | Queue::Answers(_) => vec![
            ("x-queue-type", text(short_lived)),
            ("x-expires", milliseconds(CONTROL_QUEUE_LEASE)),
            ("x-message-ttl", milliseconds(QUESTION_LIFE)),
        ],
    };
    let mut table = FieldTable::default();
    for (key, value) in arguments {
        table.insert(key.into(), value);
    }
    table
}

fn milliseconds(duration: Duration) -> AMQPValue {
    AMQPValue::LongLongInt(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
}

/// Looks at a queue on a channel of its own, because asking for a queue that does not exist closes the channel.
pub(super) async fn inspect(
    settings: &AmqpSettings,
    connection: &Connection,
    queue: &Queue,
) -> Result<QueueState, TransportError> {
    let channel = call(settings, connection.create_channel()).await?;
    let passive = QueueDeclareOptions::durable().passive();
    let asked = channel.queue_declare(queue.name(&settings.topology).into(), passive, FieldTable::default());
    match call(settings, asked).await {
        Ok(state) => {
            call(settings, channel.close(200, "bye".into())).await?;
            Ok(QueueState { ready: state.message_count(), consumers: state.consumer_count(), exists: true })
        }
        Err(TransportError::Broken { source, .. })
            if matches!(protocol_error(&source), Some(AMQPErrorKind::Soft(AMQPSoftError::NOTFOUND))) =>
        {
            // The same code says that the node of a queue is down ("home node ... is down or inaccessible").
            let exists = !source.to_string().contains("no queue");
            Ok(QueueState { exists, ..QueueState::default() })
        }
        Err(error) => Err(error),
    }
}

/// Deletes a queue; one that does not exist is deleted already.
pub(super) async fn delete(
    settings: &AmqpSettings,
    connection: &Connection,
    queue: &Queue,
) -> Result<(), TransportError> {
    let channel = call(settings, connection.create_channel()).await?;
    let deleting = channel.queue_delete(queue.name(&settings.topology).into(), QueueDeleteOptions::default());
    call(settings, deleting).await?;
    call(settings, channel.close(200, "bye".into())).await
}
