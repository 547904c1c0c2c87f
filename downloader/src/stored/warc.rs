//! The image in a record of a WARC file, which is a gzip member of its own.

use std::io::{self, Read as _};

use bytes::Bytes;
use flate2::read::GzDecoder;

use super::place::Place;

/// Longest head of a record and of the answer in it, in bytes; and what may be left of the record behind its block.
const MOST_HEAD: u64 = 1 << 20;

/// What ends a head.
const END: &[u8] = b"\r\n\r\n";

/// Where a record is.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Spot {
    offset: u64,
    length: u64,
}

impl Spot {
    /// Reads `OFFSET,LENGTH`.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (offset, length) = text.split_once(',')?;
        Some(Self { offset: offset.parse().ok()?, length: length.parse().ok()? })
    }

    /// The image in the record there.
    pub(super) fn payload(&self, place: &Place, shard: &str, most: u64) -> io::Result<Bytes> {
        // What is deflated does not become longer by more than that.
        if self.length > most.saturating_add(most / 1000).saturating_add(MOST_HEAD) {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let member = place.range(shard, self.offset, self.length)?;
        let mut record = Vec::new();
        GzDecoder::new(&member[..]).take(most.saturating_add(MOST_HEAD)).read_to_end(&mut record)?;
        let image = payload(&record.into()).ok_or(io::ErrorKind::InvalidData)?;
        if image.len() as u64 > most { Err(io::ErrorKind::FileTooLarge.into()) } else { Ok(image) }
    }
}

/// What a record carries: its block (WARC 1.1, clause 4), without the head of the answer (RFC 9112) that it may begin with.
fn payload(record: &Bytes) -> Option<Bytes> {
    let block = find(record, END)? + END.len();
    let head = String::from_utf8_lossy(&record[..block]);
    let field = |name: &str| {
        let lines = head.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
    };
    let length: usize = field("Content-Length")?.parse().ok()?;
    let end = block.checked_add(length).filter(|end| *end <= record.len())?;
    let block = record.slice(block..end);
    if field("Content-Type").is_some_and(|kind| kind.starts_with("application/http")) {
        let body = find(&block, END)? + END.len();
        return Some(block.slice(body..));
    }
    Some(block)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spot_is_two_numbers() {
        assert_eq!(Spot::read("12,34"), Some(Spot { offset: 12, length: 34 }));
        for other in ["", "12", "12,", ",34", "-1,2", "2026.png", "12,34,5"] {
            assert_eq!(Spot::read(other), None, "{other}");
        }
    }

    #[test]
    fn a_payload_is_the_block_or_the_body_of_the_answer_in_it() {
        let of = |text: &str| payload(&Bytes::copy_from_slice(text.as_bytes()));
        let resource = "WARC/1.1\r\nContent-Type: image/png\r\nContent-Length: 7\r\n\r\nPNG\r\n\r\n\r\n\r\n";
        assert_eq!(of(resource).as_deref(), Some(&b"PNG\r\n\r\n"[..]));
        let response = "WARC/1.1\r\nContent-Type: application/http; msgtype=response\r\ncontent-length: 22\r\n\r\n\
                        HTTP/1.1 200 OK\r\n\r\nPNG\r\n\r\n";
        assert_eq!(of(response).as_deref(), Some(&b"PNG"[..]));
        for broken in [
            "",
            "WARC/1.1\r\n\r\n",
            "WARC/1.1\r\nContent-Length: 99\r\n\r\nPNG",
            "WARC/1.1\r\nContent-Length: x\r\n\r\n",
        ] {
            assert_eq!(of(broken), None, "{broken:?}");
        }
    }
}
