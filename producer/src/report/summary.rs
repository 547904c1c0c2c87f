//! The summary: the same numbers for people (`text`) and programs (`json`, and `summary.json` in the run's folder).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use common::outcome::Status;
use common::run_name::RunName;
use serde::Serialize;

use crate::ledger::{Counts, PageCounts, Traps};

/// The file in the run's folder.
pub const FILE: &str = "summary.json";

/// What `docs/output.md` documents as the summary.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    run: RunName,
    state: &'static str,
    pages: Documents,
    #[serde(skip_serializing_if = "Documents::is_empty")]
    style_sheets: Documents,
    #[serde(skip_serializing_if = "Documents::is_empty")]
    sitemaps: Documents,
    /// Links that were not followed because they lead into a trap, by its kind.
    #[serde(skip_serializing_if = "Traps::is_empty")]
    traps: Traps,
    /// For people only; programs find it in `producer status`.
    #[serde(skip)]
    pages_left: u64,
    images: Images,
    bytes: u64,
    seconds: f64,
    images_per_second: f64,
    /// Nothing was asked of robots.txt, and no opt-out obeyed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    ignored_robots: bool,
    reasons: BTreeMap<String, u64>,
}

#[derive(Debug, Clone, Copy, Serialize)]
struct Documents {
    fetched: u64,
    failed: u64,
    blocked: u64,
}

impl Documents {
    fn is_empty(&self) -> bool {
        self.fetched + self.failed + self.blocked == 0
    }
}

impl From<PageCounts> for Documents {
    fn from(PageCounts { fetched, failed, blocked, .. }: PageCounts) -> Self {
        Self { fetched, failed, blocked }
    }
}

#[derive(Debug, Clone, Serialize)]
struct Images {
    found: u64,
    stored: u64,
    duplicate: u64,
    unchanged: u64,
    rejected: u64,
    blocked: u64,
    failed: u64,
    outstanding: u64,
}

impl Summary {
    /// Sums a run up.
    #[must_use]
    pub fn new(run: RunName, state: &'static str, counts: &Counts, took: Duration) -> Self {
        let seconds = (took.as_secs_f64() * 1000.0).round() / 1000.0;
        #[expect(clippy::cast_precision_loss, reason = "counts of images stay far below 2^52")]
        let settled = counts.settled() as f64;
        let images_per_second = if seconds > 0.0 { (settled / seconds * 10.0).round() / 10.0 } else { 0.0 };
        Self {
            run,
            state,
            pages: counts.pages.into(),
            style_sheets: counts.style_sheets.into(),
            sitemaps: counts.sitemaps.into(),
            traps: counts.traps.clone(),
            pages_left: counts.pages.pending,
            images: Images {
                found: counts.found(),
                stored: counts.of(Status::Stored),
                duplicate: counts.of(Status::Duplicate),
                unchanged: counts.of(Status::Unchanged),
                rejected: counts.of(Status::Rejected),
                blocked: counts.of(Status::Blocked),
                failed: counts.of(Status::Failed),
                outstanding: counts.of(Status::Outstanding),
            },
            bytes: counts.bytes,
            seconds,
            images_per_second,
            ignored_robots: false,
            reasons: counts.reasons.iter().map(|(reason, number)| (reason.to_string(), *number)).collect(),
        }
    }

    /// Marks a run that asked nothing of robots.txt and obeyed no opt-out.
    #[must_use]
    pub fn ignoring_robots(self, ignored_robots: bool) -> Self {
        Self { ignored_robots, ..self }
    }

