//! A program on a terminal: a real pseudo-terminal of a size, whose screen is what an emulator makes of what the program writes.

use std::fs::File;
use std::io::Read as _;
use std::num::NonZero;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rustix::fs::{Mode, OFlags, open};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::process::Exit;
use crate::reaper;
use crate::waiting::eventually;

/// A program, and the terminal that it runs on. Dropping it kills the program.
#[derive(Debug)]
pub struct Terminal {
    child: Child,
    written: Arc<Mutex<Vec<u8>>>,
    size: (u16, u16),
    exit: Option<Exit>,
}

impl Terminal {
    /// Starts `command` with standard output and error on a terminal of so many columns and rows.
    pub fn start(command: &mut Command, (columns, rows): (u16, u16)) -> Self {
        let master = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).expect("the system has pseudo-terminals");
        grantpt(&master).and_then(|()| unlockpt(&master)).expect("a terminal of our own");
        let name = ptsname(&master, Vec::new()).expect("it has a name");
        let terminal = open(name.as_c_str(), OFlags::RDWR | OFlags::NOCTTY, Mode::empty()).expect("it can be opened");
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&terminal, size).expect("it has a size");
        let other = terminal.try_clone().expect("a descriptor is left");
        let child = command
            .env("TERM", "xterm-256color")
            .stdout(Stdio::from(terminal))
            .stderr(Stdio::from(other))
            .process_group(0)
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?} cannot be started: {error}"));
        // The command keeps its ends of the terminal open otherwise, and reading would never end.
        command.stdout(Stdio::null()).stderr(Stdio::null());
        reaper::watch(child.id());
        let written: Arc<Mutex<Vec<u8>>> = Arc::default();
        let keeping = Arc::clone(&written);
        std::thread::spawn(move || {
            let (mut master, mut bytes) = (File::from(master), [0; 4096]);
            // An error is how Linux says that nobody has the terminal open any more.
            while let Ok(count @ 1..) = master.read(&mut bytes) {
                keeping.lock().expect("no one panics with it in hand").extend_from_slice(&bytes[..count]);
            }
        });
        Self { child, written, size: (columns, rows), exit: None }
    }

    /// Everything that was written so far.
    pub fn written(&self) -> String {
        String::from_utf8_lossy(&self.written.lock().expect("no one panics with it in hand")).into_owned()
    }

    /// What is on the screen now, line by line, without blanks at the ends.
    pub fn screen(&self) -> Vec<String> {
        let (columns, rows) = self.size;
        let some = |size: u16| NonZero::new(size).expect("a terminal has a size");
        let mut parser = vt100::Parser::new(some(rows), some(columns), 0);
        parser.process(&self.written.lock().expect("no one panics with it in hand"));
        parser.screen().rows(0, columns).map(|line| line.trim_end().to_owned()).collect()
    }

    /// Waits until the screen shows a text somewhere, and returns it.
    pub async fn expect_shown(&self, text: &str) -> Vec<String> {
        self.expect(&format!("{text:?} on the screen"), |screen| screen.iter().any(|line| line.contains(text))).await
    }

    /// Waits until the screen is as wished, and returns it.
    pub async fn expect(&self, what: &str, is_so: impl Fn(&[String]) -> bool) -> Vec<String> {
        eventually(what, Duration::from_secs(30), async || {
            let screen = self.screen();
            if is_so(&screen) { Ok(screen) } else { Err(screen.join("\n")) }
        })
        .await
    }

    /// Sends what Ctrl-C sends.
    pub fn interrupt(&mut self) {
        let status = Command::new("kill").args(["-s", "INT"]).arg(self.child.id().to_string()).status();
        assert!(status.expect("there is a kill command").success(), "the program has ended");
    }

    /// Waits for the end of the program.
    pub async fn wait(&mut self) -> Exit {
        let deadline = Duration::from_mins(1);
        let exit = eventually("the end of the program on the terminal", deadline, async || {
            let ended = self.child.try_wait().expect("it is our child");
            ended.map(Exit::from).ok_or_else(|| format!("it still runs and shows:\n{}", self.screen().join("\n")))
        })
        .await;
        reaper::forget(self.child.id());
        self.exit = Some(exit);
        exit
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if self.exit.is_none() {
            drop(self.child.kill());
            drop(self.child.wait());
            reaper::forget(self.child.id());
        }
    }
}
