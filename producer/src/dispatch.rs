//! Hands images to the fleet: shapes them into batches, publishes those, and remembers what is out.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use common::context::Context;
use common::image_id::ImageId;
use common::opt_out::Directives;
use common::run_name::RunName;
use common::task::{ImageTask, Inline, Task};
use common::telemetry::{Places, Step, Trail};
use common::transport::{Along, Destination, Transport, TransportError};
use common::wire;
use tokio::task::JoinSet;

use crate::extract::Source;
use crate::following::Following;
use crate::ledger::{Ledger, LedgerError, PendingImage, RowId, Sent, Try};
use crate::metrics::Metrics;

/// What is out, and the means to send more.
#[derive(Debug)]
pub struct Dispatch {
    transport: Transport,
    ledger: Ledger,
    run: RunName,
    manners: Manners,
    metrics: Arc<Metrics>,
    batches: u64,
    out: HashMap<ImageId, Out>,
    /// How many of those stood in their pages.
    inline_out: usize,
    /// How many images of each batch are still out.
    left: HashMap<u64, usize>,
    /// Batches of which nothing is out any more, since somebody last asked.
    finished: Vec<u64>,
    publishing: JoinSet<Result<u64, DispatchError>>,
    /// What is in the batches that are not confirmed yet.
    unconfirmed: HashMap<u64, Vec<Try>>,
    /// Which images are followed, if any.
    following: Option<Arc<Following>>,
}

/// Nothing can be sent any more.
#[derive(Debug, thiserror::Error)]
pub enum DispatchError {
    /// What goes along with the images cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The broker is lost for good.
    #[error(transparent)]
    Transport(#[from] TransportError),
}

/// How the images of a run are asked for.
#[derive(Debug, Clone)]
pub struct Manners {
    /// What to send as `User-Agent`.
    pub user_agent: String,
    /// What to send as `From`.
    pub from: Option<String>,
    /// Which opt-outs of an image's own answer are obeyed.
    pub opt_outs: Directives,
    /// Whether robots.txt is not asked; told to the downloaders, whose archives say so.
    pub ignores_robots: bool,
}

#[derive(Debug)]
struct Out {
    image: PendingImage,
    batch: u64,
    /// Its try, where it is followed.
    journey: Step,
}

/// An image that is not out any more.
#[derive(Debug)]
pub struct CameBack {
    /// What was out.
    pub image: PendingImage,
    /// The batch it was in.
    pub batch: u64,
    /// Its try, where it is followed: open until this is dropped.
    pub journey: Step,
}

impl Dispatch {
    /// Goes on where an earlier producer of this run was, if there was one.
    #[must_use]
    pub fn new(
        transport: Transport,
        ledger: Ledger,
        run: RunName,
        manners: Manners,
        metrics: Arc<Metrics>,
        Sent { batches, out }: Sent,
        following: Option<Arc<Following>>,
    ) -> Self {
        let out: HashMap<ImageId, Out> =
            out.into_iter().map(|image| (image.image, Out { image, batch: batches, journey: Step::NONE })).collect();
        let left = if out.is_empty() { HashMap::new() } else { HashMap::from([(batches, out.len())]) };
        Self {
            transport,
            ledger,
            run,
            manners,
            metrics,
            batches,
            inline_out: out.values().filter(|out| out.image.is_inline()).count(),
            out,
            left,
            finished: Vec::new(),
            publishing: JoinSet::new(),
            unconfirmed: HashMap::new(),
            following,
        }
    }

    /// Which images are followed, if any.
    #[must_use]
    pub fn following(&self) -> Option<&Arc<Following>> {
        self.following.as_ref()
    }

    /// Images that are out.
    #[must_use]
    pub fn out(&self) -> usize {
        self.out.len()
    }

    /// Images that are out and stood in their pages.
    #[must_use]
    pub fn inline_out(&self) -> usize {
        self.inline_out
    }

    /// Sends images in batches of at most `batch`, spread over `consumers` where there are few. Those of one host are
    /// neighbours, so that a downloader uses its connections again.
    pub fn send(&mut self, mut images: Vec<PendingImage>, batch: usize, consumers: usize) {
        images.sort_by_key(|image| (image.alone, image.host));
        let share = images.len().div_ceil(consumers.max(1)).clamp(1, batch);
        for group in groups(images, share) {
            self.send_group(group, None);
        }
    }

