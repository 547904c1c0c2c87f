//! The server below the dashboard's routes: HTTP/1.1 on one address. Connections, heads, and the time that either may take are
//! bounded, because whoever can reach the address can send anything.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once; further ones wait until one ends.
const MOST_CONNECTIONS: usize = 128;

/// Longest head of a request, in bytes, and most headers.
const LONGEST_HEAD: usize = 16 << 10;
const MOST_HEADERS: usize = 64;

/// Longest time for a head to come, on a connection that was used before too.
const HEAD: Duration = Duration::from_secs(20);

/// Longest life of a connection. Who still needs one makes another: browsers do by themselves.
const LIFE: Duration = Duration::from_hours(1);

/// How long connections have to end when the dashboard does: answers are short but for those that never end by themselves.
const GOODBYE: Duration = Duration::from_millis(500);

/// How long after an error of the listener (no descriptors left) it is tried again.
const BREATH: Duration = Duration::from_millis(100);

/// Serves until `stop`.
pub(super) async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) {
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &room) => accepted,
            () = stop.cancelled() => break,
        };
        match accepted {
            Ok((stream, place)) => {
                let (routes, stop) = (routes.clone(), stop.clone());
                connections.spawn(async move {
                    serve_one(stream, routes, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::debug!(error = %error, "a connection to the dashboard was not to be had");
                sleep(BREATH).await;
            }
        }
    }
    connections.close();
    if timeout(GOODBYE, connections.wait()).await.is_err() {
        tracing::debug!("connections to the dashboard are cut");
    }
}

async fn accept(
    listener: &TcpListener,
    room: &Arc<Semaphore>,
) -> io::Result<(TcpStream, tokio::sync::OwnedSemaphorePermit)> {
    let place = Arc::clone(room).acquire_owned().await.map_err(io::Error::other)?;
    let (stream, _) = listener.accept().await?;
    Ok((stream, place))
}

async fn serve_one(stream: TcpStream, routes: Router, stop: CancellationToken) {
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_headers(MOST_HEADERS)
        .max_buf_size(LONGEST_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    tokio::pin!(serving);
    let ended = tokio::select! {
        ended = &mut serving => ended,
        () = async { tokio::select! { () = sleep(LIFE) => {}, () = stop.cancelled() => {} } } => {
            serving.as_mut().graceful_shutdown();
            // An answer that does not end is cut.
            timeout(GOODBYE, serving).await.unwrap_or(Ok(()))
        }
    };
    if let Err(error) = ended {
        tracing::debug!(error = %error, "a connection to the dashboard ended badly");
    }
}
