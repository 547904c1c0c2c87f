//! The images of a run: which may be handed to the fleet now, and what their outcomes lead to.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use common::outcome::{Outcome, Reply, Status};
use common::reason::Reason;
use common::task::Task;
use common::telemetry::Step;
use common::transport::{Receipt, Transport};
use tokio::time::Instant;
use url::Url;

use super::hosts::Gate;
use super::inline::AT_ONCE;
use super::recent::Recent;
use super::redirects::told_of_hops;
use super::{Alarm, Event, Pipeline, PipelineError};
use crate::backlog::{Backlog, Item, Reading};
use crate::dispatch::{CameBack, Dispatch};
use crate::following::Following;
use crate::ledger::{HostId, Ledger, PendingImage, Recording, RowId, Sent, Try, Verdict};
use crate::metrics::{Metrics, Retried};
use crate::pace::Heard;
use crate::replies::{News, Received};
use crate::settings::RunSettings;
use crate::stream::Stream;
use crate::window::Window;

/// Images that wait to be tried again, at most; above it no new ones are begun.
const MOST_WAITING: usize = 10_000;

/// The images' part of a run's state.
pub(super) struct Images {
    pub(super) backlog: Backlog<PendingImage>,
    pub(super) dispatch: Dispatch,
    pub(super) window: Window,
    /// Groups of outcomes on their way into the ledger.
    pub(super) recording: usize,
    /// Outcomes that the producer itself decided.
    verdicts: Vec<Recording>,
    /// Images that are in nobody's queue for a moment: until their next try, or until the host they were sent to is known.
    pub(super) waiting: usize,
    /// Images whose bytes are being read from the ledger.
    pub(super) inline_under_way: usize,
    /// Which ended last.
    pub(super) recent: Recent,
    retries: u32,
    /// Images that were out when the run was gone on with. The backlog is read from the ledger's beginning then, and must
    /// not offer them: they are out, or were since.
    resumed: HashSet<RowId>,
    /// Whether an earlier producer's messages may outlive it, and so are worth noting.
    notes_sent: bool,
    /// Of those that are followed: the tries whose outcomes are about to be recorded, with the recording itself.
    journeys: Vec<(Step, Step)>,
}

impl Item for PendingImage {
    fn id(&self) -> RowId {
        self.id
    }

    fn host(&self) -> HostId {
        self.host
    }
}

impl Images {
    pub(super) fn new(
        settings: &RunSettings,
        transport: Transport,
        ledger: Ledger,
        metrics: Arc<Metrics>,
        sent: Sent,
        following: Option<Arc<Following>>,
    ) -> Self {
        Self {
            backlog: Backlog::default(),
            resumed: sent.out.iter().map(|image| image.id).collect(),
            notes_sent: matches!(transport, Transport::Amqp(_)),
            dispatch: Dispatch::new(
                transport,
                ledger,
                settings.run.clone(),
                settings.manners(),
                metrics,
                sent,
                following,
            ),
            window: Window::new(settings.window, Instant::now()),
            recording: 0,
            verdicts: Vec::new(),
            waiting: 0,
            inline_under_way: 0,
            recent: Recent::default(),
            retries: settings.retries,
            journeys: Vec::new(),
        }
    }

    pub(super) fn are_done(&self) -> bool {
        self.dispatch.out() == 0
            && self.recording == 0
            && self.waiting == 0
            && self.inline_under_way == 0
            && self.verdicts.is_empty()
            && self.backlog.is_done()
    }

    pub(super) fn try_again(&mut self, image: PendingImage) {
        self.waiting -= 1;
        self.backlog.put_back(image);
    }

    pub(super) fn read(&mut self, reading: Reading, found: Vec<PendingImage>) {
        self.backlog.fill(reading, found, |image| !self.resumed.contains(&image.id));
    }

    /// Begins to read the ledger anew.
    pub(super) fn begin_again(&mut self) {
        self.backlog = Backlog::default();
        self.resumed.clear();
    }

    /// Places in the window that are worth filling now. A few free places of a full window wait until there are enough
    /// for a batch: otherwise each reply would send a message of its own.
    fn room(&self) -> usize {
        let size = self.window.size();
        let free = size.saturating_sub(self.dispatch.out() + self.inline_under_way);
        let worthwhile = self.window.batch().min(size / 4).max(1);
        if free < worthwhile || self.waiting >= MOST_WAITING { 0 } else { free }
    }
}

/// What an outcome says of the image's host.
fn heard(outcome: &Outcome) -> Heard {
    Heard {
        reason: outcome.reason,
        is_final: outcome.is_final,
        status: outcome.http_status,
        retry_after: outcome.retry_after.map(Duration::from_secs),
        took: Some(Duration::from_millis(outcome.duration_ms)),
        bytes: outcome.bytes,
    }
}

