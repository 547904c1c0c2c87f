//! The pictures of a run: thumbnails, and what was stored. They are found by their row in the ledger and by nothing that a request
//! could make up, and go out as what our own check found them to be. A browser shows them and runs nothing of them: an SVG, which
//! could, is text.

use std::collections::HashMap;
use std::io;
use std::path::{Path as FilePath, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use common::chain::Chain;
use common::run_name::RunName;
use downloader::location::Location;
use downloader::stored::{Stored, StoredError};
use tokio::sync::Semaphore;
use tokio::task::spawn_blocking;

use super::Site;
use super::held::Held;
use crate::insight::{Image, Insight};
use crate::ledger::RowId;
use crate::run_folder;
use crate::thumbnail::{Nothing, Thumbnails, Workshop, whence};

/// Runs of which pictures are at hand, at most.
const MOST_RUNS: usize = 8;

/// Longest image that is given out, in bytes.
const LONGEST: u64 = 64 << 20;

/// Images that are held at once, from when they are read until they were given out: each may be that long.
const AT_ONCE: usize = 2;

/// Nothing of a picture runs, whoever opens it by itself.
const SANDBOX: HeaderValue = HeaderValue::from_static("default-src 'none'; sandbox; frame-ancestors 'none'");

/// What is stored does not change; it is nobody's but this browser's.
const KEEP: HeaderValue = HeaderValue::from_static("private, max-age=3600");

/// Where the pictures come from.
#[derive(Debug)]
pub(super) struct Pictures {
    runs: PathBuf,
    /// The store of runs that do not know their own.
    store: Option<Location>,
    known: Mutex<Known>,
    turns: Arc<Semaphore>,
}

/// What was opened so far.
#[derive(Debug, Default)]
struct Known {
    albums: HashMap<RunName, Arc<Album>>,
    /// Where the thumbnails of all runs are made; opened for the first of them.
    workshop: Option<Arc<Workshop>>,
}

impl Known {
    fn workshop(&mut self) -> io::Result<Arc<Workshop>> {
        let workshop = match self.workshop.take() {
            Some(workshop) => workshop,
            None => Workshop::open()?,
        };
        Ok(Arc::clone(self.workshop.insert(workshop)))
    }
}

/// Those of one run.
#[derive(Debug)]
struct Album {
    thumbnails: Thumbnails,
    stored: Stored,
}

/// Why there is no picture.
#[derive(Debug)]
enum Missing {
    NoSuchRun,
    NoSuchImage,
    /// It is nowhere that we know of, or nothing can be made of it.
    NotToBeHad(String),
    Ours(String),
}

impl IntoResponse for Missing {
    fn into_response(self) -> Response {
        match self {
            Self::NoSuchRun => (StatusCode::NOT_FOUND, "There is no such run.\n".to_owned()),
            Self::NoSuchImage => (StatusCode::NOT_FOUND, "There is no such image.\n".to_owned()),
            Self::NotToBeHad(why) => (StatusCode::NOT_FOUND, format!("{why}\n")),
            Self::Ours(why) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{why}\n")),
        }
        .into_response()
    }
}

impl Pictures {
    pub(super) fn new(runs: PathBuf, store: Option<Location>) -> Self {
        Self { runs, store, known: Mutex::default(), turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// The image in a row of a run's ledger, and where its pictures are. Blocks.
    fn find(&self, run: &RunName, image: RowId) -> Result<(Image, Arc<Album>), Missing> {
        let folder = run_folder::existing(&self.runs, run).map_err(|_| Missing::NoSuchRun)?;
        let insight = Insight::open(&folder).map_err(|error| Missing::Ours(Chain(&error).to_string()))?;
        let image = insight.image(image).map_err(|error| Missing::Ours(Chain(&error).to_string()))?;
        let image = image.ok_or(Missing::NoSuchImage)?;
        Ok((image, self.album(run, &folder)?))
    }

    fn album(&self, run: &RunName, folder: &FilePath) -> Result<Arc<Album>, Missing> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(album) = known.albums.get(run) {
            return Ok(Arc::clone(album));
        }
        let own = whence::store(folder, None, None).map_err(|error| Missing::Ours(Chain(&error).to_string()))?;
        let store = own.or_else(|| self.store.clone()).ok_or_else(|| {
            Missing::NotToBeHad("It is not known where the run's images are; --store says it.".to_owned())
        })?;
        let mut open = || {
            let thumbnails = Thumbnails::made_in(known.workshop()?, folder, &store)?;
            Ok(Album { thumbnails, stored: Stored::at(&store).map_err(io::Error::other)? })
        };
        let album = Arc::new(open().map_err(|error: io::Error| Missing::Ours(Chain(&error).to_string()))?);
        if known.albums.len() >= MOST_RUNS {
            known.albums.clear();
        }
        known.albums.insert(run.clone(), Arc::clone(&album));
        Ok(album)
    }
}

/// Looks an image up on a thread that may wait.
async fn find(site: &Arc<Site>, run: RunName, image: RowId) -> Result<(Image, Arc<Album>), Missing> {
    let site = Arc::clone(site);
    let found = spawn_blocking(move || site.pictures.find(&run, image)).await;
    found.unwrap_or_else(|error| Err(Missing::Ours(error.to_string())))
}

/// The thumbnail of an image.
pub(super) async fn thumbnail(State(site): State<Arc<Site>>, Path((run, image)): Path<(RunName, RowId)>) -> Response {
    let (image, album) = match find(&site, run, image).await {
        Ok(found) => found,
        Err(missing) => return missing.into_response(),
    };
    match album.thumbnails.of(&image).await {
        Ok(thumbnail) => shown(HeaderValue::from_static("image/webp"), thumbnail.bytes),
        // Nothing is wrong with the request: the page shows a word in its place.
        Err(Nothing::NotStored | Nothing::Svg | Nothing::Undecodable(_)) => StatusCode::NO_CONTENT.into_response(),
        Err(Nothing::Unreadable(why)) => {
            tracing::debug!(why, "a thumbnail cannot be made");
            StatusCode::NO_CONTENT.into_response()
        }
    }
}

/// What was stored of an image.
pub(super) async fn original(State(site): State<Arc<Site>>, Path((run, image)): Path<(RunName, RowId)>) -> Response {
    let (held, format) = match read(&site, run, image).await {
        Ok(read) => read,
        Err(missing) => return missing.into_response(),
    };
    let kind = kind_of(format.as_deref().unwrap_or_default());
    let length = held.len();
    let mut answer = shown(HeaderValue::from_static(kind), held.given_out());
    answer.headers_mut().insert(CONTENT_LENGTH, length.into());
    if kind == UNKNOWN {
        answer.headers_mut().insert(CONTENT_DISPOSITION, HeaderValue::from_static("attachment"));
    }
    answer
}

/// The bytes that were stored of an image, and their format.
async fn read(site: &Arc<Site>, run: RunName, image: RowId) -> Result<(Held, Option<String>), Missing> {
    let (image, album) = find(site, run, image).await?;
    let path = image.path.clone().ok_or_else(|| Missing::NotToBeHad("Nothing was stored of it.".to_owned()))?;
    // Where the copy alone was stored, that is what is there.
    let is_copy = image.copy_path.as_ref() == Some(&path);
    let format = if is_copy { image.copy_format } else { image.format };
    let turn = Arc::clone(&site.pictures.turns).acquire_owned().await;
    let turn = turn.map_err(|error| Missing::Ours(error.to_string()))?;
    // The turn goes along: who asked may be gone before the bytes are read.
    let reading = spawn_blocking(move || album.stored.read(&path, LONGEST).map(|bytes| Held::new(bytes, turn)));
    let read = reading.await.map_err(|error| Missing::Ours(error.to_string()))?;
    let held = read.map_err(|error: StoredError| Missing::NotToBeHad(Chain(&error).to_string()))?;
    Ok((held, format))
}

const UNKNOWN: &str = "application/octet-stream";

/// The type that a format goes out as. Whatever is not known to be nothing but a picture is none.
fn kind_of(format: &str) -> &'static str {
    match format {
        "avif" => "image/avif",
        "bmp" => "image/bmp",
        "gif" => "image/gif",
        "ico" => "image/x-icon",
        "jpg" => "image/jpeg",
        "jxl" => "image/jxl",
        "png" => "image/png",
        "tiff" => "image/tiff",
        "webp" => "image/webp",
        "svg" => "text/plain; charset=utf-8",
        _ => UNKNOWN,
    }
}

fn shown(kind: HeaderValue, body: impl Into<Body>) -> Response {
    let headers = [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, SANDBOX), (CACHE_CONTROL, KEEP)];
    (headers, body.into()).into_response()
}

#[cfg(test)]
mod tests {
    use downloader::format::Format;

    use super::*;

    #[test]
    fn no_format_goes_out_as_something_that_runs() {
        use Format::{Avif, Bmp, Gif, Heic, Ico, Jpg, Jxl, Png, Svg, Tiff, Webp};
        for format in [Avif, Bmp, Gif, Heic, Ico, Jpg, Jxl, Png, Svg, Tiff, Webp] {
            let kind = kind_of(format.name());
            assert!(!kind.contains("svg") && !kind.contains("html") && !kind.contains("xml"), "{kind}");
            assert!(kind.starts_with("image/") || kind.starts_with("text/plain") || kind == UNKNOWN, "{kind}");
        }
        for other in ["", "html", "SVG", "svg+xml", "heic"] {
            assert_eq!(kind_of(other), UNKNOWN);
        }
    }
}
