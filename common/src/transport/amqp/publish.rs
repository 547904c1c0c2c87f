//! The publishing link: many callers, one confirm channel, a bounded number of messages on their way. A message whose
//! confirmation a lost session took with it is sent again on the next one; receivers bear duplicates.

use std::collections::{HashMap, VecDeque};
use std::pin::Pin;
use std::time::Duration;

use futures_util::stream::{FuturesUnordered, Stream, StreamExt};
use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Confirmation, Event};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_util::sync::CancellationToken;

use super::session::{Reconnect, Session, broken, call, made_to_fail};
use super::{AmqpSettings, declare, headers};
use crate::failpoint;
use crate::transport::{Along, Destination, Published, Queue, QueueState, TransportError};

/// Messages on their way without confirmation, at most. Confirms come in groups, one for each write to the broker's
/// disk, so one at a time would be bound by its latency.
const UNCONFIRMED: usize = 256;

/// Without any confirmation for this long, while some are awaited and the broker is not blocked, the session is given up.
const CONFIRM_TIMEOUT: Duration = Duration::from_secs(30);

/// How long to wait before a message that the queue refused (it is full) is offered again.
const REFUSED_DELAY: Duration = Duration::from_millis(200);

/// A queue that took nothing for this long, however often it was offered a message, is offered them by a new session: after
/// a quorum queue has lost its leader, a channel of RabbitMQ 3.10 may refuse for ever what a new one takes, because it asks
/// the node that is gone whether it may.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(6);

/// How often it is said that a queue is full: it stays so for a while, and is offered messages five times a second.
const FULL_TOLD_EVERY: Duration = Duration::from_mins(1);

/// AMQP's delivery mode for messages that survive a restart of the broker.
const PERSISTENT: u8 = 2;

enum Command {
    Publish(Request),
    Inspect(Queue, oneshot::Sender<Result<QueueState, TransportError>>),
    Delete(Queue, oneshot::Sender<Result<(), TransportError>>),
}

struct Request {
    to: Destination,
    body: Vec<u8>,
    along: Along,
    done: oneshot::Sender<Result<Published, TransportError>>,
}

/// The callers' end.
#[derive(Debug, Clone)]
pub(super) struct Publisher {
    commands: mpsc::Sender<Command>,
    blocked: watch::Receiver<bool>,
    closing: CancellationToken,
}

impl Publisher {
    /// Starts the link, and waits until its first session stands.
    pub(super) async fn start(settings: AmqpSettings) -> Result<Self, TransportError> {
        let (commands, received) = mpsc::channel(UNCONFIRMED);
        let (standing, stands) = oneshot::channel();
        let closing = CancellationToken::new();
        let (block, blocked) = watch::channel(false);
        let link = Link {
            settings,
            received,
            waiting: VecDeque::new(),
            careful: false,
            blocked: block,
            closing: closing.clone(),
        };
        tokio::spawn(link.run(standing));
        stands.await.unwrap_or(Err(TransportError::Closed)).map(|()| Self { commands, blocked, closing })
    }

    pub(super) async fn publish(
        &self,
        to: Destination,
        body: Vec<u8>,
        along: Along,
    ) -> Result<Published, TransportError> {
        self.ask(|done| Command::Publish(Request { to, body, along, done })).await
    }

    pub(super) async fn probe(&self) -> Result<(), TransportError> {
        self.publish(Destination::Nowhere, Vec::new(), Along::default()).await.map(drop)
    }

    pub(super) fn is_blocked(&self) -> bool {
        *self.blocked.borrow()
    }

    pub(super) async fn inspect(&self, queue: Queue) -> Result<QueueState, TransportError> {
        self.ask_until_answered(|done| Command::Inspect(queue.clone(), done)).await
    }

    pub(super) async fn delete(&self, queue: Queue) -> Result<(), TransportError> {
        self.ask_until_answered(|done| Command::Delete(queue.clone(), done)).await
    }

    /// Asks again when the session that a question was put to ended before the answer.
    async fn ask_until_answered<T>(
        &self,
        command: impl Fn(oneshot::Sender<Result<T, TransportError>>) -> Command,
    ) -> Result<T, TransportError> {
        loop {
            match self.ask(&command).await {
                Err(TransportError::Closed) if !self.closing.is_cancelled() && !self.commands.is_closed() => {}
                answer => return answer,
            }
        }
    }

