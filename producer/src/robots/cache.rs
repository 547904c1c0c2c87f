//! The answers so far, by origin: how long they hold, and which are forgotten when there are too many.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;
use url::{Position, Url};

use super::Rules;

/// How long an answer holds (RFC 9309, 2.4).
const KEPT_FOR: Duration = Duration::from_hours(24);

/// Origins whose answers are kept.
const KEPT: usize = 10_000;

/// Bytes that all answers together take, about; one may be of [`super::MAX_FILE`].
const KEPT_BYTES: usize = 128 << 20;

/// Rules and when they came; none while they are being fetched.
type Answer = Option<(Arc<Rules>, Instant)>;

/// The answers so far, by origin.
#[derive(Debug, Default)]
pub struct RobotsCache {
    origins: HashMap<String, Answer>,
    order: VecDeque<String>,
    bytes: usize,
}

/// What is known of an origin.
#[derive(Debug, Clone)]
pub enum Known {
    /// Its rules.
    Rules(Arc<Rules>),
    /// Being fetched.
    Awaited,
    /// Nothing (any more).
    Nothing,
}

impl RobotsCache {
    /// Looks an origin up.
    #[must_use]
    pub fn of(&self, url: &Url, now: Instant) -> Known {
        match self.origins.get(origin(url)) {
            Some(Some((rules, learned))) if now - *learned < KEPT_FOR => Known::Rules(Arc::clone(rules)),
            Some(Some(_)) | None => Known::Nothing,
            Some(None) => Known::Awaited,
        }
    }

    /// The rules of an origin are being fetched; [`RobotsCache::learned`] is to follow.
    pub fn asked(&mut self, url: &Url) {
        let origin = origin(url);
        let before = self.origins.insert(origin.to_owned(), None);
        self.bytes -= before.as_ref().map_or(0, size);
        if before.is_none() {
            self.order.push_back(origin.to_owned());
        }
    }

    /// The rules of an origin are known now.
    pub fn learned(&mut self, url: &Url, rules: Arc<Rules>, now: Instant) {
        self.bytes += rules.size();
        let before = self.origins.insert(origin(url).to_owned(), Some((rules, now)));
        self.bytes -= before.as_ref().map_or(0, size);
        while self.order.len() > KEPT || self.bytes > KEPT_BYTES {
            if !self.forget_oldest(origin(url)) {
                break;
            }
        }
    }

    /// The rules of an origin did not come; they are to be asked for again.
    pub fn missed(&mut self, url: &Url) {
        let origin = origin(url);
        self.forget(origin);
        self.order.retain(|other| other != origin);
    }

    /// Says whether there was one to forget. One that is being fetched is waited for, and stays, and so does the newest.
    fn forget_oldest(&mut self, newest: &str) -> bool {
        let known = |origin: &String| origin != newest && self.origins.get(origin).is_none_or(Option::is_some);
        let oldest = self.order.iter().position(known).and_then(|place| self.order.remove(place));
        if let Some(oldest) = &oldest {
            self.forget(oldest);
        }
        oldest.is_some()
    }

    fn forget(&mut self, origin: &str) {
        self.bytes -= self.origins.remove(origin).as_ref().map_or(0, size);
    }
}

fn size(answer: &Answer) -> usize {
    answer.as_ref().map_or(0, |(rules, _)| rules.size())
}

/// Scheme, host and port.
fn origin(url: &Url) -> &str {
    &url[Position::BeforeScheme..Position::AfterPort]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).expect("a URL")
    }

    #[test]
    fn an_origin_is_fetched_once_and_again_after_a_day() {
        let (mut cache, now) = (RobotsCache::default(), Instant::now());
        let page = url("http://a:8080/x");
        assert!(matches!(cache.of(&page, now), Known::Nothing));
        cache.asked(&page);
        assert!(matches!(cache.of(&page, now), Known::Awaited));
        cache.learned(&page, Arc::new(Rules::read(b"", "Warren")), now);
        assert!(matches!(cache.of(&url("http://a:8080/y"), now), Known::Rules(_)));
        assert!(matches!(cache.of(&url("https://a:8080/y"), now), Known::Nothing), "another origin");
        assert!(matches!(cache.of(&page, now + KEPT_FOR), Known::Nothing));
    }

    #[test]
    fn old_origins_are_forgotten_but_never_one_that_is_awaited() {
        let (mut cache, now) = (RobotsCache::default(), Instant::now());
        let awaited = url("http://awaited/");
        cache.asked(&awaited);
        let rules = Arc::new(Rules::read(b"", "Warren"));
        for number in 0..2 * KEPT {
            let page = url(&format!("http://h{number}/"));
            cache.asked(&page);
            cache.learned(&page, Arc::clone(&rules), now);
        }
        assert!(cache.origins.len() <= KEPT + 1);
        assert!(matches!(cache.of(&awaited, now), Known::Awaited));
    }
    #[test]
    fn long_files_are_forgotten_when_they_fill_the_memory() {
        let (mut cache, now) = (RobotsCache::default(), Instant::now());
        let file = (0..20_000).map(|number| format!("Disallow: /{number}\n")).collect::<Vec<_>>().concat();
        let rules = Arc::new(Rules::read(format!("User-agent: *\n{file}").as_bytes(), "Warren"));
        let most = KEPT_BYTES / rules.size();
        let page = |number: usize| url(&format!("http://h{number}/"));
        for number in 0..=most {
            cache.asked(&page(number));
            cache.learned(&page(number), Arc::clone(&rules), now);
        }
        assert!(cache.bytes <= KEPT_BYTES && cache.origins.len() == most, "{}", cache.origins.len());
        assert!(matches!(cache.of(&page(0), now), Known::Nothing));
        assert!(matches!(cache.of(&page(most), now), Known::Rules(_)));
        cache.missed(&page(1));
        assert_eq!(cache.bytes, (most - 1) * rules.size());
    }
}
