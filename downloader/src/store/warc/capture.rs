//! The records of one image: what the server answered, what it had been asked, and how we came to ask. An image that stood in
//! its page was asked of nobody and is a `resource`.

use std::io;
use std::time::{Duration, SystemTime};

use bytes::Bytes;

use super::super::packed::Group;
use super::digests::Digests;
use super::head;
use super::member::{Density, Packer};
use super::record::{Head, RecordId, uri, word};
use crate::exchange::Exchange;

/// An image to be written.
#[derive(Debug, Clone, Copy)]
pub(super) struct Capture<'a> {
    /// Where it is.
    pub(super) url: &'a str,
    /// When it was asked for, in milliseconds since 1970 UTC.
    pub(super) fetched_at: u64,
    /// How long it took, in milliseconds.
    pub(super) duration_ms: u64,
    /// What was said for it; `None` for one that came with its page.
    pub(super) exchange: Option<&'a Exchange>,
    /// Its media type, by its bytes.
    pub(super) media_type: &'static str,
    /// Its bytes.
    pub(super) payload: &'a Bytes,
    /// Over its bytes.
    pub(super) digests: &'a Digests,
    /// The page that it was found on.
    pub(super) via: Option<&'a str>,
    /// The way to it, a letter a step.
    pub(super) hops: &'a str,
    /// The `warcinfo` record that says who asked.
    pub(super) info: RecordId,
}

/// The main record of an image.
#[derive(Debug)]
pub(super) struct Written {
    /// Length of its gzip member, which is the first of the image's.
    pub(super) length: u64,
    /// What a later record of the same bytes refers to.
    pub(super) kept: Kept,
}

/// What is remembered of a record: many are, so a long address is not.
#[derive(Debug)]
pub(in crate::store) struct Kept {
    id: RecordId,
    url: Option<Box<str>>,
    date: Box<str>,
}

impl Kept {
    /// Longest address that is remembered, in bytes.
    const MAX_URL: usize = 512;
}

/// What the records of an image have in common.
#[derive(Debug)]
struct Common {
    id: RecordId,
    url: String,
    date: String,
}

/// The end of the year 9999, in milliseconds since 1970: the last moment that a date can name.
const LAST_MOMENT: u64 = 253_402_300_799_999;

/// The bytes are those of an earlier record (WARC 1.1, 6.7.2).
const SAME_PAYLOAD: &str = "http://netpreserve.org/warc/1.1/revisit/identical-payload-digest";

