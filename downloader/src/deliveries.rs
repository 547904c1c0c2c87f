//! Takes deliveries for as long as there is a reason to: until the worker is told to drain, has been idle for long enough,
//! or its broker is lost for good. While the store is in trouble none are taken, and suspect ones are taken alone.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use common::metrics::BEAT_EVERY;
use common::telemetry::{Places, Trail};
use common::transport::Consumer;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::task::TaskTracker;

use crate::batch::Batch;
use crate::caution::Caution;
use crate::intake::{self, Delivery};
use crate::settle;
use crate::worker::{BrokerLost, Replies, StopReason, Worker};

/// With nothing in hand for this long, and nothing coming, there is nothing left to be careful about.
const QUIET: Duration = Duration::from_secs(1);

/// What comes from the task queue.
pub(crate) struct Deliveries {
    worker: Arc<Worker>,
    consumer: Consumer,
    caution: Caution,
    mode: Mode,
    /// Batches in hand: of each, a token that lasts until it is settled.
    batches: TaskTracker,
    /// Images in hand.
    images: TaskTracker,
    /// When something last happened that is work.
    busy: Instant,
    /// When the last batch in hand was settled, while few are taken and none came since.
    quiet: Option<Instant>,
}

/// What is done about deliveries.
enum Mode {
    /// They are taken.
    Taking,
    /// This one is suspect; what is in hand is finished first.
    Clearing(Box<Delivery>),
    /// A suspect one is in hand, alone.
    Alone,
    /// The store is in trouble.
    Troubled,
}

impl Deliveries {
    /// `consumer` was begun with the prefetch of `caution`.
    pub(crate) fn new(worker: Arc<Worker>, consumer: Consumer, caution: Caution) -> Self {
        let (batches, images) = (TaskTracker::new(), TaskTracker::new());
        // Closed, they can be waited for; what comes is tracked all the same.
        batches.close();
        images.close();
        Self { worker, consumer, caution, mode: Mode::Taking, batches, images, busy: Instant::now(), quiet: None }
    }

