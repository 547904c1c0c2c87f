//! The runs whose images this worker has in hand: to whom it owes signs of life, and whether they are still there. A run
//! whose reply queue does not exist was cancelled, is complete or was given up, and nobody waits for its images.
//!
//! That the queue is there is remembered for a moment. That it is not is believed for those deliveries only that had come
//! before the question was asked: a producer that finds its reply queue lost declares it again before it sends anything
//! again, so what comes later may be wanted.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use common::run_name::RunName;
use common::transport::{Queue, Transport};
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout};

/// How long a run that was there is taken to be there.
const REMEMBERED: Duration = Duration::from_secs(2);

/// How often the broker is asked about runs of which images are in hand, so that beginning an image rarely has to wait.
const ASK_EVERY: Duration = Duration::from_secs(1);

/// Longest wait for the broker's answer. One that does not come means that the run is there: an outage ends no run.
const PATIENCE: Duration = Duration::from_secs(3);

/// Above so many runs, those without images in hand are forgotten at once.
const RUNS: usize = 1024;

/// What is known of the runs in hand.
#[derive(Debug)]
pub(crate) struct Runs {
    transport: Transport,
    runs: Mutex<HashMap<RunName, Arc<Run>>>,
}

#[derive(Debug)]
struct Run {
    name: RunName,
    in_hand: AtomicUsize,
    /// Images that were not fetched because the run is gone, and that no log line has told of yet.
    dropped: AtomicUsize,
    /// Held by who asks the broker: the others wait for the same answer.
    asking: tokio::sync::Mutex<()>,
    seen: watch::Sender<Seen>,
}

/// The broker's answers.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// When the latest answer came, if it was that the run is there.
    there: Option<Instant>,
    /// When the latest question was asked whose answer was that it is gone.
    gone: Option<Instant>,
}

impl Runs {
    pub(crate) fn new(transport: Transport) -> Arc<Self> {
        Arc::new(Self { transport, runs: Mutex::default() })
    }

    /// Takes an image of `run` in hand that was delivered at `received`.
    pub(crate) fn hold(self: &Arc<Self>, run: &RunName, received: Instant) -> Holding {
        let mut runs = self.lock();
        if runs.len() >= RUNS {
            runs.retain(|_, run| run.in_hand.load(Ordering::Relaxed) > 0);
        }
        let run = runs.entry(run.clone()).or_insert_with(|| Arc::new(Run::new(run.clone())));
        run.in_hand.fetch_add(1, Ordering::Relaxed);
        Holding { runs: Arc::clone(self), run: Arc::clone(run), received }
    }

    /// The runs of which something is in hand.
    pub(crate) fn in_hand(&self) -> Vec<RunName> {
        self.lock().values().filter(|run| run.in_hand.load(Ordering::Relaxed) > 0).map(|run| run.name.clone()).collect()
    }

    /// Asks again and again whether the runs in hand are still there, for as long as it is polled.
    pub(crate) async fn watch(self: Arc<Self>) {
        let mut clock = interval(ASK_EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            clock.tick().await;
            self.tell();
            let runs: Vec<_> = self.lock().values().filter(|run| run.is_idle().is_none()).cloned().collect();
            futures_util::future::join_all(runs.iter().map(async |run| {
                if let Ok(_turn) = run.asking.try_lock() {
                    self.ask(run).await;
                }
            }))
            .await;
        }
    }

    async fn ask(&self, run: &Run) {
        let asked = Instant::now();
        let answer = timeout(PATIENCE, self.transport.exists(Queue::Replies(run.name.clone()))).await;
        run.seen.send_modify(|seen| match answer {
            Ok(Ok(false)) => *seen = Seen { there: None, gone: Some(asked) },
            _ => seen.there = Some(Instant::now()),
        });
    }

