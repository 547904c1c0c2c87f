//! Decides what is accepted into the run: normalises addresses so that one thing has one name, keeps pages to the scope
//! and images to the filters. What was seen before is the ledger's to know.

use std::borrow::Cow;
use std::sync::{PoisonError, RwLock};

use common::http::{self, Guard, Refused};
use common::outcome::Status;
use common::reason::Reason;
use common::wire::MAX_URL;
use regex::RegexSet;
use url::Url;

use crate::extract::{Candidate, Source};
use crate::ledger::{NewImage, NewPage, PageKind, PendingPage, Traps};
use crate::percent::upper_percent;
use crate::scope::{Scope, ScopeKind, authority};
use crate::trap::{self, Trap};

/// Documents that are no pages (refreshes, style sheets, sitemaps) in a row, at most: they cost no depth, and must end.
const MAX_HOPS: u32 = 5;

/// Longest text of a row that is no URL that is kept, in bytes.
const MAX_BAD_TEXT: usize = 1 << 10;

/// Patterns that an address must match one of (if there are any), and must not match any of.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// `--include`, `--include-images`.
    pub include: RegexSet,
    /// `--exclude`, `--exclude-images`.
    pub exclude: RegexSet,
}

impl Filter {
    fn passes(&self, url: &str) -> bool {
        (self.include.is_empty() || self.include.is_match(url)) && !self.exclude.is_match(url)
    }
}

/// What a crawl takes.
#[derive(Debug, Clone)]
pub struct Selection {
    /// `--scope`.
    pub scope: ScopeKind,
    /// `--depth`.
    pub depth: u32,
    /// On pages.
    pub pages: Filter,
    /// On images.
    pub images: Filter,
    /// Longest address that is taken, in bytes; never above [`MAX_URL`].
    pub longest_url: usize,
}

impl Selection {
    /// Of a list of images: no pages, and every row.
    #[must_use]
    pub fn of_list() -> Self {
        Self {
            scope: ScopeKind::Page,
            depth: 0,
            pages: Filter::default(),
            images: Filter::default(),
            longest_url: MAX_URL,
        }
    }
}

/// The document on which something was found.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// Its address, after redirects.
    pub at: &'a Url,
    /// How it came to be fetched.
    pub document: &'a PendingPage,
}

/// The rules of acceptance of one run.
#[derive(Debug)]
pub struct Frontier {
    selection: Selection,
    guard: Guard,
    scopes: RwLock<Vec<Scope>>,
}

impl Frontier {
    /// Rules for a run that starts at `seeds` (none for a list of images).
    #[must_use]
    pub fn new(selection: Selection, guard: Guard, seeds: &[Url]) -> Self {
        let scopes = seeds.iter().map(|seed| Scope::new(selection.scope, seed.clone())).collect();
        Self { selection, guard, scopes: RwLock::new(scopes) }
    }

    /// A seed led elsewhere: the crawl is of the place it led to, too.
    pub fn seed_moved(&self, to: &Url) {
        let scope = Scope::new(self.selection.scope, to.clone());
        let mut scopes = self.scopes.write().unwrap_or_else(PoisonError::into_inner);
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }

    /// Whether a page may be read where a redirect leads. A seed may be anywhere.
    #[must_use]
    pub fn may_follow(&self, target: &Url, is_seed: bool) -> bool {
        let fits = target.as_str().len() <= self.longest_url();
        fits && (is_seed || (self.in_scope(target) && self.selection.pages.passes(target.as_str())))
    }

    /// Whether a page at this address belongs to the crawl.
    #[must_use]
    pub fn in_scope(&self, page: &Url) -> bool {
        self.scopes.read().unwrap_or_else(PoisonError::into_inner).iter().any(|scope| scope.contains(page))
    }

    /// The page behind a link, if it is to be followed. Links into traps are counted.
    #[must_use]
    pub fn link(&self, url: Url, from: Found<'_>, traps: &mut Traps) -> Option<NewPage> {
        if from.document.depth >= self.selection.depth {
            return None;
        }
        let page = self.page(url, from.document.depth + 1, traps)?;
        let like_its_parent = Url::parse(&page.url).is_ok_and(|url| trap::are_alike(&url, from.at));
        Some(NewPage { like_its_parent, ..page })
    }

    /// The page that a sitemap names: as near as the sitemap itself.
    #[must_use]
    pub fn listed_page(&self, url: Url, from: Found<'_>, traps: &mut Traps) -> Option<NewPage> {
        match from.document.kind {
            PageKind::Sitemap => {
                let page = self.page(url, from.document.depth, traps)?;
                Some(NewPage { hops: from.document.hops + 1, ..page })
            }
            // Some page led to it, as it does to other pages.
            PageKind::Page | PageKind::StyleSheet | PageKind::Robots => self.link(url, from, traps),
        }
    }

