//! Serves `/metrics`, `/healthz` and `/readyz`. For monitoring in one's own network: there is no password, nothing to be changed,
//! and no address, name or page of a crawl in what it tells. Whoever connects is bounded all the same: in number, in time, and
//! in what is read of a request.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::prometheus_text;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

use super::{Health, Sources, page};

/// Connections at once; further ones wait.
const AT_ONCE: usize = 16;

/// How long a connection may last, from its beginning to the last byte of the one answer on it.
const LONGEST: Duration = Duration::from_secs(10);

/// How long a request may take to come.
const REQUEST: Duration = Duration::from_secs(5);

/// Most bytes of a request's head, the least that the library can do with.
const MOST_HEAD: usize = 8 << 10;

/// How long to wait after a connection could not be taken, for want of file descriptors perhaps.
const AGAIN: Duration = Duration::from_millis(500);

const PLAIN: &str = "text/plain; charset=utf-8";

/// The address cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error(
    "--metrics (WARREN_METRICS) cannot listen on {address}; hint: give an address of this machine and a port that is free"
)]
pub struct EndpointError {
    /// The address.
    pub address: SocketAddr,
    source: io::Error,
}

/// A socket that listens already, so that its trouble shows before anything else begins.
#[derive(Debug)]
pub struct Endpoint(TcpListener);

/// What the endpoint knows.
struct About {
    sources: Sources,
    health: Arc<dyn Health>,
}

impl Endpoint {
    /// Takes the address.
    ///
    /// # Errors
    /// When another program has it, or this machine does not.
    pub async fn bind(address: SocketAddr) -> Result<Self, EndpointError> {
        let listener = TcpListener::bind(address).await.map_err(|source| EndpointError { address, source })?;
        Ok(Self(listener))
    }

    /// The address, with the port that the system chose where 0 was asked for.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    /// Answers for as long as the handle is held.
    pub fn serve(self, sources: Sources, health: Arc<dyn Health>) -> AbortOnDropHandle<()> {
        if let Ok(address) = self.address() {
            tracing::info!("metrics are at http://{address}/metrics");
        }
        AbortOnDropHandle::new(tokio::spawn(accept(self.0, Arc::new(About { sources, health }))))
    }
}

async fn accept(listener: TcpListener, about: Arc<About>) {
    let free = Arc::new(Semaphore::new(AT_ONCE));
    // The semaphore is never closed.
    while let Ok(place) = Arc::clone(&free).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let about = Arc::clone(&about);
                tokio::spawn(async move {
                    // Whoever is too slow, or says what is no HTTP, is nothing to tell of.
                    drop(timeout(LONGEST, answer_one(stream, about)).await);
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(error = %error, "a connection for metrics could not be taken");
                sleep(AGAIN).await;
            }
        }
    }
}

/// Answers one request. A scrape every few seconds does not miss connections that last.
async fn answer_one(stream: TcpStream, about: Arc<About>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let answer = about.answer(request.method(), request.uri().path());
        std::future::ready(Ok::<_, Infallible>(answer))
    });
    let mut http = http1::Builder::new();
    http.keep_alive(false).max_buf_size(MOST_HEAD).timer(TokioTimer::new()).header_read_timeout(REQUEST);
    drop(http.serve_connection(TokioIo::new(stream), service).await);
}

impl About {
    fn answer(&self, method: &Method, path: &str) -> Response<String> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            let mut refused = respond(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET and HEAD\n");
            refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
            return refused;
        }
        match path {
            "/metrics" => match page::write(&self.sources) {
                Ok(page) => respond(StatusCode::OK, prometheus_text::CONTENT_TYPE, page),
                Err(_) => respond(StatusCode::INTERNAL_SERVER_ERROR, PLAIN, "the metrics cannot be written\n"),
            },
            "/healthz" if self.health.is_alive() => respond(StatusCode::OK, PLAIN, "alive\n"),
            "/healthz" => respond(StatusCode::SERVICE_UNAVAILABLE, PLAIN, "a loop hangs\n"),
            "/readyz" => match self.health.ready() {
                Ok(()) => respond(StatusCode::OK, PLAIN, "ready\n"),
                Err(why) => respond(StatusCode::SERVICE_UNAVAILABLE, PLAIN, format!("{why}\n")),
            },
            _ => respond(StatusCode::NOT_FOUND, PLAIN, "there are /metrics, /healthz and /readyz\n"),
        }
    }
}

