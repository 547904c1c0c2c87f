//! The backstop for politeness in this process: at most so many images of one host at once, whatever several producers
//! ask for together. The real pace is the producers'.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use url::Url;

/// Permits by host and port.
#[derive(Debug)]
pub(crate) struct HostLimits {
    per_host: usize,
    hosts: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl HostLimits {
    /// Above so many hosts, those that are not in use are forgotten.
    const REMEMBERED: usize = 4096;

    /// `per_host` 0 means no limit.
    pub(crate) fn new(per_host: usize) -> Self {
        Self { per_host, hosts: Mutex::default() }
    }

    /// Waits for room at the host of `url`. `None` is room without a limit.
    pub(crate) async fn enter(&self, url: &Url) -> Option<OwnedSemaphorePermit> {
        if self.per_host == 0 {
            return None;
        }
        let semaphore = self.semaphore(&url[url::Position::BeforeHost..url::Position::AfterPort]);
        // The semaphores are never closed.
        semaphore.acquire_owned().await.ok()
    }

    fn semaphore(&self, authority: &str) -> Arc<Semaphore> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() > Self::REMEMBERED {
            hosts.retain(|_, semaphore| Arc::strong_count(semaphore) > 1);
        }
        if let Some(semaphore) = hosts.get(authority) {
            return Arc::clone(semaphore);
        }
        let semaphore = Arc::new(Semaphore::new(self.per_host));
        hosts.insert(authority.to_owned(), Arc::clone(&semaphore));
        semaphore
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_full_host_does_not_hold_up_another() {
        let limits = HostLimits::new(1);
        let (one, two) = (Url::parse("http://one/a").expect("url"), Url::parse("http://two/a").expect("url"));
        let held = limits.enter(&one).await;
        assert!(held.is_some());
        assert!(limits.semaphore("one").try_acquire().is_err());
        assert!(limits.enter(&two).await.is_some());
        drop(held);
        assert!(limits.enter(&one).await.is_some());
    }

    #[tokio::test]
    async fn hosts_that_are_done_are_forgotten() {
        let limits = HostLimits::new(1);
        for number in 0..=HostLimits::REMEMBERED + 1 {
            drop(limits.enter(&Url::parse(&format!("http://h{number}/")).expect("url")).await);
        }
        assert!(limits.hosts.lock().expect("not poisoned").len() < HostLimits::REMEMBERED);
    }
}
