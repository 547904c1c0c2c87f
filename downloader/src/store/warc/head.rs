//! The heads of request and answer as HTTP/1 (RFC 9112), which is what readers of WARC files read. Over HTTP/2 there are no
//! such heads, and of HTTP/1 the client keeps neither the case of names nor their spacing, so they are written anew: names in
//! lower case, in the order that the client keeps.
//!
//! The body is stored as an image, whatever it travelled in: the answer's head says so, and what it said of the transfer
//! moves to `x-orig-` names, as browsertrix and warcio.js have it.
//!
//! Nothing that lets anybody in is written down: of the request only the fields named here, of the answer no cookies, which may
//! be what a server renews a credential by.

use reqwest::Version;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LENGTH, FROM, HOST, HeaderName, HeaderValue,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, SET_COOKIE, TRANSFER_ENCODING, USER_AGENT,
};
use url::{Position, Url};

use crate::exchange::{Asked, Exchange};

/// The fields of a request that are written down.
const RECORDED: [HeaderName; 8] =
    [ACCEPT, ACCEPT_ENCODING, ACCEPT_LANGUAGE, FROM, HOST, IF_MODIFIED_SINCE, IF_NONE_MATCH, USER_AGENT];

/// What the answer said of the transfer, which is not true of what is stored.
const TRANSFER: [HeaderName; 3] = [CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING];

/// The head of a request.
pub(super) fn request(exchange: &Exchange) -> Vec<u8> {
    let Asked { method, url, headers, .. } = &exchange.asked;
    let target = &url[Position::BeforePath..Position::AfterQuery];
    let mut head = format!("{method} {target} {}\r\n", version(exchange)).into_bytes();
    if !headers.contains_key(HOST) {
        head.extend_from_slice(format!("host: {}\r\n", authority(url)).as_bytes());
    }
    headers.iter().filter(|(name, value)| is_recorded(name, value)).for_each(|(name, value)| {
        field(&mut head, name.as_str(), value);
    });
    head.extend_from_slice(b"\r\n");
    head
}

/// The head of an answer whose body is stored with `length` bytes.
pub(super) fn response(exchange: &Exchange, length: usize) -> Vec<u8> {
    let status = exchange.status;
    let reason = status.canonical_reason().unwrap_or_default();
    let mut head = format!("{} {} {reason}\r\n", version(exchange), status.as_str()).into_bytes();
    for (name, value) in exchange.headers.iter().filter(|(name, _)| *name != SET_COOKIE) {
        if !TRANSFER.contains(name) {
            field(&mut head, name.as_str(), value);
        } else if *name != CONTENT_LENGTH || value.as_bytes() != length.to_string().as_bytes() {
            field(&mut head, &format!("x-orig-{name}"), value);
        }
    }
    head.extend_from_slice(format!("content-length: {length}\r\n\r\n").as_bytes());
    head
}

/// The protocol's name in `WARC-Protocol`.
pub(super) fn protocol(version: Version) -> Option<&'static str> {
    match version {
        Version::HTTP_10 => Some("http/1.0"),
        Version::HTTP_11 => Some("http/1.1"),
        Version::HTTP_2 => Some("h2"),
        Version::HTTP_3 => Some("h3"),
        _ => None,
    }
}

fn version(exchange: &Exchange) -> &'static str {
    if exchange.version == Version::HTTP_10 { "HTTP/1.0" } else { "HTTP/1.1" }
}

fn is_recorded(name: &HeaderName, value: &HeaderValue) -> bool {
    !value.is_sensitive() && RECORDED.contains(name)
}

/// What the client sends as `Host`: without user name and password, and without the scheme's own port.
fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

fn field(head: &mut Vec<u8>, name: &str, value: &HeaderValue) {
    head.extend_from_slice(name.as_bytes());
    head.extend_from_slice(b": ");
    head.extend_from_slice(value.as_bytes());
    head.extend_from_slice(b"\r\n");
}

