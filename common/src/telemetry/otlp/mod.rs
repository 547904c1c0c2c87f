//! Sends spans to a collector, by [OTLP](https://opentelemetry.io/docs/specs/otlp/#otlphttp) over HTTP. Whoever makes a span
//! hands it over and goes on: the queue is bounded, what finds no room in it is counted and gone, and so is what the collector
//! does not take. A run is never slower for it, nor longer by more than [`GOODBYE`].

mod client;
mod queue;
mod settings;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use opentelemetry::{KeyValue, SpanId};
use opentelemetry_otlp::{Protocol, RetryPolicy, SpanExporter, WithExportConfig, WithHttpConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use self::client::Http;
use self::queue::Queue;
use super::place::Place;
use super::trail::{Step, Trail};

pub use self::settings::{OtlpError, OtlpSettings};

/// Spans that wait to be sent, at most: some megabytes.
const WAITING: usize = 4096;

/// How long the last spans may take at the end of a program.
const GOODBYE: Duration = Duration::from_secs(3);

/// Where spans go. Clones share it.
#[derive(Debug, Clone)]
pub struct Otlp(Arc<Sending>);

#[derive(Debug)]
struct Sending {
    spans: mpsc::Sender<SpanData>,
    lost: AtomicU64,
}

impl Otlp {
    pub(super) fn send(&self, span: SpanData) {
        if self.0.spans.try_send(span).is_err() {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The trail of what hangs at `place`.
    #[must_use]
    pub fn trail(&self, place: Place) -> Trail {
        Trail::new(self.clone(), place)
    }

    /// Begins a span at a place that is known, below `parent`; below nothing, a tree begins with it.
    #[must_use]
    pub fn step(&self, name: &'static str, place: Place, parent: Option<SpanId>, began: SystemTime) -> Step {
        Step::begin(self.clone(), name, place, parent.unwrap_or(SpanId::INVALID), began)
    }
}

/// The sending of a program's spans, or that nobody wants any.
#[derive(Debug, Default)]
pub struct Tracing(Option<Running>);

#[derive(Debug)]
struct Running {
    otlp: Otlp,
    stop: CancellationToken,
    sending: JoinHandle<()>,
}

impl Tracing {
    /// Begins to send, if there are settings. The collector sees the program as `service`, and as which of several by
    /// `instance`.
    ///
    /// # Errors
    /// When there can be no client: the system's TLS roots cannot be read.
    pub fn start(settings: Option<&OtlpSettings>, service: &'static str, instance: &str) -> Result<Self, OtlpError> {
        let Some(settings) = settings else { return Ok(Self(None)) };
        let mut exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Http::new()?)
            .with_endpoint(settings.endpoint.as_str())
            .with_protocol(Protocol::HttpBinary)
            // Its own waits between tries would hold up the thread they are on; the queue tries again by itself.
            .with_retry_policy(RetryPolicy::disabled())
            .build()
            .map_err(OtlpError::Exporter)?;
        let resource = Resource::builder().with_service_name(service).with_attributes([
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
            KeyValue::new("service.instance.id", instance.to_owned()),
        ]);
        exporter.set_resource(&resource.build());
        let (spans, received) = mpsc::channel(WAITING);
        let otlp = Otlp(Arc::new(Sending { spans, lost: AtomicU64::new(0) }));
        let stop = CancellationToken::new();
        let queue = Queue::new(exporter, received, Arc::clone(&otlp.0), stop.clone());
        // No more of its address: a key may be in the rest.
        let collector = settings.endpoint.origin().ascii_serialization();
        tracing::info!(collector, "spans are sent to a collector");
        Ok(Self(Some(Running { otlp, stop, sending: tokio::spawn(queue.run()) })))
    }

    /// Where spans go, if anywhere.
    #[must_use]
    pub fn otlp(&self) -> Option<&Otlp> {
        self.0.as_ref().map(|running| &running.otlp)
    }

    /// Sends what waits, for as long as that may take, and says what was lost.
    pub async fn finish(self) {
        let Some(Running { otlp, stop, mut sending }) = self.0 else { return };
        stop.cancel();
        if timeout(GOODBYE, &mut sending).await.is_err() {
            sending.abort();
            tracing::warn!(waited = ?GOODBYE, "the collector is too slow for the last spans; they are lost");
        }
        let lost = otlp.0.lost.load(Ordering::Relaxed);
        if lost > 0 {
            tracing::warn!(spans = lost, "spans did not reach the collector; the images themselves are not concerned");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;
    use tokio::time::sleep;

    use super::*;
    use crate::cli::OtlpOptions;

    const ANSWER: &[u8] =
        b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 6\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";

    /// On one thread, where whoever waits without giving it up has everybody wait.
    #[tokio::test]
    async fn a_collector_that_wants_to_be_left_alone_keeps_nobody_waiting() {
        crate::http::install_tls_provider();
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let otlp = Some(format!("http://{}", listener.local_addr().expect("its address")));
        let settings = OtlpSettings::new(&OtlpOptions { otlp }).expect("an address");
        let asked = tokio::spawn(async move {
            let (mut asking, _) = listener.accept().await.expect("somebody asks");
            drop(asking.read(&mut [0; 1024]).await);
            asking.write_all(ANSWER).await.expect("it listens");
            Instant::now()
        });
        let tracing = Tracing::start(settings.as_ref(), "test", "one").expect("a client");
        let place = Place::of(&[1; 16], "image", b"one");
        drop(tracing.otlp().expect("it sends").step("fetch", place, None, SystemTime::now()));
        let asked = asked.await.expect("it is asked");
        let mut longest = Duration::ZERO;
        while asked.elapsed() < Duration::from_secs(3) {
            let begun = Instant::now();
            sleep(Duration::from_millis(10)).await;
            longest = longest.max(begun.elapsed());
        }
        assert!(longest < Duration::from_secs(3), "everybody waited for {longest:?}");
    }
}
