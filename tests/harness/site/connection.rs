//! One client's connection: reads a request, answers as told, and again while both sides keep it open.

use std::io;
use std::sync::Arc;
use std::time::Instant;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::Shared;
use super::log::Request;
use super::response::{Body, Response};

/// So much of an endless body is sent at most: a test must fail before the disk is full.
const ENDLESS: usize = 1 << 30;

/// Takes connections until its task is aborted, and then drops them.
pub(super) async fn listen(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        // Running out of file descriptors is the only error to expect; the backlog waits.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        shared.log.connected(stream.local_addr().map(|address| address.ip().to_canonical()).ok());
        let shared = Arc::clone(&shared);
        connections.spawn(async move {
            // A client that goes away in the middle is everyday life for a web site.
            serve(stream, &shared).await.ok();
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let (reader, mut writer) = stream.into_split();
    let mut reader = BufReader::new(reader);
    while let Some(request) = read_request(&mut reader).await? {
        let response = shared.answer(&request.path).to(&request);
        let open = shared.log.begin(request);
        tokio::time::sleep(response.delay).await;
        if let Some(gate) = &response.gate {
            gate.pass().await;
        }
        let (head, keep) = response.head();
        // Who has the last byte may ask again before we get to count: a whole body counts as answered when it leaves.
        let open = Some(open).filter(|_| !matches!(response.body, Body::Whole(_)));
        writer.write_all(&head).await?;
        write_body(&mut writer, &response).await?;
        drop(open);
        if !keep {
            return writer.shutdown().await;
        }
    }
    Ok(())
}

async fn write_body(writer: &mut (impl tokio::io::AsyncWrite + Unpin), response: &Response) -> io::Result<()> {
    match &response.body {
        Body::Whole(bytes) => writer.write_all(bytes).await,
        Body::Cut { whole, after } => writer.write_all(&whole[..*after]).await,
        Body::Dripping { whole, pause } => {
            for byte in whole {
                writer.write_all(&[*byte]).await?;
                tokio::time::sleep(*pause).await;
            }
            Ok(())
        }
        Body::Endless(piece) => {
            for _ in 0..ENDLESS / piece.len().max(1) {
                writer.write_all(piece).await?;
            }
            Ok(())
        }
    }
}

/// The head of the next request; `None` when the client has closed. Requests with a body are not for us.
async fn read_request(reader: &mut BufReader<OwnedReadHalf>) -> io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut headers = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).await?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    Ok(Some(Request { path, at: Instant::now(), headers }))
}
