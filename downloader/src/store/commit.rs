//! Group commit: one thread writes what is waiting, makes it durable with one call, and only then answers. A cycle's
//! sync also covers the renames of the cycle before, so each image costs a share of one sync, not of two.

use tokio::sync::{mpsc, oneshot};

use super::files::{Files, Written};
use super::{Image, Request, StoreError};

/// Most images of a group.
const GROUP: usize = 256;

/// Bytes after which a group takes no further image.
const GROUP_BYTES: usize = 32 << 20;

type Done = oneshot::Sender<Result<String, StoreError>>;

/// Runs until the last handle on the store is dropped.
pub(super) fn run(files: &Files, mut received: mpsc::Receiver<Request>) {
    let mut renamed: Vec<(String, Done)> = Vec::new();
    loop {
        let Some(group) = collect(files, &mut received, renamed.is_empty()) else {
            return;
        };
        let written: Vec<(Written, Done)> = group
            .into_iter()
            .filter_map(|(image, done)| match files.write(&image) {
                Ok(written) => Some((written, done)),
                Err(error) => fail(done, error),
            })
            .collect();
        renamed = match files.sync() {
            Ok(()) => {
                for (path, done) in renamed {
                    answer(done, Ok(path));
                }
                publish(files, written)
            }
            Err(error) => {
                for (written, _) in &written {
                    Files::discard(written);
                }
                let waiting =
                    renamed.into_iter().map(|(_, done)| done).chain(written.into_iter().map(|(_, done)| done));
                for done in waiting {
                    answer(done, Err(error.clone()));
                }
                Vec::new()
            }
        };
    }
}

/// Takes what is waiting; waits for something only if there is nothing else to do. `None` when nothing can come any more.
fn collect(files: &Files, received: &mut mpsc::Receiver<Request>, may_wait: bool) -> Option<Vec<(Image, Done)>> {
    let mut group = Vec::new();
    let mut bytes = 0;
    while group.len() < GROUP && bytes < GROUP_BYTES {
        let request = if may_wait && group.is_empty() {
            received.blocking_recv()?
        } else {
            let Ok(request) = received.try_recv() else { break };
            request
        };
        match request {
            Request::Put(image, done) => {
                bytes += image.bytes.len();
                group.push((image, done));
            }
            Request::Probe(image, done) => answer(done, files.probe(&image)),
            Request::CompleteShards(done) | Request::UploadShards(done) => answer(done, Ok(())),
        }
    }
    Some(group)
}

fn publish(files: &Files, written: Vec<(Written, Done)>) -> Vec<(String, Done)> {
    let renamed = written.into_iter().filter_map(|(written, done)| match files.publish(written) {
        Ok(path) => Some((path, done)),
        Err(error) => fail(done, error),
    });
    renamed.collect()
}

fn fail<T>(done: Done, error: StoreError) -> Option<T> {
    answer(done, Err(error));
    None
}

/// Answers somebody who may have been cancelled; the image is kept all the same.
fn answer<T>(done: oneshot::Sender<Result<T, StoreError>>, result: Result<T, StoreError>) {
    drop(done.send(result));
}
