//! Which runs' images this worker has in hand, so that it can tell their producers that they are being worked on.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use common::run_name::RunName;

/// Images in hand, by run.
#[derive(Debug, Default)]
pub(crate) struct InHand(Mutex<HashMap<RunName, usize>>);

/// One image that is in hand for as long as this lives.
#[derive(Debug)]
pub(crate) struct Holding {
    in_hand: Arc<InHand>,
    run: RunName,
}

impl InHand {
    /// Takes an image of `run` in hand.
    pub(crate) fn hold(self: &Arc<Self>, run: &RunName) -> Holding {
        *self.lock().entry(run.clone()).or_default() += 1;
        Holding { in_hand: Arc::clone(self), run: run.clone() }
    }

    /// The runs of which something is in hand.
    pub(crate) fn runs(&self) -> Vec<RunName> {
        self.lock().keys().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<RunName, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Holding {
    fn drop(&mut self) {
        let mut runs = self.in_hand.lock();
        if let Some(images) = runs.get_mut(&self.run) {
            *images -= 1;
            if *images == 0 {
                runs.remove(&self.run);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_in_hand_until_its_last_image_is_done() {
        let in_hand = Arc::new(InHand::default());
        let run: RunName = "run".parse().expect("valid");
        let (one, two) = (in_hand.hold(&run), in_hand.hold(&run));
        drop(one);
        assert_eq!(in_hand.runs(), [run]);
        drop(two);
        assert!(in_hand.runs().is_empty());
    }
}