impl Capture<'_> {
    /// Adds the records of the image: the answer first, and last the metadata, which so tells that all of them are there.
    pub(super) fn write(&self, packer: &mut Packer, group: &mut Group) -> io::Result<Written> {
        let common = self.common();
        let length = match self.exchange {
            Some(exchange) => self.response(exchange, &common, packer, group)?,
            None => self.resource(&common, packer, group)?,
        };
        self.surroundings(&common, packer, group)?;
        let Common { id, url, date } = common;
        let url = (url.len() <= Kept::MAX_URL).then(|| url.into());
        Ok(Written { length, kept: Kept { id, url, date: date.into() } })
    }

    /// Adds the records of an image whose bytes are in `earlier`'s record.
    pub(super) fn write_again(
        &self,
        exchange: &Exchange,
        earlier: &Kept,
        packer: &mut Packer,
        group: &mut Group,
    ) -> io::Result<()> {
        let common = self.common();
        let http = head::response(exchange, self.payload.len());
        let record = self.head("revisit", common.id, &common).field("WARC-Profile", SAME_PAYLOAD);
        let record = record.field("WARC-Refers-To", earlier.id);
        let record = match &earlier.url {
            Some(url) => record.field("WARC-Refers-To-Target-URI", url),
            None => record,
        };
        let record = record
            .field("WARC-Refers-To-Date", &earlier.date)
            .field("WARC-Payload-Digest", &self.digests.payload)
            .field("WARC-Truncated", "length");
        packer.text(group, &by(record, exchange).record("application/http; msgtype=response", &http))?;
        self.surroundings(&common, packer, group)
    }

    fn response(
        &self,
        exchange: &Exchange,
        common: &Common,
        packer: &mut Packer,
        group: &mut Group,
    ) -> io::Result<u64> {
        let http = head::response(exchange, self.payload.len());
        let (record, length) = (by(self.payload_head("response", common), exchange), http.len() + self.payload.len());
        let record = record.end("application/http; msgtype=response", &self.digests.block, length);
        packer.image(group, &[record.as_bytes(), &http].concat(), self.payload, density(self.media_type))
    }

    fn resource(&self, common: &Common, packer: &mut Packer, group: &mut Group) -> io::Result<u64> {
        let record = self.payload_head("resource", common);
        let record = record.end(self.media_type, &self.digests.block, self.payload.len());
        packer.image(group, record.as_bytes(), self.payload, density(self.media_type))
    }

    /// Adds what was asked, if anybody was, and how we came to ask.
    fn surroundings(&self, common: &Common, packer: &mut Packer, group: &mut Group) -> io::Result<()> {
        let beside = |kind| self.head(kind, RecordId::random(), common).field("WARC-Concurrent-To", common.id);
        if let Some(exchange) = self.exchange {
            let http = head::request(exchange);
            packer.text(group, &by(beside("request"), exchange).record("application/http; msgtype=request", &http))?;
        }
        packer.text(group, &beside("metadata").record("application/warc-fields", self.fields().as_bytes())).map(drop)
    }

    fn fields(&self) -> String {
        let via = self.via.map(|page| format!("via: {}\r\n", uri(page))).unwrap_or_default();
        format!("{via}hopsFromSeed: {}\r\nfetchTimeMs: {}\r\n", word(self.hops), self.duration_ms)
    }

    fn common(&self) -> Common {
        Common { id: RecordId::random(), url: uri(self.url), date: self.date() }
    }

    fn head(&self, kind: &str, id: RecordId, common: &Common) -> Head {
        Head::new(kind, id, &common.date).field("WARC-Target-URI", &common.url).field("WARC-Warcinfo-ID", self.info)
    }

    fn payload_head(&self, kind: &str, common: &Common) -> Head {
        self.head(kind, common.id, common)
            .field("WARC-Payload-Digest", &self.digests.payload)
            .field("WARC-Identified-Payload-Type", self.media_type)
    }

    fn date(&self) -> String {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(self.fetched_at.min(LAST_MOMENT));
        humantime::format_rfc3339_millis(time).to_string()
    }
}

/// Says who answered, and in which protocol.
fn by(head: Head, exchange: &Exchange) -> Head {
    let head = match exchange.address {
        Some(address) => head.field("WARC-IP-Address", address),
        None => head,
    };
    match head::protocol(exchange.version) {
        Some(protocol) => head.field("WARC-Protocol", protocol),
        None => head,
    }
}

