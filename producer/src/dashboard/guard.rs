//! What every request has to get by before anything looks at it, and what every answer carries. Three strangers are kept out: who
//! has no token where one is demanded; a page of another site, which can make its reader's browser send requests here; and what was
//! crawled, which is shown and must not run.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, HeaderName, HeaderValue, LOCATION, ORIGIN, REFERRER_POLICY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use subtle::ConstantTimeEq;
use tokio::time::timeout;

use super::hosts::Hosts;
use super::token::{Lock, hex};

/// The header in which our own page repeats the word that it was given.
pub(super) const FORGERY_HEADER: HeaderName = HeaderName::from_static("x-warren-page");

const FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// Pages and what belongs to them come from here, and nothing from anywhere else; nothing inline runs or styles.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// Longest time until an answer begins.
const PATIENCE: Duration = Duration::from_secs(30);

/// Who may ask for what.
#[derive(Debug)]
pub(super) struct Guard {
    hosts: Hosts,
    lock: Option<Lock>,
    /// What only a page that we gave out knows: whoever asks for a change says it.
    word: String,
}

impl Guard {
    pub(super) fn new(hosts: Hosts, lock: Option<Lock>) -> Self {
        Self { hosts, lock, word: hex(&rand::random::<[u8; 32]>()) }
    }

    /// What demands a token, if anything does.
    pub(super) fn lock(&self) -> Option<&Lock> {
        self.lock.as_ref()
    }

    /// What our own pages know.
    pub(super) fn word(&self) -> &str {
        &self.word
    }

    /// Whether the request was sent to us by our name. One that has two is nobody's.
    fn is_for_us(&self, headers: &HeaderMap) -> bool {
        let mut hosts = headers.get_all(HOST).iter();
        let host = hosts.next().and_then(|host| host.to_str().ok());
        hosts.next().is_none() && host.is_some_and(|host| self.hosts.are_meant_by(host))
    }

    /// Whether a change is asked for by our own page, or by a program that has the token.
    fn is_our_own(&self, headers: &HeaderMap) -> bool {
        if self.lock.as_ref().is_some_and(|lock| lock.is_opened_by_header(headers)) {
            // No page of another site can have a browser send this header.
            return comes_from_here(headers) != Some(false);
        }
        let word = headers.get(FORGERY_HEADER).map_or(&b""[..], HeaderValue::as_bytes);
        comes_from_here(headers) == Some(true) && bool::from(word.ct_eq(self.word.as_bytes()))
    }

    fn is_let_in(&self, headers: &HeaderMap) -> bool {
        self.lock.as_ref().is_none_or(|lock| lock.is_opened_by_cookie(headers) || lock.is_opened_by_header(headers))
    }
}

/// Whether the page that sends a request is of the site that it goes to, as the browser says; `None` if it says nothing.
fn comes_from_here(headers: &HeaderMap) -> Option<bool> {
    let text = |name| headers.get(name).map(|value: &HeaderValue| value.to_str().unwrap_or_default());
    if text(FETCH_SITE).is_some_and(|site| site != "same-origin") {
        return Some(false);
    }
    let host = text(HOST).unwrap_or_default();
    text(ORIGIN).map(|origin| {
        let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
        authority.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
    })
}

/// Whether a page of another site has its reader's browser fetch something of ours, other than by leading there: it could read
/// nothing of it, and would take up room.
fn is_embedded(headers: &HeaderMap) -> bool {
    let is = |name, value: &str| headers.get(name).is_some_and(|given: &HeaderValue| given == value);
    // A frame, an object and an embed are navigations too; what they are for says it.
    let leads_here = is(FETCH_MODE, "navigate") && (is(FETCH_DEST, "document") || !headers.contains_key(FETCH_DEST));
    (is(FETCH_SITE, "cross-site") || is(FETCH_SITE, "same-site")) && !leads_here
}

/// Looks at a request, and passes it on or not.
pub(super) async fn guard(State(guard): State<Arc<Guard>>, request: Request, next: Next) -> Response {
    let answer = match refusal(&guard, &request) {
        Some(refusal) => {
            if let Some(lock) = guard.lock().filter(|lock| lock.is_tried_by_header(request.headers())) {
                // Who waits for longer is refused then.
                timeout(PATIENCE, lock.delay()).await.unwrap_or(());
            }
            refusal
        }
        None => timeout(PATIENCE, next.run(request))
            .await
            .unwrap_or_else(|_| (StatusCode::GATEWAY_TIMEOUT, "This takes too long; ask again.\n").into_response()),
    };
    harden(answer)
}

