//! A downloader that fetches nothing: it says of every image that it is stored, by the same messages as the real one. What
//! remains of a run's time and memory is then the producer's and the broker's. It ends by a signal; what it has in hand then
//! comes again, to another.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::Parser;
use common::cli::BrokerOptions;
use common::outcome::{Outcome, Reply, Status};
use common::task::{ImageTask, Task};
use common::transport::amqp::{Amqp, AmqpSettings};
use common::transport::{Destination, Message, Queue, Transport};
use common::wire;
use tokio::sync::Semaphore;

/// Says of every image that it is stored.
#[derive(Parser)]
struct Options {
    #[command(flatten)]
    broker: BrokerOptions,

    /// Name in every reply
    #[arg(long, default_value = "answerer")]
    worker: String,

    /// Images at once, as the producer is told; the window follows from it
    #[arg(long, default_value_t = 64)]
    concurrency: u16,

    /// Messages at once
    #[arg(long, default_value_t = 16)]
    messages: u16,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let options = Options::parse();
    common::http::install_tls_provider();
    let settings = AmqpSettings::new(&options.broker, format!("warren bench {}", options.worker))?;
    let transport = Transport::Amqp(Amqp::connect(settings).await?);
    let mut tasks = transport.consume(Queue::Tasks, options.messages).await?;
    let answerer = Arc::new(Answerer { transport, worker: options.worker, concurrency: options.concurrency.into() });
    let turns = Arc::new(Semaphore::new(options.messages.into()));
    while let Some(message) = tasks.next().await? {
        let (turn, answerer) = (Arc::clone(&turns).acquire_owned().await?, Arc::clone(&answerer));
        tokio::spawn(async move {
            if let Err(error) = answerer.answer(message).await {
                eprintln!("bench: {error:#}");
            }
            drop(turn);
        });
    }
    Ok(())
}

struct Answerer {
    transport: Transport,
    worker: String,
    concurrency: u32,
}

impl Answerer {
    /// Replies, and acknowledges what is confirmed, in this order, as a downloader does.
    async fn answer(&self, Message { body, receipt, .. }: Message) -> anyhow::Result<()> {
        let Task { run, images, .. } = wire::read_task(&body)?;
        let reply = Reply {
            v: wire::VERSION,
            run: run.clone(),
            worker: self.worker.clone(),
            concurrency: self.concurrency,
            outcomes: images.iter().map(stored).collect(),
        };
        self.transport.publish(Destination::Replies(run), wire::write(&reply)).await?;
        receipt.ack().await;
        Ok(())
    }
}

/// An outcome with all that the real one has, and a digest that no other image has.
fn stored(image: &ImageTask) -> Outcome {
    let id = String::from(image.id);
    let sha256 = format!("{id}{id}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Outcome {
        http_status: Some(200),
        content_type: Some("image/png".to_owned()),
        format: Some("png".to_owned()),
        width: Some(640),
        height: Some(480),
        bytes: Some(17_000),
        path: Some(format!("{}/{sha256}.png", &sha256[..2])),
        sha256: Some(sha256),
        fetched_at: u64::try_from(now.as_millis()).unwrap_or_default(),
        duration_ms: 1,
        ..Outcome::new(image.id, image.attempt, Status::Stored, None)
    }
}
