//! RabbitMQ by lapin. Two connections in every process, one to publish and one to consume, because a broker that is low
//! on memory or disk stops reading from connections that publish, and acks must not wait for that.
//!
//! lapin's own recovery is off: after a channel error it leaves a consumer pending for ever. Instead each link
//! ([`publish`], [`consume`]) is a task that builds a session from nothing, serves it until anything at all goes wrong,
//! and builds the next one.

mod consume;
mod declare;
mod headers;
mod letters;
mod publish;
mod session;
mod settings;

use super::{Along, Destination, Published, Queue, QueueState, TransportError};

pub use consume::{AmqpConsumer, AmqpReceipt};
pub use letters::{DeadLetters, Letter};
pub use settings::{AmqpSettings, AmqpSettingsError};

/// A connection to RabbitMQ. Clones share it.
#[derive(Debug, Clone)]
pub struct Amqp {
    settings: AmqpSettings,
    publisher: publish::Publisher,
}

impl Amqp {
    /// Connects, and declares the task and dead-letter queues. A broker that does not answer is tried for
    /// [`session::PATIENCE`]; one that refuses is an error at once.
    pub async fn connect(settings: AmqpSettings) -> Result<Self, TransportError> {
        let publisher = publish::Publisher::start(settings.for_link()).await?;
        Ok(Self { settings, publisher })
    }

    /// Opens the dead letters, on a connection of its own.
    pub async fn dead_letters(&self) -> Result<DeadLetters, TransportError> {
        DeadLetters::open(self.settings.clone()).await
    }

    pub(super) async fn publish(
        &self,
        to: Destination,
        body: Vec<u8>,
        along: Along,
    ) -> Result<Published, TransportError> {
        self.publisher.publish(to, body, along).await
    }

    pub(super) async fn probe(&self) -> Result<(), TransportError> {
        self.publisher.probe().await
    }

    pub(super) fn is_blocked(&self) -> bool {
        self.publisher.is_blocked()
    }

    pub(super) async fn consume(&self, queue: Queue, prefetch: u16) -> Result<AmqpConsumer, TransportError> {
        AmqpConsumer::start(self.settings.for_link(), queue, prefetch).await
    }

    pub(super) async fn inspect(&self, queue: Queue) -> Result<QueueState, TransportError> {
        self.publisher.inspect(queue).await
    }

    pub(super) async fn delete(&self, queue: Queue) -> Result<(), TransportError> {
        self.publisher.delete(queue).await
    }

    pub(super) async fn close(self) {
        self.publisher.close().await;
    }
}
