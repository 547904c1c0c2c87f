//! The pages themselves: they are in the program, so nothing has to be installed beside it and no request leaves the machine.

use std::sync::Arc;

use axum::extract::rejection::FormRejection;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION, SET_COOKIE};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;

use super::Site;

const INDEX: &str = include_str!("../../assets/dashboard.html");
const LOGIN: &str = include_str!("../../assets/login.html");

/// Name, type and content.
const ASSETS: [(&str, &str, &str); 8] = [
    ("base.css", "text/css; charset=utf-8", include_str!("../../assets/base.css")),
    ("dashboard.css", "text/css; charset=utf-8", include_str!("../../assets/dashboard.css")),
    ("dashboard.js", SCRIPT, include_str!("../../assets/dashboard.js")),
    ("fleet.js", SCRIPT, include_str!("../../assets/fleet.js")),
    ("gallery.js", SCRIPT, include_str!("../../assets/gallery.js")),
    ("run.js", SCRIPT, include_str!("../../assets/run.js")),
    ("show.js", SCRIPT, include_str!("../../assets/show.js")),
    ("icon.svg", "image/svg+xml", include_str!("../../assets/icon.svg")),
];

const SCRIPT: &str = "text/javascript; charset=utf-8";

const HTML: &str = "text/html; charset=utf-8";

/// The dashboard.
pub(super) async fn index(State(site): State<Arc<Site>>) -> Response {
    let leave = if site.guard.lock().is_some() { "" } else { "hidden" };
    let page = INDEX
        .replace("{{word}}", site.guard.word())
        .replace("{{version}}", env!("CARGO_PKG_VERSION"))
        .replace("{{leave}}", leave);
    ([(CONTENT_TYPE, HTML)], page).into_response()
}

/// What the pages are made of.
pub(super) async fn asset(Path(name): Path<String>) -> Response {
    match ASSETS.iter().find(|(known, ..)| *known == name) {
        // As old as the program, which may be another one a moment later.
        Some((_, kind, text)) => ([(CONTENT_TYPE, *kind), (CACHE_CONTROL, "no-cache")], *text).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// Where the token is given.
pub(super) async fn login(State(site): State<Arc<Site>>) -> Response {
    match site.guard.lock() {
        Some(_) => login_page(StatusCode::OK, "hidden"),
        None => home(None),
    }
}

#[derive(Deserialize)]
pub(super) struct Given {
    token: String,
}

/// Takes the token, and has the browser remember that it was given.
pub(super) async fn enter(State(site): State<Arc<Site>>, given: Result<Form<Given>, FormRejection>) -> Response {
    let Some(lock) = site.guard.lock() else { return home(None) };
    // Before any waiting: nobody is kept out by those who try.
    if given.is_ok_and(|Form(given)| lock.opens_with(&given.token)) {
        return home(Some(lock.remember()));
    }
    lock.delay().await;
    login_page(StatusCode::FORBIDDEN, "")
}

/// Has the browser forget the token.
pub(super) async fn leave(State(site): State<Arc<Site>>) -> Response {
    match site.guard.lock() {
        Some(lock) => (StatusCode::NO_CONTENT, [(SET_COOKIE, lock.forget())]).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    }
}

fn login_page(status: StatusCode, wrong: &str) -> Response {
    (status, [(CONTENT_TYPE, HTML)], LOGIN.replace("{{wrong}}", wrong)).into_response()
}

fn home(cookie: Option<String>) -> Response {
    let mut answer = (StatusCode::SEE_OTHER, [(LOCATION, "/")]).into_response();
    if let Some(cookie) = cookie.and_then(|cookie| cookie.parse().ok()) {
        answer.headers_mut().insert(SET_COOKIE, cookie);
    }
    answer
}
