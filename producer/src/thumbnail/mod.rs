//! Thumbnails of what a run stored, for the report and the dashboard: each is made once, and kept in the run's folder.
//!
//! [`shelf`] is where they are kept; [`whence`] says where the run's images are, as far as this machine can know. An image is read
//! from its store by [`downloader::stored`] and made small by [`downloader::thumbnail`], bounded in bytes and in pixels.

mod shelf;
pub mod whence;

#[cfg(test)]
pub(crate) mod tests;

use std::io;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use common::chain::Chain;
use downloader::location::Location;
use downloader::stored::{Stored, StoredError};
use downloader::thumbnail::{NoThumbnail, Thumbnailer};
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;

use crate::insight::Image;
use shelf::Shelf;

pub use downloader::thumbnail::{SIDE, Thumbnail};

/// The file in the run's folder.
pub const FILE: &str = shelf::FILE;

/// Longest image that is read for a thumbnail, in bytes.
const MOST_BYTES: u64 = 64 << 20;

/// Images that are read and made small at once, at most.
const AT_ONCE: usize = 8;

/// Why an image has no thumbnail.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "why", content = "cause")]
pub enum Nothing {
    /// It is not in the store.
    NotStored,
    /// An SVG, which is a program rather than a picture.
    Svg,
    /// Its store cannot be read from here, or it is not there any more.
    Unreadable(String),
    /// No picture can be made of it.
    Undecodable(String),
}

/// Where thumbnails are made: the threads, and what bounds the memory of all that are made at once, of one run or of many.
#[derive(Debug)]
pub struct Workshop {
    maker: Thumbnailer,
    turns: Arc<Semaphore>,
}

impl Workshop {
    /// Starts the threads.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn open() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self { maker: Thumbnailer::start()?, turns: Arc::new(Semaphore::new(AT_ONCE)) }))
    }
}

/// Thumbnails of a run's images.
#[derive(Debug)]
pub struct Thumbnails {
    shelf: Shelf,
    stored: Arc<Stored>,
    workshop: Arc<Workshop>,
}

impl Thumbnails {
    /// Of the run in this folder, whose images are in the store at this place. Where the folder cannot be written to, they are
    /// made anew each time.
    ///
    /// # Errors
    /// When the store is none that can be asked at all, or no thread can be started.
    pub fn new(folder: &Path, store: &Location) -> io::Result<Self> {
        Self::made_in(Workshop::open()?, folder, store)
    }

    /// The same, made where those of other runs are made too: together they are as many at once as those of one.
    ///
    /// # Errors
    /// When the store is none that can be asked at all.
    pub fn made_in(workshop: Arc<Workshop>, folder: &Path, store: &Location) -> io::Result<Self> {
        let stored = Stored::at(store).map_err(io::Error::other)?.into();
        Ok(Self { shelf: Shelf::open(folder), stored, workshop })
    }

    /// Whether there is a store at that place, as far as that can be told at once.
    #[must_use]
    pub fn store_is_there(&self) -> bool {
        self.stored.is_there()
    }

    /// The thumbnail of an image. Waits for its turn, and for the image to be read and made small, unless it was before.
    pub async fn of(&self, image: &Image) -> Result<Thumbnail, Nothing> {
        let spot = Spot::of(image)?;
        if let Some(known) = self.shelf.get(spot.path).await {
            return known;
        }
        let made = self.make(&spot).await;
        // What cannot be read now may be read later.
        if !matches!(made, Err(Nothing::Unreadable(_))) {
            self.shelf.put(spot.path, &made).await;
        }
        made
    }

    async fn make(&self, spot: &Spot<'_>) -> Result<Thumbnail, Nothing> {
        let (bytes, _turn) = self.read(spot.path.to_owned(), MOST_BYTES).await?;
        self.workshop.maker.make(&bytes, spot.format, spot.pixels).await.map_err(|why| match why {
            NoThumbnail::Svg => Nothing::Svg,
            NoThumbnail::Unjudged(why) => Nothing::Unreadable(why),
            other => Nothing::Undecodable(other.to_string()),
        })
    }

    /// The bytes, and the turn that they are held by. Who asked may not wait for them: then both go when they have been read.
    async fn read(&self, path: String, most: u64) -> Result<(Bytes, OwnedSemaphorePermit), Nothing> {
        let turn = Arc::clone(&self.workshop.turns).acquire_owned().await;
        let turn = turn.map_err(|error| Nothing::Unreadable(error.to_string()))?;
        let stored = Arc::clone(&self.stored);
        let reading = spawn_blocking(move || stored.read(&path, most).map(|bytes| (bytes, turn)));
        let read = reading.await.map_err(|error| Nothing::Unreadable(error.to_string()))?;
        read.map_err(|error| match error {
            StoredError::TooLong(_) => Nothing::Undecodable(error.to_string()),
            other => Nothing::Unreadable(Chain(&other).to_string()),
        })
    }
}

/// What of an image is looked at: the copy, if there is one, which is the smaller of the two.
#[derive(Debug, PartialEq, Eq)]
struct Spot<'a> {
    path: &'a str,
    format: &'a str,
    pixels: u64,
}

impl<'a> Spot<'a> {
    fn of(image: &'a Image) -> Result<Self, Nothing> {
        let copy = (&image.copy_path, &image.copy_format, image.copy_width, image.copy_height);
        let itself = (&image.path, &image.format, image.width, image.height);
        let (path, format, width, height) = if image.copy_path.is_some() { copy } else { itself };
        let (Some(path), Some(format)) = (path, format) else { return Err(Nothing::NotStored) };
        if format == "svg" {
            return Err(Nothing::Svg);
        }
        Ok(Self { path, format, pixels: width.unwrap_or(0).saturating_mul(height.unwrap_or(0)) })
    }
}