/// Whether an image did not change since a version that is not the one to look back at: what is out when a run is gone on with
/// was asked for by what the earlier run of then knew.
fn answers_another_question(outcome: &Outcome, image: &PendingImage) -> bool {
    let is_meant = match &image.asked {
        Some(asked) => asked.is_what_was_asked(&image.url, outcome),
        // It was not asked at all, and its downloader may say so for ever.
        None => outcome.condition.is_none(),
    };
    outcome.status == Status::Unchanged && !is_meant
}

/// Reads images that wait from the ledger.
pub(super) async fn read(ledger: Ledger, reading: Reading) -> Result<Event, PipelineError> {
    let (host, after) = reading.of();
    let found = ledger.pending_images(host, after, reading.most()).await;
    Ok(Event::ImagesRead(reading, found?))
}

impl Pipeline {
    /// Hands out the images that may be handed out. Says whether any were.
    pub(super) fn dispatch_images(&mut self, now: Instant) -> bool {
        let room = self.images.room();
        let (mut sending, mut inline) = (Vec::new(), Vec::new());
        while sending.len() + inline.len() < room
            && let Some((host, url)) = self.images.backlog.peek().map(|image| (image.host, Url::parse(&image.url)))
        {
            if self.images.backlog.peek().is_some_and(PendingImage::is_inline) {
                if inline.len() + self.images.inline_under_way + self.images.dispatch.inline_out() < AT_ONCE {
                    inline.extend(self.images.backlog.take());
                } else {
                    // The outcome of one offers them again.
                    self.images.backlog.park();
                }
                continue;
            }
            // What is accepted has been parsed before; a ledger that was tampered with must not stop the run.
            let Ok(url) = url else {
                self.images
                    .backlog
                    .take()
                    .into_iter()
                    .for_each(|image| self.decide(&image, (Status::Rejected, Reason::BadUrl).into()));
                continue;
            };
            match self.hosts.gate(host, &url, now) {
                Gate::Open => {
                    self.hosts.pace.begin(host, now);
                    sending.extend(self.images.backlog.take());
                }
                Gate::AskRobots => {
                    self.images.backlog.park();
                    self.ask_robots(host, url, now);
                }
                Gate::NoRoom => {
                    self.images.backlog.park();
                    self.hosts.wait_for_robots(host);
                }
                Gate::Later(at) => {
                    self.images.backlog.park();
                    self.wake(host, at);
                }
                Gate::Closed(verdict) => {
                    self.images.backlog.take().into_iter().for_each(|image| self.decide(&image, verdict.clone()));
                }
            }
        }
        self.fetch_inline(inline);
        if sending.is_empty() {
            return false;
        }
        if self.images.dispatch.out() == 0 {
            self.silence.begin(now);
        }
        self.images.dispatch.send(sending, self.images.window.batch(), self.images.window.consumers());
        true
    }

    /// Notes what is out, for a producer that may have to go on with this run. Only what is safe in the queue: an image that
    /// is taken to be out and is not would be waited for.
    pub(super) fn note_sent(&mut self, sent: Vec<(u64, Vec<Try>)>) {
        if self.images.notes_sent && !sent.is_empty() {
            let ledger = self.ledger.clone();
            self.tasks.spawn(async move { Ok(ledger.note_sent(sent).await.map(|()| Event::Noted)?) });
        }
    }

    /// An image has its outcome without being asked for.
    pub(super) fn decide(&mut self, image: &PendingImage, verdict: Verdict) {
        let Verdict { status, reason, detail } = verdict;
        let outcome = Outcome { detail, ..Outcome::new(image.image, image.attempts, status, Some(reason)) };
        let outcome = told_of_hops(outcome, image);
        tracing::debug!(
            task.id = %image.image, image.url, attempt = image.attempts, status = status.as_str(), reason = %reason,
            "an image has its outcome without being asked for"
        );
        self.images.recent.note(image.id, status);
        if status == Status::Failed {
            self.failed(image.url.clone(), reason);
        }
        self.images.verdicts.push(Recording { outcome, worker: None, is_final: true, row: Some(image.id) });
    }

    pub(super) fn record_verdicts(&mut self) {
        if !self.images.verdicts.is_empty() {
            let verdicts = std::mem::take(&mut self.images.verdicts);
            self.record(verdicts, None);
        }
    }

    /// Takes in what came with the replies.
    pub(super) fn hear(&mut self, Received { news, receipt }: Received) {
        match news {
            News::Reply(reply) => self.hear_reply(reply, receipt),
            News::Died(task) => self.hear_of_death(&task, receipt),
        }
    }

