//! Spreads the first answers of a site over a given time, so that a crawl of it lasts as long as a test wants it to,
//! however fast the machine is. A crawl that falls behind is let catch up.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::Plan;
use super::tally::{Place, Tally};

/// How much further than the pictures the pages are, in parts of the whole: a crawl needs some to choose from.
const LEAD: f64 = 0.04;

/// How long between two looks of an answer that waits.
const PAUSE: Duration = Duration::from_millis(40);

/// No answer waits longer: a slow site, but not one that programs give up.
const LONGEST: Duration = Duration::from_secs(30);

/// When what may be answered.
#[derive(Debug, Default)]
pub(super) struct Tempo {
    schedule: Mutex<Option<(Instant, Duration)>>,
}

impl Tempo {
    pub(super) fn spread_over(&self, time: Duration) {
        *self.schedule.lock().expect("nobody panics with it") = Some((Instant::now(), time));
    }

    pub(super) fn hurry(&self) {
        *self.schedule.lock().expect("nobody panics with it") = None;
    }

    /// Waits until this may be answered. What was answered before may be answered at once.
    pub(super) async fn wait(&self, place: Place, plan: &Plan, tally: &Tally) {
        let begun = Instant::now();
        while begun.elapsed() < LONGEST && !tally.was_answered(place) && self.is_early(place, plan, tally) {
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn is_early(&self, place: Place, plan: &Plan, tally: &Tally) -> bool {
        let Some((begun, time)) = *self.schedule.lock().expect("nobody panics with it") else {
            return false;
        };
        let part = begun.elapsed().as_secs_f64() / time.as_secs_f64().max(0.001);
        match place {
            Place::Picture(_) => is_above(tally.different_pictures(), part, plan.pictures),
            Place::Page(_) => is_above(tally.different_pages(), part + LEAD, plan.pages),
            Place::Root | Place::Nowhere => false,
        }
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of a test are far below what a float holds exactly")]
fn is_above(answered: u64, part: f64, all: u64) -> bool {
    answered as f64 > part * all as f64
}
