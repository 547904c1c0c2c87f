//! Completes shards, after their last image or after a crash, from nothing but their bytes: how far one is whole, and its index.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Write};
use std::path::Path;

use super::super::packed::{Completion, Whole};
use super::cdxj::{Entry, line, mime};
use super::name::{self, SHARD};
use super::scan::{Scan, Scanned};

/// How the name of the index beside a shard ends.
const INDEX: &str = ".cdxj";

/// Read at once, in bytes.
const BUFFER: usize = 256 << 10;

/// The shards of the layout.
#[derive(Debug)]
pub(in crate::store) struct Shards;

impl Completion for Shards {
    fn is_shard(&self, name: &str) -> bool {
        name.strip_suffix(SHARD).is_some_and(name::is_ours)
    }

    fn shard_of(&self, name: &str) -> Option<String> {
        let stem = name.strip_suffix(INDEX).filter(|stem| name::is_ours(stem))?;
        Some(format!("{stem}{SHARD}"))
    }

    /// The metadata is the last record of an image. A record that names none of this shard's `warcinfo` is a deleted shard's,
    /// in whose place on the disk this one was to grow.
    fn whole(&self, shard: &File) -> io::Result<Whole> {
        let (mut whole, mut infos) = (Whole::default(), HashSet::new());
        for record in Scan::new(BufReader::with_capacity(BUFFER, shard)) {
            let record = record?;
            match (record.field("WARC-Type"), record.field("WARC-Warcinfo-ID")) {
                (Some("warcinfo"), _) => infos.extend(record.field("WARC-Record-ID").map(str::to_owned)),
                (Some(kind), Some(info)) if infos.contains(info) => {
                    if kind == "metadata" {
                        whole = Whole { bytes: record.offset + record.length, images: whole.images + 1 };
                    }
                }
                _ => break,
            }
        }
        Ok(whole)
    }

    /// Nothing: a record says itself where it ends.
    fn end(&self) -> &'static [u8] {
        b""
    }

    /// The shard is read for it. That takes a fraction of the time in which it was filled, and no memory meanwhile.
    fn write_beside(&self, shard: &Path, images: u64) -> io::Result<Vec<String>> {
        let name = shard.file_name().unwrap_or_default().to_string_lossy();
        let mut lines = Vec::with_capacity(usize::try_from(images).unwrap_or_default());
        let file = File::open(shard)?;
        let length = file.metadata()?.len();
        let mut read = 0;
        for record in Scan::new(BufReader::with_capacity(BUFFER, file)) {
            let record = record?;
            read = record.offset + record.length;
            lines.extend(index(&name, &record));
        }
        if read != length {
            let why = format!("only {read} of {length} bytes are whole records; is its disk failing?");
            return Err(io::Error::new(io::ErrorKind::InvalidData, why));
        }
        lines.sort_unstable();
        let index = format!("{}{INDEX}", name.strip_suffix(SHARD).unwrap_or(&name));
        let mut file = BufWriter::new(File::create(shard.with_file_name(&index))?);
        for line in lines {
            file.write_all(line.as_bytes())?;
        }
        file.flush()?;
        Ok(vec![index])
    }
}

/// The line of a record that can be looked up.
fn index(shard: &str, record: &Scanned) -> Option<String> {
    let mime = match record.field("WARC-Type")? {
        "response" => record.http_field("content-type").and_then(mime),
        "revisit" => Some("warc/revisit"),
        "resource" => record.field("Content-Type").and_then(mime),
        _ => return None,
    };
    let entry = Entry {
        url: record.field("WARC-Target-URI")?,
        mime,
        status: record.http_status(),
        digest: record.field("WARC-Payload-Digest")?,
        length: record.length.to_string(),
        offset: record.offset.to_string(),
        filename: shard,
    };
    Some(line(record.field("WARC-Date")?, &entry))
}
