//! Has a file decoded by a process of its own: the program once more, with the file on its standard input and what became of it on
//! its standard output. What such a process dies of by itself is the file's fault. What others do to it, or keep it from, is not:
//! then another one is tried, and at last nothing is said of the file.

use std::io::{self, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use common::failpoint;
use rustix::process::Signal;

use super::Room;
use super::answer::{self, Answer};
use super::serve::ARGUMENT;
use crate::picture::{Judged, Undecodable, Unjudged};

/// Memory that the process may take beside what was set aside, in bytes: the program itself and the decoder's tables.
const BESIDES: u64 = 32 << 20;

/// What others end a process with: a service manager, a terminal, a system that is out of memory.
const OTHERS: [Signal; 4] = [Signal::TERM, Signal::INT, Signal::HUP, Signal::KILL];

/// Longest from a process's last word to its end.
const LAST_MOMENT: Duration = Duration::from_secs(1);

/// How long to bear with processes.
pub(super) struct Patience {
    /// With one, from its start. It is far beyond the time that it may work: what takes so long waits for something.
    one: Duration,
    /// Before each further one, where the one before it has failed and the file is not at fault.
    pauses: &'static [Duration],
}

/// A service that is told to end has its signals behind it after a moment; memory may need longer to become free.
pub(super) const USUAL: Patience = Patience {
    one: Duration::from_mins(5),
    pauses: &[Duration::from_millis(100), Duration::from_secs(1), Duration::from_secs(5)],
};

/// The program's own file, even where another has replaced it. In a group of its own, so that what a terminal sends to the
/// downloader leaves it alone; and without the environment, in which secrets may be.
pub(super) fn own_program(bytes: &[u8], room: Room, wanted: bool) -> Command {
    let memory = room.memory.saturating_add(bytes.len() as u64 * 4).saturating_add(BESIDES);
    let mut command = Command::new("/proc/self/exe");
    command
        .arg(ARGUMENT)
        .args([memory, room.pixels, wanted.into()].map(|number: u64| number.to_string()))
        .env_clear()
        .process_group(0);
    command
}

/// Gives a file to what `command` starts, and waits for its answer.
pub(super) fn ask(
    command: &mut Command,
    patience: &Patience,
    bytes: &[u8],
    most_pixels: u64,
    wanted: bool,
) -> Judged<Result<Answer, Undecodable>> {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut pauses = patience.pauses.iter();
    loop {
        let why = match ask_once(command, patience.one, bytes, most_pixels, wanted) {
            Ok(answer) => return Ok(answer),
            Err(Failed::AtOnce(why)) => why,
            Err(Failed::Late) => return Err(Unjudged(format!("its decoder had no answer after {:?}", patience.one))),
        };
        let Some(pause) = pauses.next() else { return Err(why) };
        thread::sleep(*pause);
    }
}

/// Why there is no answer though the file is not at fault.
enum Failed {
    /// Another process may do better.
    AtOnce(Unjudged),
    /// All patience is spent.
    Late,
}

fn ask_once(
    command: &mut Command,
    patience: Duration,
    bytes: &[u8],
    most_pixels: u64,
    wanted: bool,
) -> Result<Result<Answer, Undecodable>, Failed> {
    let not_started = |error| Failed::AtOnce(Unjudged(format!("its decoder cannot be started: {error}")));
    let started =
        if failpoint::strikes("avif.start") { Err(io::ErrorKind::WouldBlock.into()) } else { command.spawn() };
    let mut process = started.map_err(not_started)?;
    let talked = talk_within(patience, &mut process, |to, from| talk(to, from, bytes, most_pixels, wanted));
    // One that has answered, or talks nonsense, is not waited for.
    let ends_by_itself = matches!(&talked, Ok(Some(Err(error))) if error.kind() != io::ErrorKind::InvalidData);
    let ended = end(&mut process, if ends_by_itself { LAST_MOMENT } else { Duration::ZERO });
    match talked.map_err(not_started)? {
        None => Err(Failed::Late),
        Some(Ok(answer)) => Ok(answer),
        Some(Err(error)) => {
            let end = ended.as_ref().map_or_else(ToString::to_string, ToString::to_string);
            // Whoever talks nonsense may have been ended here.
            let is_files_fault = error.kind() == io::ErrorKind::InvalidData || ended.is_ok_and(is_files_fault);
            let why = format!("its decoder failed on it ({end})");
            if is_files_fault { Ok(Err(Undecodable(why))) } else { Err(Failed::AtOnce(Unjudged(why))) }
        }
    }
}

/// Ends a process that does not end by itself within some time.
fn end(process: &mut Child, within: Duration) -> io::Result<ExitStatus> {
    let begun = Instant::now();
    while begun.elapsed() < within {
        if let Some(ended) = process.try_wait()? {
            return Ok(ended);
        }
        thread::sleep(Duration::from_millis(2));
    }
    process.kill().unwrap_or_default();
    process.wait()
}

/// Whether a process that has not said all has ended because of its file. One that fails in good order could not begin.
fn is_files_fault(ended: ExitStatus) -> bool {
    match ended.signal() {
        Some(signal) => OTHERS.iter().all(|other| other.as_raw() != signal),
        None => ended.code() != Some(1),
    }
}

/// What `talk` has come to, on a thread of its own; `None` if it had to be ended with the process, because it took too long.
fn talk_within<T: Send>(
    patience: Duration,
    process: &mut Child,
    talk: impl FnOnce(ChildStdin, ChildStdout) -> io::Result<T> + Send,
) -> io::Result<Option<io::Result<T>>> {
    let (Some(to), Some(from)) = (process.stdin.take(), process.stdout.take()) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    let (tell, told) = mpsc::sync_channel(1);
    thread::scope(|scope| {
        // Nobody listens where it took too long.
        let talk = move || drop(tell.send(talk(to, from)));
        thread::Builder::new().name("avif".to_owned()).spawn_scoped(scope, talk)?;
        let talked = told.recv_timeout(patience).ok();
        if talked.is_none() {
            // Its ends of the pipes are gone with it, and the thread ends.
            process.kill()?;
        }
        Ok(talked)
    })
}

fn talk(
    mut to: ChildStdin,
    mut from: ChildStdout,
    bytes: &[u8],
    most_pixels: u64,
    wanted: bool,
) -> io::Result<Result<Answer, Undecodable>> {
    to.write_all(bytes)?;
    // The end of the file, which the process waits for before it says anything.
    drop(to);
    answer::read(&mut from, most_pixels, wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Patience =
        Patience { one: Duration::from_mins(1), pauses: &[Duration::from_millis(1), Duration::from_millis(2)] };

    /// What comes of a process that does this; it writes a line to the file `$1` whenever it is started.
    fn asked(does: &str, patience: &Patience) -> (Judged<Result<Answer, Undecodable>>, usize) {
        let starts = tempfile::NamedTempFile::new().expect("a file");
        let mut command = Command::new("sh");
        command.args(["-c", &format!("echo >> \"$1\"; {does}"), "sh"]).arg(starts.path());
        let answer = ask(&mut command, patience, &vec![7; 1 << 20], 100, true);
        (answer, std::fs::read(starts.path()).expect("readable").len())
    }

    fn undecodable(does: &str) -> String {
        let (answer, starts) = asked(does, &PATIENCE);
        assert_eq!(starts, 1, "{does}");
        answer.expect(does).expect_err(does).0
    }

    fn unjudged(does: &str) -> String {
        let (answer, starts) = asked(does, &PATIENCE);
        assert_eq!(starts, 3, "{does}");
        answer.expect_err(does).0
    }

    #[test]
    fn an_answer_is_what_the_process_says_of_the_whole_file() {
        assert_eq!(undecodable("printf r; wc -c | tr -d '\\n '"), "1048576");
    }

    #[test]
    fn what_a_process_dies_of_by_itself_is_the_files_fault() {
        for signal in ["ABRT", "SEGV", "XCPU", "BUS", "ILL"] {
            for does in [format!("kill -{signal} $$"), format!("cat > /dev/null; printf p000; kill -{signal} $$")] {
                assert!(undecodable(&does).contains("signal"), "{does}");
            }
        }
        // In the middle of its answer, or with one that is too large; and as a panic ends it.
        for does in
            ["cat > /dev/null; printf p000", "cat > /dev/null; printf p00~~~~~~~~~~~~; exec sleep 9", "exit 101"]
        {
            assert!(undecodable(does).contains("failed on it"), "{does}");
        }
    }

    #[test]
    fn what_others_do_to_a_process_is_not() {
        for signal in ["TERM", "INT", "HUP", "KILL"] {
            for does in [format!("kill -{signal} $$"), format!("cat > /dev/null; printf p000; kill -{signal} $$")] {
                assert!(unjudged(&does).contains("signal"), "{does}");
            }
        }
        assert!(unjudged("exit 1").contains("exit status: 1"));
        let missing = ask(&mut Command::new("/nowhere/at/all"), &PATIENCE, b"", 100, true).expect_err("no program");
        assert!(missing.0.contains("cannot be started"), "{missing}");
    }

    #[test]
    fn another_process_may_have_an_answer() {
        let does = "if [ $(wc -l < \"$1\") = 1 ]; then kill -TERM $$; fi; cat > /dev/null; printf rbecause";
        assert_eq!(asked(does, &PATIENCE), (Ok(Err(Undecodable::from("because"))), 2));
    }

    #[test]
    fn patience_with_a_process_that_waits_has_an_end() {
        let begun = Instant::now();
        let short = Patience { one: Duration::from_millis(500), ..PATIENCE };
        for does in ["exec sleep 600", "cat > /dev/null; printf p000; exec sleep 600"] {
            let (answer, starts) = asked(does, &short);
            assert_eq!((answer.expect_err(does).0.contains("no answer"), starts), (true, 1), "{does}");
        }
        // One that has answered is not waited for.
        let (answer, _) = asked("cat > /dev/null; printf rno; exec >&-; exec sleep 600", &PATIENCE);
        assert_eq!(answer, Ok(Err(Undecodable::from("no"))));
        assert!(begun.elapsed() < Duration::from_secs(30), "{:?}", begun.elapsed());
    }
}
