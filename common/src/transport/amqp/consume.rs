//! The consuming link: sessions one after the other, one stream of deliveries out of them. Any error of the stream, and
//! its end, mean a new session: after a channel error lapin's stream may say nothing for ever, and a deleted queue ends
//! it without an error.

use std::sync::Arc;

use futures_util::StreamExt;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::FieldTable;
use lapin::{Acker, Channel};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::session::{CALL_TIMEOUT, Reconnect, Session, broken, call, made_to_fail};
use super::{AmqpSettings, declare, headers};
use crate::failpoint;
use crate::metrics;
use crate::transport::{Message, Queue, Receipt, Settled, TransportError};

/// The right to settle one delivery of RabbitMQ.
#[derive(Debug)]
pub struct AmqpReceipt(Acker);

impl AmqpReceipt {
    pub(in crate::transport) async fn ack(self) -> Settled {
        settled(&self.0.ack(BasicAckOptions::default()).await)
    }

    pub(in crate::transport) async fn reject(self) -> Settled {
        settled(&self.0.reject(BasicRejectOptions { requeue: false }).await)
    }

    pub(in crate::transport) async fn release(self) -> Settled {
        settled(&self.0.nack(BasicNackOptions { requeue: true, multiple: false }).await)
    }
}

fn settled(written: &lapin::Result<bool>) -> Settled {
    // `false` and an error both mean that the channel of this delivery is gone, and the broker gives the message again.
    if matches!(written, Ok(true)) { Settled::Done } else { Settled::Stale }
}

/// A consumer of RabbitMQ that outlives its connections.
#[derive(Debug)]
pub struct AmqpConsumer {
    deliveries: mpsc::Receiver<Result<Message, TransportError>>,
    /// How many unsettled deliveries are wished for; 0: none are to come.
    prefetch: watch::Sender<u16>,
    /// What the link consumes with; `None` while it has no session.
    in_effect: watch::Receiver<Option<u16>>,
    /// An error that came while deliveries were given back.
    failed: Option<TransportError>,
    stop: CancellationToken,
    close: CancellationToken,
    closed: oneshot::Receiver<()>,
}

impl AmqpConsumer {
    pub(super) async fn start(settings: AmqpSettings, queue: Queue, prefetch: u16) -> Result<Self, TransportError> {
        // The broker never has more than the prefetch unsettled with us, so the link never waits for room here.
        let (sender, deliveries) = mpsc::channel(usize::from(u16::MAX));
        let (stop, close) = (CancellationToken::new(), CancellationToken::new());
        let (prefetch, wished) = watch::channel(prefetch);
        let (effect, in_effect) = watch::channel(None);
        let (standing, stands) = oneshot::channel();
        let (ended, closed) = oneshot::channel();
        let link = Link { settings, queue, wished, effect, sender, stop: stop.clone(), close: close.clone(), tags: 0 };
        tokio::spawn(async move {
            link.run(standing).await;
            // Fails when the consumer was dropped instead of closed; then nobody waits for it.
            ended.send(()).unwrap_or(());
        });
        stands.await.unwrap_or(Err(TransportError::Closed))?;
        Ok(Self { deliveries, prefetch, in_effect, failed: None, stop, close, closed })
    }

    pub(in crate::transport) async fn next(&mut self) -> Result<Option<Message>, TransportError> {
        if let Some(error) = self.failed.take() {
            return Err(error);
        }
        if self.stop.is_cancelled() {
            return Ok(None);
        }
        self.deliveries.recv().await.transpose()
    }

    pub(in crate::transport) async fn set_prefetch(&mut self, prefetch: u16) {
        let before = *self.prefetch.borrow();
        if prefetch == before {
            return;
        }
        if prefetch < before {
            // First to nothing, so that all that is waiting here by then came before, and can be given back.
            self.wish(0).await;
            while let Ok(delivery) = self.deliveries.try_recv() {
                self.give_back(delivery).await;
            }
        }
        self.wish(prefetch).await;
    }

