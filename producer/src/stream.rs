//! `--stream`: final outcomes on standard output, a JSON line each, as they come. A reader that is slow slows the
//! recording of outcomes, not the memory; a reader that has gone away is not a reason to stop a crawl.

use std::io::{self, Write};

use tokio::sync::mpsc;

use crate::ledger::Row;

/// Groups of rows waiting for the reader, at most.
const WAITING: usize = 16;

/// The writing end. Clones share it.
#[derive(Debug, Clone)]
pub struct Stream {
    rows: mpsc::Sender<Vec<Row>>,
}

/// Ends when every [`Stream`] is dropped and everything is written.
pub type Writing = tokio::task::JoinHandle<()>;

impl Stream {
    /// Starts the thread that writes.
    #[must_use]
    pub fn start() -> (Self, Writing) {
        let (rows, received) = mpsc::channel(WAITING);
        (Self { rows }, tokio::task::spawn_blocking(move || write_all(received)))
    }

    /// Writes rows, if there is a stream and there are any.
    pub async fn write(stream: Option<&Self>, rows: Vec<Row>) {
        let Some(stream) = stream.filter(|_| !rows.is_empty()) else { return };
        // Fails when nobody reads standard output any more, which the writer has said.
        stream.rows.send(rows).await.unwrap_or(());
    }
}

fn write_all(mut received: mpsc::Receiver<Vec<Row>>) {
    while let Some(rows) = received.blocking_recv() {
        if let Err(error) = write(&rows) {
            tracing::warn!(error = %error, "nobody reads the outcomes any more; the run goes on without --stream");
            return;
        }
    }
}

fn write(rows: &[Row]) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for row in rows {
        serde_json::to_writer(&mut out, row)?;
        out.write_all(b"\n")?;
    }
    out.flush()
}
