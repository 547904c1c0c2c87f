//! `producer urls`: the images of a list.

use common::exit::Exit;
use tokio::task::spawn_blocking;

use super::run::{self, Session};
use crate::cli::UrlsOptions;
use crate::frontier::{Filter, Frontier, Selection};
use crate::page_fetch::PageFetch;
use crate::pipeline::{Listing, Source};
use crate::scope::ScopeKind;
use crate::seeds::list::{self, ListOptions};
use crate::settings::RunSettings;

/// Runs a list.
pub async fn urls(options: UrlsOptions, session: Session) -> anyhow::Result<Exit> {
    let settings = RunSettings::try_from(options.run)?;
    let fetch = PageFetch::new(settings.guard, settings.user_agent.clone())?;
    let how = ListOptions { format: options.input_format, url_column: options.url_column };
    // A list has no pages: only the rules for images matter.
    let selection = Selection { scope: ScopeKind::Page, depth: 0, pages: Filter::default(), images: Filter::default() };
    let frontier = Frontier::new(selection, settings.guard, &[]);
    // Standard input may be a while in coming.
    let opening = spawn_blocking(move || Listing::new(list::open(&options.file, &how)?, frontier));
    let listing = tokio::select! {
        listing = opening => listing??,
        () = session.shutdown.drain.cancelled() => return Ok(Exit::Interrupted),
    };
    let work = run::Work { source: Source::List(listing), seeds: Vec::new(), max_images: None };
    run::run(settings, fetch, work, session).await
}