    /// Sends an image that stood in its page, with its bytes, in a message of its own.
    pub fn send_inline(&mut self, image: PendingImage, bytes: Bytes) {
        self.send_group(vec![image], Some(&Inline(bytes)));
    }

    fn send_group(&mut self, group: Vec<PendingImage>, inline: Option<&Inline>) {
        let following = self.following.as_ref();
        let next = self.batches + 1;
        let journeys: Vec<Step> = group.iter().map(|image| Following::image(following, image, next)).collect();
        let trails: Vec<Trail> = journeys.iter().map(Step::trail).collect();
        let batch = self.publish(&group, inline, &trails);
        self.left.insert(batch, group.len());
        self.unconfirmed.insert(batch, group.iter().map(Try::of).collect());
        self.inline_out += group.iter().filter(|image| image.is_inline()).count();
        let out = group.into_iter().zip(journeys);
        self.out.extend(out.map(|(image, journey)| (image.image, Out { image, batch, journey })));
    }

    /// Sends everything that is out once more: the batches may have been lost with a deleted queue. Images that are
    /// merely slow are fetched twice by that, and counted once. Those that stood in their pages are not out any more and are
    /// given back, because their bytes are in the ledger.
    pub fn send_again(&mut self) -> Vec<PendingImage> {
        let inline = self.out.values().map(|out| &out.image).filter(|image| image.is_inline());
        let inline: Vec<_> = inline.map(|image| (image.image, image.attempts + 1)).collect();
        let inline = inline
            .into_iter()
            .filter_map(|(image, attempt)| self.came_back(image, attempt))
            .map(|back| back.image)
            .collect();
        let mut images: Vec<_> = self.out.values().map(|out| out.image.clone()).collect();
        images.sort_by_key(|image| image.alone);
        self.metrics.sent_again(images.len());
        for group in groups(images, Task::MAX_IMAGES) {
            let trail = |image: &PendingImage| self.out.get(&image.image).map(|out| out.journey.trail());
            let trails: Vec<Trail> = group.iter().map(|image| trail(image).unwrap_or_default()).collect();
            self.publish(&group, None, &trails);
        }
        inline
    }

    /// Publishes a batch. `trails` are those of its images, in their order.
    fn publish(&mut self, group: &[PendingImage], inline: Option<&Inline>, trails: &[Trail]) -> u64 {
        self.batches += 1;
        let images = group.iter().map(|image| ImageTask {
            id: image.image,
            url: image.url.clone(),
            attempt: image.attempts + 1,
            hops: image.hops,
            validators: image.validators().cloned(),
            inline: inline.cloned(),
            context: Context::default(),
        });
        let mut task = Task {
            v: wire::VERSION,
            run: self.run.clone(),
            batch: self.batches,
            user_agent: self.manners.user_agent.clone(),
            from: self.manners.from.clone(),
            opt_outs: self.manners.opt_outs,
            ignores_robots: self.manners.ignores_robots,
            images: images.collect(),
        };
        let (transport, to) = (self.transport.clone(), Destination::Tasks(self.run.clone()));
        let (ledger, rows) = (self.ledger.clone(), rows_with_context(group));
        // A task queue that is gone is declared again inside the transport, so a confirmed batch is in it.
        let (batch, metrics) = (self.batches, Arc::clone(&self.metrics));
        let (name, mut places, mut steps) = (format!("{}/{batch}", self.run), Places::default(), Vec::new());
        for (index, trail) in trails.iter().enumerate() {
            if let Some(place) = trail.place() {
                places.push(index, place);
                steps.push(trail.step("dispatch"));
            }
        }
        self.publishing.spawn(async move {
            bring_along(&ledger, rows, &mut task).await?;
            let along = Along { name: Some(name), places };
            transport.publish_along(to, wire::write(&task), along).await?;
            metrics.published();
            // Safe in the queue: the images are dispatched.
            drop(steps);
            Ok(batch)
        });
        batch
    }

    /// Waits until batches are safe in the task queue, and says what is in those of which something is still out; pends for
    /// ever while none is on its way. An error is one that no waiting mends. Cancel-safe.
    pub async fn confirmed(&mut self) -> Result<Vec<(u64, Vec<Try>)>, DispatchError> {
        let mut confirmed = Vec::new();
        let Some(first) = self.publishing.join_next().await else { return std::future::pending().await };
        let mut next = Some(first);
        while let Some(published) = next {
            // A publish that panicked was told of by its panic; its images are sent again after a silence.
            if let Ok(batch) = published {
                let batch = batch?;
                let images = self.unconfirmed.remove(&batch);
                confirmed.extend(images.filter(|_| self.left.contains_key(&batch)).map(|images| (batch, images)));
            }
            next = self.publishing.try_join_next();
        }
        Ok(confirmed)
    }