    /// Where a page sends its reader at once (`meta refresh`): as near as the page itself.
    #[must_use]
    pub fn refresh(&self, url: Url, from: Found<'_>, traps: &mut Traps) -> Option<NewPage> {
        let hops = from.document.hops + 1;
        let page = self.page(url, from.document.depth, traps)?;
        (hops <= MAX_HOPS).then_some(NewPage { hops, ..page })
    }

    /// A document that is needed to find what a page offers, wherever it is.
    #[must_use]
    pub fn needed(&self, url: Url, kind: PageKind, from: Found<'_>) -> Option<NewPage> {
        let hops = if from.document.kind == kind { from.document.hops + 1 } else { 1 };
        let url = normalise(url).ok()?;
        let taken = hops <= MAX_HOPS && url.as_str().len() <= self.longest_url();
        taken.then(|| NewPage { kind, hops, ..page(&url, from.document.depth) })
    }

    fn page(&self, url: Url, depth: u32, traps: &mut Traps) -> Option<NewPage> {
        let mut url = normalise(url).ok()?;
        if url.as_str().len() > self.longest_url() || !self.in_scope(&url) {
            return None;
        }
        traps.session_id += u64::from(trap::strip_session(&mut url));
        match trap::shown_by(&url) {
            Some(Trap::RepeatedPath) => traps.repeated_path += 1,
            Some(Trap::DeepPath) => traps.deep_path += 1,
            None => return self.selection.pages.passes(url.as_str()).then(|| page(&url, depth)),
        }
        None
    }

    fn longest_url(&self) -> usize {
        self.selection.longest_url.min(MAX_URL)
    }

    /// The image of a candidate, if the filters let it in. An image that stood in its page has no address that a filter could
    /// be about, and passes.
    #[must_use]
    pub fn candidate(&self, candidate: Candidate) -> Option<NewImage> {
        let sources = candidate.sources.iter().map(|source| source.as_str()).collect::<Vec<_>>().join(" ");
        let image = if candidate.inline.is_some() {
            NewImage {
                url: candidate.url.into(),
                source: candidate.source.as_str(),
                inline: candidate.inline,
                ..NewImage::default()
            }
        } else {
            let url = normalise(candidate.url).ok()?;
            if url.as_str().len() > self.longest_url() || !self.selection.images.passes(url.as_str()) {
                return None;
            }
            self.image(&url, candidate.source)
        };
        Some(NewImage {
            sources: (candidate.sources.len() > 1).then_some(sources),
            descriptor: candidate.descriptor,
            alt: candidate.alt,
            title: candidate.title,
            caption: candidate.caption,
            ..image
        })
    }

    /// The image of a list's row. Every row has an outcome: one that is no URL is rejected, with its text.
    #[must_use]
    pub fn listed(&self, text: &str) -> NewImage {
        match parse(text) {
            Ok(url) if url.as_str().len() <= MAX_URL => self.image(&url, Source::List),
            Err(Refused::Scheme) if Url::parse(text.trim()).is_ok() => rejected(text, Status::Blocked, Reason::Scheme),
            Ok(_) | Err(_) => Self::bad_row(text),
        }
    }

    /// A row that the reader could not make sense of.
    #[must_use]
    pub fn bad_row(text: &str) -> NewImage {
        rejected(text, Status::Rejected, Reason::BadUrl)
    }

    fn image(&self, url: &Url, source: Source) -> NewImage {
        NewImage {
            url: url.as_str().to_owned(),
            host: authority(url).to_owned(),
            source: source.as_str(),
            verdict: self.guard.check_url(url).err().map(|refused| (Status::Blocked, refused.into()).into()),
            ..NewImage::default()
        }
    }
}

/// A page to be fetched; `url` is normalised.
#[must_use]
pub fn page(url: &Url, depth: u32) -> NewPage {
    NewPage {
        url: url.as_str().to_owned(),
        host: authority(url).to_owned(),
        depth,
        kind: PageKind::Page,
        hops: 0,
        like_its_parent: false,
    }
}

/// Reads where a redirect leads. The address stays as the server wrote it: one that insists on `%2f` would send us on for ever.
///
/// # Errors
/// When it is no `http` or `https` URL.
pub fn hop(text: &str) -> Result<Url, Refused> {
    Url::parse(text).map_err(|_| Refused::Scheme).and_then(bare)
}

/// Reads an address as a person or a list writes it, and normalises it.
///
/// # Errors
/// When it is no `http` or `https` URL.
pub fn parse(text: &str) -> Result<Url, Refused> {
    Url::parse(text.trim()).map_err(|_| Refused::Scheme).and_then(normalise)
}

