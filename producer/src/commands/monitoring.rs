//! What a run tells monitoring: its own metrics, the broker's, and those of a downloader in this process, at one endpoint.

use std::sync::Arc;

use common::metrics::{BrokerMetrics, Build, Endpoint, EndpointError, Sources};
use downloader::metrics as worker;
use tokio_util::task::AbortOnDropHandle;

use crate::metrics::{Condition, Metrics};
use crate::settings::{Broker, RunSettings};

/// Counts, and serves what it counts for as long as it lives, if that is wished for.
pub(super) struct Monitoring {
    /// The run's.
    pub(super) metrics: Arc<Metrics>,
    /// The links to the broker.
    pub(super) broker: Arc<BrokerMetrics>,
    /// Those of a downloader in this process.
    pub(super) worker: Option<Arc<worker::Metrics>>,
    _serving: Option<AbortOnDropHandle<()>>,
}

impl Monitoring {
    /// Takes the address before anything else begins: that it is taken is wrong usage.
    pub(super) async fn start(settings: &RunSettings) -> Result<Self, EndpointError> {
        let monitoring = Self::off(settings);
        let Some(address) = settings.metrics else { return Ok(monitoring) };
        let serving = Endpoint::bind(address).await?.serve(monitoring.sources(), Arc::new(monitoring.condition()));
        Ok(Self { _serving: Some(serving), ..monitoring })
    }

    /// Counts, and shows it to nobody.
    pub(super) fn off(settings: &RunSettings) -> Self {
        let (broker, worker) = match &settings.broker {
            Broker::Amqp(_) => (BrokerMetrics::default(), None),
            Broker::Embedded(worker) => (BrokerMetrics::of_this_process(), Some(worker::Metrics::new(worker).into())),
        };
        Self { metrics: Arc::default(), broker: broker.into(), worker, _serving: None }
    }

    fn sources(&self) -> Sources {
        let build = Arc::new(Build { program: "producer" });
        let mut sources: Sources = vec![build, Arc::clone(&self.broker) as _, Arc::clone(&self.metrics) as _];
        sources.extend(self.worker.iter().map(|worker| Arc::clone(worker) as _));
        sources
    }

    fn condition(&self) -> Condition {
        let broker = || Arc::clone(&self.broker);
        let worker = self.worker.as_ref().map(|metrics| worker::Condition::new(Arc::clone(metrics), broker()));
        Condition::new(Arc::clone(&self.metrics), broker(), worker)
    }
}
