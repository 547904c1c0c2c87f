//! A body on its way in: in memory as long as the budget has room for it, else in a file, so that no server is kept waiting
//! with its connection open. When it is whole it waits for room, and is read back into memory.

use std::io::{self, BufRead, BufReader, Write};
use std::sync::Arc;

use bytes::{Buf as _, Bytes};
use common::http::{Encoding, EncodingError};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use crate::buffer::Buffer;
use crate::memory::{Memory, Share};
use crate::store::{Spool, SpoolFolder, StoreError};

/// What a body takes at first, and what is gathered, beside the budget, before it is written to a file, in bytes.
const FIRST: usize = 64 << 10;

/// Encodings that are undone at once: each may take a window of 16 MiB beside the budget.
const DECODERS: usize = 2;

/// What bodies are kept in.
#[derive(Debug)]
pub(crate) struct Room {
    pub(crate) memory: Memory,
    spool: SpoolFolder,
    decoders: Arc<Semaphore>,
}

/// Collects a body.
#[derive(Debug)]
pub(crate) struct Collector {
    memory: Memory,
    spool: SpoolFolder,
    /// The length that was announced, a promise.
    announced: Option<usize>,
    place: Place,
}

#[derive(Debug)]
enum Place {
    /// With as much of the budget as there are bytes, or more.
    Memory { bytes: Buffer, share: Share },
    /// What is written, and what is gathered to be.
    File { spool: Spool, piece: Vec<u8> },
    /// Nothing has come.
    Nowhere,
}

/// A body that is whole.
#[derive(Debug)]
pub(crate) enum Body {
    /// With its share of the budget.
    Memory(Bytes),
    /// Waiting for one.
    File(Spool),
}

/// Why an encoding could not be undone.
#[derive(Debug)]
pub(crate) enum Undone {
    /// The body's fault.
    Encoding(EncodingError),
    /// The machine's.
    Store(StoreError),
}

impl Room {
    pub(crate) fn new(memory: Memory, spool: SpoolFolder) -> Self {
        Self { memory, spool, decoders: Arc::new(Semaphore::new(DECODERS)) }
    }

    /// Begins a body whose length is announced, or is not.
    pub(crate) fn collect(&self, announced: Option<usize>) -> Collector {
        let (memory, spool) = (self.memory.clone(), self.spool.clone());
        Collector { memory, spool, announced, place: Place::Nowhere }
    }

    /// Brings a body into memory; waits for room where it is in a file.
    pub(crate) async fn bring(&self, body: Body) -> Result<Bytes, StoreError> {
        match body {
            Body::Memory(bytes) => Ok(bytes),
            Body::File(spool) => {
                let share = self.memory.take(spool.length()).await;
                away(move || spool.read().map(|bytes| share.hold(bytes))).await
            }
        }
    }

    /// Undoes a body's encoding. What comes out is collected as what came in was; waiting here holds nothing up but others like
    /// it, and needs no share of the budget.
    pub(crate) async fn undo(&self, body: Body, encoding: Encoding, cap: usize) -> Result<Body, Undone> {
        let turn = Arc::clone(&self.decoders).acquire_owned().await;
        let mut plain = self.collect(None);
        away(move || {
            // The work goes on where nobody waits for it any more.
            let _turn = turn;
            let raw: Box<dyn BufRead> = match body {
                Body::Memory(bytes) => Box::new(bytes.reader()),
                Body::File(spool) => Box::new(BufReader::new(spool.rewound().map_err(Undone::Store)?)),
            };
            encoding.undo(raw, cap, &mut plain)?;
            plain.finish().map_err(Undone::Store)
        })
        .await
    }
}

impl From<EncodingError> for Undone {
    fn from(error: EncodingError) -> Self {
        match error {
            EncodingError::Write(error) => match error.downcast() {
                Ok(error) => Self::Store(error),
                Err(error) => Self::Encoding(EncodingError::Write(error)),
            },
            error => Self::Encoding(error),
        }
    }
}

impl Body {
    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Memory(bytes) => bytes.is_empty(),
            Self::File(spool) => spool.length() == 0,
        }
    }
}

impl Collector {
    /// Takes the next bytes. What goes to a file is written by a thread that may wait for it.
    pub(crate) async fn push(mut self, bytes: Bytes) -> Result<Self, StoreError> {
        if self.gather(&bytes) {
            return Ok(self);
        }
        away(move || self.write_out(&bytes).map(|()| self)).await
    }

