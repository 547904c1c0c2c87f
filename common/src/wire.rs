//! How messages are written and read: JSON with a version. What arrives is untrusted: anything that is not exactly
//! the format is an error, which the receiver answers by dead-lettering the message, never by crashing.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::outcome::{Reply, Status};
use crate::task::Task;

/// The version of the format that this build speaks.
pub const VERSION: u32 = 1;

/// Longest message in bytes. A full batch of the longest URLs is half of it; RabbitMQ 4 itself refuses 16 MiB.
pub const MAX_MESSAGE: usize = 1 << 20;

/// Longest URL in a message, in bytes.
pub const MAX_URL: usize = 8 << 10;

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
    if task.images.iter().any(|image| image.url.len() > MAX_URL) {
        return Err(WireError::Rule("a URL is too long"));
    }
    Ok(task)
}

/// Reads a reply.
pub fn read_reply(body: &[u8]) -> Result<Reply, WireError> {
    let reply: Reply = read(body)?;
    if reply.outcomes.iter().any(|outcome| matches!(outcome.status, Status::Duplicate | Status::Outstanding)) {
        return Err(WireError::Rule("a worker cannot know that status"));
    }
    Ok(reply)
}

/// Writes a message.
///
/// # Panics
/// Never: the message types hold only what JSON can express.
pub fn write(message: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(message).expect("message types are plain data with string keys")
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, WireError> {
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
    use crate::outcome::Outcome;
    use crate::task::ImageTask;

    fn task(images: usize, url: &str) -> Task {
        let image = ImageTask { id: ImageId::from([7; 16]), url: url.to_owned(), attempt: 1 };
        Task {
            v: VERSION,
            run: "run".parse().expect("valid"),
            batch: 1,
            user_agent: "Warren".to_owned(),
            images: vec![image; images],
        }
    }

    #[test]
    fn a_task_round_trips() {
        let task = task(64, "http://a/x.png");
        assert_eq!(read_task(&write(&task)).expect("readable"), task);
    }

    #[test]
    fn the_limits_hold_at_the_boundary() {
        assert!(read_task(&write(&task(0, "http://a/"))).is_err());
        assert!(read_task(&write(&task(65, "http://a/"))).is_err());
        let longest = "a".repeat(MAX_URL);
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
    fn other_versions_and_garbage_are_told_apart() {
        let newer = r#"{"v":2,"run":"r","shape":"new"}"#;
        assert!(matches!(read_task(newer.as_bytes()), Err(WireError::Version(2))));
        let with_version = |v: u32| write(&Task { v, ..task(1, "http://a/") });
        assert!(matches!(read_task(&with_version(9)), Err(WireError::Version(9))));
        for garbage in [&b""[..], b"{", b"[]", b"\xff\xfe", br#"{"v":1}"#, br#"{"v":1,"run":"../x"}"#] {
            assert!(matches!(read_task(garbage), Err(WireError::Malformed(_))), "{garbage:?}");
        }
        let mut unknown = serde_json::to_value(task(1, "http://a/")).expect("json");
        unknown["extra"] = 1.into();
        assert!(matches!(read_task(&write(&unknown)), Err(WireError::Malformed(_))));
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
        assert!(read_reply(&write(&reply(Status::Duplicate))).is_err());
        assert!(read_reply(&write(&reply(Status::Outstanding))).is_err());
    }
}
