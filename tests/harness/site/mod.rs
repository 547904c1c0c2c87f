//! A web site that does what a test tells it, misbehaviour included, and remembers what it was asked.
//!
//! HTTP/1.1 by hand over plain TCP: a library would keep us from sending what it knows to be wrong.

mod connection;
mod gate;
mod log;
mod response;

pub use gate::Gate;
pub use log::{Log, Request};
pub use response::Response;

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A site on loopback. What it has no route for is 404, `robots.txt` too. Dropping it closes it.
#[derive(Debug)]
pub struct Site {
    address: SocketAddr,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

/// What the connections of a site share.
#[derive(Debug, Default)]
struct Shared {
    routes: Mutex<HashMap<String, Route>>,
    log: Log,
}

/// What a path answers: one response after the other, the last one for ever.
#[derive(Debug)]
struct Route {
    responses: Vec<Response>,
    asked: usize,
}

impl Site {
    /// Starts an empty site on loopback.
    pub async fn start() -> Self {
        Self::start_at(Ipv4Addr::LOCALHOST).await
    }

    /// Starts an empty site at an address of this machine.
    pub async fn start_at(address: Ipv4Addr) -> Self {
        Self::on(TcpListener::bind((address, 0)).await.expect("the address has a free port"))
    }

    /// Starts an empty site that listens here, perhaps in another network.
    pub fn on(listener: TcpListener) -> Self {
        let address = listener.local_addr().expect("a bound listener has an address");
        let shared = Arc::new(Shared::default());
        let listening = tokio::spawn(connection::listen(listener, Arc::clone(&shared)));
        Self { address, shared, listening }
    }

    /// Serves an HTML page at `path`.
    pub fn page(&self, path: &str, html: &str) -> &Self {
        self.route(path, Response::html(html))
    }

    /// Serves an image at `path`, as `image/png`.
    pub fn image(&self, path: &str, bytes: Vec<u8>) -> &Self {
        self.route(path, Response::image(bytes))
    }

    /// Answers with `response` at `path`: with a query, or for all queries.
    pub fn route(&self, path: &str, response: Response) -> &Self {
        self.sequence(path, vec![response])
    }

    /// Answers one after the other, and the last one from then on.
    pub fn sequence(&self, path: &str, responses: Vec<Response>) -> &Self {
        assert!(!responses.is_empty(), "{path} needs a response");
        let mut routes = self.shared.routes.lock().expect("no one panics with the routes in hand");
        routes.insert(path.to_owned(), Route { responses, asked: 0 });
        self
    }

    /// The URL of `path`.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// What it was asked so far.
    pub fn log(&self) -> &Log {
        &self.shared.log
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.listening.abort();
    }
}

impl Shared {
    fn answer(&self, path: &str) -> Response {
        let mut routes = self.routes.lock().expect("no one panics with the routes in hand");
        let without_query = path.split('?').next().unwrap_or_default();
        let key = if routes.contains_key(path) { path } else { without_query };
        let Some(route) = routes.get_mut(key) else {
            return Response::status(404);
        };
        let index = route.asked.min(route.responses.len() - 1);
        route.asked += 1;
        route.responses[index].clone()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpStream;

    use super::*;
    use crate::waiting::within;

    /// Sends requests over one connection, the last to be answered by closing it, and reads to the end.
    async fn ask(site: &Site, paths: &[&str]) -> String {
        let mut stream = TcpStream::connect(site.address).await.expect("the site listens");
        for path in paths {
            let request = format!("GET {path} HTTP/1.1\r\nHost: test\r\n\r\n");
            stream.write_all(request.as_bytes()).await.expect("the site reads");
        }
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.expect("the site answers");
        String::from_utf8_lossy(&answer).into_owned()
    }

    #[tokio::test]
    async fn answers_in_turn_on_one_connection_and_cuts_when_told() {
        let site = Site::start().await;
        site.sequence("/moody", vec![Response::status(503), Response::ok("text/plain", "fine")]);
        site.route("/cut", Response::ok("text/plain", "halved").cut_after(3));
        let answer = ask(&site, &["/moody", "/moody?again", "/nothing", "/cut"]).await;
        let statuses: Vec<&str> = answer.lines().filter_map(|line| line.split("HTTP/1.1 ").nth(1)).collect();
        assert_eq!(statuses, ["503 Service Unavailable", "200 OK", "404 Not Found", "200 OK"]);
        assert!(answer.contains("Content-Length: 6\r\n") && answer.ends_with("\r\n\r\nhal"), "{answer}");
        assert_eq!((site.log().requests().len(), site.log().connections()), (4, 1));
    }

    #[tokio::test]
    async fn a_gate_holds_requests_and_the_log_counts_them() {
        let site = Site::start().await;
        let gate = Gate::shut();
        site.route("/held", Response::status(404).behind(&gate).header("Content-Length", "0"));
        let both = async { tokio::join!(ask(&site, &["/held"]), ask(&site, &["/held"])) };
        let opened = async {
            gate.reached(2).await;
            assert_eq!(site.log().most_at_once(), 2);
            gate.open();
        };
        let ((first, second), ()) = within("both", Duration::from_secs(20), async { tokio::join!(both, opened) }).await;
        assert_eq!(first, second);
    }
}
