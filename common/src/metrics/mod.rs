//! What the programs tell monitoring: numbers for Prometheus, whether they are alive, whether they are ready for work.
//!
//! Each program has a room of its own that names its metrics ([`Source`]); what both have is here: the page that they are
//! written on, the counts that they are made of ([`Words`], [`Durations`]: atomics, which cost next to nothing whether
//! somebody asks for them or not), the broker's links ([`BrokerMetrics`]), and the [`endpoint`] that serves all of it.
//! `docs/metrics.md` lists every metric.

mod broker;
mod build;
mod durations;
pub mod endpoint;
mod health;
mod page;
mod words;

pub use broker::{BrokerMetrics, Link};
pub use build::Build;
pub use durations::Durations;
pub use endpoint::{Endpoint, EndpointError};
pub use health::{BEAT_EVERY, Health, Pulse, Unready};
pub use page::Page;
pub use words::{ByReason, ByStatus, Words};

use std::fmt;
use std::sync::Arc;

/// What has metrics. All of them are written on every page, from the first one on: one that counted nothing yet is 0, so
/// that a rate over its first event is right.
pub trait Source: fmt::Debug + Send + Sync + 'static {
    /// Writes each metric once.
    fn write(&self, page: &mut Page<'_>) -> fmt::Result;
}

/// Everything that one endpoint shows.
pub type Sources = Vec<Arc<dyn Source>>;
