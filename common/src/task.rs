//! What the producer asks of a downloader: a batch of images of one run.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::image_id::ImageId;
use crate::opt_out::Directives;
use crate::run_name::RunName;
use crate::validators::Validators;

/// A message of the task queue. At most [`Task::MAX_IMAGES`] images, so that no message is large and no downloader
/// hoards.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    /// The version of the format, [`crate::wire::VERSION`].
    pub v: u32,
    /// The run that asks, and by its name the queue that the replies go to.
    pub run: RunName,
    /// Counts the run's batches; only for people who read logs.
    pub batch: u64,
    /// What to send as `User-Agent`: the crawl's identity is the run's, not the worker's.
    pub user_agent: String,
    /// What to send as `From` (RFC 9110, 10.1.2): whom a server's owner may write to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Which opt-outs of an image's own answer are obeyed.
    #[serde(default, skip_serializing_if = "Directives::is_empty")]
    pub opt_outs: Directives,
    /// Set where the run does not ask robots.txt: archives say by which manners they were made.
    #[serde(default, skip_serializing_if = "is_false")]
    pub ignores_robots: bool,
    /// What to fetch.
    pub images: Vec<ImageTask>,
}

impl Task {
    /// Most images in a message.
    pub const MAX_IMAGES: usize = 64;
}

/// One image of a [`Task`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageTask {
    /// Its identity in the run.
    pub id: ImageId,
    /// Where it is: absolute, `http` or `https`, normalised; `data:` in its short form for an image that stood in the page.
    pub url: String,
    /// Which try this is, from 1.
    pub attempt: u32,
    /// How many redirects led to `url`. The downloader follows none: each is the producer's to schedule, because the host
    /// that it leads to has a robots.txt and a pace of its own.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub hops: u32,
    /// What its server said of the version that an earlier run stored: it is asked for another one only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub validators: Option<Validators>,
    /// The image itself, where it stood in the page as a `data:` URI: nothing is fetched. At most [`ImageTask::MAX_INLINE`]
    /// bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<Inline>,
    /// What is known of it before it is fetched.
    #[serde(default, skip_serializing_if = "Context::is_empty")]
    pub context: Context,
}

impl ImageTask {
    /// Longest image that a message carries, in bytes: what pages embed are icons and placeholders.
    pub const MAX_INLINE: usize = 512 << 10;
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_false(set: &bool) -> bool {
    !*set
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands out references")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The bytes of an image that stood in a page; base64 (RFC 4648, section 4) in JSON.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Inline(pub Bytes);

impl fmt::Debug for Inline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl From<Inline> for String {
    fn from(Inline(bytes): Inline) -> Self {
        BASE64_STANDARD.encode(bytes)
    }
}

impl TryFrom<String> for Inline {
    type Error = base64::DecodeError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        BASE64_STANDARD.decode(text).map(|bytes| Self(bytes.into()))
    }
}
