//! What became of an image: the words, and the message in which a downloader tells the producer.

use serde::{Deserialize, Serialize};

use crate::image_id::ImageId;
use crate::reason::Reason;
use crate::run_name::RunName;
use crate::validators::Validators;

/// The state of an image in the manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Status {
    /// Its bytes are in the store.
    Stored,
    /// The same bytes were stored by this run under another URL.
    Duplicate,
    /// The server says that it is as an earlier run stored it, and was not asked for the bytes.
    Unchanged,
    /// What came is not an image, or not one that the limits let in.
    Rejected,
    /// Not asked for: robots.txt, a private address, a scheme.
    Blocked,
    /// HTTP, network, TLS or DNS did not deliver it.
    Failed,
    /// No outcome yet.
    Outstanding,
}

impl Status {
    /// Every status, in the order in which people read them.
    pub const ALL: [Self; 7] = [
        Self::Stored,
        Self::Duplicate,
        Self::Unchanged,
        Self::Rejected,
        Self::Blocked,
        Self::Failed,
        Self::Outstanding,
    ];

    /// The manifest's word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Stored => "stored",
            Self::Duplicate => "duplicate",
            Self::Unchanged => "unchanged",
            Self::Rejected => "rejected",
            Self::Blocked => "blocked",
            Self::Failed => "failed",
            Self::Outstanding => "outstanding",
        }
    }
}

/// A message of a run's reply queue: outcomes of one worker, as they came about, of any batches of the run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reply {
    /// The version of the format, [`crate::wire::VERSION`].
    pub v: u32,
    /// The run that asked.
    pub run: RunName,
    /// The name of the worker.
    pub worker: String,
    /// How many images that worker fetches at once: the producer sizes its window by it.
    pub concurrency: u32,
    /// What became of the images.
    pub outcomes: Vec<Outcome>,
}

/// What became of one try of an image. Fields are absent where nothing is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// Which image.
    pub id: ImageId,
    /// Which try, as the task said.
    pub attempt: u32,
    /// Never `duplicate` or `outstanding` on the wire: the first is the producer's to find, the second is no outcome.
    pub status: Status,
    /// Why it is not stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Reason>,
    /// Set where no further try can end otherwise, although the reason may pass as a rule: a name that does not exist.
    #[serde(default, skip_serializing_if = "is_false")]
    pub is_final: bool,
    /// The cause in words where the reason alone does not say it, such as the directive of an opt-out; at most 200 bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Where redirects led, if anywhere; absent when the URL itself answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub final_url: Option<String>,
    /// The status code of the last answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http_status: Option<u16>,
    /// The `Content-Type` that the server claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// The answer's `ETag`, if it is well-formed ([`crate::validators`]).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
    /// The answer's `Last-Modified`, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<String>,
    /// Of `unchanged`, the task's validators that the server answered: the run may look back at another earlier run by the time
    /// that it hears of them, and what did not change since this one says nothing of that one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub condition: Option<Validators>,
    /// The format that the bytes show, such as `png`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// Of an SVG: whether it carries script, or what can bring some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scripted: Option<bool>,
    /// Length of what was received, in bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// SHA-256 of what was received, hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Where it is in the store, relative to the store's root.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// The copy that was made of it, where the downloader was told to make one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub copy: Option<Box<ImageCopy>>,
    /// What its EXIF says, a JSON object of texts; at most [`crate::wire::MAX_EXIF`] bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exif: Option<String>,
    /// Perceptual hash, 16 hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phash: Option<String>,
    /// What `Retry-After` asked for, in seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
    /// When the fetch began, in milliseconds since 1970 UTC.
    pub fetched_at: u64,
    /// How long the fetch took, in milliseconds.
    pub duration_ms: u64,
}

/// A copy of an image, of another size or in another format.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageCopy {
    /// Where it is in the store; the outcome's own `path` where the original is not kept.
    pub path: String,
    /// `jpg`, `png` or `webp`.
    pub format: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Its length in bytes.
    pub bytes: u64,
    /// SHA-256 of it, hexadecimal.
    pub sha256: String,
}

impl Outcome {
    /// An outcome without any knowledge but the verdict, to be filled in.
    #[must_use]
    pub fn new(id: ImageId, attempt: u32, status: Status, reason: Option<Reason>) -> Self {
        Self {
            id,
            attempt,
            status,
            reason,
            is_final: false,
            detail: None,
            final_url: None,
            http_status: None,
            content_type: None,
            etag: None,
            last_modified: None,
            condition: None,
            format: None,
            width: None,
            height: None,
            scripted: None,
            bytes: None,
            sha256: None,
            path: None,
            copy: None,
            exif: None,
            phash: None,
            retry_after: None,
            fetched_at: 0,
            duration_ms: 0,
        }
    }

    /// Bytes of its texts that may be long: what bounds how many outcomes are kept, or sent, together.
    #[must_use]
    pub fn texts(&self) -> usize {
        let Self { exif, final_url, content_type, detail, path, .. } = self;
        [exif, final_url, content_type, detail, path].into_iter().flatten().map(String::len).sum()
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(set: &bool) -> bool {
    !*set
}
