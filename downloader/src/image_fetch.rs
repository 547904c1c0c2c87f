//! Asks a server for one image, once. What happens is an outcome, never an error: the producer decides what to do next.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use common::descriptors;
use common::http::{self, Client, ClientSettings, Encoding, Incoming, SendError};
use common::killpoint;
use common::opt_out::{self, Directives, Refusal};
use common::outcome::{Outcome, Status};
use common::reason::Reason;
use common::task::{ImageTask, Inline, Task};
use common::validators::Validators;
use common::wire::MAX_URL;
use reqwest::header::{ACCEPT, CONTENT_TYPE, FROM, HeaderMap, USER_AGENT};
use reqwest::{RequestBuilder, Response, StatusCode};
use tokio::time::sleep;
use url::Url;

use crate::body::{Body, Room, Undone};
use crate::cli::Layout;
use crate::exchange::{Asked, Exchange};
use crate::settings::Settings;
use crate::store::StoreError;

/// What browsers send for `img`, shortened to what is said about images.
const ACCEPTED: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

/// The same where copies are made: a server that has the image in several formats is to send one that is
/// decoded in little time, which AVIF is not.
const ACCEPTED_FOR_COPIES: &str = "image/webp,image/apng,image/png,image/jpeg,image/*;q=0.9,*/*;q=0.8";

/// Longest `Content-Type` that is passed on, in bytes.
const MAX_CONTENT_TYPE: usize = 200;

/// How long to wait for a file descriptor at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Fetches images.
#[derive(Debug)]
pub(crate) struct ImageFetch {
    client: Client,
    accepted: &'static str,
    max_bytes: usize,
    min_rate: u64,
    settings: ClientSettings,
    /// Whether to take down what is said.
    records: bool,
}

/// How a run asks, and what it obeys in the answers.
#[derive(Debug)]
pub(crate) struct Manners {
    user_agent: String,
    from: Option<String>,
    opt_outs: Directives,
}

impl Manners {
    pub(crate) fn new(task: &Task) -> Self {
        Self { user_agent: task.user_agent.clone(), from: task.from.clone(), opt_outs: task.opt_outs }
    }

    fn sign(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request.header(USER_AGENT, &self.user_agent);
        match &self.from {
            Some(from) => request.header(FROM, from),
            None => request,
        }
    }

    /// What an answer's headers have against its being kept.
    fn refusal(&self, headers: &HeaderMap) -> Option<Refusal> {
        opt_out::image_verdict(opt_out::of_headers(headers, opt_out::agent(&self.user_agent)), self.opt_outs)
    }
}

/// An answer: what is known so far, and the body where there is one to look at.
pub(crate) struct Fetched<B> {
    pub(crate) outcome: Outcome,
    pub(crate) body: Option<B>,
    /// What was said for the body, where the store writes it down.
    pub(crate) exchange: Option<Arc<Exchange>>,
}

/// Why there is no body.
enum Missed {
    /// This is the image's outcome.
    Reason(Reason),
    /// It could not be put into a file: the machine's trouble, and no outcome.
    Store(StoreError),
}

impl From<Reason> for Missed {
    fn from(reason: Reason) -> Self {
        Self::Reason(reason)
    }
}

impl From<StoreError> for Missed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Undone> for Missed {
    fn from(undone: Undone) -> Self {
        match undone {
            Undone::Encoding(error) => Self::Reason((&error).into()),
            Undone::Store(error) => Self::Store(error),
        }
    }
}

/// What a server that has the image answers.
enum Answer {
    /// This is it, and what was said for it where that is wanted.
    Body(Body, Option<Arc<Exchange>>),
    /// It is as it was.
    Unchanged,
}

impl ImageFetch {
    pub(crate) fn new(settings: &Settings) -> Result<Self, reqwest::Error> {
        let client_settings = ClientSettings {
            network: settings.network.clone(),
            connect_timeout: settings.connect_timeout,
            total_timeout: settings.fetch_timeout,
            compressed: false,
            idle_per_host: match settings.per_host {
                0 => settings.concurrency.into(),
                limit => limit.min(settings.concurrency.into()),
            },
        };
        Ok(Self {
            client: Client::new(&client_settings)?,
            accepted: if settings.transform.copy.is_some() { ACCEPTED_FOR_COPIES } else { ACCEPTED },
            max_bytes: settings.limits.max_bytes,
            min_rate: settings.min_rate,
            settings: client_settings,
            records: settings.layout == Layout::Warc,
        })
    }

    /// Fetches `url`, which is the task's parsed, into `room`.
    pub(crate) async fn fetch(
        &self,
        task: &ImageTask,
        url: Url,
        manners: &Manners,
        room: &Room,
    ) -> Result<Fetched<Body>, StoreError> {
        let mut outcome = Outcome::new(task.id, task.attempt, Status::Failed, None);
        outcome.fetched_at = now_ms();
        outcome.final_url = (task.hops > 0).then(|| task.url.clone());
        let begun = Instant::now();
        let answer = self.ask(url, manners, task.validators.as_ref(), room, &mut outcome).await;
        outcome.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (body, exchange) = match answer {
            Ok(Answer::Body(body, exchange)) => (Some(body), exchange),
            Ok(Answer::Unchanged) => {
                outcome.status = Status::Unchanged;
                outcome.condition.clone_from(&task.validators);
                (None, None)
            }
            Err(Missed::Store(error)) => return Err(error),
            Err(Missed::Reason(reason)) => {
                outcome.status = status_of(reason);
                outcome.reason = Some(reason);
                (None, None)
            }
        };
        Ok(Fetched { outcome, body, exchange })
    }

