//! One run, from its seeds to its last outcome: wires the rooms, and is the only scheduler there is. One task owns all
//! state and never waits for anything but the next event; whatever takes time (a page, the ledger, the broker) is a task
//! of its own that ends in an [`Event`].

mod hosts;
mod images;
mod inline;
mod listing;
mod pages;
mod recent;
mod redirects;
mod search;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use common::chain::Chain;
use common::outcome::Status;
use common::reason::Reason;
use common::shutdown::Shutdown;
use common::transport::{Queue, QueueState, Transport, TransportError};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep, sleep_until, timeout};
use url::Url;

use crate::backlog::Reading;
use crate::dispatch::DispatchError;
use crate::following::Following;
use crate::ledger::{HostId, Ledger, LedgerError, PageKind, PendingImage, PendingPage, RowId, Sent};
use crate::metrics::Metrics;
use crate::pace::AtRest;
use crate::page_fetch::{Answer, Missed, PageFetch};
use crate::replies::Received;
use crate::retry::Timers;
use crate::robots::Rules;
use crate::seeds::list::ListError;
use crate::settings::RunSettings;
use crate::silence::Silence;
use crate::stream::Stream;
use crate::window::Heard;
use crate::word::Wishes;

use self::hosts::Hosts;
use self::images::Images;
use self::pages::Pages;

pub use self::listing::Listing;
pub use self::recent::Recent;
pub use self::search::PageWork;

/// How often the broker is asked for the number of downloaders.
const FLEET_EVERY: Duration = Duration::from_secs(1);

/// Without a reply and without a sign of life for this long, while nothing waits in the task queue and somebody consumes it,
/// outstanding images are sent again: their messages are nowhere. Three times as long as a worker's signs are apart.
const LOST_AFTER: Duration = Duration::from_secs(30);

/// How much later than `--timeout` a run gives up, at most: a downloader's own time limit may be as long, and its verdict
/// on the last image is on its way then.
const MARGIN: Duration = Duration::from_secs(2);

/// After so long without an outcome the broker is asked whether it takes messages; earlier if `--timeout` is short.
const PROBE_AFTER: Duration = Duration::from_secs(5);

/// How long after the answer to one such question the next one follows.
const PROBE_EVERY: Duration = Duration::from_millis(500);

/// How a run stopped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// Every image has an outcome.
    Complete,
    /// No reply for too long.
    TimedOut,
    /// By a signal.
    Interrupted,
    /// By `producer cancel`.
    Cancelled,
}

