//! What the benches of this crate call. Not in any release, see the feature `benching`.

use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use bytes::Bytes;
use clap::Parser as _;
use common::image_id::{ImageId, hex};
use common::outcome::{Outcome, Status};
use reqwest::header::{ACCEPT, CONTENT_TYPE, ETAG, HeaderMap, HeaderValue, SERVER, USER_AGENT};
use reqwest::{Method, StatusCode, Version};
use sha2::{Digest, Sha256};
use url::Url;

use crate::cli::Cli;
use crate::exchange::{Asked, Asking, Exchange};
use crate::settings::Settings;
use crate::store::{About, Closed, Digests, Image, Store};
use crate::transform::options::Transform;
use crate::verify::Checks;
use crate::verify::filters::Filters;

/// Whether `bytes` are an image, by its structure.
#[must_use]
pub fn verify(bytes: &[u8]) -> bool {
    let checks = Checks { max_pixels: 250_000_000, filters: Filters::default() };
    crate::verify::verify(bytes, &checks).is_ok()
}

/// The length of the copy that is made of a `format` image; `None` where none can be made.
#[must_use]
pub fn copy(bytes: &[u8], format: &str, wanted: &Transform) -> Option<usize> {
    let made = crate::transform::make(bytes, format, 250_000_000, wanted);
    made.ok()?.copy?.ok().map(|copy| copy.bytes.len())
}

/// An image to be kept, with all that layouts write down of it.
#[derive(Debug, Clone)]
pub struct Picture(Image);

impl Picture {
    /// A PNG, as far as anybody asks here, at an address with this number.
    pub fn new(bytes: Bytes, number: u64) -> anyhow::Result<Self> {
        let url = Url::parse(&format!("http://img.example.org/media/{number:x}.png"))?;
        let run: common::run_name::RunName = "bench".parse().map_err(anyhow::Error::msg)?;
        let asking = Asking { run: run.clone(), user_agent: "Warren/0.1.0".to_owned(), from: None, obeys_robots: true };
        let sha256 = hex(&Sha256::digest(&bytes));
        let outcome = Outcome {
            http_status: Some(200),
            width: Some(640),
            height: Some(480),
            bytes: Some(bytes.len() as u64),
            sha256: Some(sha256.clone()),
            fetched_at: 1_795_452_711_329,
            duration_ms: 21,
            ..Outcome::new(ImageId::new(&run, url.as_str()), 1, Status::Stored, None)
        };
        let exchange = exchange(url.clone());
        let about = About {
            run,
            asking: asking.into(),
            url: url.to_string(),
            hops: 0,
            digests: Some(Digests::of(Some(&exchange), &bytes)),
            exchange: Some(exchange.into()),
            context: common::context::Context::default(),
            outcome,
        };
        Ok(Self(Image { bytes, sha256, format: "png", about: Arc::new(about) }))
    }
}

fn exchange(url: Url) -> Exchange {
    let fields = |fields: &[_]| -> HeaderMap {
        fields.iter().cloned().map(|(name, value)| (name, HeaderValue::from_static(value))).collect()
    };
    let asked = fields(&[(ACCEPT, "image/*"), (USER_AGENT, "Warren/0.1.0")]);
    let headers = fields(&[(SERVER, "nginx"), (CONTENT_TYPE, "image/png"), (ETAG, "\"6552c0f2-159f3\"")]);
    Exchange {
        asked: Asked { method: Method::GET, url, headers: asked, is_direct: true },
        version: Version::HTTP_11,
        status: StatusCode::OK,
        headers,
        address: Some([192, 0, 2, 7].into()),
    }
}

/// A store.
#[derive(Debug)]
pub struct Keeper {
    store: Store,
    closed: Closed,
}

impl Keeper {
    /// A store of this layout in a folder.
    pub async fn open(folder: &Path, layout: &str) -> anyhow::Result<Self> {
        let folder = folder.to_str().context("a folder whose name is text")?;
        let cli = Cli::try_parse_from(["downloader", "--store", folder, "--layout", layout])?;
        let (store, closed) = Store::open(&Settings::try_from(cli.work)?, Arc::default()).await?;
        Ok(Self { store, closed })
    }

    /// Keeps images, all offered at once. Returns when all are durable.
    pub async fn keep(&self, pictures: Vec<Picture>) -> anyhow::Result<()> {
        let puts = pictures.into_iter().map(|Picture(image)| self.store.put(image));
        for path in futures_util::future::join_all(puts).await {
            path?;
        }
        Ok(())
    }

    /// Leaves everything in good order.
    pub async fn close(self) {
        drop(self.store);
        // The sender is dropped without a word.
        drop(self.closed.await);
    }
}
