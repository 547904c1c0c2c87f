//! How messages are written and read: JSON with a version. What arrives is untrusted: anything that is not exactly
//! the format is an error, which the receiver answers by dead-lettering the message, never by crashing.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::context::Context;
use crate::http;
use crate::image_id::unhex;
use crate::outcome::{ImageCopy, Outcome, Reply, Status};
use crate::task::{ImageTask, Task};
use crate::validators::{self, Validators};

/// The version of the format that this build speaks. Since 2 a downloader follows no redirects, and a task may carry an
/// image itself; since 3 it says where an image was found, may ask for one only if it changed, and an outcome says more.
pub const VERSION: u32 = 3;

/// Longest message in bytes: more than a full batch, or a full reply, of the longest URLs and texts, of which JSON may need two
/// bytes for each. RabbitMQ 4 itself refuses 16 MiB.
pub const MAX_MESSAGE: usize = 8 << 20;

/// Most outcomes in a reply.
pub const MAX_OUTCOMES: usize = 200;

/// Longest wish of a server to be left alone that a reply may pass on, in seconds.
const LONGEST_RETRY_AFTER: u64 = 24 * 60 * 60;

/// The end of the year 9999, in milliseconds since 1970: the last that RFC 3339 can write.
pub const LAST_MOMENT: u64 = 253_402_300_799_999;

/// Longest URL in a message, in bytes.
pub const MAX_URL: usize = 8 << 10;

/// Longest cause in words, in bytes.
pub const MAX_DETAIL: usize = 200;

/// Longest EXIF in an outcome, in bytes of its JSON.
pub const MAX_EXIF: usize = 8 << 10;

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Longer than [`MAX_MESSAGE`].
    #[error("the message has {0} bytes; at most {MAX_MESSAGE} are read")]
    TooLong(usize),
    /// Of another version.
    #[error("the message is of version {0}; this build speaks version {VERSION}")]
    Version(u32),
    /// Not the JSON of the format.
    #[error("the message is not readable")]
    Malformed(#[source] serde_json::Error),
    /// The right form with a content that no sender of ours writes.
    #[error("the message breaks the format's rules: {0}")]
    Rule(&'static str),
}

/// Reads a task.
pub fn read_task(body: &[u8]) -> Result<Task, WireError> {
    let task: Task = read(body)?;
    if task.images.is_empty() || task.images.len() > Task::MAX_IMAGES {
        return Err(WireError::Rule("a batch has 1 to 64 images"));
    }
    if task.images.iter().any(|image| image.url.len() > MAX_URL || image.attempt == 0) {
        return Err(WireError::Rule("a URL is too long, or a try has number 0"));
    }
    let fits = |image: &ImageTask| match &image.inline {
        Some(inline) => inline.0.len() <= ImageTask::MAX_INLINE && image.url.starts_with("data:"),
        None => !image.url.starts_with("data:"),
    };
    if !task.images.iter().all(fits) {
        return Err(WireError::Rule("an image that comes with the message has a data: URL, and a bounded length"));
    }
    if !task.images.iter().all(|image| is_bounded(&image.context)) {
        return Err(WireError::Rule("what goes along with an image is too long, or no JSON object"));
    }
    if !task.images.iter().filter_map(|image| image.validators.as_ref()).all(Validators::are_valid) {
        return Err(WireError::Rule("an ETag or a Last-Modified cannot stand in a request"));
    }
    if task.user_agent.is_empty() || !task.user_agent.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
        return Err(WireError::Rule("the user agent cannot stand in a header"));
    }
    if !task.from.as_deref().is_none_or(http::is_mailbox) {
        return Err(WireError::Rule("the sender's address cannot stand in a header"));
    }
    Ok(task)
}

/// Whether a context is such as a producer of ours writes.
fn is_bounded(context: &Context) -> bool {
    let is_object = |extra: &String| serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(extra).is_ok();
    context.addresses().all(|address| address.len() <= MAX_URL)
        && context.texts().all(|text| text.len() <= Context::MAX_TEXT)
        && context.extra.as_ref().is_none_or(is_object)
}

