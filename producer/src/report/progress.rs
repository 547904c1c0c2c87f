//! How a run is going: a bar with numbers on a terminal, a log line now and then elsewhere.

use std::io::IsTerminal;
use std::time::Duration;

use common::outcome::Status;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use crate::ledger::{Counts, Ledger};
use crate::pipeline::Live;

/// How often the bar is drawn.
const DRAWN_EVERY: Duration = Duration::from_millis(200);

/// How often a line is logged where there is no terminal.
const LOGGED_EVERY: Duration = Duration::from_secs(10);

/// The display of one run.
pub struct Progress {
    stop: CancellationToken,
    showing: JoinHandle<()>,
}

impl Progress {
    /// Starts to show how the run goes.
    #[must_use]
    pub fn start(bars: &MultiProgress, ledger: Ledger, live: watch::Receiver<Live>) -> Self {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let bar = std::io::stderr().is_terminal().then(|| bars.add(bar()));
        let showing = tokio::spawn(async move {
            tokio::select! {
                () = show(bar.as_ref(), &ledger, &live) => {}
                () = stopped.cancelled() => {}
            }
            if let Some(bar) = bar {
                bar.finish_and_clear();
            }
        });
        Self { stop, showing }
    }

    /// Clears the display.
    pub async fn finish(self) {
        self.stop.cancel();
        // A display that panicked has nothing left to clear.
        self.showing.await.unwrap_or(());
    }
}

fn bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{elapsed_precise} {bar:24.cyan/blue} {pos}/{len} {msg}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

async fn show(bar: Option<&ProgressBar>, ledger: &Ledger, live: &watch::Receiver<Live>) {
    let mut clock = interval(if bar.is_some() { DRAWN_EVERY } else { LOGGED_EVERY });
    // The first tick is at once, when there is nothing to tell.
    clock.tick().await;
    let mut speed = Speed::new();
    loop {
        clock.tick().await;
        let (counts, live) = (ledger.counts(), live.borrow().clone());
        let rate = speed.measure(counts.settled());
        let line = line(&counts, &live, rate);
        if let Some(bar) = bar {
            bar.set_length(counts.found());
            bar.set_position(counts.settled());
            bar.set_message(line);
        } else {
            tracing::info!("{}/{} images, {line}", counts.settled(), counts.found());
        }
    }
}

fn line(counts: &Counts, under_way: &Live, rate: f64) -> String {
    let pages = counts.pages;
    let mut parts = vec![format!("{rate:.0}/s")];
    for status in Status::ALL.into_iter().filter(|status| *status != Status::Outstanding) {
        let number = counts.of(status);
        if number > 0 || status == Status::Stored {
            parts.push(format!("{number} {}", status.as_str()));
        }
    }
    if pages.fetched > 0 {
        parts.push(format!("pages {} (+{})", pages.fetched, pages.pending));
    }
    parts.push(format!("{} out", under_way.out));
    parts.push(match under_way.downloaders {
        0 => "NO DOWNLOADER".to_owned(),
        1 => "1 downloader".to_owned(),
        many => format!("{many} downloaders"),
    });
    if under_way.paused {
        parts.push("PAUSED".to_owned());
    }
    if under_way.blocked {
        parts.push("BROKER BLOCKED".to_owned());
    }
    parts.join(", ")
}

/// Images a second, smoothed over the last few measurements.
struct Speed {
    settled: u64,
    at: Instant,
    rate: Option<f64>,
}

impl Speed {
    fn new() -> Self {
        Self { settled: 0, at: Instant::now(), rate: None }
    }

    fn measure(&mut self, settled: u64) -> f64 {
        let elapsed = self.at.elapsed().as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "the images of a moment are few")]
        let current = (settled - self.settled) as f64 / elapsed.max(0.001);
        let rate = self.rate.map_or(current, |rate| rate * 0.8 + current * 0.2);
        *self = Self { settled, at: Instant::now(), rate: Some(rate) };
        rate
    }
}