    /// Takes in a reply: frees the places of its images, and decides which are tried again.
    fn hear_reply(&mut self, reply: Reply, receipt: Receipt) {
        let now = Instant::now();
        self.silence.sign(now);
        let out = self.images.dispatch.out();
        let concurrency = usize::try_from(reply.concurrency).unwrap_or(usize::MAX).min(4096);
        self.images.window.heard(&reply.worker, concurrency, reply.outcomes.len(), now);
        self.images.window.measure(now);
        let mut recordings = Vec::with_capacity(reply.outcomes.len());
        for outcome in reply.outcomes {
            recordings.push(self.settle(outcome, &reply.worker, now));
        }
        if self.images.dispatch.out() < out {
            // What was told before is no news, however often it comes.
            self.silence.reply(now);
        }
        self.record(recordings, Some(receipt));
    }

    /// A batch died: no downloader could read it, or none survived it. Whichever of its images did that is not known, so
    /// they are sent once more one by one; an image that dies alone has failed.
    fn hear_of_death(&mut self, task: &Task, receipt: Receipt) {
        let now = Instant::now();
        self.silence.reply(now);
        let dispatch = &mut self.images.dispatch;
        let mut dead = Vec::new();
        for image in &task.images {
            // The news of a larger batch may come twice; by then its images are out one by one, and that is another matter.
            if (task.images.len() == 1 || !dispatch.is_out_alone(image.id))
                && let Some(back) = dispatch.came_back(image.id, image.attempt)
            {
                dead.push(back);
            }
        }
        tracing::warn!(
            batch = task.batch,
            images = dead.len(),
            "a batch is among the dead letters: no downloader could read it, or none survived it; `producer dead list` shows it"
        );
        let mut recordings = Vec::new();
        for CameBack { image, batch, mut journey } in dead {
            self.came_back(image.host);
            if task.images.len() == 1 {
                let row = Some(image.id);
                let outcome = Outcome::new(image.image, image.attempts + 1, Status::Failed, Some(Reason::DeadLettered));
                let url = image.url.clone();
                let outcome = self.told_at_last(outcome, image);
                tell(&outcome, &url, batch, None, true);
                self.end_journey(journey, &outcome, true);
                recordings.push(Recording { outcome, worker: None, is_final: true, row });
            } else {
                journey.failed("dead-lettered");
                self.images.backlog.put_back(PendingImage { alone: true, ..image });
            }
        }
        self.record(recordings, Some(receipt));
    }

    /// Takes in an outcome, and says what is to be recorded of it.
    fn settle(&mut self, outcome: Outcome, worker: &str, now: Instant) -> Recording {
        let found = self.images.dispatch.came_back(outcome.id, outcome.attempt);
        // An outcome of an earlier try, or one that was told before: what is out stays out. A lasting one counts all the
        // same; the ledger keeps the first. One that may pass does not: whatever it led to has begun.
        // One that says "unchanged" since something may mean another thing than this run's earlier one by now.
        let Some(CameBack { image, batch, journey }) = found else {
            self.metrics.repeated();
            let lasts = outcome.status != Status::Unchanged && outcome.reason.is_none_or(|why| !why.is_transient());
            return Recording { outcome, worker: Some(worker.to_owned()), is_final: lasts, row: None };
        };
        let row = Some(image.id);
        let is_told = tracing::enabled!(tracing::Level::DEBUG);
        let url = (is_told || journey.is_seen()).then(|| image.url.clone());
        let (outcome, is_final) = self.settle_try(outcome, image, now);
        if let Some(url) = url {
            tell(&outcome, &url, batch, Some(worker), is_final);
            self.end_journey(journey, &outcome, is_final);
        }
        Recording { outcome, worker: Some(worker.to_owned()), is_final, row }
    }

    /// What follows from the outcome of the try that is out.
    fn settle_try(&mut self, outcome: Outcome, mut image: PendingImage, now: Instant) -> (Outcome, bool) {
        let attempt = outcome.attempt.saturating_sub(image.attempts_before).max(1);
        let again = self.next_try(image.host, &image.url, &heard(&outcome), attempt, self.images.retries);
        if outcome.reason == Some(Reason::Redirected) {
            return match self.follow_image(image.clone(), &outcome) {
                Ok(()) => (outcome, false),
                Err(_) => (self.told_at_last(outcome, image), true),
            };
        }
        if answers_another_question(&outcome, &image) && attempt <= self.images.retries.saturating_add(1) {
            image.attempts = outcome.attempt;
            image.asked = None;
            self.images.backlog.put_back(image);
            return (outcome, false);
        }
        match again {
            Some(delay) => {
                image.attempts = outcome.attempt;
                self.images.waiting += 1;
                self.metrics.retried(Retried::Image);
                self.alarms.push(now + delay, Alarm::Image(image));
                (outcome, false)
            }
            None => (self.told_at_last(outcome, image), true),
        }
    }