/// What ends a run with an error.
#[derive(Debug, thiserror::Error)]
pub enum PipelineError {
    /// The ledger cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The broker is lost for good.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The list broke off.
    #[error(transparent)]
    List(#[from] ListError),
    /// The downloader in this process cannot work.
    #[error("the downloader in this process cannot work: {}", Chain(.0.as_ref()))]
    Downloader(anyhow::Error),
    /// A part of the program failed.
    #[error("a task of the producer failed; this is a bug worth reporting")]
    Task(#[from] JoinError),
}

impl From<DispatchError> for PipelineError {
    fn from(error: DispatchError) -> Self {
        match error {
            DispatchError::Ledger(error) => Self::Ledger(error),
            DispatchError::Transport(error) => Self::Transport(error),
        }
    }
}

/// What is under way, for whoever watches the run.
#[derive(Debug, Clone, Default)]
pub struct Live {
    /// Images that are out.
    pub out: usize,
    /// Images that may be out at once.
    pub window: usize,
    /// Downloaders that consume.
    pub downloaders: usize,
    /// Batches in the task queue that nobody has in hand.
    pub queued: u32,
    /// Whether the broker takes no messages at the moment.
    pub blocked: bool,
    /// Hosts that are left alone for a while; looked at once a second.
    pub at_rest: Arc<AtRest>,
    /// Whether nothing is handed out because somebody wants a pause.
    pub paused: bool,
    /// What takes a moment to say; looked at once a second, while somebody watches the run from outside.
    pub closer: Arc<Closer>,
    /// What failed last, an image or a page; none before anything did.
    pub last_failure: Option<Arc<Failure>>,
}

/// What is looked at more closely while somebody watches.
#[derive(Debug, Clone, Default)]
pub struct Closer {
    /// Whether somebody does.
    pub watched: bool,
    /// The workers that were heard in the last minute, by name.
    pub workers: Vec<Heard>,
    /// The last images that were kept, the newest last, [`Recent::MOST`] at most.
    pub stored: Vec<RowId>,
    /// The last images that were not, likewise.
    pub failed: Vec<RowId>,
}

/// Something that failed for good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Its address, as strangers wrote it: not for a terminal as it is.
    pub url: String,
    /// Why.
    pub reason: Reason,
    /// When.
    pub at: SystemTime,
}

/// Where the work of a run comes from.
pub enum Source {
    /// Pages, beginning with those that are in the ledger already.
    Pages(Box<PageWork>),
    /// A list of images.
    List(Listing),
    /// Nothing but what the ledger has already.
    Ledger,
}

/// What a finished task says.
enum Event {
    PagesRead(Reading, Vec<PendingPage>),
    ImagesRead(Reading, Vec<PendingImage>),
    RobotsLearned { host: HostId, url: Url, rules: Result<Rules, Missed>, took: Duration },
    PageArrived { page: PendingPage, result: Result<Answer, Missed>, asked: SystemTime, took: Duration },
    PageRecorded { depth: u32, kind: PageKind },
    Redirected(Redirected),
    InlineRead(Vec<(PendingImage, Option<Bytes>)>),
    Listed { listing: Option<Box<Listing>> },
    Recorded,
    Noted,
    Probed,
    Fleet(Result<QueueState, TransportError>),
}

/// What a redirect leads to another host, and waits there for its turn.
enum Redirected {
    Page(PendingPage),
    Image(PendingImage),
}

type Tasks = JoinSet<Result<Event, PipelineError>>;

/// What a timer is for.
enum Alarm {
    /// A host may be asked again.
    Host(HostId),
    /// A page is to be tried again.
    Page(PendingPage),
    /// An image is to be tried again.
    Image(PendingImage),
}

/// What a run is made of.
pub struct Parts {
    /// What the run knows.
    pub ledger: Ledger,
    /// The way to the fleet.
    pub transport: Transport,
    /// Fetches robots.txt files.
    pub fetch: PageFetch,
    /// Where the work comes from.
    pub source: Source,
    /// What an earlier producer had handed out.
    pub sent: Sent,
    /// Where outcomes go as they come, if anywhere.
    pub stream: Option<Stream>,
    /// Who is shown what is under way.
    pub live: watch::Sender<Live>,
    /// Where it is counted what is done.
    pub metrics: Arc<Metrics>,
    /// What others want of it; asked every second.
    pub wishes: Wishes,
    /// Which images are followed, if any.
    pub following: Option<Arc<Following>>,
}

/// One run.
#[expect(clippy::struct_excessive_bools, reason = "each says whether one thing is under way")]
pub struct Pipeline {
    timeout: Duration,
    ledger: Ledger,
    transport: Transport,
    hosts: Hosts,
    pages: Pages,
    images: Images,
    listing: Option<Box<Listing>>,
    list_under_way: bool,
    images_first: bool,
    alarms: Timers<Alarm>,
    tasks: Tasks,
    asking_fleet: bool,
    queue: QueueState,
    silence: Silence,
    probing: bool,
    wishes: Wishes,
    paused: bool,
    stream: Option<Stream>,
    live: watch::Sender<Live>,
    metrics: Arc<Metrics>,
    at_rest: Arc<AtRest>,
    closer: Arc<Closer>,
    last_failure: Option<Arc<Failure>>,
}

impl Pipeline {
    /// Sets a run up.
    #[must_use]
    pub fn new(settings: &RunSettings, parts: Parts) -> Self {
        let Parts { ledger, transport, fetch, source, sent, stream, live, metrics, wishes, following } = parts;
        let (work, listing) = match source {
            Source::Pages(work) => (Some(Arc::from(work)), None),
            Source::List(listing) => (None, Some(Box::new(listing))),
            Source::Ledger => (None, None),
        };
        let now = Instant::now();
        let mut hosts = Hosts::new(settings, fetch);
        sent.out.iter().for_each(|image| hosts.pace.begin(image.host, now));
        let begun = ledger.counts().pages;
        let mut silence = Silence::new(now);
        if !sent.out.is_empty() {
            // A worker that has any of them in hand says so within its ten seconds; the producer before us waited already.
            silence.sign(now.checked_sub(LOST_AFTER / 2).unwrap_or(now));
        }
        Self {
            timeout: settings.timeout + (settings.timeout / 10).min(MARGIN),
            hosts,
            pages: Pages::new(work, settings.retries, begun.fetched + begun.failed),
            images: Images::new(settings, transport.clone(), ledger.clone(), Arc::clone(&metrics), sent, following),
            stream,
            wishes,
            paused: false,
            listing,
            list_under_way: false,
            images_first: false,
            alarms: Timers::default(),
            tasks: JoinSet::new(),
            asking_fleet: false,
            queue: QueueState::default(),
            silence,
            probing: false,
            live,
            metrics,
            at_rest: Arc::default(),
            closer: Arc::default(),
            last_failure: None,
            ledger,
            transport,
        }
    }

