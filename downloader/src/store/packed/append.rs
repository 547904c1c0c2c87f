//! The one appender of a worker's shard. It takes what waits, writes it with few calls, makes it safe with one, and only then
//! answers; and it begins the next shard when one is full.

use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use common::image_id::unhex;
use tokio::sync::{mpsc, oneshot};

use super::finish::Finisher;
use super::seen::{Earlier, Key, Seen};
use super::shard::Shard;
use super::uploads::Uploads;
use super::{Group, Layout, PROBE, Spot, cannot, path};
use crate::settings::ShardSize;
use crate::store::sweep::PartFolder;
use crate::store::{Image, OpenShard, Request, StoreError};

/// Most images of a group.
const GROUP: usize = 256;

/// From so many images on, a group waits a moment for more: an image alone, or with its copy, waits for nobody.
const COMPANY: usize = 3;

/// Images of a group that waits for no more: the next hundred would not make the sync much cheaper for each.
const ENOUGH: usize = 64;

/// How long it waits. A sync costs processor time whatever it is of: with groups of the five images that come while the one
/// before is synced, a fast disk was synced 1,700 times for 8,000 images, which took a tenth of the downloader's processor
/// time. Where a sync takes longer than this, groups are large by themselves.
const GATHERING: Duration = Duration::from_millis(2);

/// Bytes after which a group takes no further image.
pub(super) const GROUP_BYTES: u64 = 32 << 20;

type Done = oneshot::Sender<Result<String, StoreError>>;

/// Appends images to shards.
pub(in crate::store) struct Appender<L: Layout> {
    layout: L,
    size: ShardSize,
    root: PathBuf,
    finisher: Finisher,
    /// For those who want to know whose images are in the shard.
    open: OpenShard,
    /// Where whole shards go on to a bucket.
    uploads: Option<Uploads>,
    seen: Seen<L::Kept>,
    shard: Option<Shard>,
    group: Group,
    /// Images of the shard that are in the group.
    images: u32,
    /// Who is to be answered when the group is safe.
    waiting: Vec<(String, Done)>,
    /// How long the last group took to write and to sync.
    last_commit: Duration,
    /// What is remembered of the group, to be forgotten should it not become safe.
    added: Vec<Key>,
    /// The last to be dropped: an unfinished shard in it is under its lock.
    parts: PartFolder,
}

impl<L: Layout> Appender<L> {
    /// An appender for the store in `root`. What it begins is in `parts` until it is whole.
    pub(in crate::store) fn new(
        layout: L,
        size: ShardSize,
        root: PathBuf,
        parts: PartFolder,
        open: OpenShard,
    ) -> Result<Self, StoreError> {
        let finisher = Finisher::start(root.clone(), parts.path().to_owned(), layout.completion(), open.counts())?;
        Ok(Self {
            layout,
            size,
            root,
            finisher,
            open,
            uploads: None,
            seen: Seen::new(),
            shard: None,
            group: Group::default(),
            images: 0,
            waiting: Vec::new(),
            last_commit: Duration::ZERO,
            added: Vec::new(),
            parts,
        })
    }

    /// Has whole shards go on to a bucket.
    pub(in crate::store) fn uploading(self, uploads: Option<Uploads>) -> Self {
        Self { uploads, ..self }
    }

    /// Runs until the last handle on the store is dropped; then completes the open shard.
    pub(in crate::store) fn run(mut self, mut received: mpsc::Receiver<Request>) {
        while let Some(request) = received.blocking_recv() {
            self.take(request);
            self.take_waiting(&mut received);
            if (COMPANY..ENOUGH).contains(&self.waiting.len()) && !self.is_full() && self.last_commit < GATHERING {
                thread::sleep(GATHERING);
                self.take_waiting(&mut received);
            }
            self.commit();
        }
        self.close();
        self.finisher.end();
        // Only now: an unfinished shard in the part folder is under its lock.
        drop(self.parts);
        if let Some(uploads) = &mut self.uploads {
            uploads.end();
        }
    }

