//! A delivery in hand: the images of one message, and how far they are. A batch is settled once, when its last image
//! is done; whether by an ack or by giving it back is decided by what happened to its images.

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use common::run_name::RunName;
use common::task::Task;
use common::transport::Receipt;
use tokio_util::task::task_tracker::TaskTrackerToken;

use crate::claims::{Claims, Try};
use crate::exchange::Asking;
use crate::image_fetch::Manners;
use crate::metrics::Metrics;

/// A message's images that are still in hand.
#[derive(Debug)]
pub(crate) struct Batch {
    /// Whose images these are.
    pub(crate) run: RunName,
    /// The run's own count, for logs.
    pub(crate) number: u64,
    /// Who asks, and what is obeyed.
    pub(crate) manners: Manners,
    /// The same, for those who write it down.
    pub(crate) asking: Arc<Asking>,
    unfinished: AtomicUsize,
    progress: AtomicU8,
    give_back: AtomicBool,
    receipt: Mutex<Option<Receipt>>,
    tries: Vec<Try>,
    claims: Arc<Claims>,
    /// Where its end is counted.
    pub(crate) metrics: Arc<Metrics>,
    /// Tells that this batch is in hand, until it is settled and dropped.
    _in_hand: TaskTrackerToken,
}

const UNTOUCHED: u8 = 0;
const BEGUN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Batch {
    pub(crate) fn new(
        task: &Task,
        receipt: Receipt,
        claims: Arc<Claims>,
        metrics: Arc<Metrics>,
        in_hand: TaskTrackerToken,
    ) -> Self {
        Self {
            run: task.run.clone(),
            number: task.batch,
            manners: Manners::new(task),
            asking: Asking::new(task).into(),
            unfinished: AtomicUsize::new(task.images.len()),
            progress: AtomicU8::new(UNTOUCHED),
            give_back: AtomicBool::new(false),
            receipt: Mutex::new(Some(receipt)),
            tries: task.images.iter().map(|image| (task.run.clone(), image.id, image.attempt)).collect(),
            claims,
            metrics,
            _in_hand: in_hand,
        }
    }

    /// The broker has taken the ack: none of this comes again.
    pub(crate) fn acknowledged(&self) {
        self.claims.forget(&self.tries);
    }

    /// Asks to begin an image. While draining, a batch of which nothing has begun is given back whole instead; one that
    /// has begun is finished, because its fetched images would be fetched again otherwise.
    pub(crate) fn begin_image(&self, draining: bool) -> bool {
        let target = if draining { GIVEN_UP } else { BEGUN };
        match self.progress.compare_exchange(UNTOUCHED, target, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => !draining,
            Err(progress) => progress == BEGUN,
        }
    }

    /// The batch must come again: an image of it could not be dealt with here.
    pub(crate) fn must_come_again(&self) {
        self.give_back.store(true, Ordering::Release);
    }

    /// One image is done. After the last one, what is left to do for the delivery.
    pub(crate) fn finish_image(&self) -> Option<Verdict> {
        if self.unfinished.fetch_sub(1, Ordering::AcqRel) != 1 {
            return None;
        }
        let receipt = self.receipt.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        let give_back = self.give_back.load(Ordering::Acquire) || self.progress.load(Ordering::Acquire) == GIVEN_UP;
        Some(if give_back { Verdict::Release(receipt) } else { Verdict::Ack(receipt) })
    }
}

/// How a delivery is to be settled.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// Every outcome is with the producer.
    Ack(Receipt),
    /// Some image is not done.
    Release(Receipt),
}