    /// Runs until every image has an outcome, or something ends it before that.
    pub async fn run(
        mut self,
        mut replies: mpsc::Receiver<Result<Received, TransportError>>,
        shutdown: &Shutdown,
    ) -> Result<Ended, PipelineError> {
        let mut fleet_clock = interval(FLEET_EVERY);
        fleet_clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.heed_pause();
        let ended = loop {
            let now = Instant::now();
            self.pump(now);
            if self.is_complete() && !self.something_is_left() {
                break Ended::Complete;
            }
            if self.has_timed_out(now) {
                break Ended::TimedOut;
            }
            let next = self.next_moment(now);
            tokio::select! {
                Some(event) = self.tasks.join_next() => self.handle(event??),
                Some(received) = replies.recv() => {
                    self.hear(received?);
                    // Those that came together are dealt with together: their freed places then fill one batch.
                    while let Ok(received) = replies.try_recv() {
                        self.hear(received?);
                    }
                }
                confirmed = self.images.dispatch.confirmed() => self.note_sent(confirmed?),
                _ = fleet_clock.tick() => {
                    self.metrics.pulse.beat();
                    if self.wishes.is_cancelled() {
                        break Ended::Cancelled;
                    }
                    self.heed_pause();
                    self.ask_fleet();
                    self.at_rest = self.hosts.pace.at_rest(Instant::now()).into();
                    self.look_closer();
                }
                () = sleep_until(next) => {}
                () = shutdown.drain.cancelled() => break Ended::Interrupted,
            }
        };
        self.metrics.ends();
        self.finish_recording(shutdown).await?;
        Ok(ended)
    }

    /// Starts everything that may start now.
    fn pump(&mut self, now: Instant) {
        while let Some(alarm) = self.alarms.pop_due(now) {
            match alarm {
                Alarm::Host(host) => self.unpark(host),
                Alarm::Page(page) => self.pages.try_again(page),
                Alarm::Image(image) => self.images.try_again(image),
            }
        }
        self.offer_waiting_for_robots();
        self.read_ledger();
        if !self.paused {
            self.read_list();
            self.start_in_turn(now);
        }
        self.record_verdicts();
        let live = Live {
            out: self.images.dispatch.out(),
            window: self.images.window.size(),
            downloaders: self.images.window.consumers(),
            queued: self.queue.ready,
            blocked: self.silence.is_blocked(),
            paused: self.paused,
            closer: Arc::clone(&self.closer),
            at_rest: Arc::clone(&self.at_rest),
            last_failure: self.last_failure.clone(),
        };
        self.live.send_replace(live);
    }

