//! Reads the run's reply queue. Replies are input from outside: what cannot be read, or is of another run, is dropped
//! with a log line and changes nothing.

use common::outcome::Reply;
use common::run_name::RunName;
use common::transport::{Consumer, Message, Queue, Receipt, Transport, TransportError};
use common::wire;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// Replies that are read and not yet in the ledger, at most.
const PREFETCH: u16 = 128;

/// A readable reply, to be acknowledged when its outcomes are in the ledger.
#[derive(Debug)]
pub struct Received {
    /// What a worker says.
    pub reply: Reply,
    /// To be settled.
    pub receipt: Receipt,
}

/// Begins to consume the replies of `run`; the queue exists from here on.
pub async fn consume(transport: &Transport, run: &RunName) -> Result<Consumer, TransportError> {
    transport.consume(Queue::Replies(run.clone()), PREFETCH).await
}

/// Reads replies until `stop`, then closes the consumer: replies that come later, and those that were not settled by
/// then, stay in the queue.
pub async fn run(
    mut consumer: Consumer,
    run: RunName,
    replies: mpsc::Sender<Result<Received, TransportError>>,
    stop: CancellationToken,
) {
    loop {
        let message = tokio::select! {
            message = consumer.next() => message,
            () = stop.cancelled() => break,
        };
        let received = match message {
            Ok(Some(message)) => open(message, &run).await.map(Ok),
            Ok(None) => break,
            Err(error) => Some(Err(error)),
        };
        if let Some(received) = received
            && replies.send(received).await.is_err()
        {
            break;
        }
    }
    consumer.stop().await;
    consumer.close().await;
}

async fn open(message: Message, run: &RunName) -> Option<Received> {
    let why = match wire::read_reply(&message.body) {
        Ok(reply) if reply.run == *run => {
            return Some(Received { reply, receipt: message.receipt });
        }
        Ok(reply) => format!("it is of run {}", reply.run),
        Err(error) => error.to_string(),
    };
    tracing::warn!(
        why,
        size_bytes = message.body.len(),
        "a message of the reply queue is not a reply to this run; dropping it"
    );
    // The dead-letter queue is for work; a reply that nobody can read is nobody's work.
    message.receipt.ack().await;
    None
}