    /// What came with the task itself is here already.
    pub(crate) fn inline(&self, task: &ImageTask, inline: &Inline) -> Fetched<Bytes> {
        let mut outcome = Outcome::new(task.id, task.attempt, Status::Failed, None);
        outcome.fetched_at = now_ms();
        outcome.content_type =
            task.url.strip_prefix("data:").and_then(|rest| rest.split(';').next()).map(str::to_owned);
        let refused = match inline.0.len() {
            0 => Some(Reason::Empty),
            length if length > self.max_bytes => Some(Reason::TooLarge),
            _ => None,
        };
        if let Some(reason) = refused {
            outcome.status = status_of(reason);
            outcome.reason = Some(reason);
        }
        Fetched { outcome, body: refused.is_none().then(|| inline.0.clone()), exchange: None }
    }

    /// Sends a request. That no file descriptor is left is not the server's fault and nothing was asked yet, so it is tried
    /// again for as long as the image may take.
    async fn send(&self, request: RequestBuilder) -> Result<Response, SendError> {
        let until = Instant::now() + self.settings.total_timeout;
        let mut pause = FIRST_PAUSE;
        while let Some(request) = request.try_clone() {
            match self.client.send(request).await {
                Err(error) if descriptors::ran_out(&error) && Instant::now() + pause < until => {
                    tracing::debug!(pause_ms = pause.as_millis(), "no file descriptor left; waiting for one");
                    sleep(pause.mul_f64(rand::random_range(0.5..=1.0))).await;
                    pause = (pause * 2).min(LONGEST_PAUSE);
                }
                answer => return answer,
            }
        }
        self.client.send(request).await
    }

    /// Takes down what is going to be sent, where that is wanted.
    fn asked(&self, request: &RequestBuilder) -> Option<Asked> {
        let request = self.records.then(|| self.client.dressed(request)).flatten()?;
        Some(Asked::of(&request, self.client.is_direct(request.url())))
    }

    async fn ask(
        &self,
        url: Url,
        manners: &Manners,
        known: Option<&Validators>,
        room: &Room,
        outcome: &mut Outcome,
    ) -> Result<Answer, Missed> {
        self.client.guard().check_url(&url).map_err(Reason::from)?;
        killpoint::reached("downloader.fetch", url.as_str()).await;
        let request = manners.sign(self.client.get(url.clone()).header(ACCEPT, self.accepted));
        let request = match known {
            Some(known) => known.condition(request),
            None => request,
        };
        let asked = self.asked(&request);
        let response = self.send(request).await.map_err(|error| {
            outcome.is_final = error.is_final();
            error.reason()
        })?;
        outcome.http_status = Some(response.status().as_u16());
        outcome.content_type = content_type(response.headers());
        if let Some(target) = http::redirect(&response, self.client.guard()) {
            let target = String::from(target.map_err(Reason::from)?);
            if target.len() > MAX_URL {
                return Err(Reason::Redirects.into());
            }
            outcome.final_url = Some(target);
            return Err(Reason::Redirected.into());
        }
        // Nobody else may say so: without a condition there is nothing that it could be unchanged since.
        let unchanged = response.status() == StatusCode::NOT_MODIFIED && known.is_some();
        if response.status() != StatusCode::OK && !unchanged {
            outcome.retry_after = http::retry_after(response.headers()).map(|rest| rest.as_secs());
            return Err(Reason::Http(response.status().as_u16()).into());
        }
        // Before the body: what is not to be kept is not to be carried over the network either.
        if let Some(refusal) = manners.refusal(response.headers()) {
            outcome.detail = Some(refusal.detail);
            return Err(refusal.reason.into());
        }
        let sent = Validators::of(response.headers());
        (outcome.etag, outcome.last_modified) = (sent.etag, sent.last_modified);
        if unchanged {
            return Ok(Answer::Unchanged);
        }
        let exchange = asked.map(|asked| asked.answered(&response).into());
        let body = self.receive(response, room).await?;
        if body.is_empty() { Err(Reason::Empty.into()) } else { Ok(Answer::Body(body, exchange)) }
    }

    /// Takes the body, as a browser would see it. Images are asked for without compression; a server that compresses all the same
    /// (most do it to SVG) has its encoding undone, for the bytes of an image are what is to be kept.
    async fn receive(&self, response: Response, room: &Room) -> Result<Body, Missed> {
        let encoding = Encoding::of(response.headers()).map_err(|error| Reason::from(&error))?;
        let mut incoming = Incoming::new(response, self.max_bytes, self.min_rate);
        let announced = incoming.announced().map(|length| usize::try_from(length).unwrap_or(usize::MAX));
        // Such a promise is believed: what is too large is not to be carried over the network.
        if announced.is_some_and(|length| length > self.max_bytes) {
            return Err(Reason::TooLarge.into());
        }
        let mut collector = room.collect(announced);
        while let Some(bytes) = incoming.next().await.map_err(|error| error.reason())? {
            collector = collector.push(bytes).await?;
        }
        drop(incoming);
        let body = collector.end().await?;
        match encoding {
            Some(encoding) => Ok(room.undo(body, encoding, self.max_bytes).await?),
            None => Ok(body),
        }
    }
}

/// Which status a reason of this room belongs to.
fn status_of(reason: Reason) -> Status {
    match reason {
        Reason::TooLarge | Reason::Empty | Reason::Truncated | Reason::Encoding => Status::Rejected,
        Reason::PrivateAddress | Reason::Scheme | Reason::XRobotsTag | Reason::TdmReservation => Status::Blocked,
        _ => Status::Failed,
    }
}

fn content_type(headers: &HeaderMap) -> Option<String> {
    let mut text = headers.get(CONTENT_TYPE)?.to_str().ok()?.to_owned();
    // Header values that are text are ASCII, so any byte is a boundary.
    text.truncate(MAX_CONTENT_TYPE);
    Some(text)
}

fn now_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}
