//! A program as a child process: started, watched, signalled, and gone when its owner drops it.

use std::ffi::OsStr;
use std::fmt::{self, Display};
use std::fs::{self, File};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::reaper;
use crate::waiting::eventually;

/// A signal that tests send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// What Ctrl-C sends.
    Int,
    /// What service managers send.
    Term,
    /// Ends it at once; cannot be caught.
    Kill,
    /// Freezes it.
    Stop,
    /// Lets it go on.
    Cont,
}

impl Signal {
    fn name(self) -> &'static str {
        match self {
            Self::Int => "INT",
            Self::Term => "TERM",
            Self::Kill => "KILL",
            Self::Stop => "STOP",
            Self::Cont => "CONT",
        }
    }
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        match (status.code(), status.signal()) {
            (Some(code), _) => Self::Code(code),
            (None, signal) => Self::Signal(signal.unwrap_or(0)),
        }
    }
}

impl Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(formatter, "exit code {code}"),
            Self::Signal(signal) => write!(formatter, "signal {signal}"),
        }
    }
}

/// A program that runs, or has run, in a process group of its own. Dropping it kills it.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    exit: Option<Exit>,
    signalled: bool,
    output: PathBuf,
    talk: PathBuf,
}

impl Process {
    /// Starts `command`. Its standard output and error go to files `NAME.out` and `NAME.err` in `folder`.
    pub fn start(name: &str, command: &mut Command, folder: &Path) -> Self {
        let output = folder.join(format!("{name}.out"));
        let talk = folder.join(format!("{name}.err"));
        let create = |path: &Path| File::create(path).expect("a test's own folder is writable");
        let program = command.get_program().to_owned();
        let child = command
            .stdout(create(&output))
            .stderr(create(&talk))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{name} cannot be started: {}: {error}", program.display()));
        reaper::watch(child.id());
        Self { name: name.to_owned(), child, exit: None, signalled: false, output, talk }
    }

    /// A command for `program` that no environment variable of Warren's reaches but those the test sets.
    pub fn command(program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        let ours = std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("WARREN_"));
        for (name, _) in ours {
            command.env_remove(name);
        }
        command.env_remove("RUST_LOG").env("RUST_BACKTRACE", "1").stdin(Stdio::null());
        command
    }

    /// The name it was started under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process id, which is its group's too.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The most memory that it had at once so far, in bytes (`VmHWM`).
    pub fn most_memory(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("it runs, on Linux");
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a line of /proc/PID/status");
        let kibibytes = line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number");
        kibibytes << 10
    }

    /// What it wrote to standard output so far.
    pub fn output(&self) -> String {
        read(&self.output)
    }

    /// What it wrote to standard error so far.
    pub fn talk(&self) -> String {
        read(&self.talk)
    }

    /// How it ended; `None` while it runs.
    pub fn exit(&mut self) -> Option<Exit> {
        if self.exit.is_none() {
            let status = self.child.try_wait().expect("a child can be waited for");
            if let Some(status) = status {
                reaper::forget(self.child.id());
                self.exit = Some(status.into());
            }
        }
        self.exit
    }

    /// Whether the test sent it a signal.
    pub fn was_signalled(&self) -> bool {
        self.signalled
    }

    /// Panics, with what the process said, when it has ended.
    pub fn expect_running(&mut self) {
        if let Some(exit) = self.exit() {
            panic!("{} ended with {exit}:\n{}", self.name, self.talk());
        }
    }

    /// Waits until it has said all of these words, and panics, with what it said, when it ends or `deadline` passes first.
    pub async fn says(&mut self, words: &[&str], deadline: Duration) {
        let what = format!("{} says {words:?}", self.name);
        eventually(&what, deadline, async || {
            let talk = self.talk();
            if words.iter().all(|word| talk.contains(word)) {
                return Ok(());
            }
            self.expect_running();
            Err(talk)
        })
        .await;
    }

    /// Waits until it ends by itself, and panics, with what it said, when `deadline` passes first.
    pub async fn wait(&mut self, deadline: Duration) -> Exit {
        let what = format!("the end of {}", self.name);
        eventually(&what, deadline, async || {
            self.exit().ok_or_else(|| format!("it still runs and says:\n{}", self.talk()))
        })
        .await
    }

    /// As `wait`, for who bears that it does not end: `None` when `deadline` has passed.
    pub async fn ended_within(&mut self, deadline: Duration) -> Option<Exit> {
        let started = Instant::now();
        while self.exit().is_none() && started.elapsed() < deadline {
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        self.exit
    }

    /// Sends a signal to the process, not to its children.
    pub fn signal(&mut self, signal: Signal) {
        self.expect_running();
        assert!(self.try_signal(signal), "{} takes no signal", self.name);
    }

    /// As `signal`, for who bears that it has ended: whether it was sent.
    pub fn try_signal(&mut self, signal: Signal) -> bool {
        if self.exit().is_some() {
            return false;
        }
        self.signalled = true;
        // Not waited for yet, so its number cannot be another's.
        let status = Command::new("kill").args(["-s", signal.name()]).arg(self.child.id().to_string()).status();
        status.expect("there is a kill command").success()
    }

    /// Kills the whole group and waits until the process is gone.
    pub fn kill(&mut self) {
        if self.exit().is_some() {
            return;
        }
        let group = format!("-{}", self.child.id());
        let status = Command::new("kill").args(["-s", "KILL", "--"]).arg(group).stderr(Stdio::null()).status();
        drop(status);
        let started = Instant::now();
        while self.exit().is_none() && started.elapsed() < Duration::from_secs(5) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let exit = self.exit.map_or("not ended".to_owned(), |exit| exit.to_string());
            eprintln!("--- {} ({exit}) said:\n{}", self.name, tail(&self.talk(), 40));
        }
    }
}

fn read(path: &Path) -> String {
    fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
}

fn tail(text: &str, lines: usize) -> String {
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
