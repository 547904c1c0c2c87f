//! What a document that came offers, within what the run accepts: a pure function on the threads that may compute. It
//! decides by what came, not by what was expected: a link may lead to a feed, a style sheet or an image.

use common::opt_out::{self, Directive, Directives, PageVerdict, Refusal};
use common::reason::Reason;
use url::Url;

use crate::extract::{self, Candidate, Kind, Page, Source};
use crate::frontier::{Found, Frontier};
use crate::ledger::{NewImage, PageDone, PageKind, PageState, PendingPage, RowId, Traps, Verdict};
use crate::page_fetch::{Fetched, PageFetch};
use crate::robots::Rules;
use crate::seeds::sitemap::{self, Sitemap};

/// What it takes to work on pages.
#[derive(Debug)]
pub struct PageWork {
    /// Fetches them.
    pub fetch: PageFetch,
    /// Says what is accepted.
    pub frontier: Frontier,
    /// How they are read.
    pub extract: extract::Options,
    /// The opt-outs that are obeyed.
    pub opt_outs: Directives,
    /// The name by which pages and robots.txt files may speak to us.
    pub agent: String,
    /// `--max-pages`.
    pub max_pages: Option<u64>,
    /// `--max-images`.
    pub max_images: Option<u64>,
}

/// A document that ended without anything on it.
pub(super) fn found_nothing(id: RowId, state: PageState) -> PageDone {
    PageDone {
        id,
        state,
        reason: None,
        detail: None,
        http_status: None,
        final_url: None,
        truncated: None,
        scopes: Vec::new(),
        images: Vec::new(),
        pages: Vec::new(),
        traps: Traps::default(),
    }
}

/// What is on a document that came.
pub(super) fn search(work: &PageWork, document: &PendingPage, fetched: &Fetched) -> PageDone {
    let mut done = PageDone {
        http_status: Some(fetched.status),
        final_url: (document.redirects > 0).then(|| fetched.url.to_string()),
        truncated: fetched.cut.then(|| "too long".to_owned()),
        ..found_nothing(document.id, PageState::Fetched)
    };
    if document.is_seed() && document.redirects > 0 {
        // The crawl is of the place that its seed is at.
        work.frontier.seed_moved(&fetched.url);
        done.scopes.push(fetched.url.to_string());
    }
    let found = Found { at: &fetched.url, document };
    let mut search = Search { work, found, fetched, done };
    match document.kind {
        PageKind::Robots => search.robots(),
        PageKind::Page | PageKind::StyleSheet | PageKind::Sitemap => search.document(),
    }
    if let Some(why) = &search.done.truncated {
        tracing::warn!(page.url = document.url, why, "a page was read in part");
    }
    search.done
}

struct Search<'a> {
    work: &'a PageWork,
    found: Found<'a>,
    fetched: &'a Fetched,
    done: PageDone,
}

