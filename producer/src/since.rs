//! `--since RUN`: an earlier run, by which images are asked for only if they changed.

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use common::run_name::RunName;

use crate::ledger::{Earlier, FILE, LedgerError};
use crate::run_folder::{self, FolderError};

/// Which run is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Since {
    /// None: what a run was started with does not hold any more.
    Nothing,
    /// The one of this name.
    Run(RunName),
    /// The one in this folder.
    Folder(PathBuf),
}

/// Why the run that is meant is of no use.
#[derive(Debug, thiserror::Error)]
pub enum SinceError {
    /// There is none.
    #[error("--since names no run; a run's folder is named by a path with a slash, and '' is for none")]
    Run(#[source] FolderError),
    /// The folder is not one of a run.
    #[error("--since takes a run's name or folder, and {path} is no run's folder; hint: '' is for none", path = .0.display())]
    Folder(PathBuf),
    /// The run would look back at itself.
    #[error("--since names the run itself; hint: --since '' for none")]
    Itself,
    /// Its ledger is of no use.
    #[error("--since cannot read the earlier run")]
    Ledger(#[source] LedgerError),
}

impl FromStr for Since {
    type Err = Infallible;

    /// A name where it can be one, a folder otherwise.
    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text.parse() {
            _ if text.is_empty() => Self::Nothing,
            Ok(run) => Self::Run(run),
            Err(_) => Self::Folder(text.into()),
        })
    }
}

impl Since {
    /// Opens the ledger of the run, for one that is, or will be, in the folder `own`.
    pub fn open(&self, runs: &Path, own: &Path) -> Result<Option<Earlier>, SinceError> {
        let folder = match self {
            Self::Nothing => return Ok(None),
            Self::Run(run) => run_folder::existing(runs, run).map_err(SinceError::Run)?,
            Self::Folder(folder) if folder.join(FILE).is_file() => folder.clone(),
            Self::Folder(folder) => return Err(SinceError::Folder(folder.clone())),
        };
        let same = fs::canonicalize(own).is_ok_and(|own| fs::canonicalize(&folder).is_ok_and(|folder| folder == own));
        if same {
            return Err(SinceError::Itself);
        }
        Earlier::open(&folder).map(Some).map_err(SinceError::Ledger)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_run_and_anything_else_a_folder() {
        let since = |text: &str| text.parse::<Since>().unwrap_or(Since::Nothing);
        assert_eq!(since("monday"), Since::Run("monday".parse().expect("valid")));
        for folder in ["runs/monday", "/runs/monday", ".", "..", "./monday"] {
            assert_eq!(since(folder), Since::Folder(folder.into()), "{folder}");
        }
        assert_eq!(since(""), Since::Nothing);
    }

    #[test]
    fn what_is_no_run_is_an_error_that_says_so() {
        let runs = tempfile::tempdir().expect("a folder");
        let open = |since: Since| since.open(runs.path(), &runs.path().join("own"));
        assert!(matches!(open(Since::Nothing), Ok(None)));
        assert!(matches!(open(Since::Run("monday".parse().expect("valid"))), Err(SinceError::Run(_))));
        assert!(matches!(open(Since::Folder(runs.path().into())), Err(SinceError::Folder(_))));
        fs::create_dir(runs.path().join("own")).expect("made");
        fs::write(runs.path().join("own").join(FILE), "").expect("written");
        assert!(matches!(open(Since::Run("own".parse().expect("valid"))), Err(SinceError::Itself)));
        let other = Since::Folder(runs.path().join("own/."));
        let nowhere = other.open(runs.path(), &runs.path().join("new"));
        assert!(matches!(nowhere, Err(SinceError::Ledger(LedgerError::Format { found: 0, .. }))), "{nowhere:?}");
    }
}