    /// Whether an image is out that must not share a message.
    #[must_use]
    pub fn is_out_alone(&self, image: ImageId) -> bool {
        self.out.get(&image).is_some_and(|out| out.image.alone)
    }

    /// An outcome of a try came; gives back what was out, unless that was another try or nothing.
    pub fn came_back(&mut self, image: ImageId, attempt: u32) -> Option<CameBack> {
        if self.out.get(&image)?.image.attempts + 1 != attempt {
            return None;
        }
        let Out { image, batch, journey } = self.out.remove(&image)?;
        self.inline_out -= usize::from(image.is_inline());
        if let Some(left) = self.left.get_mut(&batch) {
            *left -= 1;
            if *left == 0 {
                self.left.remove(&batch);
                self.finished.push(batch);
            }
        }
        Some(CameBack { image, batch, journey })
    }

    /// The batches of which nothing is out any more, told once.
    pub fn take_finished(&mut self) -> Vec<u64> {
        std::mem::take(&mut self.finished)
    }
}

/// Cuts images into messages of at most `most` images, and of no more text than fits; one that must be alone is.
fn groups(images: Vec<PendingImage>, most: usize) -> impl Iterator<Item = Vec<PendingImage>> {
    let mut images = images.into_iter().peekable();
    std::iter::from_fn(move || {
        let first = images.next()?;
        let (mut texts, alone) = (first.texts, first.alone);
        let mut group = vec![first];
        while !alone
            && group.len() < most
            && let Some(image) = images.next_if(|next| !next.alone && texts + next.texts <= Context::MAX_TEXTS)
        {
            texts += image.texts;
            group.push(image);
        }
        Some(group)
    })
}

/// The rows whose contexts are to be read: all of a batch's, or `None` if there is nothing to be read of any.
fn rows_with_context(group: &[PendingImage]) -> Option<Vec<RowId>> {
    // Where redirects led elsewhere, the address it was accepted with is in its context.
    let is_bare = group.iter().all(|image| image.is_bare && image.hops == 0);
    (!is_bare).then(|| group.iter().map(|image| image.id).collect())
}

/// Adds what the ledger knows of the images.
async fn bring_along(ledger: &Ledger, rows: Option<Vec<RowId>>, task: &mut Task) -> Result<(), LedgerError> {
    let Some(rows) = rows else {
        // All that the ledger would say of them.
        for image in &mut task.images {
            image.context.source = Some(Source::List.as_str().to_owned());
        }
        return Ok(());
    };
    let contexts = ledger.contexts(rows).await?;
    for (image, context) in task.images.iter_mut().zip(contexts) {
        let url = context.url.filter(|url| *url != image.url);
        image.context = Context { url, ..context };
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: i64, texts: usize, alone: bool) -> PendingImage {
        let image = [0; 16].into();
        PendingImage {
            id,
            host: 1,
            image,
            url: String::new(),
            attempts: 0,
            attempts_before: 0,
            hops: 0,
            alone,
            asked: None,
            texts,
            page: None,
            is_bare: false,
        }
    }

    #[test]
    fn contexts_are_read_unless_there_is_nothing_in_any() {
        let bare = PendingImage { is_bare: true, ..image(1, 0, false) };
        assert_eq!(rows_with_context(&[bare.clone(), bare.clone()]), None);
        assert_eq!(rows_with_context(&[bare.clone(), image(2, 0, false)]), Some(vec![1, 2]));
        assert_eq!(rows_with_context(&[PendingImage { hops: 1, ..bare }]), Some(vec![1]), "a redirect led on");
    }

    #[test]
    fn messages_are_bounded_in_images_and_in_text() {
        let most = Context::MAX_TEXTS;
        let images =
            vec![image(1, 0, false), image(2, most, false), image(3, 1, false), image(4, 0, true), image(5, 0, true)];
        let ids = |most| groups(images.clone(), most).map(|group| group.len()).collect::<Vec<_>>();
        assert_eq!(ids(64), [2, 1, 1, 1]);
        assert_eq!(ids(1), [1, 1, 1, 1, 1]);
    }
}
