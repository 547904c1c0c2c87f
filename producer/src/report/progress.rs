//! How a run is going: a bar with numbers on a terminal, a log line now and then elsewhere.

use std::time::Duration;

use common::telemetry;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;

use super::going::{self, Going};
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
        // Hidden where there is no terminal that could show it, and with `--quiet`.
        let bar = (!bars.is_hidden()).then(|| bars.add(ProgressBar::new(0)));
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

/// How the bar's line begins, on a terminal of so many columns.
fn style(columns: usize) -> ProgressStyle {
    let colours = if telemetry::is_coloured() { ".cyan/blue" } else { "" };
    let template = match going::bar_width(columns) {
        0 => "{pos}/{len} {msg}".to_owned(),
        width => format!("{{elapsed_precise}} {{bar:{width}{colours}}} {{pos}}/{{len}} {{msg}}"),
    };
    ProgressStyle::with_template(&template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Columns of the bar's line that its beginning takes.
fn taken(columns: usize, counts: &Counts) -> usize {
    let numbers = format!("{}/{} ", counts.settled(), counts.found()).len();
    match going::bar_width(columns) {
        0 => numbers,
        width => "00:00:00 ".len() + width + 1 + numbers,
    }
}

async fn show(bar: Option<&ProgressBar>, ledger: &Ledger, live: &watch::Receiver<Live>) {
    let mut clock = interval(if bar.is_some() { DRAWN_EVERY } else { LOGGED_EVERY });
    // The first tick is at once, when there is nothing to tell.
    clock.tick().await;
    let (mut speed, mut styled) = (Speed::new(ledger.counts().settled()), None);
    loop {
        clock.tick().await;
        let (counts, live) = (ledger.counts(), live.borrow().clone());
        let rate = speed.measure(counts.settled());
        let going = Going { counts: &counts, live: &live, rate };
        let Some(bar) = bar else {
            tracing::info!("{}", going.line());
            continue;
        };
        let columns = telemetry::columns();
        // Whoever makes the window narrower sees the rest of the bar that was, until the next one.
        if styled != Some(columns) {
            bar.set_style(style(columns));
            styled = Some(columns);
        }
        bar.set_length(counts.found());
        bar.set_position(counts.settled());
        bar.set_message(going.lines(columns, taken(columns, &counts)));
    }
}

/// Images a second, smoothed over the last few measurements.
struct Speed {
    settled: u64,
    at: Instant,
    rate: Option<f64>,
}

impl Speed {
    /// From so many images on, which an earlier producer may have done.
    fn new(settled: u64) -> Self {
        Self { settled, at: Instant::now(), rate: None }
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
