//! The files that the configuration is in, or names.

use std::fs;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use super::tables::ConfigError;

/// Longest file that is read, in bytes; cookies are the longest.
const MAX_FILE: u64 = 4 << 20;

/// Paths are relative to the file that names them.
pub(super) fn beside(file: &Path, named: &str) -> PathBuf {
    file.parent().unwrap_or(Path::new("")).join(named)
}

pub(super) fn text_of(file: &Path) -> Result<String, ConfigError> {
    String::from_utf8(bytes_of(file)?).map_err(|_| ConfigError::of_file(file, "this is no text in UTF-8"))
}

pub(super) fn bytes_of(file: &Path) -> Result<Vec<u8>, ConfigError> {
    let trouble = |error| ConfigError::of_file(file, format!("it cannot be read: {error}"));
    let opened = fs::File::open(file).map_err(trouble)?;
    let mode = opened.metadata().map_err(trouble)?.permissions().mode();
    if mode & 0o004 != 0 {
        tracing::warn!(file = %file.display(), "every user of this machine may read this file; hint: chmod o-r");
    }
    let mut bytes = Vec::new();
    opened.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(trouble)?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(ConfigError::of_file(file, "it is longer than 4 MiB"));
    }
    Ok(bytes)
}
