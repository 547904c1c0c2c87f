//! Where a store is: a folder, or a bucket of an S3-compatible server.

use std::fmt::{self, Display};
use std::path::PathBuf;

use object_store::path::Path as Key;
use url::Url;

/// Begins the name of a bucket.
const SCHEME: &str = "s3://";

/// Longest name of a bucket, in bytes: Amazon's oldest; new ones have 63.
const MAX_BUCKET: usize = 255;

/// Longest prefix, in bytes: a key has 1,024 at most, and a shard's name behind the prefix up to 200.
const MAX_PREFIX: usize = 800;

/// Where images are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// On a disk.
    Folder(PathBuf),
    /// With an S3-compatible server.
    Bucket(BucketLocation),
}

/// A bucket, and where in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BucketLocation {
    /// Its name.
    pub bucket: String,
    /// What the keys of all objects begin with, without a slash at its ends; may be empty.
    pub prefix: Key,
    /// The server; `None` for Amazon's, or whichever the environment names.
    pub endpoint: Option<Url>,
}

/// A text that says no place where images could be kept.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadLocation {
    /// Of another kind.
    #[error("--store takes a folder or s3://BUCKET/PREFIX, not {0:?}")]
    Kind(String),
    /// Not the name of a bucket.
    #[error(
        "--store: a bucket's name has 3 to {MAX_BUCKET} letters, digits, dots, dashes and underscores, unlike {0:?}"
    )]
    Bucket(String),
    /// Not the beginning of a key.
    #[error(
        "--store: the prefix in the bucket has at most {MAX_PREFIX} bytes, no empty part and none that is a dot or two, \
         unlike {0:?}"
    )]
    Prefix(String),
    /// Not the address of a server. What was typed may hold a password, and is not repeated.
    #[error(
        "--s3-endpoint takes http://HOST or https://HOST, with a port if need be, and without user, query and fragment"
    )]
    Endpoint,
    /// An endpoint for a folder.
    #[error("--s3-endpoint is for a --store that is s3://BUCKET/PREFIX")]
    NoBucket,
}

impl Location {
    /// Reads `--store` and `--s3-endpoint`.
    pub fn new(store: PathBuf, endpoint: Option<&str>) -> Result<Self, BadLocation> {
        let Some(text) = store.to_str().filter(|text| has_scheme(text)) else {
            return if endpoint.is_none() { Ok(Self::Folder(store)) } else { Err(BadLocation::NoBucket) };
        };
        let place = text.strip_prefix(SCHEME).ok_or_else(|| BadLocation::Kind(text.to_owned()))?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b".-_".contains(&byte);
        if !(3..=MAX_BUCKET).contains(&bucket.len()) || !bucket.bytes().all(letter) {
            return Err(BadLocation::Bucket(bucket.to_owned()));
        }
        let key = Key::parse(prefix).ok().filter(|key| key.as_ref().len() <= MAX_PREFIX);
        let prefix = key.ok_or_else(|| BadLocation::Prefix(prefix.to_owned()))?;
        Ok(Self::Bucket(BucketLocation {
            bucket: bucket.to_owned(),
            prefix,
            endpoint: endpoint.map(read).transpose()?,
        }))
    }
}

fn has_scheme(text: &str) -> bool {
    let scheme = text.split_once("://").map_or("", |(scheme, _)| scheme);
    !scheme.is_empty() && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte))
}

fn read(endpoint: &str) -> Result<Url, BadLocation> {
    let url = Url::parse(endpoint).map_err(|_| BadLocation::Endpoint)?;
    let plain =
        url.username().is_empty() && url.password().is_none() && url.query().is_none() && url.fragment().is_none();
    let served = matches!(url.scheme(), "http" | "https") && url.has_host();
    if plain && served { Ok(url) } else { Err(BadLocation::Endpoint) }
}

impl BucketLocation {
    /// The key of an object by its path in the store.
    pub(crate) fn key(&self, path: &str) -> Key {
        if self.prefix.as_ref().is_empty() { Key::from(path) } else { Key::from(format!("{}/{path}", self.prefix)) }
    }
}

impl Display for BucketLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.bucket, self.prefix)
    }
}

impl Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Folder(folder) => folder.display().fmt(f),
            Self::Bucket(bucket) => bucket.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(store: &str) -> Result<BucketLocation, BadLocation> {
        match Location::new(store.into(), None)? {
            Location::Bucket(bucket) => Ok(bucket),
            Location::Folder(folder) => panic!("{} is no bucket", folder.display()),
        }
    }

    #[test]
    fn buckets_are_told_from_folders() {
        let found = bucket("s3://my-bucket/a/b/").expect("a bucket");
        assert_eq!((found.bucket.as_str(), found.prefix.as_ref()), ("my-bucket", "a/b"));
        assert_eq!(found.key("ab/x.png").as_ref(), "a/b/ab/x.png");
        assert_eq!(found.to_string(), "s3://my-bucket/a/b");
        assert_eq!(bucket("s3://abc").expect("a bucket").key("x").as_ref(), "x");
        for folder in ["./images", "/srv/a:b", "s3", "s3:/bucket", "a//b", "://x"] {
            assert_eq!(Location::new(folder.into(), None), Ok(Location::Folder(folder.into())));
        }
    }

    #[test]
    fn what_cannot_be_a_place_is_refused_with_its_cause() {
        for other in ["gs://bucket/x", "file:///x", "https://host/bucket", "S3://bucket"] {
            assert_eq!(bucket(other), Err(BadLocation::Kind(other.to_owned())));
        }
        for name in ["", "ab", "with space", "a:b", &"a".repeat(256)] {
            assert_eq!(bucket(&format!("s3://{name}/x")), Err(BadLocation::Bucket(name.to_owned())));
        }
        assert!(bucket(&format!("s3://{}", "a".repeat(255))).is_ok());
        for prefix in ["a//b", "../a", "a/./b", &"a".repeat(801)] {
            assert_eq!(bucket(&format!("s3://bucket/{prefix}")), Err(BadLocation::Prefix(prefix.to_owned())));
        }
        assert!(bucket(&format!("s3://bucket/{}", "a".repeat(800))).is_ok());
    }

    #[test]
    fn an_endpoint_is_a_server_and_no_more() {
        let with = |endpoint| Location::new("s3://bucket".into(), Some(endpoint));
        assert!(with("http://127.0.0.1:9000").is_ok() && with("https://minio.example/").is_ok());
        for bad in
            ["minio:9000", "ftp://host", "http://", "http://user:secret@host", "http://host/?a=b", "http://host/#a"]
        {
            assert_eq!(with(bad), Err(BadLocation::Endpoint));
        }
        assert_eq!(Location::new("./images".into(), Some("http://host")), Err(BadLocation::NoBucket));
    }
}
