//! How a run is going, in words: all of them for a log, and for a terminal as many as its width has room for, the most
//! important first. Nothing that strangers wrote gets onto a line as it is.

use std::time::Duration;

use common::outcome::Status;

use crate::ledger::Counts;
use crate::pipeline::{Failure, Live};
use crate::printable::printable;

/// Below so many columns there is no bar, only numbers.
const NO_BAR: usize = 40;

/// Longest address of a failure that is told, in characters.
const LONGEST: usize = 200;

/// What there is to say.
pub(super) struct Going<'a> {
    pub(super) counts: &'a Counts,
    pub(super) live: &'a Live,
    /// Images a second.
    pub(super) rate: f64,
}

/// How wide the bar itself is on a terminal of so many columns.
pub(super) fn bar_width(columns: usize) -> usize {
    match columns {
        ..NO_BAR => 0,
        NO_BAR..80 => columns / 5,
        _ => 24,
    }
}

impl Going<'_> {
    /// Everything in one line.
    pub(super) fn line(&self) -> String {
        let (found, settled) = (self.counts.found(), self.counts.settled());
        let mut parts = vec![format!("{settled}/{found} images")];
        parts.extend(self.speed());
        parts.extend(self.trouble());
        parts.extend(self.numbers());
        if let Some(failure) = &self.live.last_failure {
            parts.push(format!("last failure {}", in_words(failure)));
        }
        parts.join(", ")
    }

    /// What follows the bar on its line, and the lines below it. `taken` columns of the first are the bar's.
    pub(super) fn lines(&self, columns: usize, taken: usize) -> String {
        // Not the last column: a terminal may wrap there.
        let columns = columns.saturating_sub(1);
        let mut lines = vec![fitting(self.speed(), columns.saturating_sub(taken))];
        let state: Vec<_> = self.trouble().into_iter().chain(self.numbers()).collect();
        lines.push(fitting(state, columns));
        if let Some(failure) = &self.live.last_failure {
            lines.push(cut(&format!("last failure: {}", in_words(failure)), columns));
        }
        lines.join("\n")
    }

    fn speed(&self) -> Vec<String> {
        let mut parts = vec![format!("{:.0}/s", self.rate)];
        parts.extend(self.remaining().map(|remaining| {
            // Pages that wait may bring more.
            let more = if self.counts.pages.pending > 0 { "+" } else { "" };
            format!("ETA {}{more}", short(remaining))
        }));
        parts
    }

    /// How long the images that are known of will take at this rate.
    fn remaining(&self) -> Option<Duration> {
        let left = self.counts.found().checked_sub(self.counts.settled()).filter(|left| *left > 0)?;
        #[expect(clippy::cast_precision_loss, reason = "an estimate")]
        let seconds = left as f64 / self.rate;
        Duration::try_from_secs_f64(seconds).ok().filter(|_| self.rate > 0.01)
    }

    fn trouble(&self) -> Vec<String> {
        let mut parts = Vec::new();
        if self.live.paused {
            parts.push("PAUSED".to_owned());
        }
        if self.live.blocked {
            parts.push("BROKER BLOCKED".to_owned());
        }
        if self.live.downloaders == 0 {
            parts.push("NO DOWNLOADER".to_owned());
        }
        parts
    }

    fn numbers(&self) -> Vec<String> {
        let Self { counts, live, .. } = self;
        let mut parts = vec![format!("{} out", live.out)];
        match live.downloaders {
            0 => {}
            1 => parts.push("1 downloader".to_owned()),
            many => parts.push(format!("{many} downloaders")),
        }
        match live.at_rest.hosts {
            0 => {}
            1 => parts.push("1 host at rest".to_owned()),
            many => parts.push(format!("{many} hosts at rest")),
        }
        for status in Status::ALL.into_iter().filter(|status| *status != Status::Outstanding) {
            let number = counts.of(status);
            if number > 0 || status == Status::Stored {
                parts.push(format!("{number} {}", status.as_str()));
            }
        }
        if counts.pages.fetched > 0 {
            parts.push(format!("pages {} (+{})", counts.pages.fetched, counts.pages.pending));
        }
        parts
    }
}

fn in_words(Failure { url, reason, .. }: &Failure) -> String {
    format!("{reason} {}", printable(url, LONGEST))
}

/// As many of the parts as have room, with commas between; one that has none is left out whole.
fn fitting(parts: Vec<String>, columns: usize) -> String {
    let mut line = String::new();
    for part in parts {
        let comma = if line.is_empty() { "" } else { ", " };
        if line.chars().count() + comma.len() + part.chars().count() <= columns {
            line.push_str(comma);
            line.push_str(&part);
        }
    }
    line
}

