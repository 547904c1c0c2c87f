//! What this process has in hand, and what it finished without the broker having taken note: after a lost connection the
//! broker delivers both again. Such an image is not fetched a second time; the batch that comes again waits for the
//! outcome, or gets it at once, and tells it once more.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::image_id::ImageId;
use common::outcome::Outcome;
use common::run_name::RunName;
use common::task::{ImageTask, Task};
use tokio::sync::watch;

/// Outcomes that are kept at most, and bytes of their texts, most of which are EXIF; above, the oldest is forgotten, and its image
/// would be fetched again.
const FINISHED: usize = 16_384;
const TEXTS: usize = 16 << 20;

/// A try of an image.
pub(crate) type Try = (RunName, ImageId, u32);

/// The tries in hand, and the outcomes whose batches are not settled.
#[derive(Debug, Default)]
pub(crate) struct Claims(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    tries: HashMap<Try, State>,
    /// Those that are finished, the oldest first.
    finished: BTreeMap<u64, Try>,
    next: u64,
    /// Bytes of the texts of those.
    texts: usize,
}

impl Inner {
    fn keep(&mut self, key: Try, outcome: Outcome) {
        let order = self.next;
        self.next += 1;
        self.texts += outcome.texts();
        self.finished.insert(order, key.clone());
        self.tries.insert(key, State::Finished { outcome: outcome.into(), order });
        while self.finished.len() > FINISHED || self.texts > TEXTS {
            let Some((_, oldest)) = self.finished.pop_first() else { break };
            self.forget(&oldest);
        }
    }

    /// Forgets a try that is finished; one that is in hand it leaves alone.
    fn forget(&mut self, key: &Try) {
        if let Some(State::Finished { outcome, order }) = self.tries.get(key) {
            self.texts -= outcome.texts();
            self.finished.remove(order);
            self.tries.remove(key);
        }
    }
}

#[derive(Debug)]
enum State {
    /// Closed when whoever has it in hand is done with it.
    InHand(watch::Receiver<()>),
    Finished {
        outcome: Box<Outcome>,
        order: u64,
    },
}

/// What asking for a try comes to.
#[derive(Debug)]
pub(crate) enum Claimed {
    /// It is the asker's to make.
    Ours(Claim),
    /// It was made.
    Finished(Box<Outcome>),
}

impl Claims {
    /// Asks for a try of an image. While somebody else in this process has it in hand, waits for the end of that.
    pub(crate) async fn claim(self: &Arc<Self>, run: &RunName, image: &ImageTask) -> Claimed {
        let key = (run.clone(), image.id, image.attempt);
        loop {
            let mut other = match self.look(&key) {
                Ok(claimed) => return claimed,
                Err(other) => other,
            };
            // Nothing is ever sent: this ends when the sender is dropped.
            drop(other.changed().await);
        }
    }

    fn look(self: &Arc<Self>, key: &Try) -> Result<Claimed, watch::Receiver<()>> {
        let mut inner = self.lock();
        match inner.tries.get(key) {
            Some(State::Finished { outcome, .. }) => Ok(Claimed::Finished(outcome.clone())),
            Some(State::InHand(other)) => Err(other.clone()),
            None => {
                let (in_hand, ends) = watch::channel(());
                inner.tries.insert(key.clone(), State::InHand(ends));
                Ok(Claimed::Ours(Claim { claims: Arc::clone(self), key: key.clone(), _in_hand: in_hand }))
            }
        }
    }

    /// Whether every try that a batch asks for is in hand or finished, so that nothing would be begun for it.
    pub(crate) fn know(&self, task: &Task) -> bool {
        let inner = self.lock();
        task.images.iter().all(|image| inner.tries.contains_key(&(task.run.clone(), image.id, image.attempt)))
    }