/// Reads a reply.
pub fn read_reply(body: &[u8]) -> Result<Reply, WireError> {
    let reply: Reply = read(body)?;
    if reply.outcomes.iter().any(|outcome| matches!(outcome.status, Status::Duplicate | Status::Outstanding)) {
        return Err(WireError::Rule("a worker cannot know that status"));
    }
    if reply.outcomes.len() > MAX_OUTCOMES || !reply.outcomes.iter().all(is_plausible) {
        return Err(WireError::Rule("a number is out of range, or a text too long"));
    }
    Ok(reply)
}

/// Whether an outcome's numbers and texts are such as a worker of ours writes; the ledger and the clock could not take others.
fn is_plausible(outcome: &Outcome) -> bool {
    let counts = [outcome.bytes, Some(outcome.duration_ms)];
    let texts = [&outcome.final_url, &outcome.content_type, &outcome.format, &outcome.sha256, &outcome.path];
    outcome.attempt > 0
        && outcome.retry_after.is_none_or(|seconds| seconds <= LONGEST_RETRY_AFTER)
        && outcome.fetched_at <= LAST_MOMENT
        && counts.into_iter().flatten().all(|count| i64::try_from(count).is_ok())
        && outcome.etag.as_deref().is_none_or(validators::is_etag)
        && outcome.last_modified.as_deref().is_none_or(validators::is_date)
        && outcome.condition.as_ref().is_none_or(Validators::are_valid)
        && outcome.detail.as_ref().is_none_or(|detail| detail.len() <= MAX_DETAIL)
        && texts.into_iter().flatten().all(|text| text.len() <= MAX_URL)
        && outcome.copy.as_deref().is_none_or(is_plausible_copy)
        && outcome.exif.as_ref().is_none_or(|exif| exif.len() <= MAX_EXIF)
        && outcome.phash.as_ref().is_none_or(|hash| unhex::<8>(hash).is_some())
}

fn is_plausible_copy(copy: &ImageCopy) -> bool {
    copy.path.len() <= MAX_URL
        && copy.format.len() <= MAX_DETAIL
        && i64::try_from(copy.bytes).is_ok()
        && unhex::<32>(&copy.sha256).is_some()
}

/// Writes a message.
///
/// # Panics
/// Never: the message types hold only what JSON can express.
pub fn write(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("message types are plain data with string keys")
}