/// Which formats are compressed by themselves; some of the others are at times.
fn density(media_type: &str) -> Density {
    match media_type {
        "image/bmp" | "image/svg+xml" | "image/tiff" | "image/vnd.microsoft.icon" => Density::Loose,
        _ => Density::Packed,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::LazyLock;

    use flate2::bufread::GzDecoder;

    use super::super::digests::digest;
    use super::super::member::tests::written;
    use super::*;

    const INFO: RecordId = RecordId([1; 16]);

    static ABC: Bytes = Bytes::from_static(b"abc");
    const ABC_SHA1: &str = "sha1:VGMT4NSHA2AWVOR6EVYXQUGCNSONBWE5";

    static DIGESTS: LazyLock<Digests> =
        LazyLock::new(|| Digests { payload: ABC_SHA1.to_owned(), block: "sha1:BLOCK".to_owned() });

    fn capture(exchange: Option<&Exchange>) -> Capture<'_> {
        Capture {
            url: "http://h/a.png",
            fetched_at: 1_764_093_600_007,
            duration_ms: 12,
            exchange,
            media_type: "image/png",
            payload: &ABC,
            digests: &DIGESTS,
            via: Some("http://h/page"),
            hops: "LE",
            info: INFO,
        }
    }

    /// The records, each from a member of its own, with random ids told apart by letters.
    fn records(mut bytes: &[u8]) -> Vec<String> {
        let (mut texts, mut ids) = (Vec::new(), Vec::new());
        while !bytes.is_empty() {
            let mut text = String::new();
            GzDecoder::new(&mut bytes).read_to_string(&mut text).expect("a member");
            texts.push(text);
        }
        for text in &texts {
            let id = text.split("WARC-Record-ID: <").nth(1).and_then(|rest| rest.split('>').next()).expect("an id");
            ids.push(id.to_owned());
        }
        let named = |text: String| {
            let names = ids.iter().zip(["A", "B", "C"]);
            names.fold(text, |text, (id, name)| text.replace(id.as_str(), name)).replace('\r', "")
        };
        texts.into_iter().map(named).collect()
    }

    const INFO_ID: &str = "<urn:uuid:01010101-0101-4101-8101-010101010101>";

    #[test]
    fn an_answered_request_makes_three_records() {
        let exchange = head::tests::exchange("http://h/a.png", &[("content-type", "image/png")]);
        let mut group = Group::default();
        let main = capture(Some(&exchange)).write(&mut Packer::new(), &mut group).expect("written");
        let out = written(&group);
        let records = records(&out);
        let common = format!(
            "WARC-Date: 2025-11-25T18:00:00.007Z\nWARC-Target-URI: http://h/a.png\nWARC-Warcinfo-ID: {INFO_ID}\n"
        );
        assert_eq!(
            records[0],
            format!(
                "WARC/1.1\nWARC-Type: response\nWARC-Record-ID: <A>\n{common}\
                 WARC-Payload-Digest: {ABC_SHA1}\n\
                 WARC-Identified-Payload-Type: image/png\n\
                 WARC-IP-Address: 192.0.2.7\nWARC-Protocol: http/1.1\n\
                 Content-Type: application/http; msgtype=response\nWARC-Block-Digest: sha1:BLOCK\n\
                 Content-Length: 66\n\n\
                 HTTP/1.1 200 OK\ncontent-type: image/png\ncontent-length: 3\n\nabc\n\n"
            )
        );
        let asked = "GET /a.png HTTP/1.1\r\nhost: h\r\naccept: image/*\r\nuser-agent: Warren\r\n\r\n";
        assert_eq!(
            records[1],
            format!(
                "WARC/1.1\nWARC-Type: request\nWARC-Record-ID: <B>\n{common}WARC-Concurrent-To: <A>\n\
                 WARC-IP-Address: 192.0.2.7\nWARC-Protocol: http/1.1\n\
                 Content-Type: application/http; msgtype=request\nWARC-Block-Digest: {}\nContent-Length: {}\n\n{}\n\n",
                digest(&[asked.as_bytes()]),
                asked.len(),
                asked.replace('\r', "")
            )
        );
        let fields = "via: http://h/page\r\nhopsFromSeed: LE\r\nfetchTimeMs: 12\r\n";
        assert_eq!(
            records[2],
            format!(
                "WARC/1.1\nWARC-Type: metadata\nWARC-Record-ID: <C>\n{common}WARC-Concurrent-To: <A>\n\
                 Content-Type: application/warc-fields\nWARC-Block-Digest: {}\nContent-Length: {}\n\n{}\n\n",
                digest(&[fields.as_bytes()]),
                fields.len(),
                fields.replace('\r', "")
            )
        );
        assert_eq!(records.len(), 3);
        let first = &out[..usize::try_from(main.length).expect("short")];
        assert_eq!(self::records(first).len(), 1, "the first member is the answer alone");
    }

    #[test]
    fn the_same_bytes_again_are_a_record_without_them() {
        let exchange = head::tests::exchange("http://h/a.png", &[]);
        let (mut packer, mut group) = (Packer::new(), Group::default());
        let first = capture(Some(&exchange)).write(&mut packer, &mut Group::default()).expect("written").kept;
        let other = Capture { url: "http://h/b.png", ..capture(Some(&exchange)) };
        other.write_again(&exchange, &first, &mut packer, &mut group).expect("written");
        let records = records(&written(&group));
        assert_eq!(records.len(), 3);
        assert_eq!(
            records[0],
            format!(
                "WARC/1.1\nWARC-Type: revisit\nWARC-Record-ID: <A>\nWARC-Date: 2025-11-25T18:00:00.007Z\n\
                 WARC-Target-URI: http://h/b.png\nWARC-Warcinfo-ID: {INFO_ID}\n\
                 WARC-Profile: http://netpreserve.org/warc/1.1/revisit/identical-payload-digest\n\
                 WARC-Refers-To: {}\nWARC-Refers-To-Target-URI: http://h/a.png\n\
                 WARC-Refers-To-Date: 2025-11-25T18:00:00.007Z\n\
                 WARC-Payload-Digest: {ABC_SHA1}\nWARC-Truncated: length\n\
                 WARC-IP-Address: 192.0.2.7\nWARC-Protocol: http/1.1\n\
                 Content-Type: application/http; msgtype=response\nWARC-Block-Digest: {}\nContent-Length: 38\n\n\
                 HTTP/1.1 200 OK\ncontent-length: 3\n\n\n\n",
                first.id,
                digest(&[b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\n"])
            )
        );
    }

    #[test]
    fn a_long_address_is_not_remembered() {
        for (length, is_known) in [(Kept::MAX_URL, true), (Kept::MAX_URL + 1, false)] {
            let url = format!("{:x<length$}", "http://h/");
            let exchange = head::tests::exchange(&url, &[]);
            let long = Capture { url: &url, ..capture(Some(&exchange)) };
            let (mut packer, mut group) = (Packer::new(), Group::default());
            let first = long.write(&mut packer, &mut Group::default()).expect("written").kept;
            long.write_again(&exchange, &first, &mut packer, &mut group).expect("written");
            let record = records(&written(&group)).swap_remove(0);
            assert!(record.contains("\nWARC-Refers-To: <urn:uuid:"), "{record}");
            assert_eq!(record.contains("\nWARC-Refers-To-Target-URI: "), is_known, "{record}");
        }
    }

    #[test]
    fn an_image_that_stood_in_its_page_is_a_resource() {
        let mut group = Group::default();
        let inline = Capture { url: "data:image/png;sha256=00\r\nx", hops: "", via: None, ..capture(None) };
        inline.write(&mut Packer::new(), &mut group).expect("written");
        let records = records(&written(&group));
        assert_eq!(records.len(), 2);
        assert!(records[0].starts_with("WARC/1.1\nWARC-Type: resource\n"), "{}", records[0]);
        assert!(records[0].contains("\nWARC-Target-URI: data:image/png;sha256=00%0D%0Ax\n"), "{}", records[0]);
        assert!(records[0].ends_with("\nContent-Length: 3\n\nabc\n\n"), "{}", records[0]);
        assert!(records[0].contains("\nWARC-Block-Digest: sha1:BLOCK\n"), "{}", records[0]);
        assert!(records[1].ends_with("\n\nhopsFromSeed: \nfetchTimeMs: 12\n\n\n"), "{}", records[1]);
    }

    #[test]
    fn a_moment_that_no_date_names_is_the_last_that_one_does() {
        let late = Capture { fetched_at: u64::MAX, ..capture(None) };
        assert_eq!(late.date(), "9999-12-31T23:59:59.999Z");
    }
}
