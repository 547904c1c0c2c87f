//! The rules of one robots.txt that hold for one crawler: RFC 9309, 2.2. The crawler's own groups, all of them together; those
//! for `*` only if none names it.

use std::cmp::Reverse;
use std::fmt;
use std::time::Duration;

use url::Url;

use super::lines::{Field, Record, records};
use super::pattern::{Pattern, Target};

/// How much of a file is read, in bytes: what RFC 9309 (2.5) asks for at least.
pub const MAX_FILE: usize = 500 << 10;

/// How much of a rule's value is kept for people, in bytes.
const MAX_SHOWN: usize = 150;

/// The rules.
#[derive(Debug, Default)]
pub struct RobotsTxt {
    /// The most specific first.
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
    sitemaps: Vec<String>,
    size: usize,
}

/// A line that allows or disallows.
#[derive(Debug)]
pub struct Rule {
    line: u32,
    allows: bool,
    pattern: Pattern,
    /// The value as it is written.
    shown: Box<str>,
}

/// What the rules say of a URL.
#[derive(Debug, Clone, Copy)]
pub struct Verdict<'a> {
    /// Whether it may be fetched.
    pub allowed: bool,
    /// The rule that says so; none where no rule matches.
    pub rule: Option<&'a Rule>,
}

impl Rule {
    /// Its line in the file, from 1.
    #[must_use]
    pub fn line(&self) -> u32 {
        self.line
    }
}

impl fmt::Display for Rule {
    /// As a line of a robots.txt, cut where it is long.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", if self.allows { "Allow" } else { "Disallow" }, self.shown)
    }
}

impl RobotsTxt {
    /// Reads a file for the crawler whose name is `agent`: one word without a version. Any bytes are a file. What lies behind
    /// [`MAX_FILE`] is not read, nor a line that it cuts.
    #[must_use]
    pub fn read(file: &[u8], agent: &str) -> Self {
        let mut groups = Groups::new(agent);
        let mut sitemaps = Vec::new();
        for record in records(whole_lines(file)) {
            match record.field {
                Field::Sitemap if record.value.is_empty() => {}
                Field::Sitemap => sitemaps.push(String::from_utf8_lossy(record.value).into_owned()),
                _ => groups.take(record),
            }
        }
        let Section { mut rules, crawl_delay, .. } = groups.ours();
        // Allow wins a tie (2.2.2); among the same, the first.
        rules.sort_by_key(|rule| (Reverse(rule.pattern.octets()), !rule.allows, rule.line));
        let of_rules = rules.iter().map(|rule| size_of::<Rule>() + rule.pattern.size() + rule.shown.len());
        let of_sitemaps = sitemaps.iter().map(|sitemap| size_of::<String>() + sitemap.len());
        let size = of_rules.sum::<usize>() + of_sitemaps.sum::<usize>();
        Self { rules, crawl_delay, sitemaps, size }
    }

    /// What they say of a URL of their origin.
    #[must_use]
    pub fn verdict(&self, url: &Url) -> Verdict<'_> {
        // 2.2.2: implicitly allowed.
        if url.path() == "/robots.txt" {
            return Verdict { allowed: true, rule: None };
        }
        let target = Target::new(url);
        let rule = self.rules.iter().find(|rule| rule.pattern.matches(&target));
        Verdict { allowed: rule.is_none_or(|rule| rule.allows), rule }
    }

    /// The pause between two requests that is asked for.
    #[must_use]
    pub fn crawl_delay(&self) -> Option<Duration> {
        self.crawl_delay
    }

    /// The sitemaps that the file names, as they are written; they hold for every crawler.
    #[must_use]
    pub fn sitemaps(&self) -> &[String] {
        &self.sitemaps
    }

    /// Bytes that it takes in memory, more or less.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

/// The file up to its cap, without a line that is cut.
fn whole_lines(file: &[u8]) -> &[u8] {
    let Some(head) = file.get(..MAX_FILE).filter(|_| file.len() > MAX_FILE) else { return file };
    let end = head.iter().rposition(|byte| matches!(byte, b'\r' | b'\n'));
    &head[..end.unwrap_or(0)]
}

