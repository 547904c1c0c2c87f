//! The queue in memory, for the producer and a downloader in one process. The semantics are the broker's: bounded
//! unsettled deliveries, redelivery of what was not settled, a dead-letter queue.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use tokio::sync::Notify;

use super::{Along, Death, Destination, Message, Published, Queue, QueueState, Receipt, Settled};
use crate::run_name::RunName;
use crate::telemetry::Places;
use crate::topology::Topology;

/// All queues of the process.
#[derive(Debug, Clone, Default)]
pub struct Embedded {
    queues: Arc<Mutex<HashMap<Queue, QueueInMemory>>>,
    changed: Arc<Notify>,
}

#[derive(Debug, Default)]
struct QueueInMemory {
    ready: VecDeque<Waiting>,
    unsettled: BTreeMap<u64, Unsettled>,
    consumers: u32,
    next_tag: u64,
}

/// A message, and what its deliveries so far came to.
#[derive(Debug, Clone)]
struct Waiting {
    body: Vec<u8>,
    /// Whose batch it is, if it is one.
    run: Option<RunName>,
    delivery_count: u32,
    places: Places,
    death: Option<Death>,
}

#[derive(Debug)]
struct Unsettled {
    consumer: u64,
    message: Waiting,
}

impl Waiting {
    fn new(body: Vec<u8>) -> Self {
        Self { body, run: None, delivery_count: 0, places: Places::default(), death: None }
    }

    /// It was delivered, and not settled for good.
    fn again(self) -> Self {
        Self { delivery_count: self.delivery_count.saturating_add(1), ..self }
    }

    /// It was rejected in `queue`.
    fn dead(self, queue: &Queue) -> Self {
        let queue = queue.name(&Topology::default());
        let death = Death { reason: "rejected".to_owned(), queue, count: 1, at: Some(SystemTime::now()) };
        Self { death: Some(death), ..Self::new(self.body) }
    }
}

impl Embedded {
    fn lock(&self) -> MutexGuard<'_, HashMap<Queue, QueueInMemory>> {
        // The data is consistent after every statement, so a panic elsewhere does not spoil it.
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn publish(&self, to: Destination, body: Vec<u8>, along: Along) -> Published {
        let mut queues = self.lock();
        // A reply queue exists only while its run does; the task queue is part of the fleet.
        let (found, run) = match to {
            Destination::Replies(run) => (queues.get_mut(&Queue::Replies(run)), None),
            Destination::Tasks(run) => (Some(queues.entry(Queue::Tasks).or_default()), Some(run)),
            // In one process there is nobody to ask.
            Destination::Everybody | Destination::Answers(_) | Destination::Nowhere => (None, None),
        };
        let Some(found) = found else {
            return Published::Unroutable;
        };
        let mut places = along.places;
        places.sent = (!places.is_empty()).then(SystemTime::now);
        found.ready.push_back(Waiting { run, places, ..Waiting::new(body) });
        drop(queues);
        self.changed.notify_waiters();
        Published::Queued
    }

    pub(super) fn consume(&self, queue: Queue, prefetch: u16) -> EmbeddedConsumer {
        let mut queues = self.lock();
        let state = queues.entry(queue.clone()).or_default();
        state.consumers += 1;
        state.next_tag += 1;
        let id = state.next_tag;
        drop(queues);
        EmbeddedConsumer { embedded: self.clone(), queue, id, prefetch: usize::from(prefetch), stopped: false }
    }

    pub(super) fn inspect(&self, queue: &Queue) -> QueueState {
        self.lock().get(queue).map_or_else(QueueState::default, |state| QueueState {
            ready: u32::try_from(state.ready.len()).unwrap_or(u32::MAX),
            consumers: state.consumers,
            exists: true,
        })
    }

    pub(super) fn delete(&self, queue: &Queue) {
        self.lock().remove(queue);
    }
}

/// A consumer of a queue in memory.
#[derive(Debug)]
pub struct EmbeddedConsumer {
    embedded: Embedded,
    queue: Queue,
    id: u64,
    prefetch: usize,
    stopped: bool,
}

impl EmbeddedConsumer {
    pub(super) async fn next(&mut self) -> Option<Message> {
        if self.stopped {
            return None;
        }
        loop {
            let changed = self.embedded.changed.clone();
            let notified = changed.notified();
            tokio::pin!(notified);
            // Registered before looking, so that a change between look and wait is not missed.
            notified.as_mut().enable();
            if let Some(message) = self.take() {
                return Some(message);
            }
            notified.await;
        }
    }

    fn take(&self) -> Option<Message> {
        let mut queues = self.embedded.lock();
        let state = queues.get_mut(&self.queue)?;
        if state.unsettled.values().filter(|held| held.consumer == self.id).count() >= self.prefetch {
            return None;
        }
        let message = state.ready.pop_front()?;
        state.next_tag += 1;
        let tag = state.next_tag;
        state.unsettled.insert(tag, Unsettled { consumer: self.id, message: message.clone() });
        let receipt = EmbeddedReceipt { embedded: self.embedded.clone(), queue: self.queue.clone(), tag };
        let Waiting { body, delivery_count, places, death, .. } = message;
        Some(Message {
            body,
            redelivered: delivery_count > 0,
            delivery_count,
            places,
            death,
            receipt: Receipt::Embedded(receipt),
        })
    }

    pub(super) fn set_prefetch(&mut self, prefetch: u16) {
        let (before, now) = (self.prefetch > 0, prefetch > 0);
        self.prefetch = prefetch.into();
        if let Some(state) = self.embedded.lock().get_mut(&self.queue) {
            // Who takes nothing is no consumer, as with RabbitMQ.
            state.consumers = state.consumers.saturating_add(now.into()).saturating_sub(before.into());
        }
    }

