//! One downloader of the storm, and what a service manager does: start it again whenever it ends.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use harness::{Exit, Process, Signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::fault::{Fault, Kind};
use crate::record::Record;

/// A drain takes at most `--fetch-timeout` and ten seconds more.
const DRAIN: Duration = Duration::from_secs(75);

/// After a second signal.
const AT_ONCE: Duration = Duration::from_secs(10);

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long a service manager waits before it starts again what ended by itself.
const RESTART: Duration = Duration::from_millis(500);

/// What is needed to start one.
pub(crate) struct Downloader {
    pub(crate) name: String,
    pub(crate) program: &'static str,
    pub(crate) arguments: Vec<String>,
    pub(crate) folder: PathBuf,
    pub(crate) record: Arc<Record>,
    pub(crate) lives: usize,
}

impl Downloader {
    /// Lives through the faults, until it is told to stop, and then drains.
    pub(crate) async fn live(mut self, mut faults: mpsc::Receiver<Fault>, stop: CancellationToken) {
        let mut process = self.start();
        loop {
            tokio::select! {
                biased;
                Some(fault) = faults.recv() => {
                    self.suffer(&mut process, fault).await;
                    self.record.survived(fault.kind);
                    if process.exit().is_some() {
                        tokio::time::sleep(fault.lasts).await;
                        process = self.start();
                    }
                }
                () = stop.cancelled() => break,
                () = tokio::time::sleep(LOOK) => {
                    if let Some(exit) = process.exit() {
                        self.ended_by_itself(&process, exit);
                        tokio::time::sleep(RESTART).await;
                        process = self.start();
                    }
                }
            }
        }
        self.drain(&mut process).await;
    }

    fn start(&mut self) -> Process {
        self.lives += 1;
        let mut command = Process::command(self.program);
        command.args(&self.arguments);
        let process = Process::start(&format!("{}-{}", self.name, self.lives), &mut command, &self.folder);
        self.record.runs(&self.name, process.id());
        process
    }

    async fn suffer(&self, process: &mut Process, fault: Fault) {
        match fault.kind {
            Kind::KillDownloader => process.kill(),
            Kind::FreezeDownloader => {
                process.try_signal(Signal::Stop);
                tokio::time::sleep(fault.lasts).await;
                process.try_signal(Signal::Cont);
            }
            Kind::DrainDownloader => self.drain(process).await,
            Kind::StopDownloaderAtOnce => {
                process.try_signal(Signal::Term);
                process.try_signal(Signal::Term);
                if process.ended_within(AT_ONCE).await.is_none() {
                    self.record.problem(format!("{} goes on after two signals to stop", process.name()));
                    process.kill();
                }
            }
            _ => unreachable!("{fault:?} is not for a downloader"),
        }
    }

    async fn drain(&self, process: &mut Process) {
        if !process.try_signal(Signal::Term) {
            return;
        }
        let begun = Instant::now();
        let ended = process.ended_within(DRAIN).await;
        self.record.say(&format!("{} drained for {:.1} s", process.name(), begun.elapsed().as_secs_f64()));
        match ended {
            Some(Exit::Code(0)) => {}
            // Told to leave before it had found the broker: there was nothing to drain.
            Some(Exit::Code(3)) => self.record.restarted(),
            // Told to leave while it was being started: before it could look after signals, or say anything.
            Some(Exit::Signal(_)) if process.talk().is_empty() => {}
            Some(exit) => self.record.problem(format!("{} drained and ended with {exit}", process.name())),
            None => {
                self.record.problem(format!("{} does not end its drain within {DRAIN:?}", process.name()));
                process.kill();
            }
        }
    }

    /// A downloader that cannot reach the broker when it starts leaves with 3, for its service manager to start it again.
    fn ended_by_itself(&self, process: &Process, exit: Exit) {
        if exit == Exit::Code(3) {
            self.record.say(&format!("{} did not find the broker", process.name()));
            self.record.restarted();
        } else {
            self.record.problem(format!("{} ended by itself with {exit}", process.name()));
        }
    }
}
