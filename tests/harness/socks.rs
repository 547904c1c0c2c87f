//! A SOCKS5 proxy (RFC 1928) that leads everybody to one site, and remembers where they wanted to go.

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// A proxy on loopback. Dropping it closes it.
#[derive(Debug)]
pub struct Socks {
    address: SocketAddr,
    wanted: Arc<Mutex<Vec<String>>>,
    listening: JoinHandle<()>,
}

impl Socks {
    /// Starts a proxy that connects to `site`, whatever it is asked for.
    pub async fn start(site: SocketAddr) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a bound listener has an address");
        let wanted: Arc<Mutex<Vec<String>>> = Arc::default();
        let log = Arc::clone(&wanted);
        let listening = tokio::spawn(async move {
            loop {
                let Ok((client, _)) = listener.accept().await else { continue };
                let log = Arc::clone(&log);
                // A client that goes away in the middle is nobody's business.
                tokio::spawn(async move { serve(client, site, &log).await.ok() });
            }
        });
        Self { address, wanted, listening }
    }

    /// Its address, for a scheme of the test's choosing.
    pub fn url(&self, scheme: &str) -> String {
        format!("{scheme}://{}", self.address)
    }

    /// Where clients wanted to go, hosts as they said them.
    pub fn wanted(&self) -> Vec<String> {
        self.wanted.lock().expect("no one panics with the log in hand").clone()
    }
}

impl Drop for Socks {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

async fn serve(mut client: TcpStream, site: SocketAddr, log: &Mutex<Vec<String>>) -> io::Result<()> {
    // The methods that the client offers; none is needed.
    let [_version, methods] = read::<2>(&mut client).await?;
    client.read_exact(&mut vec![0; methods.into()]).await?;
    client.write_all(&[5, 0]).await?;
    let [_version, _command, _reserved, kind] = read::<4>(&mut client).await?;
    let host = match kind {
        1 => Ipv4Addr::from(read::<4>(&mut client).await?).to_string(),
        4 => Ipv6Addr::from(read::<16>(&mut client).await?).to_string(),
        _ => {
            let [length] = read::<1>(&mut client).await?;
            let mut name = vec![0; length.into()];
            client.read_exact(&mut name).await?;
            String::from_utf8_lossy(&name).into_owned()
        }
    };
    read::<2>(&mut client).await?;
    log.lock().expect("no one panics with the log in hand").push(host);
    let mut server = TcpStream::connect(site).await?;
    client.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

async fn read<const LENGTH: usize>(client: &mut TcpStream) -> io::Result<[u8; LENGTH]> {
    let mut bytes = [0; LENGTH];
    client.read_exact(&mut bytes).await?;
    Ok(bytes)
}
