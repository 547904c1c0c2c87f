//! A dashboard as a browser asks it, or somebody who is none: requests are written by hand, so that they may be wrong in any way.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::process::Process;
use crate::waiting::{eventually, within};

/// The budget of one request on a busy machine, and of what is waited for.
const SOON: Duration = Duration::from_secs(30);

/// A dashboard.
#[derive(Debug, Clone, Copy)]
pub struct Dashboard {
    at: SocketAddr,
}

/// What it answered.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Reply {
    fn read(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of a head");
        let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
        let mut lines = head.lines();
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
        let header = |line: &str| {
            let (name, value) = line.split_once(':').expect("a header");
            (name.to_ascii_lowercase(), value.trim().to_owned())
        };
        Self {
            status: status.expect("a status"),
            headers: lines.map(header).collect(),
            body: bytes[end + 4..].to_owned(),
        }
    }

    /// A header's value; empty if it is not there.
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    pub fn json(&self) -> Value {
        crate::run::json(&self.text())
    }
}

impl Dashboard {
    /// The one that a process serves, once it says so.
    pub async fn of(process: &mut Process) -> Self {
        let at = eventually("the dashboard's address", SOON, async || {
            process.expect_running();
            let talk = process.talk();
            let (_, rest) = talk.split_once("the dashboard is at http://").ok_or_else(|| talk.clone())?;
            rest.split('/').next().and_then(|at| at.parse::<SocketAddr>().ok()).ok_or(talk)
        })
        .await;
        Self { at: SocketAddr::from(([127, 0, 0, 1], at.port())) }
    }

    /// Its address, as a browser names it.
    pub fn host(&self) -> String {
        self.at.to_string()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.at.port()
    }

    /// Sends just these bytes, and reads what comes until the other side closes.
    pub async fn send(&self, request: &[u8]) -> Reply {
        let asking = async {
            let mut stream = TcpStream::connect(self.at).await.expect("it listens");
            // It may answer, and close, before it has read everything.
            stream.write_all(request).await.unwrap_or(());
            let mut bytes = Vec::new();
            stream.read_to_end(&mut bytes).await.unwrap_or(0);
            Reply::read(&bytes)
        };
        within("an answer of the dashboard", SOON, asking).await
    }

    /// Asks with these headers alone, beside those that HTTP wants.
    pub async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Reply {
        let lines: Vec<String> = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        self.send(format!("{head}{}\r\n{body}", lines.concat()).as_bytes()).await
    }

    /// Gets a path as a browser does.
    pub async fn get(&self, path: &str) -> Reply {
        self.ask("GET", path, &[("host", &self.host())], "").await
    }

    /// The word that its page knows.
    pub async fn word(&self) -> String {
        let page = self.get("/").await.text();
        let (_, rest) = page.split_once("name=\"warren-page\" content=\"").expect("the page has its word");
        rest.split('"').next().expect("an end").to_owned()
    }

    /// Does something to a run, as the page does.
    pub async fn order(&self, run: &str, action: &str, body: &str) -> Reply {
        let (host, word) = (self.host(), self.word().await);
        let origin = format!("http://{host}");
        let headers =
            [("host", &*host), ("origin", &*origin), ("sec-fetch-site", "same-origin"), ("x-warren-page", &*word)];
        self.ask("POST", &format!("/runs/{run}/{action}"), &headers, body).await
    }

    /// Watches, one run closely if it is named.
    pub async fn watch(&self, run: Option<&str>) -> Events {
        let query = run.map(|run| format!("?run={run}")).unwrap_or_default();
        let mut stream = TcpStream::connect(self.at).await.expect("it listens");
        // HTTP/1.0 has no chunks.
        let request = format!("GET /events{query} HTTP/1.0\r\nhost: {}\r\n\r\n", self.host());
        stream.write_all(request.as_bytes()).await.expect("sent");
        let mut events = Events { stream: BufReader::new(stream), head: Vec::new() };
        within("the head of the events", SOON, events.read_head()).await;
        events
    }
}

/// What comes to whoever watches.
#[derive(Debug)]
pub struct Events {
    stream: BufReader<TcpStream>,
    head: Vec<String>,
}

impl Events {
    async fn read_head(&mut self) {
        while let Some(line) = self.line().await.filter(|line| !line.is_empty()) {
            self.head.push(line);
        }
    }

    /// The first line of the answer.
    pub fn status(&self) -> &str {
        self.head.first().map_or("", String::as_str)
    }

    async fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        let read = self.stream.read_line(&mut line).await.unwrap_or(0);
        (read > 0).then(|| line.trim_end().to_owned())
    }

    /// The next event: its name and what it says. `None` at the end.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        let mut name = String::new();
        loop {
            let line = self.line().await?;
            if let Some(event) = line.strip_prefix("event: ") {
                event.clone_into(&mut name);
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some((name, crate::run::json(data)));
            }
        }
    }

    /// Reads events of this name until one is as it should be.
    pub async fn until(&mut self, name: &str, what: &str, mut is_right: impl FnMut(&Value) -> bool) -> Value {
        let mut last = Value::Null;
        let waiting = async {
            while let Some((event, value)) = self.next().await {
                if event == name {
                    last = value;
                    if is_right(&last) {
                        return true;
                    }
                }
            }
            false
        };
        let came = tokio::time::timeout(SOON, waiting).await;
        assert_eq!(came, Ok(true), "{what} was not shown; the last {name}: {last:#}");
        last
    }
}
