//! What a site was asked, when, and how much at once.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// The requests of a site, and how many of them it had at once.
#[derive(Debug, Default)]
pub struct Log {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    requests: Vec<Request>,
    connections: usize,
    addresses: BTreeSet<IpAddr>,
    open: usize,
    most: usize,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Request {
    /// Its path, with the query.
    pub path: String,
    /// When its head was read.
    pub at: Instant,
    /// Its headers: names in lower case, and values.
    pub headers: Vec<(String, String)>,
}

impl Request {
    /// The value of a header, by its lower-case name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Log {
    /// All requests, in the order they came.
    pub fn requests(&self) -> Vec<Request> {
        self.with(|log| log.requests.clone())
    }

    /// How often `path` was requested.
    pub fn hits(&self, path: &str) -> usize {
        self.with(|log| log.requests.iter().filter(|request| request.path == path).count())
    }

    /// How many connections were opened.
    pub fn connections(&self) -> usize {
        self.with(|log| log.connections)
    }

    /// The most requests that were not yet answered at one time, `robots.txt` included.
    pub fn most_at_once(&self) -> usize {
        self.with(|log| log.most)
    }

    /// The pauses between the starts of one request and the next, `robots.txt` included.
    pub fn pauses(&self) -> Vec<Duration> {
        let mut starts: Vec<Instant> = self.with(|log| log.requests.iter().map(|request| request.at).collect());
        starts.sort();
        starts.windows(2).map(|pair| pair[1] - pair[0]).collect()
    }

    /// The addresses of ours that were connected to, each once.
    pub fn addresses(&self) -> BTreeSet<IpAddr> {
        self.with(|log| log.addresses.clone())
    }

    pub(super) fn connected(&self, to: Option<IpAddr>) {
        self.with(|log| {
            log.connections += 1;
            log.addresses.extend(to);
        });
    }

    /// Counts the request as open until what this returns is dropped.
    pub(super) fn begin(&self, request: Request) -> Open<'_> {
        self.with(|log| {
            log.requests.push(request);
            log.open += 1;
            log.most = log.most.max(log.open);
        });
        Open { log: self }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Inner) -> T) -> T {
        act(&mut self.inner.lock().expect("no one panics with the log in hand"))
    }
}

/// A request that is not answered yet.
#[derive(Debug)]
pub(super) struct Open<'a> {
    log: &'a Log,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.log.with(|log| log.open -= 1);
    }
}
