//! The process of its own: this program once more, with a file on its standard input and what became of it on its standard output.
//! Whoever starts a program of Warren's with the argument below gets such a process.

use std::env;
use std::ffi::OsStr;
use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitCode, Stdio};

use image::metadata::Orientation;
use rustix::process::{Resource, Rlimit, setrlimit};

use super::{Room, decode};
use crate::picture::{LONGEST_PROFILE, Undecodable};

/// What tells a program that it is such a process; most memory, most pixels and whether the pixels are wanted follow.
const ARGUMENT: &str = "--warren-decode-avif";

/// Memory that the process may take beside what was set aside, in bytes: the program itself and the decoder's tables.
const BESIDES: u64 = 32 << 20;

/// Longest that it may work, in seconds of a processor.
const MOST_SECONDS: u64 = 60;

/// Longest reason, in bytes.
const LONGEST_REASON: u64 = 1 << 10;

/// How an answer begins that has a picture, and one that says why there is none.
const PICTURE: u8 = b'p';
const REASON: u8 = b'r';

/// What became of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Answer {
    pub(super) width: u32,
    pub(super) height: u32,
    pub(super) has_opacity: bool,
    pub(super) orientation: Orientation,
    pub(super) profile: Option<Vec<u8>>,
    /// Empty where they are not wanted.
    pub(super) pixels: Vec<u8>,
}

/// If this process was started to decode a file, does so; the caller ends with what is returned then.
#[must_use]
pub(crate) fn serve() -> Option<ExitCode> {
    let mut arguments = env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(ARGUMENT)) {
        return None;
    }
    let mut number = || arguments.next().and_then(|text| text.into_string().ok()).and_then(|text| text.parse().ok());
    let (Some(memory), Some(pixels), Some(wanted)) = (number(), number(), number()) else {
        return Some(ExitCode::FAILURE);
    };
    // Whoever asked sees by what is missing that it failed.
    Some(work(memory, pixels, wanted != 0).map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS))
}

fn work(memory: u64, most_pixels: u64, wanted: bool) -> io::Result<()> {
    let most = |most| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::Data, most(memory))?;
    setrlimit(Resource::Cpu, most(MOST_SECONDS))?;
    setrlimit(Resource::Core, most(0))?;
    let mut bytes = Vec::new();
    io::stdin().lock().read_to_end(&mut bytes)?;
    write(&mut io::stdout().lock(), &decode(&bytes, most_pixels, wanted))
}

/// Has a file decoded by a process of its own.
#[cfg(not(any(test, feature = "fuzzing")))]
pub(super) fn ask(bytes: &[u8], room: Room, wanted: bool) -> Result<Answer, Undecodable> {
    let started = start(bytes, room, wanted);
    let mut process = started.map_err(|error| Undecodable(format!("its decoder cannot be started: {error}")))?;
    let answer = talk(&mut process, bytes, room, wanted);
    if answer.is_err() {
        // It has ended by itself, as a rule.
        process.kill().unwrap_or_default();
    }
    let ended = process.wait();
    answer.unwrap_or_else(|_| {
        let end = ended.map_or_else(|error| error.to_string(), |status| status.to_string());
        Err(Undecodable(format!("its decoder failed on it ({end})")))
    })
}

/// Where the program that runs is not one of Warren's, there is no process to be started.
#[cfg(any(test, feature = "fuzzing"))]
pub(super) fn ask(bytes: &[u8], room: Room, wanted: bool) -> Result<Answer, Undecodable> {
    let mut answer = Vec::new();
    let failed = |_| Undecodable::from("its decoder failed on it");
    write(&mut answer, &decode(bytes, room.pixels, wanted)).map_err(failed)?;
    read(&mut &answer[..], room.pixels, wanted).unwrap_or_else(|error| Err(failed(error)))
}

/// The program's own file, even where another has replaced it. In a group of its own, so that what a terminal sends to the
/// downloader leaves it alone; and without the environment, in which secrets may be.
#[cfg_attr(any(test, feature = "fuzzing"), expect(dead_code, reason = "see `ask`"))]
fn start(bytes: &[u8], room: Room, wanted: bool) -> io::Result<Child> {
    let memory = room.memory.saturating_add(bytes.len() as u64 * 4).saturating_add(BESIDES);
    Command::new("/proc/self/exe")
        .arg(ARGUMENT)
        .args([memory, room.pixels, wanted.into()].map(|number: u64| number.to_string()))
        .env_clear()
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
}