    pub(super) fn stop(&mut self) {
        if !std::mem::replace(&mut self.stopped, true)
            && let Some(state) = self.embedded.lock().get_mut(&self.queue)
        {
            state.consumers = state.consumers.saturating_sub((self.prefetch > 0).into());
        }
    }
}

impl Drop for EmbeddedConsumer {
    fn drop(&mut self) {
        self.stop();
        let mut queues = self.embedded.lock();
        let Some(state) = queues.get_mut(&self.queue) else {
            return;
        };
        let held: Vec<u64> =
            state.unsettled.iter().filter(|(_, held)| held.consumer == self.id).map(|(tag, _)| *tag).collect();
        for tag in held.into_iter().rev() {
            if let Some(Unsettled { message, .. }) = state.unsettled.remove(&tag) {
                state.ready.push_front(message.again());
            }
        }
        drop(queues);
        self.embedded.changed.notify_waiters();
    }
}

/// The right to settle one delivery of a queue in memory.
#[derive(Debug)]
pub struct EmbeddedReceipt {
    embedded: Embedded,
    queue: Queue,
    tag: u64,
}

impl EmbeddedReceipt {
    fn settle(&self, then: impl FnOnce(&mut HashMap<Queue, QueueInMemory>, Waiting)) -> Settled {
        let mut queues = self.embedded.lock();
        let held = queues.get_mut(&self.queue).and_then(|state| state.unsettled.remove(&self.tag));
        let Some(Unsettled { message, .. }) = held else {
            return Settled::Stale;
        };
        then(&mut queues, message);
        drop(queues);
        self.embedded.changed.notify_waiters();
        Settled::Done
    }

    pub(super) fn ack(self) -> Settled {
        self.settle(|_, _| {})
    }

    pub(super) fn reject(self) -> Settled {
        let from = self.queue.clone();
        self.settle(|queues, message| {
            let run = message.run.clone();
            let letter = message.dead(&from);
            // The run learns of it, as by the broker's dead-letter exchange.
            if let Some(replies) = run.and_then(|run| queues.get_mut(&Queue::Replies(run))) {
                replies.ready.push_back(letter.clone());
            }
            queues.entry(Queue::Dead).or_default().ready.push_back(letter);
        })
    }

    pub(super) fn release(self) -> Settled {
        let queue = self.queue.clone();
        self.settle(|queues, message| {
            if let Some(state) = queues.get_mut(&queue) {
                state.ready.push_front(message.again());
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> RunName {
        "run".parse().expect("valid")
    }

    fn tasks() -> Destination {
        Destination::Tasks(run())
    }

    fn publish(queues: &Embedded, to: Destination, body: Vec<u8>) -> Published {
        queues.publish(to, body, Along::default())
    }

    fn body(message: Option<Message>) -> (Vec<u8>, bool, Receipt) {
        let message = message.expect("a delivery");
        (message.body, message.redelivered, message.receipt)
    }

    #[tokio::test]
    async fn what_is_not_settled_comes_again() {
        let queues = Embedded::default();
        publish(&queues, tasks(), b"one".to_vec());
        let mut first = queues.consume(Queue::Tasks, 1);
        let (_, redelivered, receipt) = body(first.next().await);
        assert!(!redelivered);
        drop(first);
        let (_, redelivered, again) = body(queues.consume(Queue::Tasks, 1).next().await);
        assert!(redelivered);
        assert_eq!(receipt.ack().await, Settled::Stale, "the first delivery is void");
        drop(again);
    }

    #[tokio::test]
    async fn prefetch_bounds_what_is_unsettled() {
        let queues = Embedded::default();
        for _ in 0..3 {
            publish(&queues, tasks(), Vec::new());
        }
        let mut consumer = queues.consume(Queue::Tasks, 2);
        let (_, _, first) = body(consumer.next().await);
        let (_, _, _second) = body(consumer.next().await);
        assert!(consumer.take().is_none());
        assert_eq!(first.ack().await, Settled::Done);
        assert!(consumer.take().is_some());
    }

    #[tokio::test]
    async fn rejected_messages_are_dead_letters_and_released_ones_wait_again() {
        let queues = Embedded::default();
        let mut replies = queues.consume(Queue::Replies(run()), 1);
        publish(&queues, tasks(), b"bad".to_vec());
        let mut consumer = queues.consume(Queue::Tasks, 2);
        body(consumer.next().await).2.release().await;
        let again = consumer.next().await.expect("a delivery");
        assert!(again.redelivered);
        assert_eq!((again.delivery_count, again.death), (1, None));
        again.receipt.reject().await;
        assert_eq!(queues.inspect(&Queue::Dead).ready, 1);
        assert_eq!(replies.next().await.expect("the run learns of it").body, b"bad");
        let dead = queues.consume(Queue::Dead, 1).next().await.expect("a dead letter");
        let death = dead.death.expect("it says why");
        assert_eq!((death.reason.as_str(), death.queue.as_str()), ("rejected", "warren.tasks"));
        assert_eq!(queues.inspect(&Queue::Tasks), QueueState { ready: 0, consumers: 1, exists: true });
    }

    #[tokio::test]
    async fn replies_to_a_run_that_is_gone_are_unroutable() {
        let queues = Embedded::default();
        let (replies, to) = (Queue::Replies(run()), Destination::Replies(run()));
        assert_eq!(publish(&queues, to.clone(), Vec::new()), Published::Unroutable);
        let consumer = queues.consume(replies.clone(), 1);
        assert_eq!(publish(&queues, to.clone(), Vec::new()), Published::Queued);
        drop(consumer);
        queues.delete(&replies);
        assert_eq!(publish(&queues, to, Vec::new()), Published::Unroutable);
    }
}