/// Without fragment, user name and password.
fn bare(mut url: Url) -> Result<Url, Refused> {
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(Refused::Scheme);
    }
    http::strip(&mut url);
    Ok(url)
}

/// One name for one thing: the WHATWG URL Standard's serialisation, without fragment (which no request carries), without
/// user name and password (which no other site's page may make us send), percent-encodings in upper case (RFC 3986, 6.2.2.1).
fn normalise(url: Url) -> Result<Url, Refused> {
    let mut url = bare(url)?;
    if let Cow::Owned(path) = upper_percent(url.path()) {
        url.set_path(&path);
    }
    if let Some(Cow::Owned(query)) = url.query().map(upper_percent) {
        url.set_query(Some(&query));
    }
    Ok(url)
}

/// A row that is no URL to be fetched. Its text is what identifies it.
fn rejected(text: &str, status: Status, reason: Reason) -> NewImage {
    let mut text = text.trim();
    if text.len() > MAX_BAD_TEXT {
        text = &text[..text.floor_char_boundary(MAX_BAD_TEXT)];
    }
    NewImage {
        url: text.to_owned(),
        source: Source::List.as_str(),
        verdict: Some((status, reason).into()),
        ..NewImage::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frontier(selection: Selection) -> Frontier {
        let seeds = [Url::parse("http://site.example/a/").expect("a URL")];
        Frontier::new(selection, Guard::default(), &seeds)
    }

    fn selection() -> Selection {
        Selection {
            scope: ScopeKind::Host,
            depth: 2,
            pages: Filter::default(),
            images: Filter::default(),
            longest_url: MAX_URL,
        }
    }

    fn follow(it: &Frontier, link: &str, depth: u32) -> Option<NewPage> {
        let at = url("http://site.example/here");
        let document =
            PendingPage { id: 1, host: 1, url: at.to_string(), depth, kind: PageKind::Page, hops: 0, redirects: 0 };
        it.link(url(link), Found { at: &at, document: &document }, &mut Traps::default())
    }

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn one_thing_has_one_name_and_naming_it_again_changes_nothing() {
        for (text, name) in [
            ("HTTP://Site.Example:80/a/../b/./c.png#top", "http://site.example/b/c.png"),
            (" https://user:secret@site.example:443/x?q=1 ", "https://site.example/x?q=1"),
            ("http://site.example", "http://site.example/"),
            ("http://site.example/%7euser/a%2fb?q=%c3%a4#x", "http://site.example/%7Euser/a%2Fb?q=%C3%A4"),
            ("http://site.example/a/%2e%2E/b/%2e/", "http://site.example/b/"),
        ] {
            let once = parse(text).expect("a URL");
            assert_eq!(once.as_str(), name);
            assert_eq!(normalise(once.clone()), Ok(once));
        }
        for bad in ["", "x.png", "mailto:a@b", "javascript:1", "http://", "http://[::1"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn links_are_followed_to_the_depth_and_within_the_scope() {
        let it = frontier(selection());
        assert_eq!(follow(&it, "http://site.example/b", 1).map(|page| page.depth), Some(2));
        assert_eq!(follow(&it, "http://site.example/b", 2), None);
        assert_eq!(follow(&it, "http://other.example/", 0), None);
        it.seed_moved(&url("http://other.example/home"));
        assert!(follow(&it, "http://other.example/", 0).is_some());
    }

    #[test]
    fn filters_let_in_what_is_included_and_not_excluded() {
        let pages = Filter {
            include: RegexSet::new(["/keep/"]).expect("a pattern"),
            exclude: RegexSet::new(["draft"]).expect("a pattern"),
        };
        let it = frontier(Selection { pages, ..selection() });
        assert!(follow(&it, "http://site.example/keep/x", 0).is_some());
        assert!(follow(&it, "http://site.example/keep/draft", 0).is_none());
        assert!(follow(&it, "http://site.example/other", 0).is_none());
    }

    #[test]
    fn every_row_of_a_list_becomes_an_image_or_a_verdict() {
        let it = frontier(selection());
        assert_eq!(it.listed("http://93.184.215.14/x.png").verdict, None);
        for (text, verdict) in [
            ("not a url", (Status::Rejected, Reason::BadUrl)),
            ("ftp://site.example/x.png", (Status::Blocked, Reason::Scheme)),
            ("http://127.0.0.1/x.png", (Status::Blocked, Reason::PrivateAddress)),
        ] {
            assert_eq!(it.listed(text).verdict, Some(verdict.into()), "{text}");
        }
        let long = format!("http://site.example/{}", "a".repeat(MAX_URL));
        let row = it.listed(&long);
        assert_eq!(row.verdict, Some((Status::Rejected, Reason::BadUrl).into()));
        assert_eq!(row.url.len(), MAX_BAD_TEXT);
    }
}
