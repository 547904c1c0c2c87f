//! Those who watch, and what they are shown: gathered once a second for all of them together, and not at all while nobody watches.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use common::run_name::RunName;
use serde::Serialize;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep};
use tokio_util::sync::CancellationToken;

use super::actions::Actions;
use super::broker::{BrokerView, Link};
use super::detail::Details;
use super::runs::{RunView, Runs};
use super::tasks::TaskView;

/// Who may watch at once.
const MOST_WATCHERS: usize = 32;

/// How often what is shown is gathered.
const EVERY: Duration = Duration::from_secs(1);

/// How often the broker is asked.
const BROKER_EVERY: Duration = Duration::from_secs(2);

/// How long after the last one left the connection to the broker is kept: a page that is loaded anew needs it again.
const LEAVE_AFTER: Duration = Duration::from_secs(10);

/// All that is shown at one moment, as text.
#[derive(Debug, Clone, Default)]
pub(super) struct Shown {
    /// The runs and the fleet.
    pub(super) state: Arc<str>,
    /// The runs that somebody looks at closely.
    pub(super) details: Arc<HashMap<RunName, Arc<str>>>,
}

#[derive(Serialize)]
struct State<'a> {
    runs: &'a [RunView],
    beyond: usize,
    tasks: Vec<TaskView>,
    broker: &'a BrokerView,
}

/// Those who watch.
#[derive(Debug)]
pub(super) struct Hub {
    /// How many look at each run closely, and at none.
    watching: Mutex<HashMap<Option<RunName>, usize>>,
    arrivals: watch::Sender<u64>,
    shown: watch::Sender<Shown>,
}

/// Somebody who watches, until it is dropped.
#[derive(Debug)]
pub(super) struct Watcher {
    hub: Arc<Hub>,
    run: Option<RunName>,
    /// What there is to see.
    pub(super) shown: watch::Receiver<Shown>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        let mut watching = self.hub.watching.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(watchers) = watching.get_mut(&self.run) {
            *watchers -= 1;
            if *watchers == 0 {
                watching.remove(&self.run);
            }
        }
    }
}

impl Hub {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            watching: Mutex::default(),
            arrivals: watch::Sender::default(),
            shown: watch::Sender::default(),
        })
    }

    /// Begins to watch, one run closely if it is named. `None`: too many do.
    pub(super) fn watch(self: &Arc<Self>, run: Option<RunName>) -> Option<Watcher> {
        let mut watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        if watching.values().sum::<usize>() >= MOST_WATCHERS {
            return None;
        }
        *watching.entry(run.clone()).or_default() += 1;
        drop(watching);
        let mut shown = self.shown.subscribe();
        shown.mark_changed();
        self.arrivals.send_modify(|arrivals| *arrivals += 1);
        Some(Watcher { hub: Arc::clone(self), run, shown })
    }

    fn is_watched(&self) -> bool {
        !self.watching.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    fn looked_at(&self) -> Vec<RunName> {
        let watching = self.watching.lock().unwrap_or_else(PoisonError::into_inner);
        watching.keys().flatten().cloned().collect()
    }

    async fn until_watched(&self) {
        let mut arrivals = self.arrivals.subscribe();
        while !self.is_watched() {
            // Its sender is ours, so it does not end.
            arrivals.changed().await.unwrap_or(());
        }
    }

    /// Gathers until `stop`, and once more then: the last word is how it ended.
    pub(super) async fn gather(
        self: Arc<Self>,
        mut runs: Runs,
        mut details: Details,
        actions: Arc<Actions>,
        broker: watch::Receiver<BrokerView>,
        stop: CancellationToken,
    ) {
        let mut clock = interval(EVERY);
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut arrivals = self.arrivals.subscribe();
        let (mut is_watched, mut is_last) = (false, false);
        while !is_last {
            is_last = tokio::select! {
                () = stop.cancelled() => true,
                // Who comes is not to wait for the clock; when the last one left, there is one more round.
                _ = clock.tick(), if is_watched => false,
                _ = arrivals.changed() => false,
            };
            is_watched = self.is_watched() && !is_last;
            let (hub, tasks, broker) = (Arc::clone(&self), actions.tasks(), broker.borrow().clone());
            let looked = tokio::task::spawn_blocking(move || {
                hub.look(&mut runs, &mut details, tasks, &broker);
                if !is_watched {
                    runs.turn_away();
                }
                (runs, details)
            });
            // It does not panic; if it did, everybody would see a page that says nothing new.
            let Ok(looked) = looked.await else { return };
            (runs, details) = looked;
            if !is_watched && !is_last {
                // Who comes later is shown nothing old.
                self.shown.send_replace(Shown::default());
            }
        }
    }

    /// Looks at everything, and shows it. Blocks.
    fn look(&self, runs: &mut Runs, details: &mut Details, tasks: Vec<TaskView>, broker: &BrokerView) {
        let views = runs.look();
        let state = text(&State { runs: &views, beyond: runs.beyond(), tasks, broker });
        // First what is there at once: a ledger in which little is found is searched for a while.
        self.shown.send_modify(|shown| shown.state = Arc::clone(&state));
        let found = details.look(&self.looked_at(), &views, runs);
        let details = found.into_iter().map(|(run, detail)| (run, text(&*detail))).collect();
        self.shown.send_replace(Shown { state, details: Arc::new(details) });
    }

    /// Asks the broker until `stop`, for as long as somebody watches.
    pub(super) async fn ask(
        self: Arc<Self>,
        mut link: Link,
        heard: watch::Sender<BrokerView>,
        stop: CancellationToken,
    ) {
        let asking = async {
            let mut last_watched = Instant::now();
            loop {
                if self.is_watched() {
                    last_watched = Instant::now();
                    heard.send_replace(link.ask().await);
                } else if last_watched.elapsed() >= LEAVE_AFTER {
                    link.leave().await;
                    heard.send_replace(BrokerView::Awaited);
                    self.until_watched().await;
                    continue;
                }
                sleep(BROKER_EVERY).await;
            }
        };
        tokio::select! {
            () = asking => {}
            () = stop.cancelled() => {}
        }
        link.leave().await;
    }
}

fn text(shown: &impl Serialize) -> Arc<str> {
    serde_json::to_string(shown).unwrap_or_else(|_| "{}".to_owned()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_may_watch_and_who_leaves_makes_room() {
        let hub = Hub::new();
        assert!(!hub.is_watched());
        let mut watchers: Vec<_> = (0..MOST_WATCHERS).map(|_| hub.watch(None).expect("room")).collect();
        assert!(hub.watch(None).is_none());
        watchers.pop();
        let run: RunName = "r".parse().expect("valid");
        watchers.push(hub.watch(Some(run.clone())).expect("room again"));
        assert!(hub.watch(Some(run.clone())).is_none());
        assert_eq!(hub.looked_at(), [run]);
        watchers.clear();
        assert!(!hub.is_watched() && hub.looked_at().is_empty());
    }
}
