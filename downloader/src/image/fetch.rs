//! An image's turn, and what the server says of it: how its bytes come into memory, or why there are none.

use std::time::Instant;

use bytes::Bytes;
use common::outcome::{Outcome, Status};
use common::reason::Reason;
use common::task::{ImageTask, Inline};
use common::telemetry::{Step, Trail};
use url::Url;

use super::{End, about};
use crate::batch::Batch;
use crate::body::Body;
use crate::image_fetch::Fetched;
use crate::metrics::Stage;
use crate::runs::Holding;
use crate::store::{Image, StoreError};
use crate::worker::Worker;

impl Worker {
    /// Fetches the image when it is its turn, and keeps it.
    pub(super) async fn fetch_and_keep(
        &self,
        batch: &Batch,
        task: &ImageTask,
        holding: &Holding,
        trail: &Trail,
    ) -> End {
        let wait = trail.step("wait");
        let Ok(url) = Url::parse(&task.url) else {
            let outcome = Outcome::new(task.id, task.attempt, Status::Rejected, Some(Reason::BadUrl));
            return End::Outcome(outcome.into());
        };
        if let Some(inline) = &task.inline {
            return self.keep_inline(batch, task, inline, trail, wait).await;
        }
        let begun = Instant::now();
        // The host first: whoever waits for a busy host must not hold a slot that another host could use. The semaphore is never
        // closed.
        let turn = async { (self.hosts.enter(&url).await, self.slots.acquire().await) };
        let (host, slot) = tokio::select! {
            biased;
            () = self.trouble.begins() => {
                batch.must_come_again();
                return End::GivenBack;
            }
            turn = turn => turn,
        };
        if !holding.is_wanted().await {
            return End::Unwanted;
        }
        if !batch.begin_image(self.draining.is_cancelled()) {
            return End::GivenBack;
        }
        self.metrics.over(Stage::Wait, begun);
        let _in_flight = self.vitals.begin();
        let begun = Instant::now();
        drop(wait);
        let mut fetching = trail.step("fetch");
        let fetched = self.fetch.fetch(task, url, &batch.manners, &self.room).await;
        self.metrics.over(Stage::Fetch, begun);
        drop(host);
        let fetched = match fetched {
            Ok(fetched) => self.bring(batch, task, fetched).await,
            Err(error) => self.no_room_in_store(batch, task, &error),
        };
        drop(slot);
        let Some(fetched) = fetched else { return End::GivenBack };
        note_fetched(&mut fetching, &fetched.outcome);
        drop(fetching);
        self.keep(batch, task, trail, fetched).await.map_or(End::GivenBack, |outcome| End::Outcome(outcome.into()))
    }

    /// Brings what was fetched into memory. While the store takes nothing, memory may not become free.
    async fn bring(&self, batch: &Batch, task: &ImageTask, fetched: Fetched<Body>) -> Option<Fetched<Bytes>> {
        let Fetched { outcome, body, exchange } = fetched;
        let Some(body) = body else { return Some(Fetched { outcome, body: None, exchange }) };
        tokio::select! {
            biased;
            brought = self.room.bring(body) => match brought {
                Ok(bytes) => Some(Fetched { outcome, body: Some(bytes), exchange }),
                Err(error) => self.no_room_in_store(batch, task, &error),
            },
            () = self.trouble.begins() => {
                batch.must_come_again();
                None
            }
        }
    }

    /// A body could not be put into a file of the store's, or be read from there.
    fn no_room_in_store<T>(&self, batch: &Batch, task: &ImageTask, error: &StoreError) -> Option<T> {
        self.metrics.refused();
        batch.must_come_again();
        let outcome = Outcome::new(task.id, task.attempt, Status::Stored, None);
        self.trouble.refused(Image::to_try_with(about(batch, task, outcome, None), error), error);
        None
    }

    /// An image that stood in the page: no host to ask, and its bytes are in memory as it is.
    async fn keep_inline(&self, batch: &Batch, task: &ImageTask, inline: &Inline, trail: &Trail, wait: Step) -> End {
        let share = tokio::select! {
            biased;
            () = self.trouble.begins() => {
                batch.must_come_again();
                return End::GivenBack;
            }
            share = self.room.memory.take(inline.0.len()) => share,
        };
        if !batch.begin_image(self.draining.is_cancelled()) {
            return End::GivenBack;
        }
        let _in_flight = self.vitals.begin();
        drop(wait);
        let Fetched { outcome, body, exchange } = self.fetch.inline(task, inline);
        let body = body.map(|bytes| share.hold(bytes));
        let kept = self.keep(batch, task, trail, Fetched { outcome, body, exchange }).await;
        kept.map_or(End::GivenBack, |outcome| End::Outcome(outcome.into()))
    }
}

/// What a request came to.
fn note_fetched(step: &mut Step, outcome: &Outcome) {
    step.note_number("http.response.status_code", outcome.http_status);
    step.note_text("warren.content_type", outcome.content_type.as_deref());
    if let Some(reason) = outcome.reason.filter(|_| step.is_seen()) {
        step.failed(&reason.to_string());
    }
}