    /// Says what was dropped of runs of which nothing is in hand any more, and forgets those that are idle.
    fn tell(&self) {
        self.lock().retain(|name, run| {
            let Some(idle) = run.is_idle() else { return true };
            let images = run.dropped.swap(0, Ordering::Relaxed);
            if images > 0 {
                tracing::info!(run = %name, images, "the run is gone (cancelled, complete or given up); dropped its images");
            }
            idle < REMEMBERED
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunName, Arc<Run>>> {
        self.runs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        self.tell();
    }
}

impl Run {
    fn new(name: RunName) -> Self {
        Self {
            name,
            in_hand: AtomicUsize::new(0),
            dropped: AtomicUsize::new(0),
            asking: tokio::sync::Mutex::default(),
            seen: watch::Sender::default(),
        }
    }

    /// With nothing in hand: how long ago it was last seen.
    fn is_idle(&self) -> Option<Duration> {
        let seen = self.seen.borrow().there.map_or(Duration::MAX, |at| at.elapsed());
        (self.in_hand.load(Ordering::Relaxed) == 0).then_some(seen)
    }

    /// Whether the run is there for what was delivered at `received`; `None` when the broker has to be asked.
    fn is_there(&self, received: Instant) -> Option<bool> {
        let seen = *self.seen.borrow();
        if seen.gone > Some(received) {
            return Some(false);
        }
        seen.there.is_some_and(|at| at.elapsed() < REMEMBERED).then_some(true)
    }
}

/// One image that is in hand for as long as this lives.
#[derive(Debug)]
pub(crate) struct Holding {
    runs: Arc<Runs>,
    run: Arc<Run>,
    received: Instant,
}

impl Holding {
    /// Whether somebody waits for the image: asked at the moment it is to begin.
    pub(crate) async fn is_wanted(&self) -> bool {
        if let Some(there) = self.run.is_there(self.received) {
            return there;
        }
        let _turn = self.run.asking.lock().await;
        if let Some(there) = self.run.is_there(self.received) {
            return there;
        }
        self.runs.ask(&self.run).await;
        self.run.is_there(self.received).unwrap_or(true)
    }

    /// Waits until nobody waits for the image any more.
    pub(crate) async fn gone(&self) {
        let mut seen = self.run.seen.subscribe();
        // An error would mean that the sender is gone, which we hold ourselves.
        drop(seen.wait_for(|seen| seen.gone > Some(self.received)).await);
    }

    /// The image was left unfetched because the run is gone.
    pub(crate) fn dropped(&self) {
        self.run.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        self.run.in_hand.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use common::transport::embedded::Embedded;

    use super::*;

    fn name() -> RunName {
        "run".parse().expect("valid")
    }

    #[tokio::test]
    async fn a_run_is_in_hand_until_its_last_image_is_done() {
        let runs = Runs::new(Transport::Embedded(Embedded::default()));
        let (one, two) = (runs.hold(&name(), Instant::now()), runs.hold(&name(), Instant::now()));
        drop(one);
        assert_eq!(runs.in_hand(), [name()]);
        drop(two);
        assert!(runs.in_hand().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_after_the_queue_was_declared_again_is_wanted() {
        let transport = Transport::Embedded(Embedded::default());
        let runs = Runs::new(transport.clone());
        let before = runs.hold(&name(), Instant::now());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(!before.is_wanted().await, "there is no reply queue");
        before.gone().await;
        let consumer = transport.consume(Queue::Replies(name()), 1).await.expect("in memory");
        let after = runs.hold(&name(), Instant::now());
        assert!(after.is_wanted().await);
        assert!(!before.is_wanted().await, "its producer sends it again");
        transport.delete(Queue::Replies(name())).await.expect("in memory");
        tokio::time::advance(REMEMBERED / 2).await;
        assert!(after.is_wanted().await, "an answer is remembered");
        tokio::time::advance(REMEMBERED).await;
        assert!(!after.is_wanted().await);
        drop(consumer);
    }

    #[tokio::test(start_paused = true)]
    async fn runs_without_images_are_forgotten() {
        let runs = Runs::new(Transport::Embedded(Embedded::default()));
        let holding = runs.hold(&name(), Instant::now());
        runs.tell();
        assert_eq!(runs.lock().len(), 1);
        drop(holding);
        runs.tell();
        assert!(runs.lock().is_empty());
    }
}
