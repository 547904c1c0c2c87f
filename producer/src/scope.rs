//! Which linked pages belong to the crawl, seen from its seeds. Images may be anywhere.

use clap::ValueEnum;
use url::{Host, Position, Url};

/// `--scope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub enum ScopeKind {
    /// The seed pages alone
    Page,
    /// Below the seed's folder on its host
    Prefix,
    /// On the seed's host and port
    #[default]
    Host,
    /// On any host of the seed's registrable domain (public suffix list)
    Domain,
    /// Everywhere
    Any,
}

/// What one seed lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    kind: ScopeKind,
    seed: Url,
}

impl Scope {
    /// The scope of `kind` around `seed`.
    #[must_use]
    pub fn new(kind: ScopeKind, seed: Url) -> Self {
        Self { kind, seed }
    }

    /// Whether a linked page is within it.
    #[must_use]
    pub fn contains(&self, page: &Url) -> bool {
        match self.kind {
            ScopeKind::Page => false,
            ScopeKind::Prefix => {
                let folder = self.seed.path().rfind('/').map_or("/", |slash| &self.seed.path()[..=slash]);
                authority(page) == authority(&self.seed) && page.path().starts_with(folder)
            }
            ScopeKind::Host => authority(page) == authority(&self.seed),
            ScopeKind::Domain => domain(page) == domain(&self.seed),
            ScopeKind::Any => true,
        }
    }
}

/// Host and port. The scheme is left out: a site that is on its way from http to https is one site.
#[must_use]
pub fn authority(url: &Url) -> &str {
    &url[Position::BeforeHost..Position::AfterPort]
}

/// The registrable domain, or the whole host where there is none (addresses, `localhost`, public suffixes).
fn domain(url: &Url) -> Option<&str> {
    match url.host()? {
        Host::Domain(_) => psl::domain_str(url.host_str()?).or(url.host_str()),
        Host::Ipv4(_) | Host::Ipv6(_) => url.host_str(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_lets_in_what_its_name_says() {
        use ScopeKind::{Any, Domain, Host, Page, Prefix};
        let seed = "http://docs.example.co.uk/manual/index.html";
        for (page, within) in [
            ("http://docs.example.co.uk/manual/index.html", &[Prefix, Host, Domain, Any][..]),
            ("https://docs.example.co.uk/manual/deep/er.html", &[Prefix, Host, Domain, Any]),
            ("http://docs.example.co.uk/other.html", &[Host, Domain, Any]),
            ("http://docs.example.co.uk:8080/manual/", &[Domain, Any]),
            ("http://www.example.co.uk/", &[Domain, Any]),
            ("http://evil.co.uk/manual/", &[Any]),
        ] {
            for kind in [Page, Prefix, Host, Domain, Any] {
                let scope = Scope::new(kind, Url::parse(seed).expect("a URL"));
                assert_eq!(
                    scope.contains(&Url::parse(page).expect("a URL")),
                    within.contains(&kind),
                    "{kind:?} {page}"
                );
            }
        }
    }

    #[test]
    fn addresses_are_their_own_domain() {
        let scope = Scope::new(ScopeKind::Domain, Url::parse("http://10.0.0.1/").expect("a URL"));
        assert!(scope.contains(&Url::parse("http://10.0.0.1:81/x").expect("a URL")));
        assert!(!scope.contains(&Url::parse("http://11.0.0.1/").expect("a URL")));
    }
}
