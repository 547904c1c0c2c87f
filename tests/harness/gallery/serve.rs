//! One host of the site: reads requests, answers them from their numbers, as its mood lets it.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

use super::tally::Place;
use super::{Mood, Shared};
use crate::random::Random;

/// The longest of the small delays before each answer.
const LATENCY: Duration = Duration::from_millis(20);

/// Takes connections until its task is aborted, and then drops them.
pub(super) async fn listen(listener: TcpListener, host: usize, shared: Arc<Shared>, mood: watch::Receiver<Mood>) {
    let mut connections = JoinSet::new();
    loop {
        // Running out of file descriptors is the only error to expect; the backlog waits.
        let Ok((stream, _)) = listener.accept().await else {
            tokio::task::yield_now().await;
            continue;
        };
        let (shared, mood) = (Arc::clone(&shared), mood.clone());
        connections.spawn(async move {
            // A client that goes away in the middle is everyday life for a web site.
            serve(stream, host, &shared, mood).await.ok();
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(stream: TcpStream, host: usize, shared: &Shared, mut mood: watch::Receiver<Mood>) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut asked = 0;
    while let Some(path) = read_path(&mut stream).await? {
        let place = shared.find(host, &path);
        shared.tally.asked(place);
        let moment = async {
            shared.tempo.wait(place, &shared.plan, &shared.tally).await;
            tokio::time::sleep(shared.latency(&path, asked)).await;
            // Its sender lives as long as the site.
            mood.wait_for(|mood| *mood != Mood::Stalling).await.map_or(Mood::Resetting, |mood| *mood)
        };
        let mood = tokio::select! {
            mood = moment => mood,
            // Nobody is there to be answered, or to be counted as such.
            () = gone(&mut stream) => return Ok(()),
        };
        asked += 1;
        let (status, content_type, body) = match mood {
            Mood::Unavailable => ("503 Service Unavailable", "text/plain", Vec::new()),
            _ => shared.content(place),
        };
        let mut answer = head(status, content_type, body.len());
        let half = answer.len() + body.len() / 2;
        answer.extend(body);
        match mood {
            Mood::Resetting | Mood::Cutting => {
                shared.tally.spoil();
                if mood == Mood::Cutting {
                    stream.write_all(&answer[..half]).await?;
                }
                return stream.get_ref().set_zero_linger();
            }
            _ => stream.write_all(&answer).await?,
        }
        if mood == Mood::Unavailable {
            shared.tally.spoil();
        } else {
            shared.tally.answered(place);
        }
    }
    Ok(())
}

fn head(status: &str, content_type: &str, length: usize) -> Vec<u8> {
    format!("HTTP/1.1 {status}\r\nContent-Type: {content_type}\r\nContent-Length: {length}\r\n\r\n").into_bytes()
}

/// Waits until the client closes the connection.
async fn gone(stream: &mut BufReader<TcpStream>) {
    match stream.fill_buf().await {
        Ok([]) | Err(_) => {}
        // A next request already, which will be read in its turn.
        Ok(_) => std::future::pending().await,
    }
}

/// The path of the next request; `None` when the client has closed. Requests with a body are not for us.
async fn read_path(stream: &mut BufReader<TcpStream>) -> io::Result<Option<String>> {
    let mut line = String::new();
    if stream.read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    while line.trim_end() != "" {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(path))
}

impl Shared {
    /// What a path names on a host: each page and picture is on one host only.
    fn find(&self, host: usize, path: &str) -> Place {
        let number = |prefix: &str, ending: &str, count: u64| {
            let number: u64 = path.strip_prefix(prefix)?.strip_suffix(ending)?.parse().ok()?;
            (number < count && self.host_of(number) == self.hosts[host]).then_some(number)
        };
        if path == "/" && host == 0 {
            Place::Root
        } else if let Some(page) = number("/page/", ".html", self.plan.pages) {
            Place::Page(page)
        } else if let Some(picture) = number("/picture/", ".png", self.plan.pictures) {
            Place::Picture(picture)
        } else {
            Place::Nowhere
        }
    }

    fn content(&self, place: Place) -> (&'static str, &'static str, Vec<u8>) {
        const HTML: &str = "text/html; charset=utf-8";
        match place {
            Place::Root => ("200 OK", HTML, self.root().into_bytes()),
            Place::Page(page) => ("200 OK", HTML, self.page(page).into_bytes()),
            Place::Picture(number) => ("200 OK", "image/png", self.picture(number).bytes),
            Place::Nowhere => ("404 Not Found", "text/plain", Vec::new()),
        }
    }

    /// Small, and the same for the same request of the same seed.
    fn latency(&self, path: &str, asked: u64) -> Duration {
        let purpose = path.bytes().fold(asked, |hash, byte| hash.wrapping_mul(31).wrapping_add(byte.into()));
        Random::of(self.plan.seed, purpose).between(Duration::ZERO, LATENCY)
    }
}
