//! What is to be written next: small pieces copied into one buffer, bodies by reference, all of it handed to the system in few
//! calls.

use std::fs::File;
use std::io::{self, IoSlice, Write};
use std::ops::Range;

use bytes::Bytes;

/// Pieces of a call, at most; Linux takes 1,024 (`IOV_MAX`).
const PIECES: usize = 1_024;

/// A body below this length is copied: a piece of its own costs the system more.
const COPIED: usize = 1 << 10;

/// Bytes for a shard that are not written yet.
#[derive(Debug, Default)]
pub(in crate::store) struct Group {
    small: Vec<u8>,
    pieces: Vec<Piece>,
    length: u64,
}

#[derive(Debug)]
enum Piece {
    /// Of the buffer.
    Small(Range<usize>),
    Body(Bytes),
}

/// How far a group was filled.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    small: usize,
    pieces: usize,
    length: u64,
    /// Where the last piece ended, which may have grown since.
    last: usize,
}

impl Group {
    /// Adds bytes by copying them.
    pub(in crate::store) fn copy(&mut self, bytes: &[u8]) {
        self.with(|small| small.extend_from_slice(bytes));
    }

    /// Adds what `write` appends to a buffer. It must leave alone what is there.
    pub(in crate::store) fn with<T>(&mut self, write: impl FnOnce(&mut Vec<u8>) -> T) -> T {
        let begin = self.small.len();
        let result = write(&mut self.small);
        let end = self.small.len();
        self.length += (end - begin) as u64;
        match self.pieces.last_mut() {
            Some(Piece::Small(range)) if range.end == begin => range.end = end,
            _ => self.pieces.push(Piece::Small(begin..end)),
        }
        result
    }

    /// Adds a body, which is not copied if it is long.
    pub(in crate::store) fn body(&mut self, body: &Bytes) {
        if body.len() < COPIED {
            return self.copy(body);
        }
        self.length += body.len() as u64;
        self.pieces.push(Piece::Body(body.clone()));
    }

    /// Bytes in it.
    pub(in crate::store) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn mark(&self) -> Mark {
        let last = match self.pieces.last() {
            Some(Piece::Small(range)) => range.end,
            _ => 0,
        };
        Mark { small: self.small.len(), pieces: self.pieces.len(), length: self.length, last }
    }

    /// Drops what was added since.
    pub(super) fn cut(&mut self, mark: Mark) {
        self.small.truncate(mark.small);
        self.pieces.truncate(mark.pieces);
        if let Some(Piece::Small(range)) = self.pieces.last_mut() {
            range.end = mark.last;
        }
        self.length = mark.length;
    }

    pub(super) fn clear(&mut self) {
        self.small.clear();
        self.pieces.clear();
        self.length = 0;
    }

    /// Writes all of it where the file stands.
    pub(in crate::store) fn write_to(&self, mut file: &File) -> io::Result<()> {
        for pieces in self.pieces.chunks(PIECES) {
            let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(self.bytes(piece))).collect();
            let mut left = slices.as_mut_slice();
            // Empty slices at the front would look like a file that takes nothing.
            IoSlice::advance_slices(&mut left, 0);
            while !left.is_empty() {
                match file.write_vectored(left) {
                    Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                    Ok(written) => IoSlice::advance_slices(&mut left, written),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(())
    }

    fn bytes<'a>(&'a self, piece: &'a Piece) -> &'a [u8] {
        match piece {
            Piece::Small(range) => &self.small[range.clone()],
            Piece::Body(body) => body,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek};

    use super::*;

    fn written(group: &Group) -> Vec<u8> {
        let mut file = tempfile::tempfile().expect("a file");
        group.write_to(&file).expect("written");
        let mut bytes = Vec::new();
        file.rewind().and_then(|()| file.read_to_end(&mut bytes)).expect("read");
        assert_eq!(group.length(), bytes.len() as u64);
        bytes
    }

    #[test]
    fn what_was_added_is_written_in_order_however_many_pieces_it_has() {
        let mut group = Group::default();
        let mut expected = Vec::new();
        for number in 0..3 * PIECES {
            let body = Bytes::from(vec![u8::try_from(number % 251).expect("small"); number % (2 * COPIED)]);
            group.copy(b"head");
            group.body(&body);
            expected.extend_from_slice(b"head");
            expected.extend_from_slice(&body);
        }
        assert_eq!(written(&group), expected);
        group.clear();
        assert_eq!(written(&group), b"");
    }

    #[test]
    fn what_was_added_since_a_mark_can_be_dropped() {
        let mut group = Group::default();
        group.copy(b"one ");
        let mark = group.mark();
        group.copy(b"grows the piece before the mark");
        group.body(&Bytes::from(vec![7; 2 * COPIED]));
        group.copy(b"and begins another");
        group.cut(mark);
        group.copy(b"two");
        assert_eq!(written(&group), b"one two");
    }
}
