//! Reads the run's reply queue: what workers say, and the batches of the run that died. All of it is input from outside:
//! what cannot be read, or is of another run, is dropped with a log line and changes nothing.

use std::sync::Arc;

use common::outcome::Reply;
use common::run_name::RunName;
use common::task::Task;
use common::transport::{Consumer, Message, Queue, Receipt, Transport, TransportError};
use common::wire;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::metrics::{Came, Metrics};

/// Replies that are read and not yet in the ledger, at most.
const PREFETCH: u16 = 128;

/// A readable message, to be acknowledged when what follows from it is in the ledger.
#[derive(Debug)]
pub struct Received {
    /// What it says.
    pub news: News,
    /// To be settled.
    pub receipt: Receipt,
}

/// What a message of the reply queue says.
#[derive(Debug)]
pub enum News {
    /// What a worker did.
    Reply(Reply),
    /// This batch is among the dead letters.
    Died(Task),
}

impl News {
    fn run(&self) -> &RunName {
        match self {
            Self::Reply(reply) => &reply.run,
            Self::Died(task) => &task.run,
        }
    }
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
    metrics: Arc<Metrics>,
) {
    loop {
        let message = tokio::select! {
            message = consumer.next() => message,
            () = stop.cancelled() => break,
        };
        let received = match message {
            Ok(Some(message)) => open(message, &run, &metrics).await.map(Ok),
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

async fn open(message: Message, run: &RunName, metrics: &Metrics) -> Option<Received> {
    let read = wire::read_reply(&message.body).map(News::Reply);
    // A reply is what comes nearly always. A batch is news only if the broker says that it died.
    let read = read.or_else(|error| match &message.death {
        Some(_) => wire::read_task(&message.body).map(News::Died).map_err(|_| error),
        None => Err(error),
    });
    let why = match read {
        Ok(news) if news.run() == run => {
            metrics.came(match news {
                News::Reply(_) => Came::Reply,
                News::Died(_) => Came::DeadBatch,
            });
            return Some(Received { news, receipt: message.receipt });
        }
        Ok(news) => format!("it is of run {}", news.run()),
        Err(error) => error.to_string(),
    };
    metrics.came(Came::Unreadable);
    tracing::warn!(
        why,
        size_bytes = message.body.len(),
        "a message of the reply queue is not a reply to this run; dropping it"
    );
    // The dead-letter queue is for work; a reply that nobody can read is nobody's work.
    message.receipt.ack().await;
    None
}
