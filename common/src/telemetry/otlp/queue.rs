//! Takes the spans that wait, some at a time, and hands them to the collector. Trouble is told once until it is over: whoever
//! runs a crawl is to know, and to be left alone with it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::{SpanData, SpanExporter as _};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_util::sync::CancellationToken;

use super::Sending;

/// Spans in a message, at most.
const BATCH: usize = 512;

/// How long a message waits to become full.
const LINGER: Duration = Duration::from_secs(1);

/// How long a collector that failed is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// The way from the program to the collector.
pub(super) struct Queue {
    exporter: SpanExporter,
    received: mpsc::Receiver<SpanData>,
    sending: Arc<Sending>,
    stop: CancellationToken,
    /// Whether trouble was told that is not over.
    told: bool,
    /// How many spans were lost when that was last looked at.
    lost: u64,
}

impl Queue {
    pub(super) fn new(
        exporter: SpanExporter,
        received: mpsc::Receiver<SpanData>,
        sending: Arc<Sending>,
        stop: CancellationToken,
    ) -> Self {
        Self { exporter, received, sending, stop, told: false, lost: 0 }
    }

    /// Sends until told to stop, and then what is left, as long as the collector takes it.
    pub(super) async fn run(mut self) {
        while !self.stop.is_cancelled() {
            let batch = self.gather().await;
            if !batch.is_empty() && !self.export(batch).await {
                let stop = self.stop.clone();
                tokio::select! {
                    () = sleep(PAUSE) => {}
                    () = stop.cancelled() => {}
                }
            }
        }
        self.received.close();
        loop {
            let mut rest = Vec::new();
            if self.received.recv_many(&mut rest, BATCH).await == 0 || !self.export(rest).await {
                break;
            }
        }
        self.lose(self.received.len());
    }

    /// As many spans as there are, or come within a moment.
    async fn gather(&mut self) -> Vec<SpanData> {
        let mut batch = Vec::new();
        tokio::select! {
            _ = self.received.recv_many(&mut batch, BATCH) => {}
            () = self.stop.cancelled() => return batch,
        }
        let until = Instant::now() + LINGER;
        while batch.len() < BATCH {
            let room = BATCH - batch.len();
            tokio::select! {
                more = timeout_at(until, self.received.recv_many(&mut batch, room)) => if !matches!(more, Ok(1..)) { break },
                () = self.stop.cancelled() => break,
            }
        }
        batch
    }

    /// Hands spans to the collector; whether it took them.
    async fn export(&mut self, batch: Vec<SpanData>) -> bool {
        let spans = batch.len();
        let exported = self.exporter.export(batch).await;
        if exported.is_err() {
            self.lose(spans);
        }
        let lost = self.sending.lost.load(Ordering::Relaxed);
        match &exported {
            Err(error) if !self.told => {
                self.told = true;
                tracing::warn!(
                    error = %error,
                    "the collector does not take spans; they are dropped until it does, and the work goes on"
                );
            }
            Ok(()) if lost > self.lost && !self.told => {
                self.told = true;
                tracing::warn!(spans = lost, "the collector is slower than spans come; some are dropped");
            }
            Ok(()) if lost == self.lost && self.told => {
                self.told = false;
                tracing::info!(dropped = lost, "the collector takes all spans again");
            }
            _ => {}
        }
        self.lost = lost;
        exported.is_ok()
    }

    fn lose(&self, spans: usize) {
        self.sending.lost.fetch_add(spans.try_into().unwrap_or(u64::MAX), Ordering::Relaxed);
    }
}
