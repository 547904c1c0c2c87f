//! What a process that decodes says of a file, as bytes: written by it, and read by whoever asked.

use std::io::{self, Read, Write};

use image::metadata::Orientation;

use crate::picture::{LONGEST_PROFILE, Undecodable};

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

/// Writes an answer.
pub(super) fn write(to: &mut impl Write, answer: &Result<Answer, Undecodable>) -> io::Result<()> {
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

/// Reads an answer to its end. What it says of itself is believed within bounds alone; one beyond them is
/// [`InvalidData`](io::ErrorKind::InvalidData).
pub(super) fn read(from: &mut impl Read, most_pixels: u64, wanted: bool) -> io::Result<Result<Answer, Undecodable>> {
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

/// So many bytes.
fn part(from: &mut impl Read, length: u64) -> io::Result<Vec<u8>> {
    let mut part = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    from.take(length).read_to_end(&mut part)?;
    if part.len() as u64 == length { Ok(part) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
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
        for length in 0..bytes.len() {
            assert!(read(&mut &bytes[..length], 6, true).is_err(), "nothing, or a part of it: {length}");
        }
        let mut long = bytes.clone();
        long[11..15].copy_from_slice(&(1_u32 << 20 | 1).to_be_bytes());
        assert!(read(&mut &long[..], 6, true).is_err(), "a longer profile than any");
        let talk = [&[REASON][..], &[b'x'; 5000]].concat();
        assert_eq!(read(&mut &talk[..], 6, true).expect("a reason").expect_err("a reason").0.len(), 1024);
    }
}
