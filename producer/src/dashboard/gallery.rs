//! The images of a run, a page at a time, by what people look for.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use common::chain::Chain;
use common::outcome::Status;
use common::reason::Reason;
use common::run_name::RunName;
use serde::{Deserialize, Serialize};
use tokio::task::spawn_blocking;

use super::Site;
use super::card::Card;
use crate::insight::{Filter, Insight, Order};
use crate::ledger::{LedgerError, RowId};
use crate::run_folder;

/// Images of a page, unless the request says otherwise; and at most.
const PAGE: usize = 60;
const LONGEST_PAGE: usize = 200;

/// What is looked for. Empty is as good as not said: that is what an empty field of a form sends.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct Sought {
    status: String,
    reason: String,
    host: String,
    format: String,
    text: String,
    order: Order,
    after: Option<RowId>,
    limit: Option<usize>,
}

#[derive(Debug, Serialize)]
struct Found {
    images: Vec<Card>,
    next: Option<RowId>,
}

/// Something that is no word of ours.
#[derive(Debug, PartialEq, Eq)]
struct NoWord(&'static str);

impl Sought {
    fn filter(&self) -> Result<Filter, NoWord> {
        let statuses = self.status.split(',').map(str::trim).filter(|word| !word.is_empty());
        let status = |word: &str| Status::ALL.into_iter().find(|status| status.as_str() == word);
        let statuses = statuses.map(status).collect::<Option<Vec<Status>>>().ok_or(NoWord("status"))?;
        let reason = said(&self.reason).map(|word| word.parse::<Reason>()).transpose();
        Ok(Filter {
            statuses,
            reason: reason.map_err(|_| NoWord("reason"))?,
            host: said(&self.host),
            format: said(&self.format),
            text: said(&self.text),
        })
    }
}

fn said(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// A page of images.
pub(super) async fn images(
    State(site): State<Arc<Site>>,
    Path(run): Path<RunName>,
    Query(sought): Query<Sought>,
) -> Response {
    let filter = match sought.filter() {
        Ok(filter) => filter,
        Err(NoWord(what)) => return (StatusCode::BAD_REQUEST, format!("No such {what}.\n")).into_response(),
    };
    let turn = site.looks.acquire().await;
    let runs = site.runs.clone();
    let found = spawn_blocking(move || {
        let folder = run_folder::existing(&runs, &run).ok()?;
        Some(find(&folder, &filter, &sought))
    });
    let found = found.await;
    drop(turn);
    match found {
        Ok(None) => StatusCode::NOT_FOUND.into_response(),
        Ok(Some(Ok(found))) => Json(found).into_response(),
        Ok(Some(Err(error))) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{}\n", Chain(&error))).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

fn find(folder: &std::path::Path, filter: &Filter, sought: &Sought) -> Result<Found, LedgerError> {
    let limit = sought.limit.unwrap_or(PAGE).clamp(1, LONGEST_PAGE);
    let page = Insight::open(folder)?.images(filter, sought.order, sought.after, limit)?;
    Ok(Found { images: page.images.into_iter().map(Card::from).collect(), next: page.next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_looked_for_is_made_of_our_own_words() {
        let sought = |status: &str, reason: &str| Sought {
            status: status.to_owned(),
            reason: reason.to_owned(),
            ..Sought::default()
        };
        let filter = sought("failed, rejected", "http-404").filter().expect("our words");
        assert_eq!(filter.statuses, [Status::Failed, Status::Rejected]);
        assert_eq!(filter.reason, Some(Reason::Http(404)));
        assert_eq!(sought("", " ").filter(), Ok(Filter::default()));
        assert_eq!(sought("failed;DROP TABLE images", "").filter(), Err(NoWord("status")));
        assert_eq!(sought("", "nonsense").filter(), Err(NoWord("reason")));
    }
}
