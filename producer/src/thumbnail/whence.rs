//! Where the images of a run are. The ledger has paths relative to a store, and each downloader its own `--store`; only of a run
//! whose downloader was in the producer's process does the run itself know. For others somebody has to say it.

use std::path::{Path, PathBuf};

use downloader::location::{BadLocation, Location};

use crate::ledger::{self, LedgerError};
use crate::remembered::Remembered;

/// Why it is not known where the images are.
#[derive(Debug, thiserror::Error)]
pub enum WhenceError {
    /// What was said is no place.
    #[error(transparent)]
    Location(#[from] BadLocation),
    /// The run cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Where the images of the run in this folder are: in the store that is given, else in that of the run's own downloader. `None`
/// if its downloaders were others, or the run was made by a version whose options are not known here.
pub fn store(folder: &Path, given: Option<PathBuf>, endpoint: Option<&str>) -> Result<Option<Location>, WhenceError> {
    if let Some(given) = given {
        return Ok(Some(Location::new(given, endpoint)?));
    }
    let (options, _) = ledger::recall(folder)?;
    let Ok(remembered) = Remembered::read(&options) else { return Ok(None) };
    if remembered.value("embedded").is_none() {
        return Ok(None);
    }
    let endpoint = endpoint.or(remembered.value("s3_endpoint"));
    let store = remembered.value("store").map(PathBuf::from);
    Ok(store.map(|store| Location::new(store, endpoint)).transpose()?)
}
