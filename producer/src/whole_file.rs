//! A file that is written beside its name, and has it once it is whole: whoever reads sees all of it, or the one before.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

/// Where a file is that may be a link.
pub(crate) fn followed(file: &Path) -> PathBuf {
    fs::canonicalize(file).unwrap_or_else(|_| file.to_owned())
}

/// The file while it is written. It is gone if it is dropped before it is whole.
pub(crate) struct WholeFile {
    part: NamedTempFile,
    file: PathBuf,
}

impl WholeFile {
    /// Begins it; until it is whole its name tells what it is `of`. A link would be replaced: see [`followed`].
    pub(crate) fn begin(file: &Path, of: &str) -> io::Result<Self> {
        let beside = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let (prefix, mut builder) = (format!(".{of}-"), tempfile::Builder::new());
        // As any new file: the process's mask takes off what it takes off.
        builder.prefix(&prefix).suffix(".part").permissions(Permissions::from_mode(0o666));
        Ok(Self { part: builder.tempfile_in(beside)?, file: file.to_owned() })
    }

    /// It is whole: it is durable, and has its name.
    pub(crate) fn keep(self) -> io::Result<()> {
        self.part.as_file().sync_all()?;
        self.part.persist(self.file)?;
        Ok(())
    }
}

impl Write for WholeFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.part.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.part.flush()
    }
}
