//! An open shard: a file in the part folder, of which a known part is safe. What is written behind that and not synced is as if
//! it had never been.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use common::failpoint;
use rustix::io::Errno;

use super::{Group, StoreError, cannot};
use crate::store::unless_struck;

/// A file that images are appended to.
#[derive(Debug)]
pub(super) struct Shard {
    /// What it is going to be called.
    pub(super) name: String,
    path: PathBuf,
    file: File,
    /// Of it is safe, in bytes.
    pub(super) length: u64,
    /// Images in that.
    pub(super) images: u32,
}

impl Shard {
    /// Creates the file, and makes its name safe.
    pub(super) fn create(folder: &Path, name: String) -> Result<Self, StoreError> {
        let path = folder.join(&name);
        let create = || OpenOptions::new().read(true).write(true).create_new(true).open(&path);
        let file = unless_struck("store.create", create).map_err(cannot("create", &path))?;
        // Its folder's own name was made safe when that was made.
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        if let Err(error) = synced {
            drop(fs::remove_file(&path));
            return Err(StoreError::new("sync", folder, error));
        }
        Ok(Self { name, path, file, length: 0, images: 0 })
    }

    /// Appends a group of so many images and makes it safe; all of it or nothing.
    pub(super) fn commit(&mut self, group: &Group, images: u32) -> Result<(), StoreError> {
        let written = self.write(group);
        written.inspect_err(|_| self.cut_back()).map_err(cannot("write", &self.path))?;
        self.length += group.length();
        self.images += images;
        Ok(())
    }

    /// Does what appending a group takes, and leaves nothing of it.
    pub(super) fn probe(&mut self, group: &Group) -> Result<(), StoreError> {
        let written = self.write(group);
        self.cut_back();
        written.map_err(cannot("write", &self.path))
    }

    fn write(&mut self, group: &Group) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(self.length))?;
        if failpoint::strikes("store.write") {
            // A disk that fails has taken some of it.
            self.file.set_len(self.length + group.length() / 2)?;
            return Err(Errno::IO.into());
        }
        group.write_to(&self.file)?;
        unless_struck("store.sync", || self.file.sync_data())
    }

    /// Takes it away: nothing in it is kept.
    pub(super) fn remove(self) {
        // What is left is swept at the next start.
        fs::remove_file(&self.path).unwrap_or(());
    }

    /// Best effort: the next group is written over what is left, and completing the shard cuts it off.
    fn cut_back(&self) {
        self.file.set_len(self.length).unwrap_or(());
    }
}