    /// Takes what waits, as far as it fits into the group.
    fn take_waiting(&mut self, received: &mut mpsc::Receiver<Request>) {
        while !self.is_full()
            && let Ok(request) = received.try_recv()
        {
            self.take(request);
        }
    }

    fn is_full(&self) -> bool {
        self.waiting.len() >= GROUP || self.group.length() >= GROUP_BYTES
    }

    fn take(&mut self, request: Request) {
        match request {
            Request::Put(image, done) => match self.add(&image) {
                Ok(path) => self.waiting.push((path, done)),
                Err(error) => answer(done, Err(error)),
            },
            Request::Probe(image, done) => {
                self.commit();
                answer(done, self.probe(&image));
            }
            Request::CompleteShards(done) => {
                self.commit();
                self.close();
                self.finisher.catch_up();
                answer(done, Ok(()));
            }
            Request::UploadShards(done) => match &self.uploads {
                Some(uploads) => uploads.ask(done),
                None => answer(done, Ok(())),
            },
        }
    }

    /// Adds an image to the group. Returns the path that it is going to have.
    fn add(&mut self, image: &Image) -> Result<String, StoreError> {
        let key = key(image);
        if let Some(path) = key.as_ref().and_then(|key| self.add_again(key, image).transpose()) {
            return path;
        }
        self.open()?;
        let mark = self.group.mark();
        let mut added = self.append(image)?;
        if self.is_over_full() {
            self.group.cut(mark);
            self.commit();
            self.close();
            self.open()?;
            added = self.append(image)?;
        }
        let (member, kept) = added;
        let path = path(self.shard.as_ref().map_or("", |shard| &shard.name), &member);
        self.images += 1;
        self.note_run(image);
        if let Some(key) = key {
            self.added.push(key.clone());
            self.seen.put(key, Earlier { path: path.clone(), kept });
        }
        Ok(path)
    }

    /// An image whose bytes the run has already gets the path of those.
    fn add_again(&mut self, key: &Key, image: &Image) -> Result<Option<String>, StoreError> {
        let Some(earlier) = self.seen.get(key) else { return Ok(None) };
        if !self.is_there(&earlier.path) {
            self.seen.forget(key);
            return Ok(None);
        }
        let Some(shard) = &self.shard else { return Ok(Some(earlier.path.clone())) };
        let spot = spot(shard, &self.group, self.images);
        let mark = self.group.mark();
        match self.layout.append_again(&spot, image, &earlier.kept, &mut self.group) {
            Ok(true) if self.is_over_full() => {
                self.group.cut(mark);
                self.commit();
                self.close();
                self.open()?;
                // The earlier one may have been in the group, and that may have failed.
                self.add_again(key, image)
            }
            Ok(added) => {
                let path = earlier.path.clone();
                if added {
                    self.images += 1;
                    self.note_run(image);
                }
                Ok(Some(path))
            }
            Err(error) => {
                self.group.cut(mark);
                Err(StoreError::new("lay out an image for", Path::new(&shard.name), error))
            }
        }
    }

    /// Whether the shard that a path leads to is there still: whoever has read one may have taken it away. From a spool it goes to
    /// the bucket, and what becomes of it there is not asked for every image.
    fn is_there(&self, path: &str) -> bool {
        if self.uploads.is_some() {
            return true;
        }
        let name = path.split_once('#').map_or(path, |(shard, _)| shard);
        // The part folder first: shards move from there to the store.
        let is_in = |folder: &Path| folder.join(name).try_exists().unwrap_or(true);
        self.shard.as_ref().is_some_and(|open| open.name == name) || is_in(self.parts.path()) || is_in(&self.root)
    }

