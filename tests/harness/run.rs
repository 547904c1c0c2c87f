//! Reads what a run leaves behind, as the contract describes it.

use std::collections::BTreeMap;
use std::fmt::{self, Display};
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::process::Exit;
use crate::store::Store;

/// The statuses an image can have in the end.
const STATUSES: [&str; 7] = ["stored", "duplicate", "unchanged", "rejected", "blocked", "failed", "outstanding"];

/// Those of the images whose bytes are in the store.
pub const KEPT: [&str; 3] = ["stored", "duplicate", "unchanged"];

/// What every row must have, be it null.
const FIELDS: [&str; 23] = [
    "url",
    "final_url",
    "page_url",
    "source",
    "alt",
    "title",
    "caption",
    "status",
    "reason",
    "http_status",
    "content_type",
    "etag",
    "last_modified",
    "format",
    "width",
    "height",
    "bytes",
    "sha256",
    "path",
    "attempts",
    "worker",
    "fetched_at",
    "duration_ms",
];

/// A row of the manifest: one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Row(Value);

impl Row {
    fn parse(line: &str) -> Self {
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("no JSON: {error}: {line}"));
        let missing: Vec<&str> = FIELDS.into_iter().filter(|field| value.get(field).is_none()).collect();
        assert!(missing.is_empty(), "a row lacks {missing:?}: {line}");
        Self(value)
    }

    /// The image's URL.
    pub fn url(&self) -> &str {
        self.text("url").unwrap_or_else(|| panic!("a row without URL: {self}"))
    }

    /// Its status.
    pub fn status(&self) -> &str {
        self.text("status").unwrap_or_else(|| panic!("a row without status: {self}"))
    }

    /// Its reason.
    pub fn reason(&self) -> Option<&str> {
        self.text("reason")
    }

    /// A field with text; `None` when it is null.
    pub fn text(&self, field: &str) -> Option<&str> {
        self.0[field].as_str()
    }

    /// A field with a number; `None` when it is null.
    pub fn number(&self, field: &str) -> Option<u64> {
        self.0[field].as_u64()
    }

    /// A field that is true or false; `None` when it is null.
    pub fn flag(&self, field: &str) -> Option<bool> {
        self.0[field].as_bool()
    }

    /// Hash and length of what its path leads to: the image, or the copy that is kept instead of it.
    pub fn kept(&self) -> (Option<&str>, Option<u64>) {
        let is_copy = self.text("copy_path").is_some_and(|copy| self.text("path") == Some(copy));
        let (hash, length) = if is_copy { ("copy_sha256", "copy_bytes") } else { ("sha256", "bytes") };
        (self.text(hash), self.number(length))
    }

    /// Panics unless this is its outcome.
    pub fn expect(&self, status: &str, reason: Option<&str>) -> &Self {
        assert_eq!((self.status(), self.reason()), (status, reason), "{self}");
        self
    }
}

impl Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

/// A producer that has ended, and its run's folder.
#[derive(Debug)]
pub struct Finished {
    /// How it ended.
    pub exit: Exit,
    /// What it wrote to standard output.
    pub output: String,
    /// What it wrote to standard error.
    pub talk: String,
    /// Its run's folder, if it made one.
    pub folder: PathBuf,
    /// The manifest; empty when there is none.
    pub rows: Vec<Row>,
    /// `summary.json`; null when there is none.
    pub summary: Value,
}

impl Finished {
    /// Reads the run in `folder`.
    pub fn read(exit: Exit, output: String, talk: String, folder: &Path) -> Self {
        let rows = fs::read_to_string(folder.join("results.jsonl")).unwrap_or_default();
        let rows = rows.lines().map(Row::parse).collect();
        let summary = fs::read_to_string(folder.join("summary.json")).map(|text| json(&text)).unwrap_or_default();
        Self { exit, output, talk, folder: folder.to_owned(), rows, summary }
    }