#[cfg_attr(any(test, feature = "fuzzing"), expect(dead_code, reason = "see `ask`"))]
fn talk(process: &mut Child, bytes: &[u8], room: Room, wanted: bool) -> io::Result<Result<Answer, Undecodable>> {
    let (Some(mut to), Some(mut from)) = (process.stdin.take(), process.stdout.take()) else {
        return Err(io::ErrorKind::BrokenPipe.into());
    };
    to.write_all(bytes)?;
    // The end of the file, which the process waits for before it says anything.
    drop(to);
    read(&mut from, room.pixels, wanted)
}

fn write(to: &mut impl Write, answer: &Result<Answer, Undecodable>) -> io::Result<()> {
    match answer {
        Ok(answer) => {
            let profile = answer.profile.as_deref().unwrap_or_default();
            to.write_all(&[PICTURE, answer.has_opacity.into(), answer.orientation.to_exif()])?;
            for number in [answer.width, answer.height, u32::try_from(profile.len()).unwrap_or(u32::MAX)] {
                to.write_all(&number.to_be_bytes())?;
            }
            to.write_all(profile)?;
            to.write_all(&answer.pixels)?;
        }
        Err(Undecodable(why)) => {
            to.write_all(&[REASON])?;
            to.write_all(why.as_bytes())?;
        }
    }
    to.flush()
}

/// Reads an answer to its end. What it says of itself is believed within bounds alone.
fn read(from: &mut impl Read, most_pixels: u64, wanted: bool) -> io::Result<Result<Answer, Undecodable>> {
    let wrong = || io::Error::from(io::ErrorKind::InvalidData);
    let mut kind = [0];
    from.read_exact(&mut kind)?;
    if kind != [PICTURE] {
        let mut why = Vec::new();
        from.take(LONGEST_REASON).read_to_end(&mut why)?;
        return Ok(Err(Undecodable(String::from_utf8_lossy(&why).into_owned())));
    }
    let mut about = [0; 2];
    from.read_exact(&mut about)?;
    let mut number = || {
        let mut bytes = [0; 4];
        from.read_exact(&mut bytes).map(|()| u32::from_be_bytes(bytes))
    };
    let (width, height, profile) = (number()?, number()?, u64::from(number()?));
    let pixels = u64::from(width) * u64::from(height);
    if pixels > most_pixels || profile > LONGEST_PROFILE as u64 {
        return Err(wrong());
    }
    let has_opacity = about[0] != 0;
    let profile = part(from, profile)?;
    let channels = match (wanted, has_opacity) {
        (false, _) => 0,
        (true, false) => 3,
        (true, true) => 4,
    };
    Ok(Ok(Answer {
        width,
        height,
        has_opacity,
        orientation: Orientation::from_exif(about[1]).ok_or_else(wrong)?,
        profile: (!profile.is_empty()).then_some(profile),
        pixels: part(from, pixels * channels)?,
    }))
}

/// As many bytes, or as many as there are.
fn part(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut part = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    from.take(length).read_to_end(&mut part)?;
    Ok(part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(answer: &Result<Answer, Undecodable>) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, answer).expect("memory takes it");
        bytes
    }

    fn answer(pixels: Vec<u8>) -> Answer {
        let (orientation, profile) = (Orientation::Rotate90FlipH, Some(b"profile".to_vec()));
        Answer { width: 3, height: 2, has_opacity: true, orientation, profile, pixels }
    }

    #[test]
    fn an_answer_is_read_as_it_was_written() {
        let told_picture = told(&Ok(answer(vec![7; 24])));
        assert_eq!(read(&mut &told_picture[..], 6, true).expect("whole"), Ok(answer(vec![7; 24])));
        assert_eq!(read(&mut &told_picture[..], 6, false).expect("whole"), Ok(answer(Vec::new())));
        let reason = Err(Undecodable::from("because"));
        assert_eq!(read(&mut &told(&reason)[..], 6, true).expect("whole"), reason);
    }

    #[test]
    fn an_answer_is_not_believed_beyond_its_bounds() {
        let bytes = told(&Ok(answer(vec![7; 24])));
        assert!(read(&mut &bytes[..], 5, true).is_err(), "more pixels than there is room for");
        for length in 0..15 {
            assert!(read(&mut &bytes[..length], 6, true).is_err(), "nothing, or a part of its head: {length}");
        }
        let mut long = bytes.clone();
        long[11..15].copy_from_slice(&(1_u32 << 20 | 1).to_be_bytes());
        assert!(read(&mut &long[..], 6, true).is_err(), "a longer profile than any");
        let talk = [&[REASON][..], &[b'x'; 5000]].concat();
        assert_eq!(read(&mut &talk[..], 6, true).expect("a reason").expect_err("a reason").0.len(), 1024);
    }
}
