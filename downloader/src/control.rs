//! Answers people who ask the fleet how it is. Nothing depends on it: when this link fails, the worker works on and is
//! missing in the answers.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::chain::Chain;
use common::control::{Answer, ControlId, MAX_TEXT, Question, StoreTrouble as Trouble, read_question};
use common::transport::{Consumer, Destination, Queue, Transport, TransportError};
use common::wire;
use tokio::time::sleep;
use tokio_util::task::AbortOnDropHandle;

use crate::one_line::one_line;
use crate::store_trouble::StoreTrouble;
use crate::vitals::Vitals;

/// Questions in hand at once.
const PREFETCH: u16 = 8;

/// How long to leave a broker alone that refuses us the queue for questions.
const REFUSED_PAUSE: Duration = Duration::from_mins(1);

/// What there is to say.
pub(crate) struct About {
    /// The name in replies.
    pub(crate) worker: String,
    /// Images at once.
    pub(crate) concurrency: u16,
    /// The numbers.
    pub(crate) vitals: Arc<Vitals>,
    /// The state of the store.
    pub(crate) trouble: Arc<StoreTrouble>,
}

/// Listens for questions for as long as the handle is held. In one process with the producer there is nobody to ask.
pub(crate) fn listen(transport: &Transport, about: About) -> Option<AbortOnDropHandle<()>> {
    match transport {
        Transport::Amqp(_) => Some(AbortOnDropHandle::new(tokio::spawn(run(transport.clone(), about)))),
        Transport::Embedded(_) => None,
    }
}

async fn run(transport: Transport, about: About) {
    // For good: the queue waits for this worker while it connects again.
    let id = ControlId::random();
    let host = hostname::get().ok().and_then(|name| name.into_string().ok());
    let host = host.map_or_else(|| "unknown".to_owned(), |name| one_line(&name, MAX_TEXT));
    loop {
        let lost = match transport.consume(Queue::Listener(id), PREFETCH).await {
            Ok(mut questions) => match answer_all(&transport, &about, &host, &mut questions).await {
                Ok(()) => return,
                Err(error) => error,
            },
            Err(error) => error,
        };
        tracing::warn!(
            error = %Chain(&lost),
            "cannot listen for questions: this worker works, but `producer status` does not show it; trying again later"
        );
        sleep(REFUSED_PAUSE).await;
    }
}

async fn answer_all(
    transport: &Transport,
    about: &About,
    host: &str,
    questions: &mut Consumer,
) -> Result<(), TransportError> {
    while let Some(message) = questions.next().await? {
        let question = read_question(&message.body);
        // Before the answer: a question is worth one try.
        message.receipt.ack().await;
        match question {
            Ok(Question { answers, .. }) => {
                let answer = wire::write(&about.answer(host));
                // An asker that has left is nothing to tell of.
                transport.publish(Destination::Answers(answers), answer).await?;
            }
            Err(error) => tracing::warn!(
                error = %Chain(&error),
                size_bytes = message.body.len(),
                "what came for this worker is not a question; dropping it"
            ),
        }
    }
    Ok(())
}

impl About {
    fn answer(&self, host: &str) -> Answer {
        let (done, bytes) = self.vitals.totals();
        let trouble = self.trouble.now();
        Answer {
            v: wire::VERSION,
            worker: self.worker.clone(),
            host: host.to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started_at: milliseconds(self.vitals.started_at),
            concurrency: self.concurrency.into(),
            in_flight: self.vitals.in_flight(),
            done,
            bytes,
            images_per_second: self.vitals.images_per_second(),
            store_trouble: trouble
                .map(|(why, since)| Trouble { why: one_line(&why, MAX_TEXT), since: milliseconds(since) }),
        }
    }
}

fn milliseconds(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use common::control::read_answer;

    use super::*;

    #[test]
    fn what_is_answered_can_be_read() {
        let about = About {
            worker: "w1".to_owned(),
            concurrency: 64,
            vitals: Arc::new(Vitals::new()),
            trouble: Arc::default(),
        };
        about.vitals.done(70);
        let _image = about.vitals.begin();
        let answer = read_answer(&wire::write(&about.answer("host"))).expect("readable");
        assert_eq!((answer.worker.as_str(), answer.host.as_str()), ("w1", "host"));
        assert_eq!((answer.concurrency, answer.in_flight, answer.done, answer.bytes), (64, 1, 1, 70));
        assert_eq!(answer.store_trouble, None);
    }

    #[test]
    fn a_text_of_the_system_is_made_to_fit() {
        assert_eq!(one_line("a\nb", MAX_TEXT), "a b");
        assert_eq!(one_line(&"ä".repeat(MAX_TEXT), MAX_TEXT).len(), MAX_TEXT);
    }
}
