//! Reads the store that downloaders filled, and checks it against what a run says of it.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::run::{KEPT, Row};

/// A local store of layout `files`.
#[derive(Debug, Clone)]
pub struct Store {
    folder: PathBuf,
}

impl Store {
    /// The store in `folder`, which need not exist.
    pub fn at(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Where it is.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Every row that names a file must be right about it, and no file may lie under a name that is not its own.
    pub fn expect_holds(&self, rows: &[Row]) {
        let mut paths = BTreeSet::new();
        for row in rows.iter().filter(|row| KEPT.contains(&row.status())) {
            let path = self.folder.join(row.text("path").unwrap_or_else(|| panic!("no path: {row}")));
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}: {row}", path.display()));
            let (hash, length) = row.kept();
            assert_eq!(hash, Some(sha256(&bytes).as_str()), "{row}");
            assert_eq!(length, u64::try_from(bytes.len()).ok(), "{row}");
            paths.insert(path);
        }
        // A crash may leave files that no row knows yet, but never half a file under a final name.
        for (path, hash) in self.hashes() {
            let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let named_by_hash = stem.len() == 64 && stem.bytes().all(|byte| byte.is_ascii_hexdigit());
            let partial = named_by_hash && hash != stem;
            assert!(!partial, "half a file under a final name: {}", path.display());
        }
    }

    /// The finished files and the hashes of what they hold. What is not finished lies in a folder beside them.
    pub fn hashes(&self) -> Vec<(PathBuf, String)> {
        let unfinished = self.folder.join(".part");
        let finished = self.files().into_iter().filter(|path| !path.starts_with(&unfinished));
        let hash = |path: &PathBuf| sha256(&fs::read(path).expect("a stored file is readable"));
        finished.map(|path| (path.clone(), hash(&path))).collect()
    }

    /// All files in it, also those that are not finished.
    pub fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                if path.is_dir() {
                    folders.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    }
}

/// The sha256 of some bytes, in hexadecimal.
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes everything");
        text
    })
}