    /// While the run is paused nothing begins: no row of a list, no page, no image. What is out comes back and is recorded, and only
    /// for that is the time-out; with nothing out there is no silence.
    fn heed_pause(&mut self) {
        let paused = self.wishes.is_paused();
        if std::mem::replace(&mut self.paused, paused) != paused {
            if paused {
                tracing::warn!("the run is paused: nothing is handed out; hint: `producer unpause` lets it go on");
            } else {
                tracing::info!("the run is not paused any more, and goes on");
            }
        }
    }

    /// While nobody watches, this is one question to the file system.
    fn look_closer(&mut self) {
        let now = Instant::now();
        let watched = self.wishes.is_watched(now.into_std());
        if watched || self.closer.watched {
            let (stored, failed) = self.images.recent.told();
            let workers = self.images.window.workers(now);
            self.closer = Closer { watched, workers, stored, failed }.into();
        }
    }

    /// Something failed for good: whoever watches sees the last of it.
    fn failed(&mut self, url: String, reason: Reason) {
        self.last_failure = Some(Arc::new(Failure { url, reason, at: SystemTime::now() }));
    }

    /// Pages and images of a host share its places: whoever was first to take one is second next time, so that neither
    /// waits for the other's end.
    fn start_in_turn(&mut self, now: Instant) {
        let first_took = if self.images_first {
            let took = self.dispatch_images(now);
            self.start_pages(now);
            took
        } else {
            let took = self.start_pages(now);
            self.dispatch_images(now);
            took
        };
        self.images_first ^= first_took;
    }

    fn read_ledger(&mut self) {
        if let Some(reading) = self.pages.backlog.next_reading() {
            self.tasks.spawn(pages::read(self.ledger.clone(), reading));
        }
        if let Some(reading) = self.images.backlog.next_reading() {
            self.tasks.spawn(images::read(self.ledger.clone(), reading));
        }
    }

    fn read_list(&mut self) {
        if let Some(listing) = self.listing.take() {
            self.list_under_way = true;
            self.tasks.spawn(listing.next_rows(self.ledger.clone(), self.stream.clone()));
        }
    }

    fn unpark(&mut self, host: HostId) {
        self.pages.backlog.unpark(host);
        self.images.backlog.unpark(host);
    }

    /// A request to a host is done, and nothing is known of it: the next one may begin.
    fn came_back(&mut self, host: HostId) {
        self.hosts.pace.finish(host, Instant::now());
        self.unpark(host);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::PagesRead(reading, found) => self.pages.backlog.fill(reading, found, |_| true),
            Event::ImagesRead(reading, found) => self.images.read(reading, found),
            Event::RobotsLearned { host, url, rules, took } => self.robots_learned(host, &url, rules, took),
            Event::PageArrived { page, result, asked, took } => self.page_arrived(page, result, (asked, took)),
            Event::PageRecorded { depth, kind } => {
                self.pages.recorded(depth, kind);
                self.pages.backlog.something_new();
                self.images.backlog.something_new();
            }
            Event::Redirected(what) => self.redirected(what),
            Event::InlineRead(images) => self.send_inline(images),
            Event::Listed { listing } => {
                self.list_under_way = listing.is_some();
                self.listing = listing;
                self.images.backlog.something_new();
            }
            Event::Recorded => self.images.recording -= 1,
            Event::Noted => {}
            Event::Probed => self.probing = false,
            Event::Fleet(state) => {
                self.asking_fleet = false;
                self.set_fleet(&state);
            }
        }
    }