/// The text as far as there is room. What is not ASCII is spelled out: how wide it is, is the terminal's to say.
fn cut(text: &str, columns: usize) -> String {
    let text: String = text.replace('…', "...").chars().flat_map(|one| spelled(one).collect::<Vec<_>>()).collect();
    if text.len() <= columns {
        return text;
    }
    let room = columns.saturating_sub(3);
    format!("{}{}", &text[..room], &"..."[..columns.min(3)])
}

fn spelled(character: char) -> impl Iterator<Item = char> {
    let plain = character.is_ascii().then_some(character);
    let escaped = plain.is_none().then(|| character.escape_unicode());
    plain.into_iter().chain(escaped.into_iter().flatten())
}

/// A time in its two largest units.
fn short(time: Duration) -> String {
    let seconds = time.as_secs();
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0, seconds) => format!("{seconds}s"),
        (0, 0, minutes, seconds) => format!("{minutes}m{seconds:02}s"),
        (0, hours, minutes, _) => format!("{hours}h{minutes:02}m"),
        (days, hours, ..) => format!("{days}d{hours:02}h"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::SystemTime;

    use common::reason::Reason;

    use super::*;
    use crate::ledger::PageCounts;
    use crate::pace::AtRest;

    fn live(url: &str) -> Live {
        Live {
            out: 64,
            downloaders: 2,
            at_rest: AtRest { hosts: 3, ..AtRest::default() }.into(),
            last_failure: Some(Arc::new(Failure {
                url: url.to_owned(),
                reason: Reason::Http(404),
                at: SystemTime::now(),
            })),
            ..Live::default()
        }
    }

    fn counts(pending: u64) -> Counts {
        let pages = PageCounts { fetched: 12, pending, ..PageCounts::default() };
        let mut counts = Counts { pages, ..Counts::default() };
        for (status, number) in [(Status::Stored, 800), (Status::Failed, 9), (Status::Outstanding, 1_000)] {
            (0..number).for_each(|_| counts.add(status));
        }
        counts
    }

    fn lines(columns: usize, url: &str) -> Vec<String> {
        let (counts, live) = (counts(3), live(url));
        let going = Going { counts: &counts, live: &live, rate: 100.0 };
        going.lines(columns, 30).split('\n').map(str::to_owned).collect()
    }

    #[test]
    fn a_wide_terminal_has_it_all() {
        let shown = lines(120, "https://example.org/a.png");
        assert_eq!(
            shown,
            [
                "100/s, ETA 10s+",
                "64 out, 2 downloaders, 3 hosts at rest, 800 stored, 9 failed, pages 12 (+3)",
                "last failure: http-404 https://example.org/a.png"
            ]
        );
    }

    #[test]
    fn a_narrow_one_has_whole_words_as_far_as_they_fit() {
        let shown = lines(40, "https://example.org/a/long/way/to/an/image.png");
        assert_eq!(
            shown,
            ["100/s", "64 out, 2 downloaders, 3 hosts at rest", "last failure: http-404 https://examp..."]
        );
        for columns in 0..100 {
            let longest = lines(columns, "https://example.org/").iter().map(String::len).max();
            assert!(longest.is_some_and(|longest| longest <= columns), "{columns}");
        }
    }

    #[test]
    fn what_a_stranger_wrote_does_not_move_the_cursor() {
        let shown = lines(200, "http://a/\u{1b}[2J\u{202e}\r\n\u{5b57}").join("\n");
        assert!(shown.contains("http://a/\\u{1b}[2J\\u{202e}\\u{d}\\u{a}\\u{5b57}"), "{shown}");
        assert_eq!(shown.lines().count(), 3);
    }

    #[test]
    fn the_log_line_has_everything() {
        let (counts, live) = (counts(0), live("http://a/"));
        let line = Going { counts: &counts, live: &live, rate: 0.0 }.line();
        assert_eq!(
            line,
            "809/1809 images, 0/s, 64 out, 2 downloaders, 3 hosts at rest, 800 stored, 9 failed, pages 12 (+0), last failure http-404 http://a/"
        );
        let live = Live { downloaders: 0, blocked: true, paused: true, last_failure: None, ..live };
        let line = Going { counts: &counts, live: &live, rate: 0.5 }.line();
        assert!(
            line.starts_with("809/1809 images, 0/s, ETA 33m20s, PAUSED, BROKER BLOCKED, NO DOWNLOADER, 64 out"),
            "{line}"
        );
    }

    #[test]
    fn times_are_short() {
        for (seconds, expected) in [
            (0, "0s"),
            (59, "59s"),
            (61, "1m01s"),
            (3_600, "1h00m"),
            (90_000, "1d01h"),
            (u64::MAX / 2, "106751991167300d15h"),
        ] {
            assert_eq!(short(Duration::from_secs(seconds)), expected);
        }
    }
}