    /// The last outcome of an image, with all that is known of it.
    fn told_at_last(&mut self, outcome: Outcome, image: PendingImage) -> Outcome {
        let outcome = told_of_hops(outcome, &image);
        self.images.recent.note(image.id, outcome.status);
        if let (Status::Failed | Status::Rejected, Some(reason)) = (outcome.status, outcome.reason) {
            self.failed(image.url, reason);
        }
        outcome
    }

    /// The try of an image that is followed ends when its outcome is recorded.
    fn end_journey(&mut self, mut journey: Step, outcome: &Outcome, is_final: bool) {
        if !journey.is_seen() {
            return;
        }
        journey.note("warren.status", outcome.status.as_str());
        journey.note("warren.final", is_final);
        journey.note_number("http.response.status_code", outcome.http_status);
        journey.note_number("warren.bytes", outcome.bytes);
        journey.note_text("warren.path", outcome.path.as_deref());
        if let Some(reason) = outcome.reason {
            journey.failed(&reason.to_string());
        }
        let record = journey.trail().step("record");
        self.images.journeys.push((record, journey));
    }

    fn record(&mut self, recordings: Vec<Recording>, receipt: Option<Receipt>) {
        self.images.recording += 1;
        let (ledger, stream) = (self.ledger.clone(), self.stream.clone());
        let finished = self.images.dispatch.take_finished();
        let journeys = std::mem::take(&mut self.images.journeys);
        self.tasks.spawn(async move {
            let rows = ledger.record(recordings, finished, stream.is_some()).await?;
            drop(journeys);
            if let Some(receipt) = receipt {
                // Only now: a reply that is not in the ledger must come again. A stale receipt means that it does, and
                // the ledger keeps the first outcome.
                receipt.ack().await;
            }
            Stream::write(stream.as_ref(), rows).await;
            Ok(Event::Recorded)
        });
    }
}

/// One line an outcome.
fn tell(outcome: &Outcome, url: &str, batch: u64, worker: Option<&str>, is_final: bool) {
    tracing::debug!(
        batch, worker, task.id = %outcome.id, image.url = url, attempt = outcome.attempt, status = outcome.status.as_str(),
        reason = outcome.reason.map(tracing::field::display), duration_ms = outcome.duration_ms, size_bytes = outcome.bytes,
        is_final, "an outcome came"
    );
}

#[cfg(test)]
mod tests {
    use common::validators::Validators;

    use super::*;
    use crate::ledger::Asked;

    const URL: &str = "http://host/a";

    fn tag(etag: &str) -> Validators {
        Validators { etag: Some(etag.to_owned()), last_modified: None }
    }

    fn image(asked: Option<(&str, &str)>) -> PendingImage {
        let asked = asked.map(|(url, etag)| Asked { url: url.to_owned(), validators: tag(etag) }.into());
        PendingImage {
            id: 1,
            host: 1,
            image: [0; 16].into(),
            url: URL.to_owned(),
            attempts: 0,
            attempts_before: 0,
            hops: 0,
            alone: false,
            asked,
            texts: 0,
            page: None,
            is_bare: false,
        }
    }

    fn unchanged(since: Option<&str>, final_url: Option<&str>) -> Outcome {
        let mut outcome = Outcome::new([0; 16].into(), 1, Status::Unchanged, None);
        outcome.condition = since.map(tag);
        outcome.final_url = final_url.map(str::to_owned);
        outcome
    }

    #[test]
    fn what_did_not_change_since_something_else_or_elsewhere_answers_another_question() {
        let there = "http://host/there";
        for (asked, since, answered, expected) in [
            (Some((URL, "\"1\"")), Some("\"1\""), None, false),
            (Some((URL, "\"1\"")), Some("\"2\""), None, true),
            (Some((URL, "\"1\"")), None, None, true),
            (Some((URL, "\"1\"")), Some("\"1\""), Some(there), true),
            // Out when the run was gone on with: where redirects led is known to the downloader alone.
            (Some((there, "\"1\"")), Some("\"1\""), Some(there), false),
            (None, Some("\"1\""), None, true),
            // A downloader that makes it up: asking once more would change nothing.
            (None, None, None, false),
        ] {
            let found = answers_another_question(&unchanged(since, answered), &image(asked));
            assert_eq!(found, expected, "{asked:?}, {since:?} at {answered:?}");
        }
        let stored = Outcome { status: Status::Stored, ..unchanged(None, None) };
        assert!(!answers_another_question(&stored, &image(Some((URL, "\"1\"")))));
    }
}
