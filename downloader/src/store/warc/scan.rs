//! Reads a shard back, record by record: how far it is whole, after a crash that may have cut it anywhere, and what its index
//! has to say. A record is whole when its gzip member is, by the member's own checksum.

use std::io::{self, BufRead, Read};

use flate2::bufread::GzDecoder;

/// How much of a record is looked at for its heads, in bytes: more than we write, and than most servers do.
pub(super) const HEADS: u64 = 128 << 10;

/// A whole record.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Scanned {
    /// Of its gzip member in the shard, in bytes.
    pub(super) offset: u64,
    /// Of its gzip member, in bytes.
    pub(super) length: u64,
    /// Its head and, where it has one, the beginning of an HTTP head.
    text: String,
}

impl Scanned {
    /// A field of the record's head.
    pub(super) fn field(&self, name: &str) -> Option<&str> {
        field(self.text.split("\r\n\r\n").next()?, name)
    }

    /// A field of the HTTP head in its block.
    pub(super) fn http_field(&self, name: &str) -> Option<&str> {
        field(self.text.split("\r\n\r\n").nth(1)?, name)
    }

    /// The status in the HTTP head of an answer.
    pub(super) fn http_status(&self) -> Option<&str> {
        self.text.split("\r\n\r\n").nth(1)?.strip_prefix("HTTP/")?.split(' ').nth(1)
    }
}

/// The record up to the end of its second head, which may be that of an HTTP message.
fn two_heads(record: &[u8]) -> &[u8] {
    let mut ends = record.windows(4).enumerate().filter(|(_, window)| window == b"\r\n\r\n").map(|(at, _)| at);
    &record[..ends.nth(1).unwrap_or(record.len())]
}

fn field<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = head.split("\r\n").filter_map(|line| line.split_once(": "));
    fields.find(|(given, _)| given.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The records of a shard, up to the first that is not whole.
#[derive(Debug)]
pub(super) struct Scan<R> {
    shard: Counted<R>,
}

impl<R: BufRead> Scan<R> {
    pub(super) fn new(shard: R) -> Self {
        Self { shard: Counted { inner: shard, count: 0 } }
    }

    fn record(&mut self) -> io::Result<Option<Scanned>> {
        let offset = self.shard.count;
        if self.shard.fill_buf()?.is_empty() {
            return Ok(None);
        }
        let mut member = GzDecoder::new(&mut self.shard);
        let mut heads = Vec::new();
        let read =
            member.by_ref().take(HEADS).read_to_end(&mut heads).and_then(|_| io::copy(&mut member, &mut io::sink()));
        match read {
            Ok(_) if heads.starts_with(b"WARC/1.") => {
                let text = String::from_utf8_lossy(two_heads(&heads)).into_owned();
                Ok(Some(Scanned { offset, length: self.shard.count - offset, text }))
            }
            Ok(_) => Ok(None),
            Err(error) if is_cut(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

impl<R: BufRead> Iterator for Scan<R> {
    type Item = io::Result<Scanned>;

    fn next(&mut self) -> Option<Self::Item> {
        self.record().transpose()
    }
}

/// Whether what is read is to blame, and not the reading.
fn is_cut(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData)
}

/// Counts what is taken out of a reader.
#[derive(Debug)]
struct Counted<R> {
    inner: R,
    count: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.count += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.count += amount as u64;
        self.inner.consume(amount);
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::super::packed::Group;
    use super::super::member::tests::written;
    use super::super::member::{Density, Packer};
    use super::super::record::{Head, RecordId};
    use super::*;

    /// A shard of three records, and where each ends.
    fn shard() -> (Vec<u8>, [usize; 3]) {
        let (mut packer, mut group) = (Packer::new(), Group::default());
        let head = |kind: &str| Head::new(kind, RecordId([3; 16]), "2025-11-25T18:00:00.007Z").field("X", kind);
        packer.text(&mut group, &head("warcinfo").record("text/plain", b"a\r\n")).expect("packed");
        let first = group.length();
        let (http, image) = ("HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n", Bytes::from_static(b"\r\n\r\nPNG"));
        let record =
            head("response").end("application/http; msgtype=response", "sha1:X", http.len() + image.len()) + http;
        packer.image(&mut group, record.as_bytes(), &image, Density::Packed).expect("packed");
        let second = group.length();
        packer.text(&mut group, &head("metadata").record("text/plain", b"b\r\n")).expect("packed");
        let ends = [first, second, group.length()].map(|end| usize::try_from(end).expect("short"));
        (written(&group), ends)
    }

    fn lengths(bytes: &[u8]) -> Vec<u64> {
        Scan::new(bytes).map(|record| record.expect("readable").length).collect()
    }

    #[test]
    fn records_are_found_with_their_place_and_fields() {
        let (bytes, ends) = shard();
        let found: Vec<Scanned> = Scan::new(&bytes[..]).collect::<Result<_, _>>().expect("readable");
        let places: Vec<_> = found.iter().map(|record| (record.offset, record.offset + record.length)).collect();
        let ends = ends.map(|end| end as u64);
        assert_eq!(places, [(0, ends[0]), (ends[0], ends[1]), (ends[1], ends[2])]);
        assert_eq!(found[1].field("warc-type"), Some("response"));
        assert_eq!(found[1].field("Content-Type"), Some("application/http; msgtype=response"));
        assert_eq!(found[1].http_field("content-type"), Some("image/png"));
        assert_eq!(found[1].http_status(), Some("200"));
        assert_eq!((found[0].http_status(), found[0].field("missing")), (None, None));
    }

    #[test]
    fn a_shard_that_is_cut_anywhere_is_whole_up_to_its_last_whole_record() {
        let (bytes, ends) = shard();
        for cut in 0..=bytes.len() {
            let whole: u64 = lengths(&bytes[..cut]).iter().sum();
            let expected = ends.into_iter().rev().find(|end| *end <= cut).unwrap_or(0);
            assert_eq!(whole, expected as u64, "cut at {cut}");
        }
    }

    #[test]
    fn bytes_that_no_sync_reached_end_it() {
        let (bytes, ends) = shard();
        // A hole at the end, as file systems leave it after a power cut, and a damaged byte.
        let hole = [&bytes[..ends[0]], &[0; 600]].concat();
        assert_eq!(lengths(&hole), [ends[0] as u64]);
        let mut damaged = bytes.clone();
        damaged[ends[1] - 12] ^= 1;
        assert_eq!(lengths(&damaged), [ends[0] as u64]);
        let foreign = [&bytes[..ends[0]], b"PK\x03\x04"].concat();
        assert_eq!(lengths(&foreign), [ends[0] as u64]);
    }
}
