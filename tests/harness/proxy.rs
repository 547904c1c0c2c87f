//! The wire between a program and the broker, in our hands: a TCP proxy that can cut, hold or slow down what passes.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};

/// How the wire is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Everything passes.
    Open,
    /// Nothing passes, and nothing is lost: connections stand and are silent, new ones too.
    Held,
    /// Everything passes so much later, piece by piece.
    Slow(Duration),
}

/// A proxy on loopback. Dropping it resets what passes through it.
#[derive(Debug)]
pub struct Proxy {
    port: u16,
    wire: watch::Sender<Wire>,
    /// Counted up to reset the connections of the count before.
    cuts: watch::Sender<u64>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// Starts a proxy for `upstream`, which need not be there yet.
    pub async fn start(upstream: SocketAddr) -> Self {
        Self::on(TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port"), upstream)
    }

    /// Starts a proxy that listens here, perhaps in another network than the upstream is in.
    pub fn on(listener: TcpListener, upstream: SocketAddr) -> Self {
        let port = listener.local_addr().expect("a bound listener has an address").port();
        let (wire, _) = watch::channel(Wire::Open);
        let (cuts, _) = watch::channel(0);
        let hands = Hands { wire: wire.subscribe(), cuts: cuts.subscribe() };
        let listening = tokio::spawn(listen(listener, upstream, hands));
        Self { port, wire, cuts, listening }
    }

    /// Where it listens.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on the wire is like this.
    pub fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    /// Resets all connections that stand now (RST at both ends, what was under way is lost).
    pub fn reset(&self) {
        self.cuts.send_modify(|cuts| *cuts += 1);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

/// What each connection looks at.
#[derive(Debug, Clone)]
struct Hands {
    wire: watch::Receiver<Wire>,
    cuts: watch::Receiver<u64>,
}

async fn listen(listener: TcpListener, upstream: SocketAddr, hands: Hands) {
    let mut connections = JoinSet::new();
    loop {
        // Running out of file descriptors is the only error to expect; the backlog waits.
        let Ok((client, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let mut hands = hands.clone();
        hands.cuts.mark_unchanged();
        connections.spawn(async move {
            // Whichever way it ends, there is nobody to tell but the two ends, who notice.
            carry(client, upstream, hands).await.ok();
        });
        while connections.try_join_next().is_some() {}
    }
}

/// Carries one connection until either end closes it, or it is cut.
async fn carry(client: TcpStream, upstream: SocketAddr, mut hands: Hands) -> io::Result<()> {
    // Whatever ends this without an orderly close is a reset.
    client.set_zero_linger()?;
    client.set_nodelay(true)?;
    let server = TcpStream::connect(upstream).await?;
    server.set_zero_linger()?;
    server.set_nodelay(true)?;
    // Borrowed halves: owned ones would close their direction in order when they are dropped.
    let (mut client, mut server) = (client, server);
    let (client_reader, client_writer) = client.split();
    let (server_reader, server_writer) = server.split();
    let wire = hands.wire.clone();
    let there = pass(client_reader, server_writer, wire.clone());
    let back = pass(server_reader, client_writer, wire);
    let both = async { tokio::try_join!(there, back).map(drop) };
    let reset = || io::Error::from(io::ErrorKind::ConnectionReset);
    tokio::select! {
        ended = both => ended,
        _ = hands.cuts.changed() => Err(reset()),
    }
}

/// Passes on one direction to its end.
async fn pass(mut from: ReadHalf<'_>, mut to: WriteHalf<'_>, mut wire: watch::Receiver<Wire>) -> io::Result<()> {
    let mut piece = vec![0; 16 << 10];
    loop {
        let length = from.read(&mut piece).await?;
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let wire = *wire.wait_for(|wire| *wire != Wire::Held).await.map_err(|_| gone())?;
        if let Wire::Slow(delay) = wire {
            tokio::time::sleep(delay).await;
        }
        if length == 0 {
            return to.shutdown().await;
        }
        to.write_all(&piece[..length]).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::waiting::within;

    const SOON: Duration = Duration::from_secs(20);

    async fn through_a_proxy() -> (Proxy, TcpStream, TcpStream) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let proxy = Proxy::start(listener.local_addr().expect("it is bound")).await;
        let client = TcpStream::connect(("127.0.0.1", proxy.port())).await.expect("the proxy listens");
        let (server, _) = within("a connection", SOON, listener.accept()).await.expect("the proxy connects");
        (proxy, client, server)
    }

    #[tokio::test]
    async fn what_is_held_comes_later_and_whole() {
        let (proxy, mut client, mut server) = through_a_proxy().await;
        proxy.set(Wire::Held);
        client.write_all(b"held").await.expect("the wire takes it");
        let mut read = [0; 4];
        let early = tokio::time::timeout(Duration::from_millis(100), server.read(&mut read)).await;
        assert!(early.is_err(), "it passed");
        proxy.set(Wire::Slow(Duration::from_millis(1)));
        within("the bytes", SOON, server.read_exact(&mut read)).await.expect("they pass");
        assert_eq!(&read, b"held");
    }

    #[tokio::test]
    async fn a_cut_resets_both_ends_and_the_next_connection_stands() {
        let (proxy, mut client, mut server) = through_a_proxy().await;
        proxy.reset();
        for end in [&mut client, &mut server] {
            let ended = within("the end", SOON, end.read(&mut [0; 1])).await;
            assert_eq!(ended.expect_err("a reset").kind(), io::ErrorKind::ConnectionReset);
        }
        TcpStream::connect(("127.0.0.1", proxy.port())).await.expect("the proxy listens");
    }
}