    /// Ends the link, whatever it is doing: what is not confirmed by now is given up.
    pub(super) async fn close(self) {
        self.closing.cancel();
        self.commands.closed().await;
    }

    async fn ask<T>(
        &self,
        command: impl FnOnce(oneshot::Sender<Result<T, TransportError>>) -> Command,
    ) -> Result<T, TransportError> {
        let (done, answer) = oneshot::channel();
        self.commands.send(command(done)).await.map_err(|_| TransportError::Closed)?;
        answer.await.unwrap_or(Err(TransportError::Closed))
    }
}

/// Answers somebody who may have stopped waiting; then nobody is left to tell.
fn answer<T>(done: oneshot::Sender<T>, value: T) {
    drop(done.send(value));
}

/// Why a session is over.
enum Over {
    Closed,
    Lost(TransportError),
}

struct Link {
    settings: AmqpSettings,
    received: mpsc::Receiver<Command>,
    /// To be sent (again) before anything new is taken.
    waiting: VecDeque<Request>,
    /// Whether the last session took messages and confirmed none: one of them may be what ended it. Then they are sent one at
    /// a time until one is confirmed, and sessions keep their distance.
    careful: bool,
    /// Whether the broker of the session that stands takes no messages; false without a session.
    blocked: watch::Sender<bool>,
    closing: CancellationToken,
}

impl Link {
    async fn run(mut self, standing: oneshot::Sender<Result<(), TransportError>>) {
        let mut standing = Some(standing);
        let mut reconnect = Reconnect::new(&self.settings, self.settings.metrics().publish());
        let error = loop {
            let opened = tokio::select! {
                opened = self.open() => opened,
                () = self.closing.cancelled() => return,
            };
            let lost = match opened {
                Ok(session) => {
                    reconnect.stands();
                    if let Some(standing) = standing.take() {
                        answer(standing, Ok(()));
                    }
                    let over = self.serve(&session).await;
                    if !self.careful {
                        reconnect.succeeded();
                    }
                    match over {
                        Over::Closed => return session.close().await,
                        Over::Lost(error) => error,
                    }
                }
                Err(error) => error,
            };
            let next = tokio::select! {
                next = reconnect.after(lost) => next,
                () = self.closing.cancelled() => return,
            };
            if let Err(error) = next {
                break error;
            }
        };
        match standing {
            Some(standing) => answer(standing, Err(error)),
            None => self.fail_everybody(&error).await,
        }
    }

    async fn open(&self) -> Result<Session, TransportError> {
        let session = Session::open(&self.settings, "publish").await?;
        declare::declare(&self.settings, &session, &Queue::Tasks).await?;
        call(&self.settings, session.channel.confirm_select(ConfirmSelectOptions::default())).await?;
        Ok(session)
    }

    /// After an error that no waiting mends: everybody who asks hears of it, until nobody is left to ask.
    async fn fail_everybody(mut self, error: &TransportError) {
        for request in self.waiting.drain(..) {
            answer(request.done, Err(error.clone()));
        }
        loop {
            let command = tokio::select! {
                command = self.received.recv() => command,
                () = self.closing.cancelled() => None,
            };
            let Some(command) = command else { return };
            match command {
                Command::Publish(request) => answer(request.done, Err(error.clone())),
                Command::Inspect(_, done) => answer(done, Err(error.clone())),
                Command::Delete(_, done) => answer(done, Err(error.clone())),
            }
        }
    }

    /// Serves one session until it breaks or is closed. What was not confirmed by then waits for the next one.
    async fn serve(&mut self, session: &Session) -> Over {
        let mut serving = Serving::new(session);
        self.set_blocked(session.connection.status().blocked());
        let over = self.serve_with(session, &mut serving).await;
        self.set_blocked(false);
        self.careful = !serving.confirmed && !serving.unconfirmed.is_empty();
        self.waiting.extend(serving.unconfirmed.into_values());
        over
    }