    fn ask_fleet(&mut self) {
        if !std::mem::replace(&mut self.asking_fleet, true) {
            let transport = self.transport.clone();
            self.tasks.spawn(async move { Ok(Event::Fleet(transport.inspect(Queue::Tasks).await)) });
        }
    }

    fn set_fleet(&mut self, state: &Result<QueueState, TransportError>) {
        // While the broker does not answer, what it said last is the best guess.
        if let Ok(state) = state {
            self.queue = *state;
            self.images.window.set_consumers(usize::try_from(state.consumers).unwrap_or(usize::MAX));
        }
        self.images.window.measure(Instant::now());
    }

    fn is_complete(&self) -> bool {
        self.images.are_done() && self.pages.are_done() && self.listing.is_none() && !self.list_under_way
    }

    /// The last look before a run is called complete: the ledger has the last word on it. What is outstanding there and
    /// known nowhere here would be a mistake of ours, and is begun again.
    fn something_is_left(&mut self) -> bool {
        let left = self.ledger.counts().of(Status::Outstanding);
        if left > 0 {
            tracing::error!(
                images = left,
                "images were forgotten; reading them from the ledger again. Please report this"
            );
            self.images.begin_again();
            self.read_ledger();
        }
        left > 0
    }

    fn has_timed_out(&mut self, now: Instant) -> bool {
        let out = self.images.dispatch.out();
        if out == 0 {
            self.silence.begin(now);
            return false;
        }
        self.look_at_broker(now);
        let nowhere = self.queue.ready == 0 && self.queue.consumers > 0;
        if nowhere && self.silence.since_sign(now) >= LOST_AFTER {
            tracing::warn!(
                images = out,
                "nobody works on the outstanding images and none waits in the task queue; sending them again"
            );
            for image in self.images.dispatch.send_again() {
                let host = image.host;
                self.images.backlog.put_back(image);
                self.unpark(host);
            }
            self.silence.sign(now);
        }
        self.silence.since_reply(now) >= self.timeout
    }

    /// Whether the silence is the broker's. It tells only those who publish that it takes nothing, so a producer that waits
    /// publishes something that goes nowhere.
    fn look_at_broker(&mut self, now: Instant) {
        if self.silence.set_blocked(self.transport.is_blocked(), now) {
            if self.silence.is_blocked() {
                tracing::warn!("the broker takes no messages; pausing, and the time does not count as silence");
            } else {
                tracing::info!("the broker takes messages again; going on");
            }
        }
        let quiet = self.silence.since_reply(now) >= PROBE_AFTER.min(self.timeout / 4);
        if quiet && !self.silence.is_blocked() && !self.probing {
            self.probing = true;
            let transport = self.transport.clone();
            self.tasks.spawn(async move {
                let probe = async {
                    // An answer, or none for a while: either way the next one is not sent at once.
                    drop(transport.probe().await);
                    sleep(PROBE_EVERY).await;
                };
                timeout(PROBE_EVERY * 4, probe).await.unwrap_or(());
                Ok(Event::Probed)
            });
        }
    }

    /// When there is something to do even if nothing happens.
    fn next_moment(&self, now: Instant) -> Instant {
        let far = now + Duration::from_hours(1);
        // The clock of the fleet ticks meanwhile, so silence is looked at often enough.
        self.alarms.next().unwrap_or(far)
    }

    /// Waits until the outcomes in hand are in the ledger and their replies are settled.
    async fn finish_recording(&mut self, shutdown: &Shutdown) -> Result<(), PipelineError> {
        self.record_verdicts();
        while self.images.recording > 0 {
            tokio::select! {
                Some(event) = self.tasks.join_next() => {
                    if matches!(event??, Event::Recorded) {
                        self.images.recording -= 1;
                    }
                }
                () = shutdown.now.cancelled() => break,
            }
        }
        Ok(())
    }
}