    fn append(&mut self, image: &Image) -> Result<(String, L::Kept), StoreError> {
        let Some(shard) = &self.shard else { return Err(no_shard()) };
        let mark = self.group.mark();
        let added = self.layout.append(&spot(shard, &self.group, self.images), image, &mut self.group);
        added.map_err(|error| {
            self.group.cut(mark);
            StoreError::new("lay out an image for", Path::new(&shard.name), error)
        })
    }

    /// Whether the image that was just added does not fit any more. The first one of a shard always does.
    fn is_over_full(&self) -> bool {
        let Some(shard) = &self.shard else { return false };
        let before = shard.images + self.images;
        let bytes = shard.length + self.group.length() + self.layout.completion().end().len() as u64;
        before > 0 && (bytes > self.size.bytes || before >= self.size.images)
    }

    /// Begins a shard if none is open. The group is empty then.
    fn open(&mut self) -> Result<(), StoreError> {
        if self.shard.is_some() {
            return Ok(());
        }
        if let Some(uploads) = &self.uploads {
            uploads.make_room()?;
        }
        let folder = self.parts.path();
        let name = self.layout.begin(&mut self.group).map_err(cannot("begin a shard in", folder));
        let begun = name.and_then(|name| {
            let mut shard = Shard::create(folder, name)?;
            if self.group.length() > 0
                && let Err(error) = shard.commit(&self.group, 0)
            {
                shard.remove();
                return Err(error);
            }
            Ok(shard)
        });
        self.group.clear();
        self.shard = Some(begun?);
        self.open.counts().set_open(true);
        Ok(())
    }

    /// Makes the group safe, and answers for it.
    fn commit(&mut self) {
        let begun = Instant::now();
        let safe = match &mut self.shard {
            Some(shard) if self.group.length() > 0 => shard.commit(&self.group, self.images),
            _ => Ok(()),
        };
        self.last_commit = begun.elapsed();
        if safe.is_err() {
            self.added.iter().for_each(|key| self.seen.forget(key));
        }
        for (path, done) in self.waiting.drain(..) {
            answer(done, safe.clone().map(|()| path));
        }
        self.added.clear();
        self.group.clear();
        self.images = 0;
        if safe.is_err() {
            // The fault may be this file's own, such as its length or a block under it.
            self.close();
        }
    }

    /// Writes as much as keeping this image takes, and leaves nothing of it.
    fn probe(&mut self, image: &Image) -> Result<(), StoreError> {
        self.open()?;
        // Not laid out: what a process that dies here leaves behind the last image must not look like one.
        self.group.copy(PROBE);
        self.group.body(&image.bytes);
        let tried = match &mut self.shard {
            Some(shard) => shard.probe(&self.group),
            None => Err(no_shard()),
        };
        self.group.clear();
        if tried.is_err() {
            self.close();
        }
        tried
    }

    fn note_run(&self, image: &Image) {
        let mut runs = self.open.runs();
        if !runs.contains(&image.about.run) {
            runs.insert(image.about.run.clone());
        }
    }

    /// Hands the open shard over to be completed. The group is empty.
    fn close(&mut self) {
        self.open.runs().clear();
        self.open.counts().set_open(false);
        match self.shard.take() {
            Some(shard) if shard.images > 0 => self.finisher.finish(shard),
            Some(shard) => shard.remove(),
            None => {}
        }
    }
}

fn spot<'a>(shard: &'a Shard, group: &Group, images: u32) -> Spot<'a> {
    Spot { shard: &shard.name, number: shard.images + images, offset: shard.length + group.length() }
}

/// Of an image whose digest cannot be read, as none of ours has, there is none.
fn key(image: &Image) -> Option<Key> {
    Some((image.about.run.clone(), unhex(&image.sha256)?))
}

fn no_shard() -> StoreError {
    StoreError::new("write to", Path::new("a shard"), std::io::Error::other("none is open"))
}

/// Answers somebody who may have been cancelled; the image is kept all the same.
fn answer<T>(done: oneshot::Sender<Result<T, StoreError>>, result: Result<T, StoreError>) {
    drop(done.send(result));
}