    /// The broker knows that these are settled, and does not deliver them again.
    pub(crate) fn forget<'t>(&self, tries: impl IntoIterator<Item = &'t Try>) {
        let mut inner = self.lock();
        tries.into_iter().for_each(|key| inner.forget(key));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A try that is in hand for as long as this lives. Dropped without an outcome, it is free for the next to ask.
#[derive(Debug)]
pub(crate) struct Claim {
    claims: Arc<Claims>,
    key: Try,
    _in_hand: watch::Sender<()>,
}

impl Claim {
    /// This came of it.
    pub(crate) fn finish(self, outcome: &Outcome) {
        self.claims.lock().keep(self.key.clone(), outcome.clone());
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        let mut inner = self.claims.lock();
        if let Some(State::InHand(_)) = inner.tries.get(&self.key) {
            inner.tries.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use common::context::Context;
    use common::opt_out::Directives;
    use common::outcome::Status;
    use common::wire::MAX_EXIF;

    use super::*;

    fn run() -> RunName {
        "run".parse().expect("valid")
    }

    fn image(number: u32) -> ImageTask {
        let mut id = [0; 16];
        id[..4].copy_from_slice(&number.to_be_bytes());
        let (url, context) = ("http://a/".to_owned(), Context::default());
        ImageTask { id: id.into(), url, attempt: 1, hops: 0, validators: None, inline: None, context }
    }

    fn outcome(image: &ImageTask) -> Outcome {
        Outcome::new(image.id, image.attempt, Status::Stored, None)
    }

    async fn ours(claims: &Arc<Claims>, image: &ImageTask) -> Claim {
        match claims.claim(&run(), image).await {
            Claimed::Ours(claim) => claim,
            Claimed::Finished(outcome) => panic!("finished already: {outcome:?}"),
        }
    }

    #[tokio::test]
    async fn a_second_delivery_waits_for_the_outcome_of_the_first() {
        let claims = Arc::new(Claims::default());
        let image = image(1);
        let first = ours(&claims, &image).await;
        let run = run();
        let (second, ()) = tokio::join!(claims.claim(&run, &image), async { first.finish(&outcome(&image)) });
        assert!(matches!(second, Claimed::Finished(found) if *found == outcome(&image)));
        claims.forget([&(run, image.id, image.attempt)]);
        drop(ours(&claims, &image).await);
    }

    #[tokio::test]
    async fn what_was_given_up_is_the_next_ones_to_make() {
        let claims = Arc::new(Claims::default());
        let one = image(1);
        let first = ours(&claims, &one).await;
        let (second, ()) = tokio::join!(ours(&claims, &one), async { drop(first) });
        // To forget is for what is finished: it leaves alone what is in hand.
        claims.forget([&(run(), image(1).id, 1)]);
        let task = |images| Task {
            v: common::wire::VERSION,
            run: run(),
            batch: 1,
            user_agent: "a".to_owned(),
            from: None,
            opt_outs: Directives::NONE,
            ignores_robots: false,
            images,
        };
        assert!(claims.know(&task(vec![image(1)])));
        assert!(!claims.know(&task(vec![image(1), image(2)])));
        drop(second);
        assert!(claims.lock().tries.is_empty());
    }

    #[tokio::test]
    async fn the_oldest_outcome_is_forgotten_above_the_limit() {
        let claims = Arc::new(Claims::default());
        let many = u32::try_from(FINISHED).expect("small") + 1;
        for number in 0..many {
            ours(&claims, &image(number)).await.finish(&outcome(&image(number)));
        }
        assert_eq!(claims.lock().tries.len(), FINISHED);
        drop(ours(&claims, &image(0)).await);
        assert!(matches!(claims.claim(&run(), &image(many - 1)).await, Claimed::Finished(_)));
    }

    #[tokio::test]
    async fn texts_are_bounded_together() {
        let claims = Arc::new(Claims::default());
        let most = u32::try_from(TEXTS / MAX_EXIF).expect("small");
        let finish = async |number| {
            let exif = Some("e".repeat(MAX_EXIF));
            ours(&claims, &image(number)).await.finish(&Outcome { exif, ..outcome(&image(number)) });
        };
        for number in 0..most {
            finish(number).await;
        }
        let kept = || {
            let inner = claims.lock();
            (inner.tries.len(), inner.texts)
        };
        assert_eq!(kept(), (TEXTS / MAX_EXIF, TEXTS));
        let mut one_more = outcome(&image(most));
        one_more.detail = Some("d".to_owned());
        ours(&claims, &image(most)).await.finish(&one_more);
        assert_eq!(kept(), (TEXTS / MAX_EXIF, TEXTS - MAX_EXIF + 1));
        drop(ours(&claims, &image(0)).await);
        let all: Vec<Try> = (1..=most).map(|number| (run(), image(number).id, 1)).collect();
        claims.forget(&all);
        let inner = claims.lock();
        assert_eq!((inner.tries.len(), inner.finished.len(), inner.texts), (0, 0, 0));
    }
}
