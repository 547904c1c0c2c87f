//! A member of a tar file: its header in POSIX.1-1988's format, USTAR, which every reader knows.

use std::io;

/// Tar files are made of blocks.
pub(super) const BLOCK: usize = 512;

const ZEROS: [u8; BLOCK] = [0; BLOCK];

/// What a header says of a member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member<'a> {
    /// At most 100 bytes.
    pub(super) name: &'a str,
    /// In bytes, below 8 GiB.
    pub(super) length: u64,
    /// Seconds since 1970.
    pub(super) modified: u64,
}

impl Member<'_> {
    /// The block before the content: a regular file, readable to all and nobody's to change, of the owner that the
    /// `webdataset` package writes.
    pub(super) fn header(&self) -> io::Result<[u8; BLOCK]> {
        let mut header = tar::Header::new_ustar();
        header.set_path(self.name)?;
        header.set_size(self.length);
        header.set_mode(0o444);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(self.modified);
        header.set_entry_type(tar::EntryType::Regular);
        header.set_username("bigdata")?;
        header.set_groupname("bigdata")?;
        header.set_cksum();
        Ok(*header.as_bytes())
    }

    /// What fills the last block of the content.
    pub(super) fn padding(&self) -> &'static [u8] {
        &ZEROS[..padding(self.length)]
    }
}

/// Bytes that a content of this length lacks to whole blocks.
#[expect(clippy::cast_possible_truncation, reason = "less than a block")]
pub(super) fn padding(length: u64) -> usize {
    (length.next_multiple_of(BLOCK as u64) - length) as usize
}