    /// Wishes for a prefetch, and waits until the link consumes with it, or does not consume for want of a session; the
    /// next session is opened as wished.
    async fn wish(&mut self, prefetch: u16) {
        self.prefetch.send_replace(prefetch);
        // An error means that the link has ended, and consumes nothing.
        drop(self.in_effect.wait_for(|effect| effect.is_none_or(|effect| effect == prefetch)).await);
    }

    async fn give_back(&mut self, delivery: Result<Message, TransportError>) {
        match delivery {
            Ok(message) => {
                message.receipt.release().await;
            }
            Err(error) => self.failed = Some(error),
        }
    }

    pub(in crate::transport) async fn stop(&mut self) {
        self.stop.cancel();
        self.deliveries.close();
        while let Some(delivery) = self.deliveries.recv().await {
            self.give_back(delivery).await;
        }
    }

    pub(in crate::transport) async fn close(mut self) {
        self.stop().await;
        self.close.cancel();
        (&mut self.closed).await.unwrap_or(());
    }
}

impl Drop for AmqpConsumer {
    fn drop(&mut self) {
        self.stop.cancel();
        self.close.cancel();
    }
}

struct Link {
    settings: AmqpSettings,
    queue: Queue,
    wished: watch::Receiver<u16>,
    effect: watch::Sender<Option<u16>>,
    sender: mpsc::Sender<Result<Message, TransportError>>,
    stop: CancellationToken,
    close: CancellationToken,
    /// Counts consumer tags: to a quorum queue, a consumer that comes back under its tag still has what it held.
    tags: u64,
}

/// A consumer at the broker.
struct Consuming {
    tag: String,
    deliveries: lapin::Consumer,
}