#[cfg(test)]
pub(super) mod tests {
    use reqwest::header::{AUTHORIZATION, COOKIE, HeaderMap};
    use reqwest::{Method, StatusCode};

    use super::*;

    /// An exchange over HTTP/1.1 that left nothing to wish for.
    pub(in super::super) fn exchange(url: &str, answered: &[(&'static str, &'static str)]) -> Exchange {
        let headers = [("accept", "image/*"), ("user-agent", "Warren")];
        Exchange {
            asked: Asked {
                method: Method::GET,
                url: url.parse().expect("a URL"),
                headers: map(&headers),
                is_direct: true,
            },
            version: Version::HTTP_11,
            status: StatusCode::OK,
            headers: map(answered),
            address: Some([192, 0, 2, 7].into()),
        }
    }

    fn map(headers: &[(&'static str, &'static str)]) -> HeaderMap {
        let header = |&(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value));
        headers.iter().map(header).collect()
    }

    fn text(head: Vec<u8>) -> String {
        String::from_utf8(head).expect("ASCII")
    }

    #[test]
    fn a_request_is_written_as_it_was_sent() {
        let exchange = exchange("http://h:8080/a%20b.png?x=1&y", &[]);
        assert_eq!(
            text(request(&exchange)),
            "GET /a%20b.png?x=1&y HTTP/1.1\r\nhost: h:8080\r\naccept: image/*\r\nuser-agent: Warren\r\n\r\n"
        );
    }

    #[test]
    fn the_host_is_named_as_the_client_names_it() {
        for (url, host) in [("http://h:80/", "h"), ("https://h:80/", "h:80"), ("http://[::1]:8/", "[::1]:8")] {
            assert_eq!(authority(&url.parse().expect("a URL")), host, "{url}");
        }
    }

    #[test]
    fn an_answer_with_its_true_length_is_written_as_it_came() {
        let exchange = exchange("http://h/", &[("content-type", "image/png"), ("content-length", "4"), ("etag", "x")]);
        assert_eq!(
            text(response(&exchange, 4)),
            "HTTP/1.1 200 OK\r\ncontent-type: image/png\r\netag: x\r\ncontent-length: 4\r\n\r\n"
        );
    }

    #[test]
    fn what_is_said_of_the_transfer_moves_aside() {
        let answered = [("transfer-encoding", "chunked"), ("content-encoding", "gzip"), ("content-length", "9")];
        let mut exchange = exchange("http://h/", &answered);
        exchange.version = Version::HTTP_2;
        assert_eq!(
            text(response(&exchange, 4)),
            "HTTP/1.1 200 OK\r\nx-orig-transfer-encoding: chunked\r\nx-orig-content-encoding: gzip\r\n\
             x-orig-content-length: 9\r\ncontent-length: 4\r\n\r\n"
        );
        assert!(text(request(&exchange)).starts_with("GET / HTTP/1.1\r\n"));
        exchange.version = Version::HTTP_10;
        assert!(text(response(&exchange, 4)).starts_with("HTTP/1.0 200 OK\r\n"));
    }

    #[test]
    fn credentials_are_not_written_down() {
        let answered = [("set-cookie", "session=of-nobody"), ("server", "s")];
        let mut plain = exchange("http://h/", &answered);
        assert_eq!(text(response(&plain, 0)), "HTTP/1.1 200 OK\r\nserver: s\r\ncontent-length: 0\r\n\r\n");
        for name in [AUTHORIZATION, COOKIE, HeaderName::from_static("x-api-key")] {
            let mut exchange = plain.clone();
            exchange.asked.headers.insert(name, HeaderValue::from_static("secret"));
            assert_eq!(request(&exchange), request(&plain));
        }
        let mut secret = HeaderValue::from_static("secret-agent");
        secret.set_sensitive(true);
        plain.asked.headers.insert(USER_AGENT, secret);
        assert!(!text(request(&plain)).contains("secret-agent"));
    }
}
