//! Redirects, of images and pages alike: each hop is a request to a host, which has a robots.txt and a pace of its own, so
//! nobody below follows one. What was redirected goes back to its backlog under the host that it was sent to.

use common::http::MAX_REDIRECTS;
use common::outcome::{Outcome, Status};
use common::reason::Reason;
use url::Url;

use super::{Event, Pipeline, Redirected};
use crate::frontier;
use crate::ledger::{HostId, PageKind, PendingImage, PendingPage};
use crate::scope::authority;

impl Pipeline {
    /// Sends an image where the server says that it is. Gives the reason why not, if there is one.
    pub(super) fn follow_image(&mut self, mut image: PendingImage, outcome: &Outcome) -> Result<(), Reason> {
        let target = hop(outcome.final_url.as_deref(), image.hops)?;
        target.as_str().clone_into(&mut image.url);
        image.hops += 1;
        image.attempts = outcome.attempt;
        // A hop is none of the tries that --retries counts.
        image.attempts_before += 1;
        self.images.waiting += 1;
        self.go_to(&target, move |host| Redirected::Image(PendingImage { host, ..image }));
        Ok(())
    }

    /// Sends for a page where the server says that it is. Gives it back where that is not wanted.
    pub(super) fn follow_page(&mut self, page: PendingPage, target: &Url) -> Result<(), (PendingPage, Option<Reason>)> {
        let target = match hop(Some(target.as_str()), page.redirects) {
            Ok(target) => target,
            Err(reason) => return Err((page, Some(reason))),
        };
        let is_page = page.kind == PageKind::Page;
        if is_page && self.pages.work.as_ref().is_some_and(|work| !work.frontier.may_follow(&target, page.is_seed())) {
            return Err((page, None));
        }
        let redirects = page.redirects + 1;
        let url = target.as_str().to_owned();
        self.go_to(&target, move |host| Redirected::Page(PendingPage { host, url, redirects, ..page }));
        Ok(())
    }

    /// Asks for the number of the host that a redirect leads to.
    fn go_to(&mut self, target: &Url, redirected: impl FnOnce(HostId) -> Redirected + Send + 'static) {
        let (ledger, name) = (self.ledger.clone(), authority(target).to_owned());
        self.tasks.spawn(async move { Ok(Event::Redirected(redirected(ledger.host(name).await?))) });
    }

    /// Puts what was redirected where it waits for its turn.
    pub(super) fn redirected(&mut self, what: Redirected) {
        match what {
            Redirected::Image(image) => {
                self.images.waiting -= 1;
                self.images.backlog.put_back(image);
            }
            Redirected::Page(page) => {
                self.pages.recorded(page.depth, page.kind);
                self.pages.backlog.put_back(page);
            }
        }
    }
}

/// The next hop, as far as there may be one.
fn hop(target: Option<&str>, hops: u32) -> Result<Url, Reason> {
    if usize::try_from(hops).is_ok_and(|hops| hops >= MAX_REDIRECTS) {
        return Err(Reason::Redirects);
    }
    target.and_then(|target| frontier::hop(target).ok()).ok_or(Reason::Redirects)
}

/// The outcome of an image, where its address is one that a redirect led to.
pub(super) fn told_of_hops(mut outcome: Outcome, image: &PendingImage) -> Outcome {
    if image.hops > 0 && outcome.final_url.is_none() {
        outcome.final_url = Some(image.url.clone());
    }
    if outcome.reason == Some(Reason::Redirected) {
        // Only one that leads nowhere is the last word.
        outcome.status = Status::Failed;
        outcome.reason = Some(Reason::Redirects);
    }
    outcome
}
