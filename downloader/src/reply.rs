//! Tells producers what happened. Outcomes leave as they come about; while earlier replies await their confirmation,
//! those that come meanwhile share the next message, and a worker that has many images in flight waits a moment for
//! company. So a busy worker sends few large replies, and a slow one small ones at once.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::killpoint;
use common::outcome::{Outcome, Reply};
use common::run_name::RunName;
use common::telemetry::Step;
use common::transport::{Destination, Published, Transport, TransportError};
use common::wire;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{interval, sleep};

use crate::batch::Batch;
use crate::metrics::{Metrics, Stage};
use crate::runs::Runs;
use crate::settle;
use crate::vitals::Vitals;

/// Replies on their way at once.
const AT_ONCE: usize = 2;

/// From so many images in flight on, of all hosts together, an outcome waits for others to share its message. A host that takes one
/// request at a time is asked again only when its outcome has come, so a crawl of few hosts must not wait; with many hosts each
/// is asked that much later, and the worker has others to ask meanwhile.
const BUSY: u32 = 8;

/// How long it waits, at most. Every message costs the broker and the producer a third of a millisecond, whatever is in it.
const GATHERING: Duration = Duration::from_millis(10);

/// Outcomes that wait for no more.
const ENOUGH: usize = 64;

/// Bytes of the texts of outcomes that share a message: a producer holds many messages, and EXIF is long.
const MAX_TEXTS: usize = 256 << 10;

/// How often a worker says that it has images of a run in hand.
const SIGN_OF_LIFE_EVERY: Duration = Duration::from_secs(10);

/// Replies that wait for their confirmation.
type Sending = JoinSet<Result<(), TransportError>>;

/// An image that is done, and the batch it is of.
pub(crate) struct Finished {
    pub(crate) batch: Arc<Batch>,
    pub(crate) outcome: Outcome,
    /// The telling of it, where it is followed: open until this is dropped.
    pub(crate) telling: Step,
}

/// Who sends the replies, and as whom.
pub(crate) struct Replier {
    pub(crate) transport: Transport,
    pub(crate) worker: String,
    pub(crate) concurrency: u16,
    pub(crate) vitals: Arc<Vitals>,
    pub(crate) metrics: Arc<Metrics>,
}

impl Replier {
    /// Sends until the last sender is dropped and everything is confirmed. An error is one that no waiting mends.
    pub(crate) async fn run(self: Arc<Self>, mut finished: mpsc::Receiver<Finished>) -> Result<(), TransportError> {
        let mut sending = Sending::new();
        let mut group = Vec::new();
        loop {
            room(&mut sending).await?;
            if finished.recv_many(&mut group, wire::MAX_OUTCOMES).await == 0 {
                break;
            }
            if self.vitals.in_flight() >= BUSY {
                gather(&mut finished, &mut group).await;
            }
            for (run, group) in by_run(group.drain(..)) {
                for message in messages(group, |finished| finished.outcome.texts()) {
                    // A group is many messages where it is of many runs, or has long texts.
                    room(&mut sending).await?;
                    let (replier, run) = (Arc::clone(&self), run.clone());
                    sending.spawn(async move { replier.send(run, message).await });
                }
            }
        }
        while let Some(result) = sending.join_next().await {
            sent(Some(result))?;
        }
        Ok(())
    }

    async fn send(&self, run: RunName, group: Vec<Finished>) -> Result<(), TransportError> {
        killpoint::reached("downloader.reply", run.as_str()).await;
        let (mut batches, mut outcomes, mut told) = (Vec::new(), Vec::new(), Vec::new());
        for Finished { batch, outcome, telling } in group {
            batches.push(batch);
            outcomes.push(outcome);
            told.push(telling);
        }
        let begun = Instant::now();
        let published = self.publish(&run, outcomes).await?;
        self.metrics.over(Stage::Reply, begun);
        if published == Published::Unroutable {
            tracing::info!(%run, images = batches.len(), "the run is gone; its images are kept, nobody is told");
        }
        drop(told);
        for batch in batches {
            settle::image_done(&batch).await;
        }
        Ok(())
    }

    async fn publish(&self, run: &RunName, outcomes: Vec<Outcome>) -> Result<Published, TransportError> {
        let reply = Reply {
            v: wire::VERSION,
            run: run.clone(),
            worker: self.worker.clone(),
            concurrency: self.concurrency.into(),
            outcomes,
        };
        self.transport.publish(Destination::Replies(run.clone()), wire::write(&reply)).await
    }

    /// Tells producers now and then, by a reply without outcomes, that their images are being worked on. Ends only with a
    /// broker that is lost for good, of which others hear too.
    pub(crate) async fn give_signs_of_life(self: Arc<Self>, runs: Arc<Runs>) {
        let mut clock = interval(SIGN_OF_LIFE_EVERY);
        loop {
            clock.tick().await;
            for run in runs.in_hand() {
                if self.publish(&run, Vec::new()).await.is_err() {
                    return;
                }
            }
        }
    }
}

fn by_run(group: impl Iterator<Item = Finished>) -> HashMap<RunName, Vec<Finished>> {
    let mut runs: HashMap<RunName, Vec<Finished>> = HashMap::new();
    for finished in group {
        match runs.get_mut(&finished.batch.run) {
            Some(known) => known.push(finished),
            None => drop(runs.insert(finished.batch.run.clone(), vec![finished])),
        }
    }
    runs
}

/// Cuts outcomes into messages of no more text than [`MAX_TEXTS`], or of one outcome.
fn messages<T>(group: Vec<T>, texts_of: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let mut messages: Vec<Vec<T>> = Vec::new();
    let mut texts = 0;
    for one in group {
        let more = texts_of(&one);
        match messages.last_mut() {
            Some(message) if texts + more <= MAX_TEXTS => {
                texts += more;
                message.push(one);
            }
            _ => {
                texts = more;
                messages.push(vec![one]);
            }
        }
    }
    messages
}

/// Adds what finishes within a moment, until that is enough.
async fn gather(finished: &mut mpsc::Receiver<Finished>, group: &mut Vec<Finished>) {
    let until = sleep(GATHERING);
    tokio::pin!(until);
    while group.len() < ENOUGH {
        tokio::select! {
            more = finished.recv_many(group, ENOUGH - group.len()) => if more == 0 {
                // The last sender is gone: nobody is to be waited for.
                break;
            },
            () = &mut until => break,
        }
    }
}

/// Waits until a further reply may be sent.
async fn room(sending: &mut Sending) -> Result<(), TransportError> {
    while sending.len() >= AT_ONCE {
        sent(sending.join_next().await)?;
    }
    Ok(())
}

fn sent(joined: Option<Result<Result<(), TransportError>, tokio::task::JoinError>>) -> Result<(), TransportError> {
    match joined {
        Some(Ok(result)) => result,
        // A reply task that panicked has settled nothing, so its batches come again.
        Some(Err(_)) | None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_has_no_more_text_than_its_share_and_one_outcome_at_least() {
        let half = MAX_TEXTS / 2;
        let cut = |texts: &[usize]| messages(texts.to_vec(), |texts| *texts);
        assert_eq!(cut(&[]), Vec::<Vec<usize>>::new());
        assert_eq!(cut(&[0; 200]), [[0; 200]]);
        assert_eq!(cut(&[half, half - 1, half, half, 1]), [vec![half, half - 1], vec![half, half], vec![1]]);
        assert_eq!(cut(&[1, MAX_TEXTS + 1, MAX_TEXTS, 1]), [vec![1], vec![MAX_TEXTS + 1], vec![MAX_TEXTS], vec![1]]);
    }
}
