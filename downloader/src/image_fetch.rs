//! Asks a server for one image, once. What happens is an outcome, never an error: the producer decides what to do next.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use common::descriptors;
use common::http::{self, Announced, BodyError, Client, ClientSettings, SendError};
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

use crate::cli::Layout;
use crate::exchange::{Asked, Exchange};
use crate::settings::Settings;

/// What browsers send for `img`, shortened to what is said about images.
const ACCEPTED: &str = "image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8";

/// Longest `Content-Type` that is passed on, in bytes.
const MAX_CONTENT_TYPE: usize = 200;

/// How long to wait for a file descriptor at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Fetches images.
#[derive(Debug)]
pub(crate) struct ImageFetch {
    client: Client,
    max_bytes: usize,
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
pub(crate) struct Fetched {
    pub(crate) outcome: Outcome,
    pub(crate) body: Option<Bytes>,
    /// What was said for the body, where the store writes it down.
    pub(crate) exchange: Option<Arc<Exchange>>,
}

/// What a server that has the image answers.
enum Answer {
    /// This is it, and what was said for it where that is wanted.
    Body(Bytes, Option<Arc<Exchange>>),
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
            max_bytes: settings.limits.max_bytes,
            settings: client_settings,
            records: settings.layout == Layout::Warc,
        })
    }

    /// Fetches `url`, which is the task's parsed.
    pub(crate) async fn fetch(&self, task: &ImageTask, url: Url, manners: &Manners) -> Fetched {
        let mut outcome = Outcome::new(task.id, task.attempt, Status::Failed, None);
        outcome.fetched_at = now_ms();
        outcome.final_url = (task.hops > 0).then(|| task.url.clone());
        let begun = Instant::now();
        let answer = self.ask(url, manners, task.validators.as_ref(), &mut outcome).await;
        outcome.duration_ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (body, exchange) = match answer {
            Ok(Answer::Body(body, exchange)) => (Some(body), exchange),
            Ok(Answer::Unchanged) => {
                outcome.status = Status::Unchanged;
                (None, None)
            }
            Err(reason) => {
                outcome.status = status_of(reason);
                outcome.reason = Some(reason);
                (None, None)
            }
        };
        Fetched { outcome, body, exchange }
    }

    /// What came with the task itself is here already.
    pub(crate) fn inline(&self, task: &ImageTask, inline: &Inline) -> Fetched {
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
        let request = self.records.then(|| request.try_clone()?.build().ok()).flatten()?;
        Some(Asked::of(&request))
    }

    async fn ask(
        &self,
        url: Url,
        manners: &Manners,
        known: Option<&Validators>,
        outcome: &mut Outcome,
    ) -> Result<Answer, Reason> {
        self.client.guard().check_url(&url)?;
        killpoint::reached("downloader.fetch", url.as_str()).await;
        let request = manners.sign(self.client.get(url.clone()).header(ACCEPT, ACCEPTED));
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
            let target = String::from(target?);
            if target.len() > MAX_URL {
                return Err(Reason::Redirects);
            }
            outcome.final_url = Some(target);
            return Err(Reason::Redirected);
        }
        // Nobody else may say so: without a condition there is nothing that it could be unchanged since.
        let unchanged = response.status() == StatusCode::NOT_MODIFIED && known.is_some();
        if response.status() != StatusCode::OK && !unchanged {
            outcome.retry_after = http::retry_after(response.headers()).map(|rest| rest.as_secs());
            return Err(Reason::Http(response.status().as_u16()));
        }
        // Before the body: what is not to be kept is not to be carried over the network either.
        if let Some(refusal) = manners.refusal(response.headers()) {
            outcome.detail = Some(refusal.detail);
            return Err(refusal.reason);
        }
        let sent = Validators::of(response.headers());
        (outcome.etag, outcome.last_modified) = (sent.etag, sent.last_modified);
        if unchanged {
            return Ok(Answer::Unchanged);
        }
        let exchange = asked.map(|asked| asked.answered(&response).into());
        match http::read_capped(response, self.max_bytes, Announced::Believe).await {
            Ok(body) if body.is_empty() => Err(Reason::Empty),
            Ok(body) => Ok(Answer::Body(body, exchange)),
            Err(error @ BodyError::TooLarge { .. }) => Err(error.reason()),
            Err(BodyError::Transfer(error)) => Err(match http::reason_of(&error) {
                // The answer had begun: the bytes stop before the length that was announced.
                Reason::Network => Reason::Truncated,
                reason => reason,
            }),
        }
    }
}

/// Which status a reason of this room belongs to.
fn status_of(reason: Reason) -> Status {
    match reason {
        Reason::TooLarge | Reason::Empty | Reason::Truncated => Status::Rejected,
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
