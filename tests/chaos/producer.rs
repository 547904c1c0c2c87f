//! The producer of the storm: begun once, resumed whenever it ends before its run is complete.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use harness::{Exit, Finished, Process, Signal};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::fault::{Fault, Kind};
use crate::record::Record;

/// It writes the manifest of what it has before it ends.
const INTERRUPT: Duration = Duration::from_mins(1);

/// How often it is looked at.
const LOOK: Duration = Duration::from_millis(100);

/// How long its user waits before resuming after it found no broker.
const RESTART: Duration = Duration::from_secs(1);

/// So often it may fail in a way that it should not before the storm is given up.
const PATIENCE: usize = 5;

/// What is needed to start and resume it.
pub(crate) struct Producer {
    pub(crate) program: &'static str,
    /// To begin the run.
    pub(crate) begin: Vec<String>,
    /// To go on with it.
    pub(crate) resume: Vec<String>,
    pub(crate) folder: PathBuf,
    /// The run's folder.
    pub(crate) run: PathBuf,
    pub(crate) record: Arc<Record>,
    pub(crate) lives: usize,
    pub(crate) failures: usize,
}

impl Producer {
    /// Lives through the faults until the run is complete or hopeless, or `stop`.
    pub(crate) async fn live(mut self, mut faults: mpsc::Receiver<Fault>, stop: CancellationToken) -> Finished {
        let mut process = self.start();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => {
                    self.record.problem("the run does not end".to_owned());
                    process.kill();
                    return self.finished(&mut process);
                }
                Some(fault) = faults.recv() => {
                    self.suffer(&mut process, fault).await;
                    if process.exit() != Some(Exit::Code(0)) {
                        self.record.survived(fault.kind);
                    }
                    if fault.kind == Kind::FreezeProducer {
                        self.record.producer_ended();
                    }
                }
                () = tokio::time::sleep(LOOK) => {}
            }
            let Some(exit) = process.exit() else { continue };
            if exit == Exit::Code(0) {
                return self.finished(&mut process);
            }
            self.record.producer_ended();
            if !self.may_resume(&process, exit) {
                return self.finished(&mut process);
            }
            tokio::time::sleep(if exit == Exit::Code(3) { RESTART } else { Duration::ZERO }).await;
            process = self.start();
        }
    }

    fn start(&mut self) -> Process {
        let arguments = if self.lives == 0 { &self.begin } else { &self.resume };
        self.lives += 1;
        let mut command = Process::command(self.program);
        command.args(arguments).current_dir(&self.folder);
        let process = Process::start(&format!("producer-{}", self.lives), &mut command, &self.folder);
        self.record.runs("producer", process.id());
        process
    }

    async fn suffer(&self, process: &mut Process, fault: Fault) {
        match fault.kind {
            Kind::KillProducer => {
                process.kill();
                tokio::time::sleep(fault.lasts).await;
            }
            Kind::FreezeProducer => {
                process.try_signal(Signal::Stop);
                tokio::time::sleep(fault.lasts).await;
                process.try_signal(Signal::Cont);
            }
            Kind::InterruptProducer => {
                process.try_signal(Signal::Int);
                if process.ended_within(INTERRUPT).await.is_none() {
                    self.record.problem(format!("{} does not end when interrupted", process.name()));
                    process.kill();
                }
                tokio::time::sleep(fault.lasts).await;
            }
            _ => unreachable!("{fault:?} is not for a producer"),
        }
    }

    /// Whether this end is one that a user would resume after: killed, interrupted, timed out, without a broker.
    fn may_resume(&mut self, process: &Process, exit: Exit) -> bool {
        self.record.say(&format!("{} ended with {exit}", process.name()));
        let is_expected = match exit {
            Exit::Signal(_) | Exit::Code(130) => process.was_signalled() || exit == Exit::Signal(9),
            Exit::Code(3 | 4) => true,
            Exit::Code(_) => false,
        };
        if !is_expected {
            let talk = process.talk();
            let last = talk.lines().next_back().unwrap_or("nothing");
            self.record.problem(format!("{} ended with {exit}, saying: {last}", process.name()));
            self.failures += 1;
        }
        self.failures < PATIENCE
    }

    fn finished(&self, process: &mut Process) -> Finished {
        let exit = process.exit().unwrap_or(Exit::Signal(0));
        Finished::read(exit, process.output(), process.talk(), &self.run)
    }
}