fn refusal(guard: &Guard, request: &Request) -> Option<Response> {
    let headers = request.headers();
    if !guard.is_for_us(headers) {
        let why = "This is not the dashboard of that host; where a proxy or a name leads here, --host names it.\n";
        return Some((StatusCode::MISDIRECTED_REQUEST, why).into_response());
    }
    if is_embedded(headers) {
        return Some((StatusCode::FORBIDDEN, "This is for the dashboard's own pages.\n").into_response());
    }
    let path = request.uri().path();
    let is_change = !matches!(*request.method(), Method::GET | Method::HEAD);
    if path == "/login" {
        // Whoever has the token may send it from where he likes, but no page of another site may have a browser try one. All
        // browsers say the origin of a form; of a site only those that reached us by HTTPS, or on a loopback address.
        let is_foreign = comes_from_here(headers) == Some(false);
        return (is_change && is_foreign).then(|| StatusCode::FORBIDDEN.into_response());
    }
    if path.starts_with("/assets/") && !is_change {
        return None;
    }
    if !guard.is_let_in(headers) {
        let wants_page = headers.get(ACCEPT).is_some_and(|accept| accept.as_bytes().starts_with(b"text/html"));
        return Some(if wants_page && !is_change {
            (StatusCode::SEE_OTHER, [(LOCATION, "/login")]).into_response()
        } else {
            (StatusCode::UNAUTHORIZED, "The dashboard's token is wanted; /login takes it.\n").into_response()
        });
    }
    let is_forged = is_change && !guard.is_our_own(headers);
    is_forged.then(|| (StatusCode::FORBIDDEN, "This was not asked for by a page of the dashboard.\n").into_response())
}

/// Puts on an answer what keeps a browser from doing with it what it is not for. What an answer says itself stays.
fn harden(mut answer: Response) -> Response {
    let headers = answer.headers_mut();
    for (name, value) in [
        (CONTENT_SECURITY_POLICY, POLICY),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        // Stricter, and a browser would not say of our own form where it comes from.
        (REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
        (
            HeaderName::from_static("permissions-policy"),
            HeaderValue::from_static("camera=(), geolocation=(), microphone=()"),
        ),
    ] {
        headers.entry(name).or_insert(value);
    }
    answer
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(given: &[(&'static str, &'static str)]) -> HeaderMap {
        given.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn a_browser_says_which_site_a_request_comes_from() {
        let host = ("host", "127.0.0.1:8080");
        for (given, expected) in [
            (&[][..], None),
            (&[("sec-fetch-site", "same-origin")], None),
            (&[("origin", "http://127.0.0.1:8080")], Some(true)),
            (&[("origin", "https://127.0.0.1:8080")], Some(true)),
            (&[("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-origin")], Some(true)),
            (&[("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "cross-site")], Some(false)),
            (&[("origin", "http://127.0.0.1:8080"), ("sec-fetch-site", "same-site")], Some(false)),
            (&[("origin", "http://127.0.0.1:8081")], Some(false)),
            (&[("origin", "http://evil.example")], Some(false)),
            (&[("origin", "http://127.0.0.1:8080.evil.example")], Some(false)),
            (&[("origin", "null")], Some(false)),
            (&[("sec-fetch-site", "none")], Some(false)),
        ] {
            assert_eq!(comes_from_here(&headers(&[&[host], given].concat())), expected, "{given:?}");
        }
    }

    #[test]
    fn another_site_may_lead_here_and_embed_nothing() {
        for (site, mode, dest, expected) in [
            ("cross-site", "navigate", Some("document"), false),
            ("cross-site", "navigate", None, false),
            ("same-site", "navigate", Some("document"), false),
            ("cross-site", "navigate", Some("iframe"), true),
            ("cross-site", "navigate", Some("frame"), true),
            ("same-site", "navigate", Some("object"), true),
            ("cross-site", "navigate", Some("embed"), true),
            ("cross-site", "navigate", Some(""), true),
            ("cross-site", "no-cors", Some("document"), true),
            ("cross-site", "no-cors", Some("image"), true),
            ("same-origin", "no-cors", Some("image"), false),
            ("none", "navigate", Some("document"), false),
        ] {
            let mut given = headers(&[("sec-fetch-site", site), ("sec-fetch-mode", mode)]);
            if let Some(dest) = dest {
                given.insert(FETCH_DEST, HeaderValue::from_static(dest));
            }
            assert_eq!(is_embedded(&given), expected, "{site} {mode} {dest:?}");
        }
    }

    #[test]
    fn a_request_with_two_hosts_is_for_nobody() {
        let guard = Guard::new(Hosts::new("127.0.0.1:8080".parse().expect("an address"), Vec::new()), None);
        let mut given = headers(&[("host", "127.0.0.1:8080")]);
        assert!(guard.is_for_us(&given));
        given.append(HOST, HeaderValue::from_static("evil.example"));
        assert!(!guard.is_for_us(&given));
        assert!(!guard.is_for_us(&HeaderMap::new()));
    }
}
