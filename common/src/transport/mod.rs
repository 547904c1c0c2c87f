//! Carries messages between the producer and the downloaders: publish with confirmation, consume with prefetch, settle
//! each delivery once. Two implementations of one small interface: [`amqp`] speaks to RabbitMQ, [`embedded`] stays in
//! memory for `--embedded`. Everything above is the same code.
//!
//! What holds for both: a publish returns only when the message is safe in its queue; delivery is at-least-once, so
//! whoever receives must bear a message twice; an unsettled delivery comes again.

pub mod amqp;
pub mod embedded;
mod error;

use std::time::SystemTime;

use crate::control::ControlId;
use crate::run_name::RunName;
use crate::telemetry::Places;
use crate::topology::Topology;

pub use error::TransportError;

/// A queue by its part in the protocol; the [`Topology`] knows its name, the implementation its shape.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Batches for any downloader.
    Tasks,
    /// The outcomes of one run.
    Replies(RunName),
    /// What could not be read, or was delivered too often.
    Dead,
    /// Questions to one downloader, which listens.
    Listener(ControlId),
    /// The answers to one asker.
    Answers(ControlId),
}

impl Queue {
    fn name(&self, topology: &Topology) -> String {
        match self {
            Self::Tasks => topology.tasks(),
            Self::Replies(run) => topology.replies(run),
            Self::Dead => topology.dead(),
            Self::Listener(id) => topology.listener(*id),
            Self::Answers(id) => topology.answers(*id),
        }
    }
}

/// Where a message is to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A batch of this run, for any downloader. If no downloader can deal with it, it comes back into the run's replies,
    /// and stays among the dead letters.
    Tasks(RunName),
    /// The outcomes of one run.
    Replies(RunName),
    /// A question to every downloader. Only for those who consume [`Queue::Answers`], by which the way there is laid.
    Everybody,
    /// The answers to one asker.
    Answers(ControlId),
    /// Into no queue; only the broker's confirmation counts.
    Nowhere,
}

/// Where a confirmed message went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Published {
    /// Into its queue, safely.
    Queued,
    /// Nowhere: the queue does not exist (any more).
    Unroutable,
}

/// What goes along with a message, outside of its body.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Along {
    /// Its name, for people who look at the broker.
    pub name: Option<String>,
    /// Where those of its images hang that are followed.
    pub places: Places,
}

/// What settling a delivery came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// The queue was told.
    Done,
    /// The connection of this delivery is gone; the message comes again, to somebody.
    Stale,
}

/// What is known of a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QueueState {
    /// Messages that wait for a consumer.
    pub ready: u32,
    /// Consumers at this moment.
    pub consumers: u32,
    /// Whether there is such a queue; one that is there and out of reach for now counts.
    pub exists: bool,
}

/// A delivery. It must be settled by its [`Receipt`]; dropping that settles nothing, and the message comes again.
#[derive(Debug)]
pub struct Message {
    /// The message as it was published.
    pub body: Vec<u8>,
    /// Whether it may have been given to somebody before.
    pub redelivered: bool,
    /// How often it was delivered before without being settled for good; 0 where the queue does not count. A consumer that
    /// dies, or gives back, adds one to everything it held.
    pub delivery_count: u32,
    /// Where those of its images hang that are followed; anybody can write that.
    pub places: Places,
    /// Of a dead letter: how it came to be one. `None` for others, and where the broker does not say.
    pub death: Option<Death>,
    /// The means to settle it.
    pub receipt: Receipt,
}

/// How a message came to be a dead letter, the last time it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// Why, in the broker's word: `rejected`, `delivery_limit`, `expired` or `maxlen`.
    pub reason: String,
    /// The queue that it died in.
    pub queue: String,
    /// How often it died there for this reason.
    pub count: u64,
    /// When it did so first, by the broker's clock, to the second.
    pub at: Option<SystemTime>,
}

/// The right to settle one delivery, once.
#[derive(Debug)]
pub enum Receipt {
    /// Of RabbitMQ.
    Amqp(amqp::AmqpReceipt),
    /// Of the queue in memory.
    Embedded(embedded::EmbeddedReceipt),
}

impl Receipt {
    /// The work is done and its result is safe elsewhere.
    pub async fn ack(self) -> Settled {
        match self {
            Self::Amqp(receipt) => receipt.ack().await,
            Self::Embedded(receipt) => receipt.ack(),
        }
    }

    /// Nobody can do this work: to the dead-letter queue.
    pub async fn reject(self) -> Settled {
        match self {
            Self::Amqp(receipt) => receipt.reject().await,
            Self::Embedded(receipt) => receipt.reject(),
        }
    }

    /// Somebody else should do this work: back to the queue.
    pub async fn release(self) -> Settled {
        match self {
            Self::Amqp(receipt) => receipt.release().await,
            Self::Embedded(receipt) => receipt.release(),
        }
    }
}

