//! The dead letters, for people who look after them: taken one at a time on a connection of their own, and given back by
//! its end unless they were removed. So a look loses nothing, whenever it is broken off.

use lapin::Acker;
use lapin::options::{BasicAckOptions, BasicGetOptions, QueueDeclareOptions, QueuePurgeOptions};
use lapin::types::FieldTable;

use super::session::{Session, call};
use super::{AmqpSettings, declare, headers};
use crate::run_name::RunName;
use crate::transport::{Death, Queue, TransportError};

/// The dead-letter queue, as far as this connection has taken letters from it.
pub struct DeadLetters {
    settings: AmqpSettings,
    name: String,
    session: Session,
    waiting: u32,
}

/// A dead letter in hand. Dropping it keeps it: it goes back with the others when the connection ends.
#[derive(Debug)]
pub struct Letter {
    /// The message as it was published.
    pub body: Vec<u8>,
    /// The run that it was published for, by its routing key; `None` for what somebody put into the queue by hand.
    pub run: Option<RunName>,
    /// How it died; `None` where the broker does not say.
    pub death: Option<Death>,
    /// How often it was taken from the dead-letter queue and given back before.
    pub looks: u32,
    acker: Acker,
}

impl DeadLetters {
    /// Opens a connection of its own, and counts what waits.
    pub(super) async fn open(settings: AmqpSettings) -> Result<Self, TransportError> {
        let session = Session::open(&settings, "dead letters").await?;
        declare::declare(&settings, &session, &Queue::Dead).await?;
        let name = settings.topology.dead();
        let passive = QueueDeclareOptions::durable().passive();
        let asked = session.channel.queue_declare(name.as_str().into(), passive, FieldTable::default());
        let waiting = call(&settings, asked).await?.message_count();
        Ok(Self { settings, name, session, waiting })
    }

    /// How many letters waited when this was opened, without those that somebody else had in hand.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.waiting
    }

    /// Takes the next letter that this connection does not have yet; `None` when there is none.
    pub async fn next(&self) -> Result<Option<Letter>, TransportError> {
        let taking = self.session.channel.basic_get(self.name.as_str().into(), BasicGetOptions::default());
        let Some(message) = call(&self.settings, taking).await? else {
            return Ok(None);
        };
        let delivery = message.delivery;
        let key = delivery.routing_key.as_str();
        // A message that was put into a queue by the queue's name has that name for its key, which is no run.
        let by_name = [self.settings.topology.tasks(), self.name.clone()].iter().any(|name| name == key);
        Ok(Some(Letter {
            run: if by_name { None } else { key.parse().ok() },
            death: headers::death(&delivery.properties),
            looks: headers::delivery_count(&delivery.properties),
            body: delivery.data,
            acker: delivery.acker,
        }))
    }

    /// Removes a letter for good. It is certain when a later [`DeadLetters::next`] or [`DeadLetters::close`] is through.
    pub async fn remove(&self, letter: Letter) -> Result<(), TransportError> {
        // A channel that is gone says `false`, or an error.
        let removed = call(&self.settings, letter.acker.ack(BasicAckOptions::default())).await?;
        if removed { Ok(()) } else { Err(TransportError::Closed) }
    }

    /// Removes all letters that wait, and says how many. What somebody has in hand stays.
    pub async fn purge(&self) -> Result<u32, TransportError> {
        let purging = self.session.channel.queue_purge(self.name.as_str().into(), QueuePurgeOptions::default());
        call(&self.settings, purging).await
    }

    /// Gives back what was not removed, and ends the connection.
    pub async fn close(self) {
        self.session.close().await;
    }
}
