//! Group commit: one thread writes what is waiting, makes it durable with one call, and only then answers. A cycle's
//! sync also covers the renames of the cycle before, so each image costs a share of one sync, not of two.

use tokio::sync::{mpsc, oneshot};

use super::files::{Files, Written};
use super::{Request, StoreError};

/// Most images of a group.
const GROUP: usize = 256;

/// Bytes after which a group takes no further image.
const GROUP_BYTES: usize = 32 << 20;

type Done = oneshot::Sender<Result<String, StoreError>>;

/// Runs until the last handle on the store is dropped.
pub(super) fn run(files: &Files, mut received: mpsc::Receiver<Request>) {
    let mut renamed: Vec<(String, Done)> = Vec::new();
    loop {
        let group = collect(&mut received, renamed.is_empty());
        if group.is_empty() && renamed.is_empty() {
            return;
        }
        let written: Vec<(Written, Done)> = group
            .into_iter()
            .filter_map(|Request { image, done }| match files.write(&image) {
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

/// Takes what is waiting; waits for something only if there is nothing else to do.
fn collect(received: &mut mpsc::Receiver<Request>, may_wait: bool) -> Vec<Request> {
    let first = if may_wait { received.blocking_recv() } else { received.try_recv().ok() };
    let mut group: Vec<Request> = first.into_iter().collect();
    let mut bytes = group.iter().map(|request| request.image.bytes.len()).sum::<usize>();
    while !group.is_empty()
        && group.len() < GROUP
        && bytes < GROUP_BYTES
        && let Ok(request) = received.try_recv()
    {
        bytes += request.image.bytes.len();
        group.push(request);
    }
    group
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
fn answer(done: Done, result: Result<String, StoreError>) {
    drop(done.send(result));
}
