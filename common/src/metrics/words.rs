//! Counts for each word of a fixed list, so that a metric has the same series from the first page to the last.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::outcome::Status;
use crate::reason::Reason;

/// A count for each of `N` words.
#[derive(Debug)]
pub struct Words<const N: usize> {
    words: [&'static str; N],
    counts: [AtomicU64; N],
}

impl<const N: usize> Words<N> {
    /// Each at 0.
    #[must_use]
    pub fn new(words: [&'static str; N]) -> Self {
        Self { words, counts: [const { AtomicU64::new(0) }; N] }
    }

    /// One more of the word with this index; beyond the last one, nothing.
    pub fn add(&self, index: usize) {
        if let Some(count) = self.counts.get(index) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The count of the word with this index is at least so many.
    pub fn raise(&self, index: usize, count: u64) {
        if let Some(counted) = self.counts.get(index) {
            counted.fetch_max(count, Ordering::Relaxed);
        }
    }

    /// The words and their counts.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.words.into_iter().zip(&self.counts).map(|(word, count)| (word, count.load(Ordering::Relaxed)))
    }
}

/// Statuses that an image has in the end; `outstanding` is none.
const LAST: usize = Status::ALL.len() - 1;

/// Images by status.
#[derive(Debug)]
pub struct ByStatus(Words<LAST>);

impl Default for ByStatus {
    fn default() -> Self {
        let mut words = [""; LAST];
        for (word, status) in words.iter_mut().zip(Status::ALL) {
            *word = status.as_str();
        }
        Self(Words::new(words))
    }
}

impl ByStatus {
    /// One more.
    pub fn add(&self, status: Status) {
        self.0.add(index(status));
    }

    /// They are at least so many.
    pub fn raise(&self, status: Status, count: u64) {
        self.0.raise(index(status), count);
    }

    /// The statuses and their counts.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.read()
    }
}

/// That of `outstanding` is the last of all, and beyond the words.
fn index(status: Status) -> usize {
    Status::ALL.into_iter().position(|other| other == status).unwrap_or(LAST)
}

/// What is said of HTTP statuses: those that operators look for have a word of their own. A server may answer any number.
const HTTP: [&str; 7] = ["http-403", "http-404", "http-429", "http-503", "http-4xx", "http-5xx", "http-other"];

const REASONS: usize = Reason::WORDS + HTTP.len();

/// Images by reason.
#[derive(Debug)]
pub struct ByReason(Words<REASONS>);

impl Default for ByReason {
    fn default() -> Self {
        let mut words = [""; REASONS];
        for (place, word) in words.iter_mut().zip(Reason::words().chain(HTTP)) {
            *place = word;
        }
        Self(Words::new(words))
    }
}

impl ByReason {
    /// One more.
    pub fn add(&self, reason: Reason) {
        self.0.add(self.index(reason));
    }

    /// The words and their counts.
    pub fn read(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.0.read()
    }

    /// They are at least so many.
    pub fn raise<'c>(&self, counts: impl IntoIterator<Item = (&'c Reason, &'c u64)>) {
        let mut sums = [0; REASONS];
        for (reason, count) in counts {
            if let Some(sum) = sums.get_mut(self.index(*reason)) {
                *sum += count;
            }
        }
        sums.into_iter().enumerate().for_each(|(index, sum)| self.0.raise(index, sum));
    }

    fn index(&self, reason: Reason) -> usize {
        let word = word(reason);
        self.0.words.iter().position(|other| *other == word).unwrap_or(REASONS)
    }
}

/// A reason as a label.
fn word(reason: Reason) -> &'static str {
    match reason {
        Reason::Http(403) => HTTP[0],
        Reason::Http(404) => HTTP[1],
        Reason::Http(429) => HTTP[2],
        Reason::Http(503) => HTTP[3],
        Reason::Http(400..=499) => HTTP[4],
        Reason::Http(500..=599) => HTTP[5],
        Reason::Http(_) => HTTP[6],
        _ => reason.word().unwrap_or(HTTP[6]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_is_counted_under_one_of_the_words() {
        let counts = ByReason::default();
        let others = Reason::words().map(|word| word.parse().expect("a reason"));
        let all: Vec<Reason> = others.chain((0..=u16::MAX).map(Reason::Http)).collect();
        for reason in &all {
            counts.add(*reason);
        }
        let read: Vec<_> = counts.read().collect();
        assert_eq!(read.iter().map(|(_, count)| usize::try_from(*count).expect("few")).sum::<usize>(), all.len());
        assert!(read.iter().all(|(word, count)| !word.is_empty() && *count > 0), "{read:?}");
        let count = |word: &str| read.iter().find(|(other, _)| *other == word).map(|(_, count)| *count);
        assert_eq!((count("http-404"), count("http-4xx"), count("http-5xx")), (Some(1), Some(97), Some(99)));
        assert_eq!(count("timeout"), Some(1));
        let raised = ByReason::default();
        raised.raise([(&Reason::Http(401), &2), (&Reason::Http(410), &3)]);
        raised.raise([(&Reason::Http(401), &4)]);
        let above: Vec<_> = raised.read().filter(|(_, count)| *count > 0).collect();
        assert_eq!(above, [("http-4xx", 5)], "the sum, and never less than it was");
    }

    #[test]
    fn statuses_are_counted_but_for_the_one_that_is_none() {
        let counts = ByStatus::default();
        for status in Status::ALL {
            counts.add(status);
        }
        let read: Vec<_> = counts.read().collect();
        let words = ["stored", "duplicate", "unchanged", "rejected", "blocked", "failed"];
        assert_eq!(read, words.map(|word| (word, 1)));
    }
}