    /// That was all.
    pub(crate) async fn end(self) -> Result<Body, StoreError> {
        match self.place {
            Place::File { .. } => away(move || self.finish()).await,
            Place::Memory { .. } | Place::Nowhere => self.finish(),
        }
    }

    fn finish(mut self) -> Result<Body, StoreError> {
        match &mut self.place {
            Place::File { .. } => self.write_out(&[])?,
            Place::Memory { bytes, share } => {
                bytes.shrink();
                share.shrink(bytes.as_ref().len());
            }
            Place::Nowhere => {}
        }
        Ok(match self.place {
            Place::Memory { bytes, share } => Body::Memory(share.hold(bytes)),
            Place::File { spool, .. } => Body::File(spool),
            Place::Nowhere => Body::Memory(Bytes::new()),
        })
    }

    /// Takes bytes if there is room for them in memory.
    fn gather(&mut self, more: &[u8]) -> bool {
        match &mut self.place {
            Place::Nowhere => self.begin(more).is_some(),
            Place::Memory { bytes, share } => {
                make_room(bytes, share, more.len(), self.announced).map(|()| bytes.extend(more)).is_some()
            }
            Place::File { piece, .. } => {
                let has_room = piece.len() + more.len() <= FIRST;
                if has_room {
                    piece.extend_from_slice(more);
                }
                has_room
            }
        }
    }

    /// Takes the first bytes. Room is made for all that are announced: it takes no memory before they come.
    fn begin(&mut self, first: &[u8]) -> Option<()> {
        let share = self.memory.try_take(FIRST.min(self.announced.unwrap_or(FIRST)).max(first.len()))?;
        let room = self.announced.unwrap_or(FIRST).max(first.len());
        let mut bytes = Buffer::with_capacity(room).ok()?;
        bytes.extend(first);
        self.place = Place::Memory { bytes, share };
        Some(())
    }

    /// Writes to the file what was gathered, and then these.
    fn write_out(&mut self, more: &[u8]) -> Result<(), StoreError> {
        if let Place::File { spool, piece } = &mut self.place {
            spool.append(piece)?;
            piece.clear();
            return spool.append(more);
        }
        let mut spool = self.spool.create()?;
        if let Place::Memory { bytes, .. } = &self.place {
            spool.append(bytes.as_ref())?;
        }
        spool.append(more)?;
        self.place = Place::File { spool, piece: Vec::new() };
        Ok(())
    }
}

/// Makes room for more bytes, as far as the budget has it.
fn make_room(bytes: &mut Buffer, share: &mut Share, more: usize, announced: Option<usize>) -> Option<()> {
    let length = bytes.as_ref().len();
    let needed = length.checked_add(more)?;
    if needed > share.bytes() {
        // Twice as much as there is, so that it is seldom asked for; but no more than is to come.
        let wanted = share.bytes().saturating_mul(2).min(announced.unwrap_or(usize::MAX)).max(needed);
        share.grow(wanted).then_some(())?;
    }
    if needed > bytes.capacity() {
        // While they are copied the bytes are there twice.
        let wanted = needed.max(length.saturating_mul(2));
        share.grow(wanted.checked_add(length)?.max(share.bytes())).then_some(())?;
        let mut larger = Buffer::with_capacity(wanted).ok()?;
        larger.extend(bytes.as_ref());
        *bytes = larger;
    }
    Some(())
}

/// For decoders, which run where waiting for a file is no harm.
impl Write for Collector {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.gather(bytes) {
            self.write_out(bytes).map_err(io::Error::other)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Does what may wait for a disk away from the threads that serve the network.
async fn away<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const MIB: usize = 1 << 20;

    fn room(budget: usize) -> (Room, tempfile::TempDir) {
        let folder = tempfile::tempdir().expect("a folder");
        (Room::new(Memory::new(budget as u64), SpoolFolder::new(folder.path())), folder)
    }

    fn bytes(length: usize) -> Vec<u8> {
        (0..length).map(|number| (number / 7).to_le_bytes()[0]).collect()
    }