/// A connection to the queues. Clones share it.
#[derive(Debug, Clone)]
pub enum Transport {
    /// RabbitMQ.
    Amqp(amqp::Amqp),
    /// In memory.
    Embedded(embedded::Embedded),
}

impl Transport {
    /// Publishes a message and waits until it is safe. Lost connections are rebuilt and the message sent again, so it
    /// may arrive twice; the future ends only with the answer, or with an error that no waiting mends.
    pub async fn publish(&self, to: Destination, body: Vec<u8>) -> Result<Published, TransportError> {
        self.publish_along(to, body, Along::default()).await
    }

    /// As [`Transport::publish`], with what goes along.
    pub async fn publish_along(
        &self,
        to: Destination,
        body: Vec<u8>,
        along: Along,
    ) -> Result<Published, TransportError> {
        match self {
            Self::Amqp(amqp) => amqp.publish(to, body, along).await,
            Self::Embedded(embedded) => Ok(embedded.publish(to, body, along)),
        }
    }

    /// Publishes an empty message that goes nowhere, and returns when the broker confirmed that it saw it. A broker that is
    /// short of memory or disk says so only to those who publish: a program that has nothing to publish for a while
    /// learns by this, through [`Transport::is_blocked`], why nothing comes. Waits while blocked, like any publish.
    pub async fn probe(&self) -> Result<(), TransportError> {
        match self {
            Self::Amqp(amqp) => amqp.probe().await,
            Self::Embedded(_) => Ok(()),
        }
    }

    /// Whether the broker takes no messages for now, as far as it told us; it tells only those who publish. False while
    /// there is no session, and after it was lost.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        match self {
            Self::Amqp(amqp) => amqp.is_blocked(),
            Self::Embedded(_) => false,
        }
    }

    /// Begins to consume a queue, which is created if need be. At most `prefetch` deliveries are unsettled at a time.
    pub async fn consume(&self, queue: Queue, prefetch: u16) -> Result<Consumer, TransportError> {
        match self {
            Self::Amqp(amqp) => amqp.consume(queue, prefetch).await.map(Consumer::Amqp),
            Self::Embedded(embedded) => Ok(Consumer::Embedded(embedded.consume(queue, prefetch))),
        }
    }

    /// Looks at a queue; one that does not exist is empty and has no consumers.
    pub async fn inspect(&self, queue: Queue) -> Result<QueueState, TransportError> {
        match self {
            Self::Amqp(amqp) => amqp.inspect(queue).await,
            Self::Embedded(embedded) => Ok(embedded.inspect(&queue)),
        }
    }

    /// Whether there is such a queue, as far as the broker knows. A lost connection is waited for, so whoever cannot wait
    /// sets a limit.
    pub async fn exists(&self, queue: Queue) -> Result<bool, TransportError> {
        self.inspect(queue).await.map(|state| state.exists)
    }

    /// Removes a queue with whatever is in it.
    pub async fn delete(&self, queue: Queue) -> Result<(), TransportError> {
        match self {
            Self::Amqp(amqp) => amqp.delete(queue).await,
            Self::Embedded(embedded) => {
                embedded.delete(&queue);
                Ok(())
            }
        }
    }

    /// Ends the connections of this end in good order. Consumers are closed by themselves.
    pub async fn close(self) {
        match self {
            Self::Amqp(amqp) => amqp.close().await,
            Self::Embedded(_) => {}
        }
    }
}

/// A stream of deliveries that outlives lost connections.
#[derive(Debug)]
pub enum Consumer {
    /// Of RabbitMQ.
    Amqp(amqp::AmqpConsumer),
    /// In memory.
    Embedded(embedded::EmbeddedConsumer),
}

impl Consumer {
    /// The next delivery; `None` after [`Consumer::stop`]. Cancel-safe. An error is final: no waiting mends it.
    pub async fn next(&mut self) -> Result<Option<Message>, TransportError> {
        match self {
            Self::Amqp(consumer) => consumer.next().await,
            Self::Embedded(consumer) => Ok(consumer.next().await),
        }
    }

    /// Changes how many deliveries may be unsettled; with 0, none come. With fewer than before, those that were not yet
    /// handed out go back to the queue. Those in hand can be settled all the same, and do not count against the new number.
    /// Returns when it is so, or when there is no session that could be told; the next one is.
    pub async fn set_prefetch(&mut self, prefetch: u16) {
        match self {
            Self::Amqp(consumer) => consumer.set_prefetch(prefetch).await,
            Self::Embedded(consumer) => consumer.set_prefetch(prefetch),
        }
    }

    /// Takes no further deliveries. Those in hand can still be settled; those not yet handed out go back to the queue.
    pub async fn stop(&mut self) {
        match self {
            Self::Amqp(consumer) => consumer.stop().await,
            Self::Embedded(consumer) => consumer.stop(),
        }
    }

    /// Ends the connection after what was settled is written. Unsettled deliveries come again, to somebody.
    pub async fn close(self) {
        match self {
            Self::Amqp(consumer) => consumer.close().await,
            Self::Embedded(consumer) => drop(consumer),
        }
    }
}