/// Reads a message of this version.
pub(crate) fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
    /// Only the version, so that another version is told apart from garbage before its unknown fields are met.
    #[derive(Deserialize)]
    struct Versioned {
        v: u32,
    }

    if body.len() > MAX_MESSAGE {
        return Err(WireError::TooLong(body.len()));
    }
    let version = serde_json::from_slice::<Versioned>(body).map_err(WireError::Malformed)?;
    if version.v != VERSION {
        return Err(WireError::Version(version.v));
    }
    serde_json::from_slice(body).map_err(WireError::Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image_id::ImageId;
    use crate::opt_out::Directives;
    use crate::task::Inline;

    fn task(images: usize, url: &str) -> Task {
        let image = ImageTask {
            id: ImageId::from([7; 16]),
            url: url.to_owned(),
            attempt: 1,
            hops: 0,
            validators: None,
            inline: None,
            context: Context::default(),
        };
        Task {
            v: VERSION,
            run: "run".parse().expect("valid"),
            batch: 1,
            user_agent: "Warren".to_owned(),
            from: None,
            opt_outs: Directives::NONE,
            ignores_robots: false,
            images: vec![image; images],
        }
    }

    #[test]
    fn a_task_round_trips() {
        let task = task(64, "http://a/x.png");
        assert_eq!(read_task(&write(&task)).expect("readable"), task);
    }

    #[test]
    fn a_sender_and_opt_outs_travel_with_a_task_and_nonsense_is_refused() {
        let with = |from: &str| Task { from: Some(from.to_owned()), opt_outs: Directives::ALL, ..task(1, "http://a/") };
        let good = with("crawl@example.org");
        assert_eq!(read_task(&write(&good)).expect("readable"), good);
        for bad in ["", "nobody", "a@b\r\nX: y", "caf\u{e9}@example.org"] {
            assert!(matches!(read_task(&write(&with(bad))), Err(WireError::Rule(_))), "{bad:?}");
        }
        let mut unknown = serde_json::to_value(good).expect("json");
        unknown["opt_outs"] = ["none"].into_iter().collect();
        assert!(matches!(read_task(&write(&unknown)), Err(WireError::Malformed(_))));
    }

    #[test]
    fn the_limits_hold_at_the_boundary() {
        assert!(read_task(&write(&task(0, "http://a/"))).is_err());
        assert!(read_task(&write(&task(65, "http://a/"))).is_err());
        let longest = "\\".repeat(MAX_URL);
        assert!(read_task(&write(&task(64, &longest))).is_ok(), "a full batch of the longest URLs fits");
        assert!(read_task(&write(&task(1, &(longest + "a")))).is_err());
        let padding = |length: usize| {
            let mut body = write(&task(1, "http://a/"));
            body.resize(length, b' ');
            body
        };
        assert!(read_task(&padding(MAX_MESSAGE)).is_ok());
        assert!(matches!(read_task(&padding(MAX_MESSAGE + 1)), Err(WireError::TooLong(_))));
    }

    #[test]
    fn a_full_batch_with_the_longest_addresses_and_texts_fits() {
        let longest = "\\".repeat(MAX_URL);
        let mut full = task(64, &longest);
        for image in &mut full.images {
            image.context.url = Some(longest.clone());
            image.context.page_url = Some(longest.clone());
            image.context.alt = Some("\u{1}".repeat(Context::MAX_TEXTS / 64));
        }
        assert_eq!(read_task(&write(&full)).expect("readable"), full);
    }

    #[test]
    fn what_goes_along_is_bounded() {
        let with = |change: &dyn Fn(&mut Context)| {
            let mut task = task(1, "http://a/");
            change(&mut task.images[0].context);
            read_task(&write(&task))
        };
        let text = |length| Some("t".repeat(length));
        assert!(with(&|context| context.caption = text(Context::MAX_TEXT)).is_ok());
        assert!(with(&|context| context.caption = text(Context::MAX_TEXT + 1)).is_err());
        assert!(with(&|context| context.page_url = text(MAX_URL)).is_ok());
        assert!(with(&|context| context.page_url = text(MAX_URL + 1)).is_err());
        assert!(with(&|context| context.extra = Some(r#"{"licence": {"of": [1]}}"#.to_owned())).is_ok());
        for bad in ["", "[]", "1", "{", "{}x"] {
            assert!(with(&|context| context.extra = Some(bad.to_owned())).is_err(), "{bad}");
        }
    }

    #[test]
    fn an_image_may_come_with_its_message_and_then_has_no_other_address() {
        let with = |url: &str, length: usize| {
            let mut task = task(1, url);
            task.images[0].inline = Some(Inline(vec![0xff; length].into()));
            task
        };
        let fits = with("data:image/png;sha256=00", ImageTask::MAX_INLINE);
        assert_eq!(read_task(&write(&fits)).expect("readable"), fits);
        assert!(read_task(&write(&with("data:image/png;sha256=00", ImageTask::MAX_INLINE + 1))).is_err());
        assert!(read_task(&write(&with("http://a/", 1))).is_err());
        assert!(read_task(&write(&task(1, "data:image/png;sha256=00"))).is_err());
    }

    #[test]
    fn an_image_may_be_asked_for_only_if_it_changed_and_nothing_else_gets_into_the_request() {
        let with = |etag: &str, date: Option<&str>| {
            let mut task = task(1, "http://a/");
            let known = Validators { etag: Some(etag.to_owned()), last_modified: date.map(str::to_owned) };
            task.images[0].validators = Some(known);
            task
        };
        let good = with("W/\"1\"", Some("Sun, 06 Nov 1994 08:49:37 GMT"));
        assert_eq!(read_task(&write(&good)).expect("readable"), good);
        for bad in ["*", "\"a\"\r\nX: y", &format!("\"{}\"", "a".repeat(validators::MAX_ETAG - 1))] {
            assert!(matches!(read_task(&write(&with(bad, None))), Err(WireError::Rule(_))), "{bad:?}");
        }
        assert!(matches!(read_task(&write(&with("\"a\"", Some("now")))), Err(WireError::Rule(_))));
    }

    #[test]
    fn other_versions_and_garbage_are_told_apart() {
        let older = r#"{"v":2,"run":"r","shape":"old"}"#;
        assert!(matches!(read_task(older.as_bytes()), Err(WireError::Version(2))));
        let with_version = |v: u32| write(&Task { v, ..task(1, "http://a/") });
        assert!(matches!(read_task(&with_version(9)), Err(WireError::Version(9))));
        for garbage in [&b""[..], b"{", b"[]", b"\xff\xfe", br#"{"v":3}"#, br#"{"v":3,"run":"../x"}"#] {
            assert!(matches!(read_task(garbage), Err(WireError::Malformed(_))), "{garbage:?}");
        }
        let mut unknown = serde_json::to_value(task(1, "http://a/")).expect("json");
        unknown["extra"] = 1.into();
        assert!(matches!(read_task(&write(&unknown)), Err(WireError::Malformed(_))));
    }

    #[test]
    fn a_full_reply_of_the_longest_texts_fits_and_senseless_numbers_are_refused() {
        let mut outcome = Outcome::new(ImageId::from([7; 16]), 1, Status::Stored, None);
        outcome.final_url = Some("\\".repeat(MAX_URL));
        outcome.detail = Some("\\".repeat(MAX_DETAIL));
        outcome.exif = Some("\"".repeat(MAX_EXIF));
        outcome.phash = Some("f".repeat(16));
        outcome.copy = Some(Box::new(ImageCopy {
            path: "p".repeat(200),
            format: "jpg".to_owned(),
            width: u32::MAX,
            height: u32::MAX,
            bytes: 1 << 40,
            sha256: "0".repeat(64),
        }));
        let reply = |outcomes| Reply {
            v: VERSION,
            run: "run".parse().expect("valid"),
            worker: "w".repeat(200),
            concurrency: 64,
            outcomes,
        };
        assert!(read_reply(&write(&reply(vec![outcome.clone(); MAX_OUTCOMES]))).is_ok());
        assert!(read_reply(&write(&reply(vec![outcome.clone(); MAX_OUTCOMES + 1]))).is_err());
        let copy = |outcome: &mut Outcome, change: fn(&mut ImageCopy)| change(outcome.copy.as_mut().expect("there"));
        let changes: [&dyn Fn(&mut Outcome); 15] = [
            &|outcome| outcome.attempt = 0,
            &|outcome| outcome.retry_after = Some(u64::MAX),
            &|outcome| outcome.fetched_at = u64::MAX,
            &|outcome| outcome.bytes = Some(u64::MAX),
            &|outcome| outcome.path = Some("p".repeat(MAX_URL + 1)),
            &|outcome| outcome.detail = Some("d".repeat(MAX_DETAIL + 1)),
            &|outcome| outcome.exif = Some("e".repeat(MAX_EXIF + 1)),
            &|outcome| outcome.phash = Some("f".repeat(17)),
            &|outcome| outcome.phash = Some("g".repeat(16)),
            &|outcome| copy(outcome, |copy| copy.path = "p".repeat(MAX_URL + 1)),
            &|outcome| copy(outcome, |copy| copy.bytes = u64::MAX),
            &|outcome| copy(outcome, |copy| copy.sha256 = "0".repeat(63)),
            &|outcome| outcome.etag = Some("none".to_owned()),
            &|outcome| outcome.last_modified = Some("never".to_owned()),
            &|outcome| outcome.condition = Some(Validators { etag: Some("none".to_owned()), last_modified: None }),
        ];
        for change in changes {
            let mut changed = outcome.clone();
            change(&mut changed);
            assert!(read_reply(&write(&reply(vec![changed.clone()]))).is_err(), "{changed:?}");
        }
    }

    #[test]
    fn a_reply_cannot_claim_what_a_worker_cannot_know() {
        let reply = |status| Reply {
            v: VERSION,
            run: "run".parse().expect("valid"),
            worker: "w".to_owned(),
            concurrency: 64,
            outcomes: vec![Outcome::new(ImageId::from([7; 16]), 1, status, None)],
        };
        assert!(read_reply(&write(&reply(Status::Stored))).is_ok());
        assert!(read_reply(&write(&reply(Status::Unchanged))).is_ok());
        assert!(read_reply(&write(&reply(Status::Duplicate))).is_err());
        assert!(read_reply(&write(&reply(Status::Outstanding))).is_err());
    }
}
