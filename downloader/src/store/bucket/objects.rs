//! The `files` layout in a bucket: one object an image, named as the file would be. Many are put at once, because each takes a
//! way to the server and back; the same bytes are put once, for all who ask meanwhile and for some time after.

use std::collections::HashMap;
use std::time::Instant;

use futures_util::future::LocalBoxFuture;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::{mpsc, oneshot};

use super::Bucket;
use super::known::Known;
use crate::store::files::Place;
use crate::store::{Image, Request, StoreError};

/// Objects that are put at once, at most.
const AT_ONCE: usize = 32;

type Done = oneshot::Sender<Result<String, StoreError>>;

/// The path of an object, and how it ended. A probe has answered for itself.
type Ended = (String, Result<(), StoreError>);

/// Runs until the last handle on the store is dropped, and all that was begun is answered.
pub(in crate::store) fn run(bucket: &Bucket, received: mpsc::Receiver<Request>) {
    let objects = Objects {
        bucket,
        putting: FuturesUnordered::new(),
        waiting: HashMap::new(),
        known: Known::new(Instant::now()),
    };
    bucket.runtime.block_on(objects.run(received));
}

struct Objects<'a> {
    bucket: &'a Bucket,
    putting: FuturesUnordered<LocalBoxFuture<'a, Option<Ended>>>,
    /// Who is to be answered when an object is there, by its path.
    waiting: HashMap<String, Vec<Done>>,
    known: Known,
}

impl Objects<'_> {
    async fn run(mut self, mut received: mpsc::Receiver<Request>) {
        let mut open = true;
        while open || !self.putting.is_empty() {
            tokio::select! {
                Some(ended) = self.putting.next() => {
                    if let Some((path, result)) = ended {
                        self.answer(path, &result);
                    }
                }
                request = received.recv(), if open && self.putting.len() < AT_ONCE => match request {
                    Some(request) => self.take(request),
                    None => open = false,
                },
            }
        }
    }

    fn take(&mut self, request: Request) {
        let bucket = self.bucket;
        match request {
            Request::Put(image, done) => self.put(image, done),
            Request::Probe(image, done) => self.putting.push(Box::pin(async move {
                // Whoever asked may have been cancelled.
                drop(done.send(bucket.probe(image.bytes).await));
                None
            })),
            // There are none. Whoever asked may have been cancelled.
            Request::CompleteShards(done) | Request::UploadShards(done) => drop(done.send(Ok(()))),
        }
    }

    fn put(&mut self, image: Image, done: Done) {
        let bucket = self.bucket;
        let path = Place::of(&image).path();
        if self.known.has(&path, Instant::now()) {
            drop(done.send(Ok(path)));
        } else if let Some(waiting) = self.waiting.get_mut(&path) {
            waiting.push(done);
        } else {
            self.waiting.insert(path.clone(), vec![done]);
            self.putting.push(Box::pin(async move {
                let kept = bucket.keep(&path, image.bytes).await;
                Some((path, kept))
            }));
        }
    }

    fn answer(&mut self, path: String, result: &Result<(), StoreError>) {
        for done in self.waiting.remove(&path).unwrap_or_default() {
            // Whoever asked may have been cancelled; the image is kept all the same.
            drop(done.send(result.clone().map(|()| path.clone())));
        }
        if result.is_ok() {
            self.known.put(path, Instant::now());
        }
    }
}