    async fn serve_with<'s>(&mut self, session: &'s Session, serving: &mut Serving<'s>) -> Over {
        let mut clock = interval(Duration::from_secs(1));
        clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let most = if self.careful && !serving.confirmed { 1 } else { UNCONFIRMED };
            let free = serving.unconfirmed.len() < most && !self.is_blocked() && serving.resume_at.is_none();
            if free && let Some(request) = self.waiting.pop_front() {
                if let Err(error) = self.send(session, serving, request).await {
                    return Over::Lost(error);
                }
                continue;
            }
            let step = tokio::select! {
                Some((ticket, confirmation)) = serving.confirms.next() => {
                    self.confirmed(session, serving, ticket, confirmation).await
                }
                Some(()) = serving.asides.next() => Ok(()),
                Some(event) = serving.events.next() => self.noticed(serving, event),
                _ = clock.tick() => self.watch(serving),
                () = sleep_until(serving.resume_at.unwrap_or_else(Instant::now)), if serving.resume_at.is_some() => {
                    serving.resume_at = None;
                    Ok(())
                }
                () = self.closing.cancelled() => return Over::Closed,
                command = self.received.recv(), if free => match command {
                    Some(command) => self.obey(session, serving, command).await,
                    None => return Over::Closed,
                },
            };
            if let Err(error) = step {
                return Over::Lost(error);
            }
        }
    }

    async fn obey<'s>(
        &self,
        session: &'s Session,
        serving: &mut Serving<'s>,
        command: Command,
    ) -> Result<(), TransportError> {
        let aside: Pin<Box<dyn Future<Output = ()> + Send + 's>> = match command {
            Command::Publish(request) => return self.send(session, serving, request).await,
            Command::Inspect(queue, done) => {
                let settings = self.settings.clone();
                Box::pin(async move {
                    answer(done, declare::inspect(&settings, &session.connection, &queue).await);
                })
            }
            Command::Delete(queue, done) => {
                let settings = self.settings.clone();
                Box::pin(async move {
                    answer(done, declare::delete(&settings, &session.connection, &queue).await);
                })
            }
        };
        serving.asides.push(aside);
        Ok(())
    }

    async fn send(&self, session: &Session, serving: &mut Serving<'_>, request: Request) -> Result<(), TransportError> {
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties =
            BasicProperties::default().with_delivery_mode(PERSISTENT).with_content_type("application/json".into());
        let properties = headers::with(properties, &request.along);
        let (exchange, key) = declare::route(&self.settings.topology, &request.to);
        let published = session.channel.basic_publish(exchange.into(), key.into(), options, &request.body, properties);
        let published = call(&self.settings, published).await;
        if serving.unconfirmed.is_empty() {
            serving.progress = Instant::now();
        }
        serving.next_ticket += 1;
        let ticket = serving.next_ticket;
        // Kept before the error is looked at: the message may be on its way all the same.
        serving.unconfirmed.insert(ticket, request);
        let confirm = published?;
        if failpoint::strikes("broker.publish") {
            return Err(broken(&self.settings, made_to_fail()));
        }
        serving.confirms.push(Box::pin(async move { (ticket, confirm.await) }));
        Ok(())
    }

    async fn confirmed(
        &mut self,
        session: &Session,
        serving: &mut Serving<'_>,
        ticket: u64,
        confirmation: lapin::Result<Confirmation>,
    ) -> Result<(), TransportError> {
        // An error leaves the request among the unconfirmed, and so for the next session.
        let confirmation = call(&self.settings, std::future::ready(confirmation)).await?;
        serving.progress = Instant::now();
        serving.confirmed = true;
        let Some(request) = serving.unconfirmed.remove(&ticket) else {
            return Ok(());
        };
        match confirmation {
            Confirmation::Ack(None) => {
                serving.taken(&request.to);
                answer(request.done, Ok(Published::Queued));
            }
            Confirmation::Ack(Some(_)) if matches!(request.to, Destination::Tasks(_)) => {
                tracing::warn!("the task queue was deleted; declaring it again");
                // Kept before the error is looked at: it waits for the next session then.
                self.waiting.push_back(request);
                declare::declare(&self.settings, session, &Queue::Tasks).await?;
            }
            Confirmation::Ack(Some(_)) => {
                serving.taken(&request.to);
                answer(request.done, Ok(Published::Unroutable));
            }
            Confirmation::Nack(_) => {
                serving.refused(&request.to);
                serving.resume_at = Some(Instant::now() + REFUSED_DELAY);
                self.waiting.push_back(request);
            }
            // The channel is in confirm mode from its first message, so this cannot be; if it is, nothing was promised.
            Confirmation::NotRequested => self.waiting.push_back(request),
        }
        Ok(())
    }

    fn noticed(&self, serving: &mut Serving<'_>, event: Event) -> Result<(), TransportError> {
        match event {
            Event::ConnectionBlocked(reason) => {
                tracing::warn!(reason, "the broker is short of memory or disk and takes no messages; waiting");
                self.set_blocked(true);
            }
            Event::ConnectionUnblocked => {
                tracing::info!("the broker takes messages again");
                self.set_blocked(false);
                serving.progress = Instant::now();
            }
            // A soft error is the end of some channel of this connection: of one that asked for a queue that is not there,
            // or of ours, which the next publish or confirmation tells.
            Event::Error(source) if !source.is_amqp_soft_error() => {
                return Err(TransportError::Broken { uri: self.settings.uri(), source: source.into() });
            }
            _ => {}
        }
        Ok(())
    }

    fn set_blocked(&self, blocked: bool) {
        self.blocked.send_replace(blocked);
        self.settings.metrics().set_blocked(blocked);
    }

    fn is_blocked(&self) -> bool {
        *self.blocked.borrow()
    }

    fn watch(&self, serving: &Serving<'_>) -> Result<(), TransportError> {
        let stuck =
            !serving.unconfirmed.is_empty() && !self.is_blocked() && serving.progress.elapsed() > CONFIRM_TIMEOUT;
        if stuck {
            let seconds = CONFIRM_TIMEOUT.as_secs();
            return Err(TransportError::Silent { uri: self.settings.uri(), seconds });
        }
        if serving.refused.iter().any(|(_, since)| since.elapsed() > REFUSED_TIMEOUT) {
            return Err(TransportError::Refusing { uri: self.settings.uri(), seconds: REFUSED_TIMEOUT.as_secs() });
        }
        Ok(())
    }
}

