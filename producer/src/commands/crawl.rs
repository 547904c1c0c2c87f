//! `producer crawl`: pages in, images out.

use common::exit::Exit;

use super::run::{self, Session};
use crate::cli::CrawlOptions;
use crate::frontier::{self, Frontier};
use crate::page_fetch::PageFetch;
use crate::pipeline::{PageWork, Source};
use crate::settings::CrawlSettings;

/// Runs a crawl.
pub async fn crawl(options: CrawlOptions, session: Session) -> anyhow::Result<Exit> {
    let (crawl, settings) = CrawlSettings::new(options)?;
    let fetch = PageFetch::new(settings.guard, settings.user_agent.clone())?;
    let seeds = crawl.seeds.iter().map(|seed| frontier::page(seed, 0)).collect();
    let work = PageWork {
        fetch: fetch.clone(),
        frontier: Frontier::new(crawl.selection, settings.guard, &crawl.seeds),
        extract: crawl.extract,
        max_pages: crawl.max_pages,
        max_images: crawl.max_images,
    };
    run::run(settings, fetch, run::Work { source: Source::Pages(work), seeds, max_images: crawl.max_images }, session)
        .await
}
