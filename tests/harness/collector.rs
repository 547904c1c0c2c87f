//! A collector of spans: a real server for OTLP over HTTP, which decodes what it gets and keeps it for the test to look at.

use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::common::v1::{AnyValue, KeyValue};
use prost::Message as _;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::waiting::eventually;

/// Longest message that is taken, in bytes.
const MAX_BODY: usize = 16 << 20;

/// A span, as a program sent it.
#[derive(Debug, Clone)]
pub struct Span {
    /// The tree, hexadecimal.
    pub trace: String,
    /// Itself.
    pub id: String,
    /// The span above it; empty for a root.
    pub parent: String,
    /// What it is of.
    pub name: String,
    /// The program that sent it.
    pub service: String,
    /// When it began, in nanoseconds since 1970.
    pub began: u64,
    /// When it ended, likewise.
    pub ended: u64,
    /// What is noted of it, as text.
    pub notes: Vec<(String, String)>,
}

impl Span {
    /// What is noted under this key.
    pub fn note(&self, key: &str) -> Option<&str> {
        self.notes.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_str())
    }

    /// How long it took.
    pub fn took(&self) -> Duration {
        Duration::from_nanos(self.ended.checked_sub(self.began).expect("a span ends after it began"))
    }
}

/// What the collector does with a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Manner {
    Takes,
    Stalls,
}

/// A collector on loopback. Dropping it closes it.
#[derive(Debug)]
pub struct Collector {
    address: SocketAddr,
    kept: Arc<Kept>,
    listening: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Kept {
    spans: Mutex<Vec<Span>>,
    requests: AtomicUsize,
}

impl Collector {
    /// One that takes whatever comes.
    pub async fn start() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), Manner::Takes).await
    }

    /// One that takes a request, and never answers.
    pub async fn stalling() -> Self {
        Self::at(SocketAddr::from(([127, 0, 0, 1], 0)), Manner::Stalls).await
    }

    async fn at(address: SocketAddr, manner: Manner) -> Self {
        let listener = TcpListener::bind(address).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let kept: Arc<Kept> = Arc::default();
        let listening = tokio::spawn(listen(listener, Arc::clone(&kept), manner));
        Self { address, kept, listening }
    }

    /// Its address, as `--otlp` takes it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Ends it, with the connections that it has. What it got stays.
    pub fn kill(&self) {
        self.listening.abort();
    }

    /// Requests so far.
    pub fn requests(&self) -> usize {
        self.kept.requests.load(Ordering::Acquire)
    }

    /// What it got so far.
    pub fn spans(&self) -> Vec<Span> {
        self.kept.spans.lock().expect("no one panics with the spans in hand").clone()
    }

    /// Waits until it has so many spans of a name, and returns all spans.
    pub async fn expect(&self, name: &str, count: usize) -> Vec<Span> {
        eventually(&format!("{count} spans {name:?}"), Duration::from_secs(30), async || {
            let spans = self.spans();
            let found = spans.iter().filter(|span| span.name == name).count();
            if found >= count { Ok(spans) } else { Err(format!("{found} of them, {} in all", spans.len())) }
        })
        .await
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.kill();
    }
}

async fn listen(listener: TcpListener, kept: Arc<Kept>, manner: Manner) {
    // Dropped with this task, and the connections with it.
    let mut connections = JoinSet::new();
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let kept = Arc::clone(&kept);
        connections.spawn(async move { serve(stream, &kept, manner).await.ok() });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, kept: &Kept, manner: Manner) -> io::Result<()> {
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    loop {
        let (mut line, mut length, mut head) = (String::new(), 0, Vec::new());
        loop {
            line.clear();
            if reader.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            let line = line.trim_end().to_ascii_lowercase();
            if line.is_empty() {
                break;
            }
            if let Some(value) = line.strip_prefix("content-length:") {
                length = value.trim().parse().map_err(io::Error::other)?;
            }
            head.push(line);
        }
        kept.requests.fetch_add(1, Ordering::AcqRel);
        if manner == Manner::Stalls {
            return std::future::pending().await;
        }
        let is_good = head[0].starts_with("post /v1/traces ")
            && head.iter().any(|line| line == "content-type: application/x-protobuf")
            && length <= MAX_BODY;
        let mut body = vec![0; length.min(MAX_BODY)];
        reader.read_exact(&mut body).await?;
        let request = ExportTraceServiceRequest::decode(&body[..]);
        let status = match request.ok().filter(|_| is_good) {
            Some(request) => {
                kept.spans.lock().expect("no one panics with the spans in hand").extend(spans(request));
                "200 OK"
            }
            None => "400 Bad Request",
        };
        // An empty answer is a whole message of the protocol: everything was taken.
        let answer = format!("HTTP/1.1 {status}\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n");
        writer.write_all(answer.as_bytes()).await?;
    }
}

fn spans(request: ExportTraceServiceRequest) -> Vec<Span> {
    let mut found = Vec::new();
    for of_resource in request.resource_spans {
        let about = notes(of_resource.resource.unwrap_or_default().attributes);
        let service = about.iter().find(|(key, _)| key == "service.name").map(|(_, name)| name.clone());
        for of_scope in of_resource.scope_spans {
            found.extend(of_scope.spans.into_iter().map(|span| Span {
                trace: hex(&span.trace_id),
                id: hex(&span.span_id),
                parent: hex(&span.parent_span_id),
                name: span.name,
                service: service.clone().unwrap_or_default(),
                began: span.start_time_unix_nano,
                ended: span.end_time_unix_nano,
                notes: notes(span.attributes),
            }));
        }
    }
    found
}

fn notes(attributes: Vec<KeyValue>) -> Vec<(String, String)> {
    attributes.into_iter().map(|KeyValue { key, value, .. }| (key, text(value))).collect()
}

fn text(value: Option<AnyValue>) -> String {
    match value.and_then(|value| value.value) {
        Some(Value::StringValue(text)) => text,
        Some(Value::IntValue(number)) => number.to_string(),
        Some(Value::BoolValue(flag)) => flag.to_string(),
        other => format!("{other:?}"),
    }
}

fn hex(bytes: &[u8]) -> String {
    common::image_id::hex(bytes)
}