    async fn collected(room: &Room, announced: Option<usize>, body: &[u8]) -> Body {
        let mut collector = room.collect(announced);
        for chunk in body.chunks(10_000) {
            collector = collector.push(Bytes::copy_from_slice(chunk)).await.expect("room somewhere");
        }
        collector.end().await.expect("all of it")
    }

    #[tokio::test]
    async fn what_fits_stays_in_memory_and_the_rest_comes_back_from_files() {
        for (length, announced, fits) in [
            (0, None, true),
            (10, Some(10), true),
            (100_000, None, true),
            (MIB, Some(MIB), true),
            (MIB - 1, Some(MIB), true),
            (MIB + 1, Some(MIB + 1), false),
            (2 * MIB, None, false),
        ] {
            let (room, _folder) = room(MIB);
            let body = collected(&room, announced, &bytes(length)).await;
            assert_eq!(matches!(body, Body::Memory(_)), fits, "{length}");
            assert_eq!(body.is_empty(), length == 0);
            let brought = room.bring(body).await.expect("brought");
            assert!(brought == bytes(length), "{length}");
            let held = MIB as u64 - room.memory.free();
            assert_eq!(held, (length.div_ceil(1024) * 1024).min(MIB) as u64, "the share of {length} bytes");
            drop(brought);
            assert_eq!(room.memory.free(), MIB as u64);
        }
    }

    #[tokio::test]
    async fn many_bodies_larger_than_the_budget_pass_one_after_the_other() {
        let (room, folder) = room(MIB);
        let room = std::sync::Arc::new(room);
        let passing: Vec<_> = (0..20)
            .map(|number| {
                let room = std::sync::Arc::clone(&room);
                tokio::spawn(async move {
                    let whole = bytes(500_000 + number * 100_000);
                    let body = collected(&room, None, &whole).await;
                    let brought = room.bring(body).await.expect("brought");
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    assert!(brought == whole);
                })
            })
            .collect();
        for body in passing {
            tokio::time::timeout(Duration::from_secs(30), body).await.expect("no deadlock").expect("no panic");
        }
        assert_eq!(room.memory.free(), MIB as u64);
        assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0, "files have no name");
    }

    #[tokio::test]
    async fn who_gives_up_frees_what_it_had_and_what_it_waited_for() {
        let (room, _folder) = room(MIB);
        let mut begun = room.collect(Some(MIB));
        begun = begun.push(Bytes::from(bytes(600_000))).await.expect("room");
        let other = collected(&room, None, &bytes(900_000)).await;
        assert!(matches!(other, Body::File(_)));
        let waited = tokio::time::timeout(Duration::from_millis(20), room.bring(other)).await;
        assert!(waited.is_err(), "there is no room for it");
        drop(begun);
        assert_eq!(room.memory.free(), MIB as u64);
    }

    #[tokio::test]
    async fn an_encoding_is_undone_from_memory_and_from_files() {
        // Stored blocks of gzip need no encoder.
        let plain = vec![7; 60_000];
        let mut raw = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1];
        raw.extend([0x60, 0xea, 0x9f, 0x15]);
        raw.extend(&plain);
        // Without the checksum it ends too early, by what has come all the same.
        let (large, _first) = room(MIB);
        let (small, _second) = room(1024);
        for room in [large, small] {
            let body = collected(&room, None, &raw).await;
            let undone = room.undo(body, Encoding::Gzip, MIB).await;
            assert!(matches!(undone, Err(Undone::Encoding(EncodingError::Truncated))), "{undone:?}");
            let body = collected(&room, None, &raw).await;
            let undone = room.undo(body, Encoding::Gzip, 50_000).await;
            assert!(matches!(undone, Err(Undone::Encoding(EncodingError::TooLarge { .. }))), "{undone:?}");
            let body = collected(&room, None, &raw[10..]).await;
            let undone = room.undo(body, Encoding::Deflate, 60_000).await.expect("stored blocks alone");
            assert!(room.bring(undone).await.expect("brought") == plain);
        }
    }

    #[tokio::test]
    async fn a_folder_that_takes_nothing_is_the_machines_trouble() {
        let room = Room::new(Memory::new(0), SpoolFolder::new(std::path::Path::new("/no/such/folder")));
        let refused = room.collect(None).push(Bytes::from(bytes(5000))).await;
        assert!(refused.expect_err("no folder").to_string().contains("/no/such/folder"));
    }
}
