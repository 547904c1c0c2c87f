//! What is shown, as server-sent events: `state` with the runs and the fleet, and `run` with the run that is looked at closely. Each
//! comes when it has changed, at most once a second.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use common::run_name::RunName;
use futures_util::stream::{Stream, unfold};
use serde::Deserialize;
use tokio_util::sync::CancellationToken;

use super::Site;
use super::hub::Watcher;

/// How long a browser waits before it comes back.
const COME_BACK: Duration = Duration::from_secs(2);

/// How often something is sent although nothing changed, so that either side notices that the other is gone.
const SIGN: Duration = Duration::from_secs(15);

#[derive(Debug, Deserialize)]
pub(super) struct Wanted {
    run: Option<RunName>,
}

/// The events for one browser.
pub(super) async fn events(State(site): State<Arc<Site>>, Query(wanted): Query<Wanted>) -> Response {
    let Some(watcher) = site.hub.watch(wanted.run.clone()) else {
        return (StatusCode::SERVICE_UNAVAILABLE, "As many watch already as may at once.\n").into_response();
    };
    let stream = Watching {
        watcher,
        run: wanted.run,
        over: site.over.clone(),
        sent: (Arc::default(), Arc::default()),
        waiting: VecDeque::from([Event::default().retry(COME_BACK).comment("welcome")]),
    };
    Sse::new(stream.events()).keep_alive(KeepAlive::new().interval(SIGN)).into_response()
}

struct Watching {
    watcher: Watcher,
    run: Option<RunName>,
    over: CancellationToken,
    /// What was sent last of each kind.
    sent: (Arc<str>, Arc<str>),
    waiting: VecDeque<Event>,
}

impl Watching {
    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        unfold(self, |mut watching| async move { watching.next().await.map(|event| (Ok(event), watching)) })
    }

    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            tokio::select! {
                // What is there first, the end after it: the last word is how it ended.
                biased;
                changed = self.watcher.shown.changed() => changed.ok()?,
                () = self.over.cancelled() => return None,
            }
            self.take_changed();
        }
    }

    fn take_changed(&mut self) {
        let shown = self.watcher.shown.borrow_and_update().clone();
        let detail = self.run.as_ref().and_then(|run| shown.details.get(run).cloned()).unwrap_or_default();
        for (name, text, sent) in [("state", shown.state, &mut self.sent.0), ("run", detail, &mut self.sent.1)] {
            if !text.is_empty() && text != *sent {
                self.waiting.push_back(Event::default().event(name).data(&*text));
                *sent = text;
            }
        }
    }
}
