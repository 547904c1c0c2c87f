//! Where the members of a tar file are. It has no table of them, so they are walked from the beginning, once, as far as the one
//! that is looked for.

use std::collections::HashMap;
use std::io;

use bytes::Bytes;

use super::place::Place;

/// Tar files are made of blocks.
const BLOCK: u64 = 512;

/// Endings of members that are no images.
const TEXTS: [&str; 2] = [".json", ".txt"];

/// How far a tar file was walked.
#[derive(Debug, Default)]
pub(super) struct Walk {
    /// Where the next header begins.
    next: u64,
    /// Offset and length of the images before that.
    images: HashMap<String, (u64, u64)>,
    /// What was read last, and where it begins.
    read: (u64, Bytes),
}

impl Walk {
    /// Offset and length of a member, if there is one of this name.
    pub(super) fn find(&mut self, place: &Place, shard: &str, name: &str) -> io::Result<Option<(u64, u64)>> {
        if let Some(found) = self.images.get(name) {
            return Ok(Some(*found));
        }
        let length = place.length(shard)?;
        while self.next + BLOCK <= length {
            let block = self.block(place, shard, length)?;
            let Some((member, size)) = header(&block) else { break };
            let offset = self.next + BLOCK;
            self.next =
                size.checked_next_multiple_of(BLOCK).and_then(|size| offset.checked_add(size)).unwrap_or(length);
            if TEXTS.iter().any(|ending| member.ends_with(ending)) {
                continue;
            }
            let is_it = member == name;
            self.images.insert(member, (offset, size));
            if is_it {
                self.read = Default::default();
                return Ok(Some((offset, size)));
            }
        }
        self.read = Default::default();
        Ok(None)
    }

    /// The block at which the next header should be.
    fn block(&mut self, place: &Place, shard: &str, length: u64) -> io::Result<Bytes> {
        let (begin, bytes) = &self.read;
        let end = begin + bytes.len() as u64;
        if self.next < *begin || self.next + BLOCK > end {
            let wanted = place.stride().max(BLOCK).min(length - self.next);
            self.read = (self.next, place.range(shard, self.next, wanted)?);
        }
        let (begin, bytes) = &self.read;
        let at = usize::try_from(self.next - begin).map_err(io::Error::other)?;
        Ok(bytes.slice(at..at + 512))
    }
}

/// Name and length of the member that a block is the header of.
fn header(block: &[u8]) -> Option<(String, u64)> {
    let header = tar::Header::from_byte_slice(block);
    let mut sum = header.clone();
    sum.set_cksum();
    let is_sound = header.cksum().ok()? == sum.cksum().ok()?;
    let name = String::from_utf8(header.path_bytes().into_owned()).ok()?;
    is_sound.then_some((name, header.entry_size().ok()?))
}
