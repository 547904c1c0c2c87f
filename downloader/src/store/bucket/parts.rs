//! Large objects are sent in parts, which the server puts together at the end. Until then there is no object; what a process
//! that dies leaves is kept by the server, unseen, until the bucket's own rules remove it.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt as _;

use bytes::Bytes;
use common::killpoint;
use object_store::aws::AmazonS3;
use object_store::path::Path as Key;
use object_store::{Error, MultipartUpload, ObjectStoreExt};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::TIDY;

/// Length of a part, but for the last. S3 takes 5 MiB and more.
const PART: u64 = 8 << 20;

/// Parts of an object, at most, as S3 has it.
const MOST: u64 = 10_000;

/// Parts of a file that are sent at once, all of them in memory.
pub(super) const AT_ONCE: usize = 4;

/// Whether an object of this length is sent in parts.
pub(super) fn are_needed(length: u64) -> bool {
    length > PART
}

/// Sends `length` bytes, of which `read` returns a part.
pub(super) async fn send(
    client: &AmazonS3,
    key: &Key,
    length: u64,
    read: impl Fn(Range<u64>) -> Result<Bytes, Error>,
    at_once: usize,
) -> Result<(), Error> {
    let mut upload = client.put_multipart(key).await?;
    let sent = match send_parts(upload.as_mut(), key, length, read, at_once).await {
        Ok(()) => upload.complete().await.map(drop),
        Err(error) => Err(error),
    };
    if sent.is_err() && !matches!(timeout(TIDY, upload.abort()).await, Ok(Ok(()))) {
        tracing::debug!(object = %key, "parts of an object that failed are left for the bucket's rules to remove");
    }
    sent
}

async fn send_parts(
    upload: &mut dyn MultipartUpload,
    key: &Key,
    length: u64,
    read: impl Fn(Range<u64>) -> Result<Bytes, Error>,
    at_once: usize,
) -> Result<(), Error> {
    let mut sending = JoinSet::new();
    for range in ranges(length) {
        if sending.len() >= at_once {
            ended(sending.join_next().await)?;
        }
        sending.spawn(upload.put_part(read(range)?.into()));
    }
    while !sending.is_empty() {
        ended(sending.join_next().await)?;
        killpoint::reached("downloader.part", key.as_ref()).await;
    }
    Ok(())
}

fn ended(part: Option<Result<Result<(), Error>, tokio::task::JoinError>>) -> Result<(), Error> {
    part.unwrap_or(Ok(Ok(()))).unwrap_or_else(|error| Err(error.into()))
}

/// The parts of an object, in order.
fn ranges(length: u64) -> impl Iterator<Item = Range<u64>> {
    // Whole MiB, and so many of them that the parts are not too many.
    let part = PART.max(length.div_ceil(MOST).next_multiple_of(1 << 20));
    (0..length.div_ceil(part)).map(move |number| number * part..length.min((number + 1) * part))
}

/// Reads parts of bytes that are in memory.
pub(super) fn of_bytes(bytes: &Bytes) -> impl Fn(Range<u64>) -> Result<Bytes, Error> {
    let place = |offset| usize::try_from(offset).unwrap_or(usize::MAX);
    move |range| Ok(bytes.slice(place(range.start)..place(range.end)))
}

/// Reads parts of a file. Blocks for a moment, in which the other parts wait.
pub(super) fn of_file(file: &File) -> impl Fn(Range<u64>) -> Result<Bytes, Error> {
    move |range| {
        let mut part = vec![0; usize::try_from(range.end - range.start).unwrap_or(usize::MAX)];
        let read = file.read_exact_at(&mut part, range.start);
        read.map(|()| part.into()).map_err(|error| Error::Generic { store: "spool", source: error.into() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_cover_an_object_and_are_neither_too_small_nor_too_many() {
        for length in [PART + 1, 2 * PART, 3 * PART - 1, MOST * PART, MOST * PART + 1, 5 << 40] {
            let parts: Vec<_> = ranges(length).collect();
            assert_eq!((parts[0].start, parts[parts.len() - 1].end), (0, length));
            assert!(parts.windows(2).all(|pair| pair[0].end == pair[1].start), "{length}");
            assert!(parts[..parts.len() - 1].iter().all(|part| part.end - part.start >= PART), "{length}");
            assert!(parts.len() as u64 <= MOST, "{length}");
        }
        assert_eq!(ranges(2 * PART).count(), 2);
        assert!(!are_needed(PART) && are_needed(PART + 1));
    }

    #[test]
    fn a_part_of_a_file_is_read_where_it_is() {
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), b"0123456789").expect("written");
        let read = of_file(file.as_file());
        assert_eq!(&read(3..6).expect("read")[..], b"345");
        assert!(read(8..11).is_err());
        assert_eq!(&of_bytes(&Bytes::from_static(b"0123456789"))(3..6).expect("read")[..], b"345");
    }
}
