//! Completes shards, after their last image or after a crash, from nothing but their bytes: how far one is whole, and its index.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

use flate2::bufread::GzDecoder;

use super::super::packed::{Completion, Whole};
use super::cdxj::{Entry, line, mime};
use super::member::HEADER;
use super::name::{self, SHARD};
use super::scan::{HEADS, Scan, Scanned};

/// How the name of the index beside a shard ends.
const INDEX: &str = ".cdxj";

/// Read at once, in bytes.
const BUFFER: usize = 256 << 10;

/// Longest record of an image's metadata that is looked for behind damage, in bytes of its gzip member.
const LOOK: usize = 64 << 10;

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

    /// The metadata is the last record of an image. A `warcinfo` that names another shard, and a record that names none of this
    /// one's, are a deleted shard's, in whose place on the disk this one was to grow.
    fn whole(&self, shard: &File, name: &str) -> io::Result<Whole> {
        let (mut whole, mut infos) = (Whole::default(), HashSet::new());
        for record in Scan::new(BufReader::with_capacity(BUFFER, shard)) {
            let record = record?;
            match (record.field("WARC-Type"), record.field("WARC-Warcinfo-ID")) {
                (Some("warcinfo"), _) if record.field("WARC-Filename") == Some(name) => {
                    infos.extend(record.field("WARC-Record-ID").map(str::to_owned));
                }
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

    fn goes_on(&self, mut shard: &File, _name: &str, whole: Whole) -> io::Result<bool> {
        shard.seek(SeekFrom::Start(whole.bytes))?;
        // One buffer and the beginning of the next: a head that lies across their border is found too.
        let mut bytes = Vec::with_capacity(2 * BUFFER);
        loop {
            let read = shard.take(BUFFER as u64).read_to_end(&mut bytes)?;
            let begins = bytes.windows(HEADER.len()).enumerate().filter(|(_, window)| *window == HEADER);
            if begins.into_iter().any(|(at, _)| is_metadata(&bytes[at..])) {
                return Ok(true);
            }
            if read == 0 {
                return Ok(false);
            }
            bytes.drain(..bytes.len().saturating_sub(LOOK));
        }
    }

    /// What was cut lacks its end; what was damaged has another checksum.
    fn ends_in_first(&self, mut shard: &File, name: &str) -> io::Result<bool> {
        shard.rewind()?;
        let mut end = 0;
        for record in Scan::new(BufReader::with_capacity(BUFFER, shard)) {
            let record = record?;
            if end == 0 && record.field("WARC-Filename") != Some(name) {
                return Ok(false);
            }
            end = record.offset + record.length;
        }
        shard.seek(SeekFrom::Start(end))?;
        let rest = io::copy(&mut GzDecoder::new(BufReader::with_capacity(BUFFER, shard)), &mut io::sink());
        Ok(rest.is_err_and(|error| error.kind() == io::ErrorKind::UnexpectedEof))
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

/// Whether a whole gzip member begins here that is the last record of an image.
fn is_metadata(member: &[u8]) -> bool {
    const BEGIN: &[u8] = b"WARC/1.1\r\nWARC-Type: metadata\r\n";
    let mut member = GzDecoder::new(&member[..member.len().min(LOOK)]);
    let mut begin = [0; BEGIN.len()];
    let is_one = member.read_exact(&mut begin).is_ok() && begin == BEGIN;
    is_one && io::copy(&mut member.take(HEADS), &mut io::sink()).is_ok_and(|rest| rest < HEADS)
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