    /// For programs.
    ///
    /// # Panics
    /// Never: the summary is plain data.
    #[must_use]
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("plain data with string keys") + "\n"
    }

    /// For programs that read lines: the last one behind the outcomes of `--stream`.
    ///
    /// # Panics
    /// Never: the summary is plain data.
    #[must_use]
    pub fn json_line(&self) -> String {
        serde_json::to_string(self).expect("plain data with string keys") + "\n"
    }

    /// For people.
    #[must_use]
    pub fn text(&self, folder: &Path) -> String {
        let mut text = String::new();
        // Writing to a string does not fail.
        self.write_text(&mut text, folder).unwrap_or(());
        text
    }

    fn write_text(&self, text: &mut String, folder: &Path) -> std::fmt::Result {
        let Images { found, stored, duplicate, unchanged, rejected, blocked, failed, outstanding } = self.images;
        writeln!(text, "Run {} is {}.", self.run, self.state)?;
        if self.ignored_robots {
            writeln!(text, "  robots.txt and every opt-out were ignored (--ignore-robots)")?;
        }
        for (name, documents) in [("pages", self.pages), ("styles", self.style_sheets), ("sitemaps", self.sitemaps)] {
            if !documents.is_empty() {
                let Documents { fetched, failed, blocked } = documents;
                writeln!(text, "  {name:<8}{fetched:>9} fetched    {failed:>7} failed     {blocked:>7} blocked")?;
            }
        }
        if self.pages_left > 0 {
            writeln!(text, "          {:>9} pages known and not begun", self.pages_left)?;
        }
        if !self.traps.is_empty() {
            let traps = self.traps.by_name().into_iter().filter(|(_, links)| *links > 0);
            let traps: Vec<String> = traps.map(|(trap, links)| format!("{trap} {links}")).collect();
            writeln!(text, "  traps             {} (links that lead on without end, not followed)", traps.join(", "))?;
        }
        writeln!(text, "  images  {found:>9} found")?;
        let counts = [
            (stored, "stored", size(self.bytes)),
            (duplicate, "duplicate", "the same bytes under another URL".to_owned()),
            (unchanged, "unchanged", "as the earlier run stored them".to_owned()),
            (rejected, "rejected", "no images, or not ones that the limits let in".to_owned()),
            (blocked, "blocked", "not asked for".to_owned()),
            (failed, "failed", "not to be had".to_owned()),
            (outstanding, "outstanding", "no outcome yet".to_owned()),
        ];
        for (number, name, meaning) in counts.into_iter().filter(|(number, ..)| *number > 0) {
            writeln!(text, "          {number:>9} {name:<12} {meaning}")?;
        }
        if !self.reasons.is_empty() {
            let mut reasons: Vec<_> = self.reasons.iter().collect();
            reasons.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
            let reasons: Vec<String> = reasons.iter().map(|(reason, number)| format!("{reason} {number}")).collect();
            writeln!(text, "  reasons           {}", reasons.join(", "))?;
        }
        writeln!(text, "  time    {:>9.1} s, {:.1} images/s", self.seconds, self.images_per_second)?;
        writeln!(text, "  in      {}", folder.display())
    }
}

/// A number of bytes for people.
pub(crate) fn size(bytes: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "shown with one decimal")]
    let mut number = bytes as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if number < 1000.0 {
            return if unit == "B" { format!("{bytes} B") } else { format!("{number:.1} {unit}") };
        }
        number /= 1000.0;
    }
    format!("{number:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary() -> Summary {
        let mut counts = Counts::default();
        counts.images.insert(Status::Stored, 40);
        counts.images.insert(Status::Failed, 2);
        counts.reasons.insert(common::reason::Reason::Http(404), 2);
        counts.bytes = 1_234_567;
        Summary::new("gimp".parse().expect("valid"), "complete", &counts, Duration::from_secs(2))
    }

    #[test]
    fn json_has_the_documented_fields_and_the_counts_add_up() {
        let json: serde_json::Value = serde_json::from_str(&summary().json()).expect("JSON");
        let images = json["images"].as_object().expect("an object");
        let sum: u64 =
            images.iter().filter(|(name, _)| *name != "found").filter_map(|(_, number)| number.as_u64()).sum();
        assert_eq!(Some(sum), images["found"].as_u64());
        assert_eq!(json["images_per_second"], 21.0);
        assert_eq!(json["reasons"]["http-404"], 2);
        assert_eq!(json["state"], "complete");
    }

    #[test]
    fn text_names_what_there_is_and_nothing_else() {
        let text = summary().text(Path::new("runs/gimp"));
        assert!(text.contains("40 stored       1.2 MB"), "{text}");
        assert!(text.contains("http-404 2"), "{text}");
        assert!(!text.contains("blocked"), "{text}");
    }
}