fn respond(status: StatusCode, kind: &'static str, body: impl Into<String>) -> Response<String> {
    let mut response = Response::new(body.into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicBool, Ordering};

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;
    use crate::metrics::{Build, Unready};

    #[derive(Debug, Default)]
    struct Told {
        hangs: AtomicBool,
        drains: AtomicBool,
    }

    impl Health for Told {
        fn is_alive(&self) -> bool {
            !self.hangs.load(Ordering::Relaxed)
        }

        fn ready(&self) -> Result<(), Unready> {
            if self.drains.load(Ordering::Relaxed) { Err("draining") } else { Ok(()) }
        }
    }

    struct Served {
        address: SocketAddr,
        told: Arc<Told>,
        _serving: AbortOnDropHandle<()>,
    }

    async fn served() -> Served {
        let endpoint = Endpoint::bind((Ipv4Addr::LOCALHOST, 0).into()).await.expect("a port is free");
        let (address, told) = (endpoint.address().expect("known"), Arc::new(Told::default()));
        let health: Arc<dyn Health> = Arc::clone(&told) as _;
        Served { address, told, _serving: endpoint.serve(vec![Arc::new(Build { program: "test" })], health) }
    }

    /// All that comes back for these bytes.
    async fn ask(address: SocketAddr, request: &[u8]) -> String {
        let mut stream = TcpStream::connect(address).await.expect("it listens");
        stream.write_all(request).await.expect("sent");
        let mut answer = Vec::new();
        // Where it is refused before it is read to its end, the connection is reset.
        drop(stream.read_to_end(&mut answer).await);
        String::from_utf8_lossy(&answer).into_owned()
    }

    async fn get(address: SocketAddr, path: &str) -> String {
        ask(address, format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").as_bytes()).await
    }

    #[tokio::test]
    async fn what_is_asked_is_answered() {
        let served = served().await;
        let page = get(served.address, "/metrics").await;
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        assert!(page.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{page}");
        assert!(page.contains("\nwarren_build_info{program=\"test\",version="), "{page}");
        for path in ["/healthz", "/readyz", "/readyz?verbose"] {
            assert!(get(served.address, path).await.starts_with("HTTP/1.1 200 "), "{path}");
        }
        served.told.drains.store(true, Ordering::Relaxed);
        let ready = get(served.address, "/readyz").await;
        assert!(ready.starts_with("HTTP/1.1 503 ") && ready.ends_with("draining\n"), "{ready}");
        assert!(get(served.address, "/healthz").await.starts_with("HTTP/1.1 200 "));
        served.told.hangs.store(true, Ordering::Relaxed);
        assert!(get(served.address, "/healthz").await.starts_with("HTTP/1.1 503 "));
        assert!(get(served.address, "/").await.starts_with("HTTP/1.1 404 "));
        let posted = ask(served.address, b"POST /metrics HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n").await;
        assert!(posted.starts_with("HTTP/1.1 405 "), "{posted}");
        let head = ask(served.address, b"HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n").await;
        assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    }

    #[tokio::test]
    async fn what_is_no_request_and_a_head_without_end_are_not_waited_for() {
        let served = served().await;
        let answer = ask(served.address, b"\x16\x03\x01\x02\x00\x01\x00\r\n\r\n").await;
        assert!(!answer.contains(" 200 "), "{answer}");
        let long = format!("GET /metrics HTTP/1.1\r\nX: {}\r\n\r\n", "x".repeat(MOST_HEAD));
        let answer = ask(served.address, long.as_bytes()).await;
        assert!(!answer.contains(" 200 "), "{answer}");
    }

    #[tokio::test]
    async fn who_says_nothing_is_let_go_and_holds_up_nobody_else_for_long() {
        let served = served().await;
        let mut silent = Vec::new();
        for _ in 0..AT_ONCE {
            silent.push(TcpStream::connect(served.address).await.expect("it listens"));
        }
        // One more than are answered at once: it is answered when the first are let go.
        let asked = timeout(LONGEST, get(served.address, "/healthz")).await.expect("soon enough");
        assert!(asked.starts_with("HTTP/1.1 200 "), "{asked}");
    }

    #[tokio::test]
    async fn a_taken_address_is_an_error_with_a_next_step() {
        let served = served().await;
        let error = Endpoint::bind(served.address).await.expect_err("it is taken");
        assert!(
            error.to_string().contains("hint:") && error.to_string().contains(&served.address.to_string()),
            "{error}"
        );
    }
}
