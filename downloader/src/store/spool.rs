//! Files for bodies that do not fit into memory until they are whole. They are in the store's part folder and not in the
//! system's temporary one, which often is memory itself; whoever stores images has room there. They have no name, so that
//! nothing is left of them however the process ends.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::buffer::Buffer;

/// Where such files are made.
#[derive(Debug, Clone)]
pub(crate) struct SpoolFolder(PathBuf);

/// A file without a name.
#[derive(Debug)]
pub(crate) struct Spool {
    file: File,
    length: usize,
    /// For errors: where it is.
    folder: PathBuf,
}

impl SpoolFolder {
    pub(crate) fn new(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    /// Makes an empty file.
    pub(crate) fn create(&self) -> Result<Spool, StoreError> {
        let file = tempfile::tempfile_in(&self.0)
            .map_err(|error| StoreError::new("create a file without a name in", &self.0, error))?;
        Ok(Spool { file, length: 0, folder: self.0.clone() })
    }

    /// Tries whether a body could wait here, and leaves nothing of it.
    pub(super) fn probe(&self, bytes: &[u8]) -> Result<(), StoreError> {
        self.create()?.append(bytes)
    }
}

impl Spool {
    /// Bytes written so far.
    pub(crate) fn length(&self) -> usize {
        self.length
    }

    /// Adds to its end.
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result<(), StoreError> {
        self.file.write_all(bytes).map_err(|error| {
            StoreError::new("write to a file without a name in", &self.folder, error).at(self.length + bytes.len())
        })?;
        self.length += bytes.len();
        Ok(())
    }

    /// Goes back to its beginning, to be read.
    pub(crate) fn rewound(mut self) -> Result<File, StoreError> {
        match self.file.rewind() {
            Ok(()) => Ok(self.file),
            Err(error) => Err(StoreError::new("read a file without a name in", &self.folder, error)),
        }
    }

    /// All that was written.
    pub(crate) fn read(mut self) -> Result<Buffer, StoreError> {
        let read = self.file.rewind().and_then(|()| {
            let mut bytes = Buffer::with_capacity(self.length)?;
            bytes.read_all(&self.file)?;
            Ok(bytes)
        });
        match read {
            Ok(bytes) => Ok(bytes),
            Err(error) => Err(StoreError::new("read a file without a name in", &self.folder, error)),
        }
    }
}