impl Link {
    async fn run(mut self, standing: oneshot::Sender<Result<(), TransportError>>) {
        let mut standing = Some(standing);
        let mut reconnect = Reconnect::new(&self.settings, self.metrics());
        while !self.stop.is_cancelled() {
            let lost = match self.open().await {
                Ok((session, consuming)) => {
                    reconnect.stands();
                    reconnect.succeeded();
                    if let Some(standing) = standing.take() {
                        drop(standing.send(Ok(())));
                    }
                    match self.serve(session, consuming).await {
                        Ok(()) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
            self.effect.send_replace(None);
            let next = tokio::select! {
                next = reconnect.after(lost) => next,
                () = self.stop.cancelled() => return,
            };
            if let Err(error) = next {
                return match standing {
                    Some(standing) => drop(standing.send(Err(error))),
                    // The receiver is gone only when nobody consumes any more.
                    None => drop(self.sender.send(Err(error)).await),
                };
            }
        }
    }

    /// What is told how this link goes: for everybody, if it is one that a program lives by.
    fn metrics(&self) -> Arc<metrics::Link> {
        match self.queue {
            Queue::Tasks | Queue::Replies(_) => self.settings.metrics().consume(),
            Queue::Dead | Queue::Listener(_) | Queue::Answers(_) => Arc::default(),
        }
    }

    async fn open(&mut self) -> Result<(Session, Option<Consuming>), TransportError> {
        let session = Session::open(&self.settings, "consume").await?;
        declare::declare(&self.settings, &session, &self.queue).await?;
        let consuming = self.consume_as_wished(&session.channel).await?;
        Ok((session, consuming))
    }

    /// Begins to consume with the prefetch that is wished for. Nothing is being consumed at this moment.
    async fn consume_as_wished(&mut self, channel: &Channel) -> Result<Option<Consuming>, TransportError> {
        // Told before it is looked at for the last time: whoever wishes for something else meanwhile either is seen here, or
        // sees what is about to be consumed with, and waits.
        let prefetch = loop {
            let prefetch = *self.wished.borrow_and_update();
            self.effect.send_replace(Some(prefetch));
            if *self.wished.borrow() == prefetch {
                break prefetch;
            }
        };
        if prefetch == 0 {
            return Ok(None);
        }
        // Before consuming: without it the whole queue comes into our memory at once.
        call(&self.settings, channel.basic_qos(prefetch, BasicQosOptions::default())).await?;
        self.tags += 1;
        let tag = format!("warren-{}", self.tags);
        let name = self.queue.name(&self.settings.topology);
        let consuming = channel.basic_consume(
            name.into(),
            tag.as_str().into(),
            BasicConsumeOptions::default(),
            FieldTable::default(),
        );
        let deliveries = call(&self.settings, consuming).await?;
        Ok(Some(Consuming { tag, deliveries }))
    }

    /// Hands out deliveries until told to stop, then keeps the channel for settling until told to close.
    async fn serve(&mut self, session: Session, mut consuming: Option<Consuming>) -> Result<(), TransportError> {
        loop {
            let delivery = tokio::select! {
                delivery = next(&mut consuming) => delivery,
                // Its sender lives as long as there is somebody to stop us.
                Ok(()) = self.wished.changed() => {
                    let wider = *self.wished.borrow() > self.effect.borrow().unwrap_or(0);
                    self.cancel(&session.channel, consuming.take(), wider).await;
                    consuming = self.consume_as_wished(&session.channel).await?;
                    continue;
                }
                () = self.stop.cancelled() => break,
            };
            match delivery {
                // Lost with its session, as all that is not settled yet.
                Some(Ok(_)) if failpoint::strikes("broker.deliver") => {
                    return Err(broken(&self.settings, made_to_fail()));
                }
                Some(Ok(delivery)) => self.hand_out(delivery).await,
                Some(Err(source)) => {
                    return Err(TransportError::Broken { uri: self.settings.uri(), source: source.into() });
                }
                None => return Err(self.ended()),
            }
        }
        self.cancel(&session.channel, consuming, false).await;
        self.close.cancelled().await;
        session.close().await;
        Ok(())
    }

    /// Ends a consumer. What came between the decision and the cancellation is handed out, or goes back; what was handed
    /// out before can still be settled, since the channel stays.
    async fn cancel(&self, channel: &Channel, consuming: Option<Consuming>, hand_out: bool) {
        let Some(Consuming { tag, mut deliveries }) = consuming else { return };
        let cancelling = channel.basic_cancel(tag.into(), BasicCancelOptions::default());
        if let Err(error) = call(&self.settings, cancelling).await {
            tracing::debug!(error = %error, "the broker was gone before we stopped consuming");
        }
        let rest = async {
            while let Some(Ok(delivery)) = deliveries.next().await {
                if hand_out {
                    self.hand_out(delivery).await;
                } else {
                    AmqpReceipt(delivery.acker).release().await;
                }
            }
        };
        if timeout(CALL_TIMEOUT, rest).await.is_err() {
            tracing::debug!("the broker is silent; what it sent last comes again by itself");
        }
    }

    async fn hand_out(&self, delivery: Delivery) {
        let message = Message {
            delivery_count: headers::delivery_count(&delivery.properties),
            places: headers::places(&delivery.properties),
            death: headers::death(&delivery.properties),
            redelivered: delivery.redelivered,
            receipt: Receipt::Amqp(AmqpReceipt(delivery.acker)),
            body: delivery.data,
        };
        if let Err(unsent) = self.sender.send(Ok(message)).await
            && let Ok(message) = unsent.0
        {
            message.receipt.release().await;
        }
    }

    fn ended(&self) -> TransportError {
        let why = format!("the broker cancelled the consumer of {}", self.queue.name(&self.settings.topology));
        let source = lapin::Error::from(lapin::ErrorKind::IOError(std::io::Error::other(why).into()));
        TransportError::Broken { uri: self.settings.uri(), source: source.into() }
    }
}

/// The next delivery; pends for ever while nothing is consumed.
async fn next(consuming: &mut Option<Consuming>) -> Option<lapin::Result<Delivery>> {
    match consuming {
        Some(consuming) => consuming.deliveries.next().await,
        None => std::future::pending().await,
    }
}
