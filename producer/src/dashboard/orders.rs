//! The requests that change something: which action they ask for, and what they are answered.

use std::sync::Arc;

use axum::Json;
use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use common::reason::Reason;
use common::run_name::RunName;
use serde::Deserialize;
use serde_json::json;
use tokio::task::spawn_blocking;

use super::Site;
use super::actions::{Action, Refusal};

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    /// Try again only what has this reason.
    reason: Option<Reason>,
}

/// Does what the path names to the run that it names.
pub(super) async fn order(
    State(site): State<Arc<Site>>,
    Path((run, word)): Path<(RunName, String)>,
    body: Bytes,
) -> Response {
    let choice = if body.is_empty() { Ok(Choice::default()) } else { serde_json::from_slice(&body) };
    let Ok(choice) = choice else {
        return (StatusCode::BAD_REQUEST, said("The body is not what this takes.")).into_response();
    };
    let action = match word.as_str() {
        "pause" => Action::Pause,
        "unpause" => Action::Unpause,
        "cancel" => Action::Cancel,
        "resume" => Action::Resume,
        "retry" => Action::Retry(choice.reason),
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let actions = Arc::clone(&site.actions);
    match spawn_blocking(move || actions.act(&run, &action)).await {
        Ok(Ok(())) => (StatusCode::ACCEPTED, said("It is done, or begun.")).into_response(),
        Ok(Err(Refusal::NoSuchRun)) => (StatusCode::NOT_FOUND, said("There is no such run.")).into_response(),
        Ok(Err(Refusal::NotNow(why))) => (StatusCode::CONFLICT, said(&why)).into_response(),
        Ok(Err(Refusal::Failed(why))) => (StatusCode::INTERNAL_SERVER_ERROR, said(&why)).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn said(text: &str) -> Json<serde_json::Value> {
    Json(json!({"said": text}))
}
