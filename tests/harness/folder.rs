//! Folders of a test, gone when it ends.

use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::reaper;

/// A temporary folder. It is removed on drop and also when the test process is killed; it stays when
/// `WARREN_TEST_KEEP` is set, and its name is printed.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    // `None`: to be kept.
    owner: Option<TempDir>,
}

impl Folder {
    /// A new empty folder with `name` in its name.
    pub fn new(name: &str) -> Self {
        let owner = tempfile::Builder::new()
            .prefix(&format!("warren-test-{name}-"))
            .tempdir()
            .expect("the temporary folder is writable");
        let path = owner.path().to_owned();
        if std::env::var_os("WARREN_TEST_KEEP").is_some() {
            eprintln!("kept: {}", owner.keep().display());
            return Self { path, owner: None };
        }
        reaper::remove_in_the_end(&path);
        Self { path, owner: Some(owner) }
    }

    /// A new file in it.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        fs::write(&path, content).expect("a test's own folder is writable");
        path
    }

    /// All files in it and below, whoever wrote them.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a test's own folder is readable").flatten() {
                let kind = entry.file_type().expect("a file of our own");
                if kind.is_dir() {
                    folders.push(entry.path());
                } else if kind.is_file() {
                    files.push(entry.path());
                }
            }
        }
        files
    }

    /// A new folder in it.
    pub fn folder(&self, name: &str) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(&path).expect("a test's own folder is writable");
        path
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Some(owner) = self.owner.take() {
            // A killed process may still be writing its last; the reaper comes by again at the end.
            owner.close().ok();
        }
    }
}