    /// Panics, with what the producer said, unless it ended with `code`.
    pub fn expect_code(&self, code: i32) -> &Self {
        assert_eq!(self.exit, Exit::Code(code), "the producer said:\n{}", self.talk);
        self
    }

    /// Complete: exit code 0, state `complete`, every image with an outcome, the counts right.
    pub fn expect_complete(&self) -> &Self {
        self.expect_code(0).expect_state("complete").expect_counts();
        assert_eq!(self.count("outstanding"), 0, "a complete run awaits nothing: {}", self.summary);
        self
    }

    /// The run ended in `state`.
    pub fn expect_state(&self, state: &str) -> &Self {
        assert_eq!(self.summary["state"], state, "{}", self.summary);
        self
    }

    /// So many images were stored, each as a file of its own.
    pub fn expect_stored(&self, count: usize) -> &Self {
        assert_eq!(self.count("stored"), count, "{}\n{}", self.summary, self.outcomes());
        self
    }

    /// Summary and manifest agree, and the summary adds up.
    pub fn expect_counts(&self) -> &Self {
        let images = &self.summary["images"];
        assert_eq!(images["found"], self.rows.len(), "rows of the manifest: {}", self.summary);
        for status in STATUSES {
            assert_eq!(images[status], self.count(status), "{status}: {}", self.summary);
        }
        let sum: usize = STATUSES.iter().map(|status| self.count(status)).sum();
        assert_eq!(sum, self.rows.len(), "a status that the contract does not know: {}", self.outcomes());
        let mut reasons = BTreeMap::new();
        for reason in self.rows.iter().filter_map(Row::reason) {
            *reasons.entry(reason).or_insert(0) += 1;
        }
        assert_eq!(self.summary["reasons"], serde_json::json!(reasons), "{}", self.outcomes());
        self
    }

    /// What the manifest says of files is true.
    pub fn expect_in_store(&self, store: &Store) -> &Self {
        store.expect_holds(&self.rows);
        self
    }

    /// How many rows have this status.
    pub fn count(&self, status: &str) -> usize {
        self.rows.iter().filter(|row| row.status() == status).count()
    }

    /// The one row of this URL.
    pub fn row(&self, url: &str) -> &Row {
        let mut rows = self.rows.iter().filter(|row| row.url() == url);
        let row = rows.next().unwrap_or_else(|| panic!("no row for {url}:\n{}", self.outcomes()));
        assert!(rows.next().is_none(), "two rows for {url}:\n{}", self.outcomes());
        row
    }

    /// A count of the summary: `pages` or `images`, and which.
    pub fn summed(&self, what: &str, which: &str) -> u64 {
        self.summary[what][which].as_u64().unwrap_or_else(|| panic!("no {what}.{which}: {}", self.summary))
    }

    /// The URLs with bytes behind them, and the hash of those.
    pub fn hashes(&self) -> BTreeMap<String, String> {
        let with_bytes =
            self.rows.iter().filter_map(|row| Some((row.url().to_owned(), row.text("sha256")?.to_owned())));
        with_bytes.collect()
    }

    /// How many images each worker dealt with well: stored, or found to be duplicates or unchanged.
    pub fn by_worker(&self) -> BTreeMap<&str, usize> {
        let mut shares = BTreeMap::new();
        for row in self.rows.iter().filter(|row| KEPT.contains(&row.status())) {
            *shares.entry(row.text("worker").unwrap_or("nobody")).or_insert(0) += 1;
        }
        shares
    }

    /// The outcomes in short, for failing tests.
    fn outcomes(&self) -> String {
        let line = |row: &Row| format!("{} {} {}", row.status(), row.reason().unwrap_or("-"), row.url());
        let mut lines: Vec<String> = self.rows.iter().take(60).map(line).collect();
        lines.push(format!("({} rows); the producer said:\n{}", self.rows.len(), self.talk));
        lines.join("\n")
    }
}

/// Parses JSON, and shows it when it is none.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("no JSON: {error}: {text}"))
}