    /// Takes deliveries until there is a reason to end.
    pub(crate) async fn take(&mut self, replies: &mut Replies) -> anyhow::Result<StopReason> {
        let worker = Arc::clone(&self.worker);
        let limit = worker.settings.exit_when_idle;
        let mut pulse = interval(BEAT_EVERY);
        pulse.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let taking = matches!(self.mode, Mode::Taking);
            let troubled = matches!(self.mode, Mode::Troubled);
            let careful = !(troubled || taking && self.caution.is_wide());
            let idle_at = limit.map(|limit| self.busy + limit);
            let quiet_at = self.quiet.map(|since| since + QUIET);
            tokio::select! {
                () = worker.draining.cancelled() => return Ok(StopReason::Drained),
                _ = pulse.tick() => worker.metrics.pulse.beat(),
                result = &mut *replies => {
                    // The replier ends before its senders only when the broker is lost for good.
                    result?.map_err(BrokerLost)?;
                    return Ok(StopReason::Drained);
                }
                () = sleep_until(idle_at.unwrap_or(self.busy)), if limit.is_some() => {
                    if self.images.is_empty() {
                        return Ok(StopReason::Idle);
                    }
                    self.busy = Instant::now();
                }
                () = worker.trouble.begins(), if !troubled => self.pause().await,
                () = worker.trouble.ends(), if troubled => self.go_on().await,
                () = self.batches.wait(), if careful && self.quiet.is_none() => self.all_settled().await,
                () = sleep_until(quiet_at.unwrap_or(self.busy)), if quiet_at.is_some() => {
                    self.caution.quiet();
                    self.go_on().await;
                }
                message = self.consumer.next(), if taking => match message {
                    Ok(Some(message)) => {
                        self.busy = Instant::now();
                        if let Some(delivery) = intake::open(message, &worker.metrics).await {
                            self.came(delivery).await;
                        }
                    }
                    Ok(None) => return Ok(StopReason::Drained),
                    Err(error) => return Err(BrokerLost(error).into()),
                },
            }
        }
    }

    /// Takes no further deliveries. What is in hand is left to be finished and settled on the consumer's connection.
    pub(crate) async fn stop(mut self) -> (Consumer, TaskTracker) {
        if let Mode::Clearing(delivery) = self.mode {
            settle::give_back(delivery.receipt, &self.worker.metrics).await;
        }
        self.consumer.stop().await;
        (self.consumer, self.images)
    }

    async fn came(&mut self, delivery: Delivery) {
        self.quiet = None;
        let was_wide = self.caution.is_wide();
        // What this process has in hand or finished has not killed it; it comes again because a connection was lost.
        let count = if self.worker.claims.know(&delivery.task) { 0 } else { delivery.came_back };
        if !self.caution.came(count) {
            self.begin(delivery);
            if self.caution.is_wide() && !was_wide {
                self.set_prefetch().await;
            }
            return;
        }
        tracing::warn!(
            run = %delivery.task.run,
            batch = delivery.task.batch,
            deliveries = delivery.came_back,
            "a batch came back so often that it may be what ended other workers; taking it alone"
        );
        if was_wide || !self.batches.is_empty() {
            self.mode = Mode::Clearing(delivery.into());
            self.set_prefetch().await;
        } else {
            // The broker gives one at a time, so it is alone.
            self.begin(delivery);
        }
    }

    /// Nothing is in hand, at a time when that matters.
    async fn all_settled(&mut self) {
        match std::mem::replace(&mut self.mode, Mode::Taking) {
            Mode::Clearing(delivery) => {
                self.mode = Mode::Alone;
                self.begin(*delivery);
            }
            Mode::Alone => self.set_prefetch().await,
            Mode::Taking => self.quiet = Some(Instant::now()),
            Mode::Troubled => self.mode = Mode::Troubled,
        }
    }

    /// The store is in trouble.
    async fn pause(&mut self) {
        if let Mode::Clearing(delivery) = std::mem::replace(&mut self.mode, Mode::Troubled) {
            settle::give_back(delivery.receipt, &self.worker.metrics).await;
        }
        self.set_prefetch().await;
    }

    /// Deliveries are taken (again), as many as caution allows.
    async fn go_on(&mut self) {
        self.mode = Mode::Taking;
        self.set_prefetch().await;
    }

    /// Has as many deliveries come as now should. A drain does not wait for a broker that is slow to answer.
    async fn set_prefetch(&mut self) {
        self.quiet = None;
        let prefetch = if matches!(self.mode, Mode::Taking) { self.caution.prefetch() } else { 0 };
        tokio::select! {
            () = self.consumer.set_prefetch(prefetch) => {}
            () = self.worker.draining.cancelled() => {}
        }
    }

    fn begin(&self, Delivery { task, came_back, places, receipt }: Delivery) {
        let received = Instant::now();
        let (claims, metrics) = (Arc::clone(&self.worker.claims), Arc::clone(&self.worker.metrics));
        let batch = Batch::new(&task, receipt, claims, metrics, self.batches.token());
        let batch = Arc::new(batch);
        for (index, image) in task.images.into_iter().enumerate() {
            let trail = self.trail(&places, index, came_back);
            let (worker, batch) = (Arc::clone(&self.worker), Arc::clone(&batch));
            let holding = worker.runs.hold(&batch.run, received);
            self.images.spawn(async move { worker.image(batch, image, holding, trail).await });
        }
    }

    /// What is told of an image from here on, where it is followed: first of all how long its message waited.
    fn trail(&self, places: &Places, index: usize, came_back: u32) -> Trail {
        let Some((otlp, place)) = self.worker.otlp.as_ref().zip(places.of(index)) else { return Trail::NONE };
        let trail = otlp.trail(place);
        if let Some(sent) = places.sent_before(SystemTime::now()) {
            let mut queue = trail.step_from("queue", sent);
            queue.note("messaging.system", "rabbitmq");
            queue.note("warren.deliveries", i64::from(came_back) + 1);
        }
        trail
    }
}
