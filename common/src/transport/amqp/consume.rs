//! The consuming link: sessions one after the other, one stream of deliveries out of them. Any error of the stream, and
//! its end, mean a new session: after a channel error lapin's stream may say nothing for ever, and a deleted queue ends
//! it without an error.

use futures_util::StreamExt;
use lapin::Acker;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicCancelOptions, BasicConsumeOptions, BasicNackOptions, BasicQosOptions, BasicRejectOptions,
};
use lapin::types::FieldTable;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use super::session::{CALL_TIMEOUT, Reconnect, Session, call};
use super::{AmqpSettings, declare, headers};
use crate::transport::{Message, Queue, Receipt, Settled, TransportError};

const TAG: &str = "warren";

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
    stop: CancellationToken,
    close: CancellationToken,
    closed: oneshot::Receiver<()>,
}

impl AmqpConsumer {
    pub(super) async fn start(settings: AmqpSettings, queue: Queue, prefetch: u16) -> Result<Self, TransportError> {
        // The broker never has more than `prefetch` unsettled with us, so the link never waits for room here.
        let (sender, deliveries) = mpsc::channel(usize::from(prefetch) + 1);
        let (stop, close) = (CancellationToken::new(), CancellationToken::new());
        let (standing, stands) = oneshot::channel();
        let (ended, closed) = oneshot::channel();
        let link = Link { settings, queue, prefetch, sender, stop: stop.clone(), close: close.clone() };
        tokio::spawn(async move {
            link.run(standing).await;
            // Fails when the consumer was dropped instead of closed; then nobody waits for it.
            ended.send(()).unwrap_or(());
        });
        stands.await.unwrap_or(Err(TransportError::Closed))?;
        Ok(Self { deliveries, stop, close, closed })
    }

    pub(in crate::transport) async fn next(&mut self) -> Result<Option<Message>, TransportError> {
        if self.stop.is_cancelled() {
            return Ok(None);
        }
        self.deliveries.recv().await.transpose()
    }

    pub(in crate::transport) async fn stop(&mut self) {
        self.stop.cancel();
        self.deliveries.close();
        while let Some(delivery) = self.deliveries.recv().await {
            if let Ok(message) = delivery {
                message.receipt.release().await;
            }
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
    prefetch: u16,
    sender: mpsc::Sender<Result<Message, TransportError>>,
    stop: CancellationToken,
    close: CancellationToken,
}

impl Link {
    async fn run(self, standing: oneshot::Sender<Result<(), TransportError>>) {
        let mut standing = Some(standing);
        let mut reconnect = Reconnect::new();
        while !self.stop.is_cancelled() {
            let lost = match self.open().await {
                Ok((session, deliveries)) => {
                    reconnect.succeeded();
                    if let Some(standing) = standing.take() {
                        drop(standing.send(Ok(())));
                    }
                    match self.serve(session, deliveries).await {
                        Ok(()) => return,
                        Err(error) => error,
                    }
                }
                Err(error) => error,
            };
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

    async fn open(&self) -> Result<(Session, lapin::Consumer), TransportError> {
        let session = Session::open(&self.settings, "consume").await?;
        let channel = &session.channel;
        declare::declare(&self.settings, channel, &self.queue).await?;
        // Before consuming: without it the whole queue comes into our memory at once.
        call(&self.settings, channel.basic_qos(self.prefetch, BasicQosOptions::default())).await?;
        let name = self.queue.name(&self.settings.topology);
        let consuming =
            channel.basic_consume(name.into(), TAG.into(), BasicConsumeOptions::default(), FieldTable::default());
        let deliveries = call(&self.settings, consuming).await?;
        Ok((session, deliveries))
    }

    /// Hands out deliveries until told to stop, then keeps the channel for settling until told to close.
    async fn serve(&self, session: Session, mut deliveries: lapin::Consumer) -> Result<(), TransportError> {
        loop {
            let delivery = tokio::select! {
                delivery = deliveries.next() => delivery,
                () = self.stop.cancelled() => break,
            };
            match delivery {
                Some(Ok(delivery)) => self.hand_out(delivery).await,
                Some(Err(source)) => {
                    return Err(TransportError::Broken { uri: self.settings.uri.clone(), source: source.into() });
                }
                None => return Err(self.ended()),
            }
        }
        let cancelling = session.channel.basic_cancel(TAG.into(), BasicCancelOptions::default());
        if let Err(error) = call(&self.settings, cancelling).await {
            tracing::debug!(error = %error, "the broker was gone before we stopped consuming");
        }
        // What came between the decision and the cancellation goes back.
        let giving_back = async {
            while let Some(Ok(delivery)) = deliveries.next().await {
                AmqpReceipt(delivery.acker).release().await;
            }
        };
        if timeout(CALL_TIMEOUT, giving_back).await.is_err() {
            tracing::debug!("the broker is silent; what it sent last comes again by itself");
        }
        self.close.cancelled().await;
        session.close().await;
        Ok(())
    }

    async fn hand_out(&self, delivery: Delivery) {
        let message = Message {
            delivery_count: headers::delivery_count(&delivery.properties),
            deaths: headers::death(&delivery.properties),
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
        TransportError::Broken { uri: self.settings.uri.clone(), source: source.into() }
    }
}
