//! What lies between and around the programs: the wires to the broker, and the site.

use std::sync::Arc;
use std::time::Duration;

use harness::gallery::Mood;
use harness::{Gallery, Proxy, Wire};
use tokio::sync::mpsc;

use crate::fault::{Fault, Kind};
use crate::record::Record;

/// How much later each piece of a slow wire comes.
const SLOW: Duration = Duration::from_millis(200);

/// One wire lives through its faults.
pub(crate) async fn wire(proxy: Arc<Proxy>, mut faults: mpsc::Receiver<Fault>, record: Arc<Record>) {
    while let Some(fault) = faults.recv().await {
        let wire = match fault.kind {
            Kind::ResetWire => {
                proxy.reset();
                Wire::Open
            }
            Kind::HoldWire => Wire::Held,
            Kind::SlowWire => Wire::Slow(SLOW),
            _ => unreachable!("{fault:?} is not for a wire"),
        };
        if wire != Wire::Open {
            proxy.set(wire);
            tokio::time::sleep(fault.lasts).await;
            proxy.set(Wire::Open);
        }
        record.survived(fault.kind);
    }
}

/// The site lives through its faults. An even number strikes one host, an odd one all of them.
pub(crate) async fn site(gallery: Arc<Gallery>, mut faults: mpsc::Receiver<Fault>, record: Arc<Record>) {
    while let Some(fault) = faults.recv().await {
        let mood = match fault.kind {
            Kind::SiteUnavailable => Mood::Unavailable,
            Kind::SiteResetting => Mood::Resetting,
            Kind::SiteCutting => Mood::Cutting,
            Kind::SiteStalling => Mood::Stalling,
            _ => unreachable!("{fault:?} is not for a site"),
        };
        let count = gallery.hosts();
        let one = usize::try_from(fault.whom / 2 % u64::try_from(count).expect("few")).expect("few");
        let struck = if fault.whom.is_multiple_of(2) { one..one + 1 } else { 0..count };
        struck.clone().for_each(|host| gallery.set_mood(host, mood));
        tokio::time::sleep(fault.lasts).await;
        struck.for_each(|host| gallery.set_mood(host, Mood::Well));
        record.survived(fault.kind);
    }
}
