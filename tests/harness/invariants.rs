//! What must hold at the end of every run, whatever happened to it: judged from the site's own knowledge of itself, the
//! manifest, and the store. Nothing is asked of Warren but what it left.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Display};

use crate::run::{Finished, Row};
use crate::store::Store;

/// So many problems of each kind are told one by one; the rest is counted.
const TOLD: usize = 10;

/// What the site knows of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Of its bytes, in hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// In pixels.
    pub width: u32,
    /// In pixels.
    pub height: u32,
}

/// A kind of problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Broken {
    /// An image of the site has no row, or none that says it is stored.
    Lost,
    /// An image has more than one row, or is counted twice.
    Double,
    /// A row or a file is not what the site has.
    Damaged,
    /// A row for something that is not on the site.
    Foreign,
    /// Counts that contradict each other.
    Counts,
}

/// What was found to be wrong.
#[derive(Debug, Default)]
pub struct Findings(BTreeMap<Broken, Vec<String>>);

impl Findings {
    /// Checks a run that should have stored every image of `expected`, and the store it went to, which no other run used.
    pub fn of(expected: &BTreeMap<String, Expected>, run: &Finished, store: &Store) -> Self {
        let mut findings = Self::default();
        findings.check_rows(expected, &run.rows);
        findings.check_twins(&run.rows);
        findings.check_summary(run);
        findings.check_files(expected, &run.rows, store);
        findings
    }

    /// How many problems of a kind there are.
    pub fn count(&self, kind: Broken) -> usize {
        self.0.get(&kind).map_or(0, Vec::len)
    }

    /// Whether nothing is wrong.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Panics unless nothing is wrong.
    pub fn expect_none(&self, context: &str) {
        assert!(self.is_empty(), "{context}:\n{self}");
    }

    fn add(&mut self, kind: Broken, what: String) {
        self.0.entry(kind).or_default().push(what);
    }

    /// Every image has exactly one row, that says what the site says; nothing else has one.
    fn check_rows(&mut self, expected: &BTreeMap<String, Expected>, rows: &[Row]) {
        let mut seen = BTreeSet::new();
        for row in rows {
            let Some(image) = expected.get(row.url()) else {
                self.add(Broken::Foreign, row.to_string());
                continue;
            };
            if !seen.insert(row.url()) {
                self.add(Broken::Double, row.to_string());
            }
            if !is_kept(row) {
                self.add(Broken::Lost, row.to_string());
                continue;
            }
            let told = (row.text("sha256"), row.number("bytes"), row.number("width"), row.number("height"));
            let (width, height) = (u64::from(image.width), u64::from(image.height));
            if told != (Some(image.sha256.as_str()), Some(image.bytes), Some(width), Some(height)) {
                self.add(Broken::Damaged, format!("{image:?} is {row}"));
            }
        }
        for url in expected.keys().filter(|url| !seen.contains(url.as_str())) {
            self.add(Broken::Lost, format!("no row: {url}"));
        }
    }

    /// Of the images with the same bytes exactly one is `stored`.
    fn check_twins(&mut self, rows: &[Row]) {
        let mut stored: BTreeMap<&str, usize> = BTreeMap::new();
        for row in rows.iter().filter(|row| is_kept(row)) {
            *stored.entry(row.text("sha256").unwrap_or_default()).or_default() += usize::from(row.status() == "stored");
        }
        for (sha256, count) in stored.into_iter().filter(|(_, count)| *count != 1) {
            self.add(Broken::Double, format!("{count} rows say that they stored {sha256}"));
        }
    }

    fn check_summary(&mut self, run: &Finished) {
        let images = run.summary["images"].as_object();
        let count = |name: &str| images.and_then(|images| images.get(name)?.as_u64()).unwrap_or(0);
        let sum: u64 =
            images.into_iter().flatten().filter(|(name, _)| *name != "found").map(|(name, _)| count(name)).sum();
        let rows = u64::try_from(run.rows.len()).expect("counts fit");
        if (sum, count("found")) != (rows, rows) {
            self.add(Broken::Counts, format!("{rows} rows and {}", run.summary));
        }
        if run.summary["state"] != "complete" {
            self.add(Broken::Counts, format!("the run is not complete: {}", run.summary));
        }
    }

    /// Every file that a row names is there; every file is whole, named by its hash, and of the site.
    fn check_files(&mut self, expected: &BTreeMap<String, Expected>, rows: &[Row], store: &Store) {
        let known: BTreeSet<&str> = expected.values().map(|image| image.sha256.as_str()).collect();
        let named: BTreeSet<_> = rows
            .iter()
            .filter(|row| is_kept(row))
            .filter_map(|row| Some(store.folder().join(row.text("path")?)))
            .collect();
        let mut present = BTreeSet::new();
        for (path, hash) in store.hashes() {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy();
            if *stem != *hash {
                self.add(Broken::Damaged, format!("{} holds {hash}", path.display()));
            } else if !known.contains(hash.as_str()) {
                self.add(Broken::Foreign, format!("{} is not of the site", path.display()));
            }
            present.insert(path);
        }
        for path in named.difference(&present) {
            self.add(Broken::Lost, format!("a row names {}, which is not there", path.display()));
        }
    }
}

fn is_kept(row: &Row) -> bool {
    ["stored", "duplicate"].contains(&row.status())
}

impl Display for Findings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (kind, problems) in &self.0 {
            writeln!(formatter, "{kind:?}: {}", problems.len())?;
            for problem in problems.iter().take(TOLD) {
                writeln!(formatter, "  {problem}")?;
            }
        }
        Ok(())
    }
}