/// What one crawler is told.
#[derive(Default)]
struct Section {
    named: bool,
    rules: Vec<Rule>,
    crawl_delay: Option<Duration>,
}

impl Section {
    fn wait(&mut self, delay: Option<Duration>) {
        // Of several, the longest: nobody is harmed by it.
        self.crawl_delay = self.crawl_delay.max(delay);
    }
}

/// The groups of a file as they come by: what is said to us, and what to everybody.
struct Groups<'a> {
    agent: &'a str,
    us: Section,
    all: Section,
    /// To whom the group speaks that is being read.
    to_us: bool,
    to_all: bool,
    /// It has a rule, so that a further user agent begins another group.
    has_rule: bool,
    crawl_delay: Option<Duration>,
}

impl<'a> Groups<'a> {
    fn new(agent: &'a str) -> Self {
        let (us, all) = (Section::default(), Section::default());
        Self { agent, us, all, to_us: false, to_all: false, has_rule: false, crawl_delay: None }
    }

    fn take(&mut self, record: Record<'_>) {
        match record.field {
            Field::UserAgent => self.user_agent(record.value),
            Field::Allow => self.rule(record, true),
            Field::Disallow => self.rule(record, false),
            // Not a rule of RFC 9309: it ends no list of user agents (2.2.4), and holds for those that the group has named.
            Field::CrawlDelay => {
                self.crawl_delay = self.crawl_delay.max(seconds(record.value));
                self.spread_delay();
            }
            Field::Sitemap => {}
        }
    }

    fn user_agent(&mut self, value: &[u8]) {
        if self.has_rule {
            (self.to_us, self.to_all, self.has_rule, self.crawl_delay) = (false, false, false, None);
        }
        self.to_us |= names(value, self.agent);
        self.to_all |= value == b"*" || value.starts_with(b"* ");
        self.us.named |= self.to_us;
        // A delay is for those who were named before it: sites put one behind each name.
        self.crawl_delay = None;
    }

    fn rule(&mut self, record: Record<'_>, allows: bool) {
        self.has_rule = true;
        for (meant, section) in [(self.to_us, &mut self.us), (self.to_all, &mut self.all)] {
            if meant && let Some(pattern) = Pattern::new(record.value) {
                section.rules.push(Rule { line: record.line, allows, pattern, shown: shown(record.value) });
            }
        }
    }

    fn spread_delay(&mut self) {
        if self.to_us {
            self.us.wait(self.crawl_delay);
        }
        if self.to_all {
            self.all.wait(self.crawl_delay);
        }
    }

    fn ours(self) -> Section {
        if self.us.named { self.us } else { self.all }
    }
}

/// Whether a group that is headed so is for the crawler named `agent`: the same word, in any case, whatever follows it
/// (2.2.1).
fn names(value: &[u8], agent: &str) -> bool {
    let Some((name, rest)) = value.split_at_checked(agent.len()) else { return false };
    let ends = rest.first().is_none_or(|next| !next.is_ascii_alphanumeric() && !matches!(next, b'-' | b'_'));
    !agent.is_empty() && name.eq_ignore_ascii_case(agent.as_bytes()) && ends
}

/// Seconds, also parts of them.
fn seconds(value: &[u8]) -> Option<Duration> {
    let word = std::str::from_utf8(value).ok()?.split_whitespace().next()?;
    let seconds: f64 = word.parse().ok().filter(|seconds: &f64| *seconds >= 0.0)?;
    // More than a clock can hold is "very long", not nothing.
    Some(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn shown(value: &[u8]) -> Box<str> {
    let mut text = String::from_utf8_lossy(&value[..value.len().min(MAX_SHOWN)]).into_owned();
    text.retain(|character| !character.is_control());
    text.truncate(text.floor_char_boundary(MAX_SHOWN));
    text.into()
}
