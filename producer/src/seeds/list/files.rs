//! Which files a list is made of: those that were named, and of a folder those whose names end like a list's, sorted by
//! name. They are not opened here.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::{Format, ListError};

/// The most files in one list.
pub const FILES: usize = 100_000;

/// The files, in the order in which they are read.
pub(super) fn all(paths: &[PathBuf]) -> Result<VecDeque<PathBuf>, ListError> {
    let mut files = VecDeque::new();
    for path in paths {
        if path == Path::new("-") {
            if files.contains(path) {
                return Err(ListError::InputTwice);
            }
            files.push_back(path.clone());
            continue;
        }
        let metadata = fs::metadata(path).map_err(|source| unreadable(path, source))?;
        if metadata.is_dir() {
            files.extend(of_folder(path)?);
        } else {
            files.push_back(path.clone());
        }
        if files.len() > FILES {
            return Err(ListError::TooManyFiles);
        }
    }
    Ok(files)
}

fn of_folder(folder: &Path) -> Result<Vec<PathBuf>, ListError> {
    let read = || -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for entry in fs::read_dir(folder)?.take(FILES * 10) {
            let path = entry?.path();
            // Data frames mark their folders with files such as _SUCCESS and .part.crc.
            let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
            if !hidden && Format::known(&path).is_some() && fs::metadata(&path)?.is_file() {
                files.push(path);
            }
        }
        Ok(files)
    };
    let mut files = read().map_err(|source| unreadable(folder, source))?;
    files.sort_unstable();
    if files.is_empty() { Err(ListError::Folder { name: folder.display().to_string() }) } else { Ok(files) }
}

fn unreadable(path: &Path, source: io::Error) -> ListError {
    let name = path.display().to_string();
    match source.kind() {
        io::ErrorKind::NotFound => ListError::NotFound { name },
        _ => ListError::Open { name, source },
    }
}
