//! Servers that mean harm, or do not know better: each does one thing to whoever connects, byte by byte as it is told. Nothing
//! of it is HTTP to the harness, so that what is wrong can be said too.

mod tls;

pub use tls::Tls;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Barrier;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::sleep;

/// Longest that anything is kept up: a test must fail before the machine is full.
const LONGEST: Duration = Duration::from_mins(2);

/// Bytes that are sent without end at most, for the same reason.
const MOST: usize = 4 << 30;

/// One step of what a server does with a connection.
#[derive(Debug, Clone)]
pub enum Act {
    /// Sends these bytes.
    Send(Vec<u8>),
    /// Sends these bytes one by one, with a pause after each.
    Drip(Vec<u8>, Duration),
    /// Sends these bytes again and again, with a pause after each time, as long as they are taken.
    Forever(Vec<u8>, Duration),
    /// Sends these bytes so often.
    Times(usize, Vec<u8>),
    /// Sends a byte that each of 256 connections has for itself.
    Number,
    /// Says nothing more, and keeps the connection open.
    Hold,
    /// Waits until as many connections are here as the server was told to wait for.
    Gather,
}

impl Act {
    /// Sends text.
    pub fn say(text: impl Into<String>) -> Self {
        Self::Send(text.into().into_bytes())
    }

    /// Sends the head of an answer with these headers, each `Name: value`.
    pub fn head(headers: &[&str]) -> Self {
        let lines: String = headers.iter().flat_map(|header| [header, "\r\n"]).collect();
        Self::say(format!("HTTP/1.1 200 OK\r\n{lines}\r\n"))
    }

    /// A whole answer: these headers, then a body whose length is announced.
    pub fn answer(headers: &[&str], body: &[u8]) -> Self {
        let length = format!("Content-Length: {}", body.len());
        let Self::Send(mut bytes) = Self::head(&[headers, &[length.as_str()]].concat()) else { unreachable!() };
        bytes.extend(body);
        Self::Send(bytes)
    }
}

/// A server on a port of its own that does the same to every connection: waits for the first bytes, acts, and closes. Dropping
/// it ends it, and its connections.
#[derive(Debug)]
pub struct Hostile {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
    listening: JoinHandle<()>,
}

impl Hostile {
    /// Starts one.
    pub async fn start(acts: Vec<Act>) -> Self {
        Self::gathering(1, acts).await
    }

    /// Starts one for which [`Act::Gather`] waits for so many connections.
    pub async fn gathering(count: usize, acts: Vec<Act>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let (counted, barrier, acts) = (Arc::clone(&connections), Arc::new(Barrier::new(count)), Arc::new(acts));
        let listening = tokio::spawn(async move {
            let mut serving = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let number = counted.fetch_add(1, Ordering::Relaxed);
                let (acts, barrier) = (Arc::clone(&acts), Arc::clone(&barrier));
                serving.spawn(async move {
                    // Clients that have enough of it close.
                    tokio::time::timeout(LONGEST, serve(stream, number, &acts, &barrier)).await.ok();
                });
                while serving.try_join_next().is_some() {}
            }
        });
        Self { address, connections, listening }
    }

    /// The URL of an image that it would have.
    pub fn url(&self) -> String {
        format!("http://{}/image.png", self.address)
    }

    /// The same, by TLS, of which it knows nothing.
    pub fn tls_url(&self) -> String {
        format!("https://{}/image.png", self.address)
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::Relaxed)
    }
}

impl Drop for Hostile {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(mut stream: TcpStream, number: usize, acts: &[Act], barrier: &Barrier) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    // A request, or what else came.
    let read = stream.read(&mut [0; 8 << 10]).await?;
    if read == 0 {
        return Ok(());
    }
    for act in acts {
        match act {
            Act::Send(bytes) => stream.write_all(bytes).await?,
            Act::Drip(bytes, pause) => {
                for byte in bytes {
                    stream.write_all(&[*byte]).await?;
                    sleep(*pause).await;
                }
            }
            Act::Forever(bytes, pause) => {
                for _ in 0..MOST / bytes.len() {
                    stream.write_all(bytes).await?;
                    if !pause.is_zero() {
                        sleep(*pause).await;
                    }
                }
            }
            Act::Times(count, bytes) => {
                for _ in 0..*count {
                    stream.write_all(bytes).await?;
                }
            }
            Act::Number => stream.write_all(&[number.to_le_bytes()[0]]).await?,
            Act::Hold => drop(stream.read_to_end(&mut Vec::new()).await?),
            Act::Gather => {
                barrier.wait().await;
            }
        }
    }
    stream.shutdown().await
}
