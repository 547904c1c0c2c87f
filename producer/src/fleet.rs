//! What the broker and the downloaders say. None of it is waited for longer than a person who looks would like.

use std::collections::BTreeMap;
use std::time::Duration;

use common::chain::Chain;
use common::control::{Answer, ControlId, Question, read_answer};
use common::run_name::RunName;
use common::transport::amqp::{Amqp, AmqpSettings};
use common::transport::{Consumer, Destination, Published, Queue, Transport, TransportError};
use common::wire;
use tokio::time::{Instant, timeout, timeout_at};

/// Longest wait for the downloaders' answers.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1500);

/// How much longer to wait when as many have answered as take work: those that drain, or whose store is in trouble, take
/// none and answer too.
const GRACE: Duration = Duration::from_millis(200);

/// Longest wait for the broker's confirmation.
const CONFIRMATION: Duration = Duration::from_secs(2);

/// Longest time for leaving.
const GOODBYE: Duration = Duration::from_secs(1);

/// Answers in hand at once.
const PREFETCH: u16 = 256;

/// Most answers that are read.
const MOST: usize = 10_000;

/// The broker, and who works there.
#[derive(Debug)]
pub(crate) struct Fleet {
    /// Consumers of the task queue: one for each downloader, and another for one that changed how many batches it takes,
    /// until those that it had before are settled.
    pub(crate) downloaders: u32,
    /// Batches that wait for one.
    pub(crate) waiting: u32,
    /// Dead letters.
    pub(crate) dead: u32,
    /// The broker takes no messages for now.
    pub(crate) blocked: bool,
    /// What the downloaders say, by name.
    pub(crate) answers: Vec<Answer>,
    /// How many replies wait for the runs that were asked about and have a queue.
    pub(crate) replies: BTreeMap<RunName, u32>,
}

impl Fleet {
    /// Comes for one question: connects, asks, and leaves.
    pub(crate) async fn visit(settings: AmqpSettings, runs: &[RunName]) -> Result<Self, TransportError> {
        let transport = Transport::Amqp(Amqp::connect(settings).await?);
        let fleet = Self::ask(&transport, runs).await?;
        if !fleet.blocked && timeout(GOODBYE, transport.close()).await.is_err() {
            tracing::debug!("the broker is silent; leaving without a word");
        }
        Ok(fleet)
    }

    /// Asks the broker, and through it the downloaders, and how many replies wait for `runs`.
    pub(crate) async fn ask(transport: &Transport, runs: &[RunName]) -> Result<Self, TransportError> {
        // First what needs no publishing: from then on a blocked broker reads nothing from this connection.
        let mut tasks = transport.inspect(Queue::Tasks).await?;
        let dead = transport.inspect(Queue::Dead).await?;
        let mut replies = BTreeMap::new();
        for run in runs {
            let queue = transport.inspect(Queue::Replies(run.clone())).await?;
            if queue.exists {
                replies.insert(run.clone(), queue.ready);
            }
        }
        let answers = match answers(transport, tasks.consumers).await {
            Ok(answers) => answers,
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "the downloaders cannot be asked");
                Vec::new()
            }
        };
        let blocked = is_blocked(transport).await?;
        if !blocked && usize::try_from(tasks.consumers).is_ok_and(|consumers| consumers > answers.len()) {
            // Who left, or was counted twice for a moment, is not to be blamed for silence.
            let again = transport.inspect(Queue::Tasks).await?;
            tasks.consumers = tasks.consumers.min(again.consumers);
        }
        Ok(Self { downloaders: tasks.consumers, waiting: tasks.ready, dead: dead.ready, blocked, answers, replies })
    }
}

/// Whether the broker takes no messages. It says so only after something was published, and may have taken that.
async fn is_blocked(transport: &Transport) -> Result<bool, TransportError> {
    if transport.is_blocked() {
        return Ok(true);
    }
    match timeout(CONFIRMATION, transport.probe()).await {
        Ok(confirmed) => confirmed.map(|()| transport.is_blocked()),
        Err(_) => Ok(true),
    }
}

async fn answers(transport: &Transport, expected: u32) -> Result<Vec<Answer>, TransportError> {
    let id = ControlId::random();
    let mut consumer = transport.consume(Queue::Answers(id), PREFETCH).await?;
    let question = wire::write(&Question { v: wire::VERSION, answers: id });
    let asked = timeout(PATIENCE, transport.publish(Destination::Everybody, question)).await;
    let answers = match asked {
        Ok(Ok(Published::Queued)) => collect(&mut consumer, usize::try_from(expected).unwrap_or(usize::MAX)).await,
        Ok(Ok(Published::Unroutable)) | Err(_) => Ok(Vec::new()),
        Ok(Err(error)) => Err(error),
    };
    // The queue deletes itself in a minute if this is not possible now.
    let leaving = async {
        consumer.close().await;
        transport.delete(Queue::Answers(id)).await
    };
    if !matches!(timeout(GOODBYE, leaving).await, Ok(Ok(()))) {
        tracing::debug!("the queue for answers is left to expire");
    }
    answers
}

/// Reads answers until as many have come as downloaders take work, or the time is over.
async fn collect(consumer: &mut Consumer, expected: usize) -> Result<Vec<Answer>, TransportError> {
    let mut answers: Vec<Answer> = Vec::new();
    let deadline = Instant::now() + PATIENCE;
    while answers.len() < MOST {
        let enough = answers.len() >= expected.max(1);
        let until = if enough { deadline.min(Instant::now() + GRACE) } else { deadline };
        let Ok(message) = timeout_at(until, consumer.next()).await else { break };
        let Some(message) = message? else { break };
        match read_answer(&message.body) {
            // The same one twice is a question that was delivered twice.
            Ok(answer) if answers.iter().any(|known| is_same(known, &answer)) => {}
            Ok(answer) => answers.push(answer),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), "what came for us is not a downloader's answer; dropping it");
            }
        }
        message.receipt.ack().await;
    }
    answers.sort_by(|one, other| (&one.worker, one.started_at).cmp(&(&other.worker, other.started_at)));
    Ok(answers)
}

fn is_same(one: &Answer, other: &Answer) -> bool {
    (&one.worker, &one.host, one.started_at) == (&other.worker, &other.host, other.started_at)
}
