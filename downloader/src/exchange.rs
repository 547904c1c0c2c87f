//! What was said between us and a server for one image: who asked, the heads of request and answer, and who answered. The
//! heads are taken down only where the store writes them.

use std::net::IpAddr;

use common::run_name::RunName;
use common::task::Task;
use reqwest::header::HeaderMap;
use reqwest::{Method, Request, Response, StatusCode, Version};
use url::Url;

/// Who asks, and by which manners.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Asking {
    /// The run.
    pub(crate) run: RunName,
    /// What it sends as `User-Agent`.
    pub(crate) user_agent: String,
    /// What it sends as `From`.
    pub(crate) from: Option<String>,
    /// Whether it asks robots.txt.
    pub(crate) obeys_robots: bool,
}

impl Asking {
    pub(crate) fn new(task: &Task) -> Self {
        Self {
            run: task.run.clone(),
            user_agent: task.user_agent.clone(),
            from: task.from.clone(),
            obeys_robots: !task.ignores_robots,
        }
    }
}

/// A request and the head of its answer.
#[derive(Debug, Clone)]
pub(crate) struct Exchange {
    /// What was asked.
    pub(crate) asked: Asked,
    /// The protocol of the answer, and so of the request.
    pub(crate) version: Version,
    /// The answer's status.
    pub(crate) status: StatusCode,
    /// The answer's header fields, in the order in which they came as far as the client keeps it.
    pub(crate) headers: HeaderMap,
    /// The address of the host; `None` where a proxy answered for it.
    pub(crate) address: Option<IpAddr>,
}

/// A request before it is sent.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    /// How.
    pub(crate) method: Method,
    /// For what.
    pub(crate) url: Url,
    /// With these header fields; the client adds `Host`.
    pub(crate) headers: HeaderMap,
    /// Whether of the host itself, and not of a proxy.
    pub(crate) is_direct: bool,
}

impl Asked {
    /// Takes down what is going to be sent.
    pub(crate) fn of(request: &Request, is_direct: bool) -> Self {
        let (method, url, headers) = (request.method().clone(), request.url().clone(), request.headers().clone());
        Self { method, url, headers, is_direct }
    }

    /// Takes down what came of it.
    pub(crate) fn answered(self, response: &Response) -> Exchange {
        Exchange {
            address: response.remote_addr().filter(|_| self.is_direct).map(|address| address.ip()),
            asked: self,
            version: response.version(),
            status: response.status(),
            headers: response.headers().clone(),
        }
    }
}
