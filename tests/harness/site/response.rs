//! What a site answers, well-behaved or not.

use std::time::Duration;

use bytes::Bytes;

use super::gate::Gate;
use super::log::Request;

/// An answer to be given.
#[derive(Debug, Clone)]
pub struct Response {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
    pub(super) delay: Duration,
    pub(super) gate: Option<Gate>,
    pub(super) honours: bool,
}

/// How the body is sent.
#[derive(Debug, Clone)]
pub(super) enum Body {
    /// As announced.
    Whole(Bytes),
    /// Announced whole, then cut by closing the connection after so many bytes.
    Cut { whole: Bytes, after: usize },
    /// One byte at a time, with a pause after each.
    Dripping { whole: Bytes, pause: Duration },
    /// Unannounced, until the client has enough.
    Endless(Bytes),
}

impl Response {
    /// 200, with a content type.
    pub fn ok(content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { body: Body::Whole(body.into()), ..Self::status(200) }.header("Content-Type", content_type)
    }

    /// An HTML page.
    pub fn html(html: &str) -> Self {
        Self::ok("text/html; charset=utf-8", html.to_owned())
    }

    /// An image, as `image/png`.
    pub fn image(bytes: Vec<u8>) -> Self {
        Self::ok("image/png", bytes)
    }

    /// A status with an empty body.
    pub fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Body::Whole(Bytes::new()),
            delay: Duration::ZERO,
            gate: None,
            honours: false,
        }
    }

    /// 302 to `location`.
    pub fn redirect(location: &str) -> Self {
        Self::status(302).header("Location", location)
    }

    /// A body that never ends.
    pub fn endless(content_type: &str, piece: impl Into<Bytes>) -> Self {
        Self { body: Body::Endless(piece.into()), ..Self::status(200) }.header("Content-Type", content_type)
    }

    /// With one more header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Told apart by an `ETag` or a `Last-Modified`, which are sent along: who has it gets 304.
    #[must_use]
    pub fn known_by(mut self, validator: &str, value: &str) -> Self {
        self.honours = true;
        self.header(validator, value)
    }

    /// What a request gets: the answer itself, or that it is what the client has (RFC 9110, 13.2.2).
    pub(super) fn to(self, request: &Request) -> Self {
        let sent = |name: &str| self.headers.iter().find(|(sent, _)| sent == name).map(|(_, value)| value.as_str());
        let is_same = match (request.header("if-none-match"), request.header("if-modified-since")) {
            (Some(etag), _) => sent("ETag") == Some(etag),
            (None, Some(date)) => sent("Last-Modified") == Some(date),
            (None, None) => false,
        };
        if self.honours && is_same { Self { status: 304, body: Body::Whole(Bytes::new()), ..self } } else { self }
    }

    /// Given only after `delay`.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay = delay;
        self
    }

    /// Given only when `gate` is open.
    #[must_use]
    pub fn behind(mut self, gate: &Gate) -> Self {
        self.gate = Some(gate.clone());
        self
    }

    /// The connection is closed after so many bytes of the body, although all were announced.
    #[must_use]
    pub fn cut_after(mut self, bytes: usize) -> Self {
        self.body = Body::Cut { whole: self.bytes(), after: bytes };
        self
    }

    /// The body has only its first `bytes`, and says so.
    #[must_use]
    pub fn shortened(mut self, bytes: usize) -> Self {
        self.body = Body::Whole(self.bytes().slice(..bytes));
        self
    }

    /// The body comes one byte at a time.
    #[must_use]
    pub fn dripping(mut self, pause: Duration) -> Self {
        self.body = Body::Dripping { whole: self.bytes(), pause };
        self
    }

    fn bytes(&self) -> Bytes {
        match &self.body {
            Body::Whole(bytes) | Body::Endless(bytes) => bytes.clone(),
            Body::Cut { whole, .. } | Body::Dripping { whole, .. } => whole.clone(),
        }
    }

    /// The bytes before the body, and whether the connection can serve another request after it.
    pub(super) fn head(&self) -> (Vec<u8>, bool) {
        let (length, keep) = match &self.body {
            Body::Whole(bytes) => (Some(bytes.len()), true),
            Body::Cut { whole, .. } => (Some(whole.len()), false),
            Body::Dripping { whole, .. } => (Some(whole.len()), true),
            Body::Endless(_) => (None, false),
        };
        let mut head = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        // A test that lies about the length has set it itself.
        let announced = self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        if let Some(length) = length.filter(|_| !announced) {
            head.extend(["Content-Length: ", &length.to_string(), "\r\n"]);
        }
        let keep = keep && !announced;
        if !keep {
            head += "Connection: close\r\n";
        }
        head += "\r\n";
        (head.into_bytes(), keep)
    }
}

fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        302 => "Found",
        304 => "Not Modified",
        404 => "Not Found",
        503 => "Service Unavailable",
        _ => "Other",
    }
}