type Confirm = Pin<Box<dyn Future<Output = (u64, lapin::Result<Confirmation>)> + Send>>;

/// What is under way in one session.
struct Serving<'s> {
    /// Questions to the broker that no message waits for.
    asides: FuturesUnordered<Pin<Box<dyn Future<Output = ()> + Send + 's>>>,
    unconfirmed: HashMap<u64, Request>,
    confirms: FuturesUnordered<Confirm>,
    /// Whether anything was confirmed.
    confirmed: bool,
    events: Pin<Box<dyn Stream<Item = Event> + Send>>,
    next_ticket: u64,
    /// Set while a full queue is given time.
    resume_at: Option<Instant>,
    /// When it was last said that a queue is full.
    full_told: Option<Instant>,
    /// What was refused by now, and since when it is refused without exception.
    refused: Vec<(Destination, Instant)>,
    /// When the last confirmation came, or the first message after a pause was sent.
    progress: Instant,
}

impl<'s> Serving<'s> {
    fn new(session: &'s Session) -> Self {
        Self {
            asides: FuturesUnordered::new(),
            unconfirmed: HashMap::new(),
            confirms: FuturesUnordered::new(),
            confirmed: false,
            events: Box::pin(session.connection.events_listener()),
            next_ticket: 0,
            resume_at: None,
            full_told: None,
            refused: Vec::new(),
            progress: Instant::now(),
        }
    }

    fn refused(&mut self, to: &Destination) {
        if !self.refused.iter().any(|(refused, _)| refused == to) {
            self.refused.push((to.clone(), Instant::now()));
        }
        if self.full_told.is_none_or(|told| told.elapsed() >= FULL_TOLD_EVERY) {
            self.full_told = Some(Instant::now());
            tracing::warn!(
                "a queue is full or has no leader, and takes no messages; offering them again until it does"
            );
        }
    }

    fn taken(&mut self, to: &Destination) {
        self.refused.retain(|(refused, _)| refused != to);
    }
}
