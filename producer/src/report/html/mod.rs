//! The report: one HTML file that shows what a run was like and what it stored, with everything it needs in it. It asks nobody for
//! anything when it is opened.
//!
//! What was crawled is hostile. [`text`] makes its texts harmless in HTML, what the contact sheet shows is data to its script (see
//! [`sheet`]), and a content security policy lets nothing run, load or be sent but what this program put there: it names the
//! hashes of the one script and the one style sheet. [`plot`] and [`table`] draw, [`page`] puts everything together.

mod page;
mod plot;
mod sheet;
mod table;
mod text;

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use common::outcome::Status;
use downloader::location::Location;
use tokio::task::spawn_blocking;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::insight::choice::Among;
use crate::insight::{Image, Insight, Overview, Survey};
use crate::ledger::LedgerError;
use crate::thumbnail::Thumbnails;
use crate::whole_file::{self, WholeFile};
use sheet::Made;

/// The file in the run's folder.
pub const FILE: &str = "report.html";

/// Hosts that are shown by name: those with most images, and as many again that fail most.
const HOSTS: usize = 100;

/// Images in the store that are on the contact sheet, at most.
const KEPT: usize = 2_500;

/// Images that came to nothing that are shown, at most.
const OTHERS: usize = 1_000;

/// Why there is no report.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// The run cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The disk says no.
    #[error("cannot write {path}", path = .0.display())]
    Write(PathBuf, #[source] io::Error),
    /// A program's mistake.
    #[error("what was counted cannot be written")]
    Data(#[source] serde_json::Error),
}

/// Longest time that a report takes, as far as it depends on thumbnails: they are made until then.
const PATIENCE: Duration = Duration::from_secs(22);

/// But for so long at least, however long it took to read the ledger.
const LEAST_FOR_PICTURES: Duration = Duration::from_secs(4);

/// Everything that the report shows.
struct Contents {
    overview: Overview,
    survey: Survey,
    /// Images on the contact sheet, in the order of acceptance.
    images: Vec<Image>,
    /// Where the images are.
    store: StoreSeen,
}

/// What there is to say of the store.
enum StoreSeen {
    /// Nobody said where it is.
    Unknown,
    /// There is nothing there, as seen from here.
    Missing(String),
    /// It is there.
    There(String),
}

impl Contents {
    /// Images of the run in these statuses.
    fn count(&self, among: Among) -> u64 {
        let of = |status: &Status| crate::insight::is_kept(*status) == (among == Among::Kept);
        self.overview.images.iter().filter(|(status, _)| of(status)).map(|(_, images)| images).sum()
    }
}

/// Writes the report of the run in `folder`, whose images are in `store`, to `file`, which it replaces once it is whole. Making
/// thumbnails takes some seconds, and ends early when `stop` is cancelled; the report is written all the same.
pub async fn write(
    folder: &Path,
    store: Option<&Location>,
    file: &Path,
    stop: &CancellationToken,
) -> Result<(), ReportError> {
    let begun = Instant::now();
    let looked_at = folder.to_owned();
    let looking = spawn_blocking(move || look(&looked_at));
    let (overview, survey, images) =
        looking.await.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))?;
    let until = (begun + PATIENCE).max(Instant::now() + LEAST_FOR_PICTURES);
    let (store, made) = pictures(folder, store, &images, until, stop).await;
    let contents = Contents { overview, survey, images, store };
    let html = page::html(&contents, &made).map_err(ReportError::Data)?;
    let trouble = |error| ReportError::Write(file.to_owned(), error);
    let (target, size) = (file.to_owned(), html.len());
    let writing = spawn_blocking(move || put(&target, &html));
    writing.await.map_err(|error| trouble(io::Error::other(error)))?.map_err(trouble)?;
    tracing::info!(file = %file.display(), size_bytes = size, "the report is written");
    Ok(())
}

fn look(folder: &Path) -> Result<(Overview, Survey, Vec<Image>), LedgerError> {
    let insight = Insight::open(folder)?;
    let (overview, survey) = insight.survey(HOSTS)?;
    let mut rows = insight.choose(Among::Kept, KEPT)?;
    rows.extend(insight.choose(Among::Others, OTHERS)?);
    rows.sort_unstable();
    let images = insight.images_at(&rows)?;
    Ok((overview, survey, images))
}

/// The thumbnails of the sheet, and what there is to say of the store.
async fn pictures(
    folder: &Path,
    store: Option<&Location>,
    images: &[Image],
    until: Instant,
    stop: &CancellationToken,
) -> (StoreSeen, Made) {
    let Some(location) = store else { return (StoreSeen::Unknown, Made::new()) };
    let name = location.to_string();
    let thumbnails = match Thumbnails::new(folder, location) {
        Ok(thumbnails) if thumbnails.store_is_there() => thumbnails,
        Ok(_) => return (StoreSeen::Missing(name), Made::new()),
        Err(error) => {
            tracing::warn!(%error, store = name, "the store cannot be read");
            return (StoreSeen::Missing(name), Made::new());
        }
    };
    let made = sheet::thumbnails(&thumbnails, images, until, stop).await;
    (StoreSeen::There(name), made)
}

/// Writes a file beside its name, and renames it when it is whole.
fn put(file: &Path, html: &str) -> io::Result<()> {
    let mut part = WholeFile::begin(&whole_file::followed(file), "report")?;
    part.write_all(html.as_bytes())?;
    part.keep()
}
