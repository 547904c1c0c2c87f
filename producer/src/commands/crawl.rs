//! `producer crawl`: pages in, images out.

use common::exit::Exit;
use url::Url;

use super::run::{self, Begin, Session};
use crate::cli::CrawlOptions;
use crate::frontier::{self, Frontier};
use crate::ledger::{NewPage, PageKind};
use crate::pipeline::{PageWork, Source};
use crate::settings::CrawlSettings;

/// Runs a crawl, or goes on with one.
pub async fn crawl(options: CrawlOptions, begin: Begin, session: Session) -> anyhow::Result<Exit> {
    let (crawl, settings) = CrawlSettings::new(options)?;
    let fetch = settings.page_fetch()?;
    // A sitemap speaks for the place that it is at.
    let places: Vec<Url> = crawl.seeds.iter().chain(&crawl.sitemaps).cloned().collect();
    let frontier = Frontier::new(crawl.selection, settings.network.guard.clone(), &places);
    let pages = crawl.seeds.iter().map(|seed| frontier::page(seed, 0));
    let sitemaps = crawl.sitemaps.iter().map(|url| begin_at(url, PageKind::Sitemap));
    let robots = places.iter().filter(|_| crawl.robots_sitemaps).filter_map(|seed| seed.join("/robots.txt").ok());
    let robots = robots.map(|url| begin_at(&url, PageKind::Robots));
    let seeds = pages.chain(sitemaps).chain(robots).collect();
    if let Begin::Again(again) = &begin {
        for url in again.standing.moved_seeds.iter().filter_map(|url| Url::parse(url).ok()) {
            frontier.seed_moved(&url);
        }
    }
    let work = PageWork {
        fetch: fetch.clone(),
        frontier,
        extract: crawl.extract,
        opt_outs: settings.opt_outs,
        agent: settings.robots_agent().to_owned(),
        max_pages: crawl.max_pages,
        max_images: crawl.max_images,
    };
    let work = run::Work { source: Source::Pages(Box::new(work)), seeds, max_images: crawl.max_images, begin };
    run::run(settings, fetch, work, session).await
}

fn begin_at(url: &Url, kind: PageKind) -> NewPage {
    NewPage { kind, ..frontier::page(url, 0) }
}