impl Search<'_> {
    fn document(&mut self) {
        let content_type = self.fetched.content_type.as_deref();
        let kind = extract::kind(content_type, &self.fetched.body);
        // What a style sheet or a sitemap should be and is not is somebody's error page: no page of the crawl.
        match (self.found.document.kind, kind) {
            (PageKind::StyleSheet, Kind::Css) => return self.page(),
            (PageKind::StyleSheet, _) | (PageKind::Sitemap, Kind::Html | Kind::Image) => {
                self.done.truncated = None;
                return;
            }
            // Compressed ones and lists of lines show what they are only to those who expect a sitemap.
            (PageKind::Sitemap, _) => return self.sitemap(),
            (PageKind::Page | PageKind::Robots, _) => {}
        }
        if kind == Kind::Other && sitemap::is_sitemap(content_type, &self.fetched.body) {
            return self.sitemap();
        }
        match kind {
            Kind::Image => self.image_behind_link(),
            Kind::Svg => {
                self.image_behind_link();
                self.page();
            }
            Kind::Html | Kind::Xhtml | Kind::Css => self.page(),
            Kind::Sitemap | Kind::Feed => self.sitemap(),
            Kind::Other => self.done.truncated = None,
        }
    }

    fn page(&mut self) {
        let page = extract::extract(
            &self.fetched.body,
            self.fetched.content_type.as_deref(),
            &self.fetched.url,
            &self.work.extract,
        );
        self.done.truncated = self.done.truncated.take().or(page.truncated.map(|why| why.to_string()));
        let PageVerdict { images: refused, links: nofollow } =
            opt_out::page_verdict(self.fetched.opt_outs, self.said_by(&page), self.work.opt_outs);
        for image in page.images {
            let linked_only = nofollow.clone().filter(|_| image.linked_only);
            let nofollow = linked_only.or_else(|| self.nofollow(image.nofollow));
            self.image(image, refused.clone().or(nofollow));
        }
        if refused.is_none() {
            let sheets = page.style_sheets.into_iter();
            let sheets = sheets.filter_map(|url| self.work.frontier.needed(url, PageKind::StyleSheet, self.found));
            self.done.pages.extend(sheets);
        }
        if let Some(url) = page.refresh {
            self.refresh(url);
        }
        if nofollow.is_none() {
            for link in page.links {
                if self.nofollow(link.nofollow).is_none() {
                    self.done.pages.extend(self.work.frontier.link(link.url, self.found, &mut self.done.traps));
                }
            }
        }
    }

    /// What a page's `meta` elements say to us, or to everybody.
    fn said_by(&self, page: &Page) -> Directives {
        let said = page.metas.iter().map(|(name, content)| opt_out::of_meta(name, content, &self.work.agent));
        said.fold(Directives::NONE, |all, more| all | more)
    }

    /// What stands against a link that asks not to be followed.
    fn nofollow(&self, asked: bool) -> Option<Refusal> {
        let obeyed = asked && self.work.opt_outs.contains(Directive::NoFollow);
        obeyed.then(|| Refusal { reason: Reason::NoFollow, detail: "rel of the link".to_owned() })
    }

    /// The page sends its reader on; what the crawl is of is there, if it began here.
    fn refresh(&mut self, url: Url) {
        if self.found.document.is_seed() {
            self.work.frontier.seed_moved(&url);
            self.done.scopes.push(url.to_string());
        }
        self.done.pages.extend(self.work.frontier.refresh(url, self.found, &mut self.done.traps));
    }

    fn image(&mut self, candidate: Candidate, refused: Option<Refusal>) {
        let Some(image) = self.work.frontier.candidate(candidate) else { return };
        self.done.images.push(NewImage { verdict: image.verdict.clone().or(refused.map(Verdict::from)), ..image });
    }

    /// A link that looked like a page's and is an image's.
    fn image_behind_link(&mut self) {
        self.done.truncated = None;
        self.image(Candidate::new(self.fetched.url.clone(), Source::Link), None);
    }

    fn sitemap(&mut self) {
        let Sitemap { pages, sitemaps, images, cut } =
            sitemap::read(&self.fetched.body, &self.fetched.url, &sitemap::Limits::default());
        self.done.truncated = self.done.truncated.take().or(cut.map(|why| why.to_string()));
        for entry in pages {
            self.listed_images(entry.images, Some(&entry.url));
            let page = self.work.frontier.listed_page(entry.url, self.found, &mut self.done.traps);
            self.done.pages.extend(page);
        }
        self.listed_images(images, None);
        let sitemaps = sitemaps.into_iter();
        let further = sitemaps.filter_map(|url| self.work.frontier.needed(url, PageKind::Sitemap, self.found));
        self.done.pages.extend(further);
    }

    fn listed_images(&mut self, images: Vec<sitemap::Listed>, page: Option<&Url>) {
        for listed in images {
            let candidate = Candidate {
                title: listed.title,
                caption: listed.caption,
                ..Candidate::new(listed.url, Source::Sitemap)
            };
            let image = self.work.frontier.candidate(candidate);
            self.done.images.extend(image.map(|image| NewImage { page_url: page.map(Url::to_string), ..image }));
        }
    }

    /// The sitemaps that a robots.txt names.
    fn robots(&mut self) {
        let rules = Rules::read(&self.fetched.body, &self.work.agent);
        let sitemaps = rules.sitemaps().iter().filter_map(|text| self.fetched.url.join(text).ok());
        let sitemaps = sitemaps.filter_map(|url| self.work.frontier.needed(url, PageKind::Sitemap, self.found));
        self.done.pages.extend(sitemaps);
    }
}
