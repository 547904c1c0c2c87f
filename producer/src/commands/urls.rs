//! `producer urls`: the images of a list.

use common::exit::Exit;
use tokio::task::spawn_blocking;

use super::run::{self, Begin, Session};
use crate::cli::UrlsOptions;
use crate::frontier::{Frontier, Selection};
use crate::pipeline::{Listing, Source};
use crate::seeds::list::{self, ListOptions};
use crate::settings::RunSettings;

/// Runs a list, or goes on with one.
pub async fn urls(options: UrlsOptions, begin: Begin, session: Session) -> anyhow::Result<Exit> {
    let settings = RunSettings::try_from(options.run)?;
    let fetch = settings.page_fetch()?;
    let how = ListOptions {
        format: options.input_format,
        url_column: options.url_column,
        caption_column: options.caption_column,
        columns: options.columns,
    };
    let frontier = Frontier::new(Selection::of_list(), settings.network.guard.clone(), &[]);
    let done_with = match &begin {
        Begin::New(_) => Some(0),
        Begin::Again(again) => again.standing.list_rows_read,
    };
    let source = match done_with {
        None => Source::Ledger,
        Some(rows) => {
            // Standard input may be a while in coming.
            let opening = spawn_blocking(move || Listing::new(list::open(&options.file, &how)?, frontier, rows));
            tokio::select! {
                listing = opening => Source::List(listing??),
                () = session.shutdown.drain.cancelled() => return Ok(Exit::Interrupted),
            }
        }
    };
    let work = run::Work { source, seeds: Vec::new(), max_images: None, begin };
    run::run(settings, fetch, work, session).await
}
