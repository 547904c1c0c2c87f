//! A bucket of an S3-compatible server. An object is there whole or not at all, so nothing has to be swept; and it is safe when
//! the server has answered.
//!
//! [`objects`] keeps images there, one an object. [`parts`] sends what is large in parts, [`trouble`] says in our words
//! what went wrong.

mod known;
pub(super) mod objects;
mod parts;
mod trouble;

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use common::killpoint;
use object_store::aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey};
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientConfigKey, Error, ObjectStore, ObjectStoreExt, PutMode, RetryConfig};
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::StoreError;
use crate::location::BucketLocation;
pub(crate) use trouble::cause;
pub(super) use trouble::hint;
use trouble::{cannot, is_refusal, is_there_already};

/// Longest time for a request with its answer. A request carries 8 MiB at most.
const REQUEST: Duration = Duration::from_mins(2);

/// Longest time to make a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// A request that failed is sent again until so long after its first time, and so often at most. Longer trouble is the
/// store's trouble: no work is taken while it lasts.
const RETRIES: RetryConfig = RetryConfig {
    backoff: BackoffConfig { init_backoff: Duration::from_millis(200), max_backoff: Duration::from_secs(5), base: 2.0 },
    max_retries: 8,
    retry_timeout: Duration::from_secs(12),
};

/// For what is done out of tidiness: longer than this is not waited for.
const TIDY: Duration = Duration::from_secs(10);

/// The object that shows whether the bucket takes any.
const PROBE: &str = ".warren-probe";

/// A bucket that objects can be put into.
#[derive(Debug)]
pub(super) struct Bucket {
    location: BucketLocation,
    client: AmazonS3,
    /// Its own: the threads of a store outlive the program's runtime where the program leaves at once.
    runtime: Runtime,
    /// Whether the server is asked to put only what is not there yet.
    conditional: AtomicBool,
}

impl Bucket {
    /// Connects, and tries whether objects can be put. Blocks.
    pub(super) fn open(location: &BucketLocation) -> Result<Self, StoreError> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime =
            runtime.map_err(|error| StoreError::new("start a runtime for", Path::new(&location.to_string()), error))?;
        let client = client(location).map_err(cannot("use", location, ""))?;
        let bucket = Self { location: location.clone(), client, runtime, conditional: AtomicBool::new(true) };
        bucket.runtime.block_on(bucket.probe(Bytes::from_static(b"Warren may put objects here.\n")))?;
        Ok(bucket)
    }

    /// Puts a file as an object of this name, in the place of one that is there. Blocks.
    pub(super) fn upload(&self, file: &File, name: &str) -> Result<(), StoreError> {
        let cannot_read = |error| StoreError::new("read", Path::new(name), error);
        let length = file.metadata().map_err(cannot_read)?.len();
        let key = self.location.key(name);
        let put = async {
            killpoint::reached("downloader.upload", name).await;
            if parts::are_needed(length) {
                parts::send(&self.client, &key, length, parts::of_file(file), parts::AT_ONCE).await?;
            } else {
                let bytes = parts::of_file(file)(0..length)?;
                self.client.put(&key, bytes.into()).await?;
            }
            killpoint::reached("downloader.uploaded", name).await;
            Ok(())
        };
        self.runtime.block_on(put).map_err(cannot("put", &self.location, name))
    }

    /// Puts an object whose name tells what is in it: one that is there already is the same.
    async fn keep(&self, path: &str, bytes: Bytes) -> Result<(), StoreError> {
        let key = self.location.key(path);
        let kept = if self.conditional.load(Ordering::Relaxed) && !parts::are_needed(bytes.len() as u64) {
            self.put_new(&key, bytes).await
        } else {
            self.put(&key, bytes).await
        };
        kept.map_err(cannot("put", &self.location, path))
    }

    /// Does what keeping these bytes takes, and leaves nothing of it, unless it may not delete.
    async fn probe(&self, bytes: Bytes) -> Result<(), StoreError> {
        let key = self.location.key(PROBE);
        self.put(&key, bytes).await.map_err(cannot("put", &self.location, PROBE))?;
        if !matches!(timeout(TIDY, self.client.delete(&key)).await, Ok(Ok(()))) {
            tracing::debug!(object = PROBE, "an object that was put to try the bucket is left there");
        }
        Ok(())
    }

    /// Puts an object that may be there. That may be done again and again, so the client does where it has no answer.
    async fn put(&self, key: &Key, bytes: Bytes) -> Result<(), Error> {
        if parts::are_needed(bytes.len() as u64) {
            // One by one: as many images are sent at once.
            return parts::send(&self.client, key, bytes.len() as u64, parts::of_bytes(&bytes), 1).await;
        }
        self.client.put(key, bytes.into()).await.map(drop)
    }

    /// Puts an object if it is not there (RFC 9110, 13.1.2), so that a bucket that keeps versions gets none for the same
    /// bytes. A server that does not know that, or fails at it, is not asked again.
    async fn put_new(&self, key: &Key, bytes: Bytes) -> Result<(), Error> {
        let started = Instant::now();
        match self.client.put_opts(key, bytes.clone().into(), PutMode::Create.into()).await {
            Ok(_) => Ok(()),
            Err(error) if is_there_already(&error) => Ok(()),
            Err(error) if is_refusal(&error) || started.elapsed() > RETRIES.retry_timeout => Err(error),
            Err(_) => {
                self.put(key, bytes).await?;
                self.conditional.store(false, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}

/// Credentials, region and whatever else there is to say come from the usual variables, `AWS_...`. One without a value, as
/// Compose files have it, says nothing.
pub(crate) fn client(location: &BucketLocation) -> Result<AmazonS3, Error> {
    let said = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?.to_ascii_lowercase();
        let value = value.into_string().ok().filter(|value| !value.is_empty())?;
        let key = name.starts_with("aws_").then_some(name)?.parse::<AmazonS3ConfigKey>().ok()?;
        Some((key, value))
    });
    let mut builder = AmazonS3Builder::new().with_bucket_name(&location.bucket).with_retry(RETRIES);
    for (key, value) in said {
        // Which bucket is said already.
        if !matches!(key, AmazonS3ConfigKey::Bucket) {
            builder = builder.with_config(key, value);
        }
    }
    if let Some(endpoint) = &location.endpoint {
        builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint.as_str());
    }
    let endpoint = [AmazonS3ConfigKey::S3Endpoint, AmazonS3ConfigKey::Endpoint];
    let endpoint = endpoint.iter().find_map(|key| builder.get_config_value(key));
    // Whoever writes http means it.
    builder = builder.with_allow_http(endpoint.is_some_and(|endpoint| endpoint.starts_with("http://")));
    let seconds = |duration: Duration| format!("{}s", duration.as_secs());
    for (key, value) in [
        (ClientConfigKey::Timeout, seconds(REQUEST)),
        (ClientConfigKey::ConnectTimeout, seconds(CONNECT)),
        (ClientConfigKey::UserAgent, common::http::DEFAULT_USER_AGENT.to_owned()),
    ] {
        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
    }
    builder.build()
}
