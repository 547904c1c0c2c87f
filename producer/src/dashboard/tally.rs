//! How much of everything a run has, wherever that is known from: its producer, its summary, or its ledger.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use common::outcome::Status;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::ledger::Counts;
use crate::report::summary;

/// Longest file that is read from a run's folder, in bytes: a summary and a live file have some kilobytes.
const LONGEST: u64 = 1 << 20;

/// The numbers of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tally {
    /// All images.
    pub(crate) found: u64,
    /// Images by status; every status is there.
    pub(crate) images: BTreeMap<Status, u64>,
    /// Bytes of the stored images.
    pub(crate) bytes: u64,
    /// Pages that wait or are being fetched; not known of a run that has ended.
    pub(crate) pages_pending: Option<u64>,
    /// Pages that were read.
    pub(crate) pages_fetched: u64,
    /// Pages that were not to be had.
    pub(crate) pages_failed: u64,
    /// Pages that were not asked for.
    pub(crate) pages_blocked: u64,
    /// Images by reason.
    pub(crate) reasons: BTreeMap<String, u64>,
}

impl Tally {
    /// Images of a status.
    pub(crate) fn of(&self, status: Status) -> u64 {
        self.images.get(&status).copied().unwrap_or(0)
    }

    /// Images that have their outcome.
    pub(crate) fn settled(&self) -> u64 {
        self.found.saturating_sub(self.of(Status::Outstanding))
    }
}

impl From<&Counts> for Tally {
    fn from(counts: &Counts) -> Self {
        Self {
            found: counts.found(),
            images: Status::ALL.into_iter().map(|status| (status, counts.of(status))).collect(),
            bytes: counts.bytes,
            pages_pending: Some(counts.pages.pending),
            pages_fetched: counts.pages.fetched,
            pages_failed: counts.pages.failed,
            pages_blocked: counts.pages.blocked,
            reasons: counts.reasons.iter().map(|(reason, images)| (reason.to_string(), *images)).collect(),
        }
    }
}

/// What is read of a summary.
#[derive(Debug, Deserialize)]
struct Summed {
    state: String,
    pages: BTreeMap<String, u64>,
    images: BTreeMap<String, u64>,
    bytes: u64,
    seconds: f64,
    reasons: BTreeMap<String, u64>,
}

/// The numbers of the summary in a run's folder, and how long the run took, if the summary is of this state: a run that was gone
/// on with since is in another.
pub(crate) fn summed(folder: &Path, state: &str) -> Option<(Tally, f64)> {
    let summed: Summed = read(&folder.join(summary::FILE))?;
    let pages = |end: &str| summed.pages.get(end).copied().unwrap_or(0);
    let images = |status: Status| summed.images.get(status.as_str()).copied().unwrap_or(0);
    let tally = Tally {
        found: summed.images.get("found").copied()?,
        images: Status::ALL.into_iter().map(|status| (status, images(status))).collect(),
        bytes: summed.bytes,
        pages_pending: None,
        pages_fetched: pages("fetched"),
        pages_failed: pages("failed"),
        pages_blocked: pages("blocked"),
        reasons: summed.reasons.clone(),
    };
    (summed.state == state).then_some((tally, summed.seconds))
}

/// Reads a JSON file of a run's folder. What is not there, too long or of another form is nothing: it comes again.
pub(super) fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(LONGEST + 1).read_to_end(&mut text)).ok()?;
    if u64::try_from(read).is_ok_and(|read| read <= LONGEST) { serde_json::from_slice(&text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use common::reason::Reason;

    use super::*;
    use crate::ledger::PageCounts;
    use crate::report::summary::Summary;

    fn counts() -> Counts {
        Counts {
            pages: PageCounts { pending: 0, fetched: 4, failed: 1, blocked: 2 },
            images: [(Status::Stored, 5), (Status::Failed, 2), (Status::Outstanding, 1)].into(),
            bytes: 1234,
            reasons: [(Reason::Http(404), 2)].into(),
            ..Counts::default()
        }
    }

    #[test]
    fn a_summary_says_what_the_ledger_counts() {
        let folder = tempfile::tempdir().expect("a folder");
        let run = "r".parse().expect("valid");
        let summary = Summary::new(run, "interrupted", &counts(), Duration::from_secs(3));
        fs::write(folder.path().join(summary::FILE), summary.json()).expect("written");
        let (tally, seconds) = summed(folder.path(), "interrupted").expect("it is of this state");
        assert_eq!(tally, Tally { pages_pending: None, ..Tally::from(&counts()) });
        assert!((seconds - 3.0).abs() < 1e-9);
        assert_eq!((tally.settled(), tally.of(Status::Failed)), (7, 2));
        assert_eq!(summed(folder.path(), "complete"), None, "the run went on since");
    }

    #[test]
    fn what_is_no_summary_is_nothing() {
        let folder = tempfile::tempdir().expect("a folder");
        let put = |text: &[u8]| fs::write(folder.path().join(summary::FILE), text).expect("written");
        assert_eq!(summed(folder.path(), "complete"), None);
        for text in [&b""[..], b"{", b"[]", b"{\"state\": \"complete\"}", &[0xff; 100]] {
            put(text);
            assert_eq!(summed(folder.path(), "complete"), None);
        }
        let file = folder.path().join(summary::FILE);
        for (length, is_read) in [(LONGEST - 1, true), (LONGEST, true), (LONGEST + 1, false)] {
            let padding = usize::try_from(length).expect("small") - 1;
            put(format!("7{}", " ".repeat(padding)).as_bytes());
            assert_eq!(read::<u64>(&file).is_some(), is_read, "{length}");
        }
    }
}
