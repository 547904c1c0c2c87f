//! The page that metrics are written on, in Prometheus' text format. A metric's name is given without the first word,
//! `warren_`, and a counter's without the last, `_total`.

use std::fmt;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::prometheus_text::encode;
use prometheus_client::encoding::{DescriptorEncoder, MetricEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;
use prometheus_client::registry::Registry;

use super::{Durations, Sources};

/// A page that is being written.
#[derive(Debug)]
pub struct Page<'a>(DescriptorEncoder<'a>);

/// A label and its value.
type Label<'l> = (&'static str, &'l str);

impl Page<'_> {
    /// A number that only grows.
    pub fn counter(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.begin(name, help, MetricType::Counter)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
    }

    /// Such a number for each of some words.
    pub fn counters<'w>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'w str, u64)>,
    ) -> fmt::Result {
        let mut counter = self.begin(name, help, MetricType::Counter)?;
        values.into_iter().try_for_each(|(word, value)| {
            let labels: [Label<'_>; 1] = [(label, word)];
            counter.encode_family(&labels)?.encode_counter::<NoLabelSet, _, u64>(&value, None)
        })
    }

    /// A number that grows and shrinks.
    pub fn gauge(&mut self, name: &str, help: &str, value: u64) -> fmt::Result {
        self.begin(name, help, MetricType::Gauge)?.encode_gauge(&i64::try_from(value).unwrap_or(i64::MAX))
    }

    /// Whether something is so: 1 or 0.
    pub fn truth(&mut self, name: &str, help: &str, value: bool) -> fmt::Result {
        self.gauge(name, help, value.into())
    }

    /// Whether it is so, for each of some words.
    pub fn truths<'w>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'w str, bool)>,
    ) -> fmt::Result {
        let mut gauge = self.begin(name, help, MetricType::Gauge)?;
        values.into_iter().try_for_each(|(word, value)| {
            let labels: [Label<'_>; 1] = [(label, word)];
            gauge.encode_family(&labels)?.encode_gauge(&u64::from(value))
        })
    }

    /// What something is like: a 1 whose labels say it.
    pub fn info(&mut self, name: &str, help: &str, labels: &[Label<'_>]) -> fmt::Result {
        self.begin(name, help, MetricType::Gauge)?.encode_family(&labels)?.encode_gauge(&1_u64)
    }

    /// How long something took, each time.
    pub fn durations(&mut self, name: &str, help: &str, durations: &Durations) -> fmt::Result {
        durations.encode(&mut self.begin(name, help, MetricType::Histogram)?)
    }

    /// The same for each of some words.
    pub fn durations_by<'d>(
        &mut self,
        name: &str,
        help: &str,
        label: &'static str,
        values: impl IntoIterator<Item = (&'d str, &'d Durations)>,
    ) -> fmt::Result {
        let mut histogram = self.begin(name, help, MetricType::Histogram)?;
        values.into_iter().try_for_each(|(word, durations)| {
            let labels: [Label<'_>; 1] = [(label, word)];
            durations.encode(&mut histogram.encode_family(&labels)?)
        })
    }

    fn begin<'s>(&'s mut self, name: &'s str, help: &str, kind: MetricType) -> Result<MetricEncoder<'s>, fmt::Error> {
        self.0.encode_descriptor(name, help, None, kind)
    }
}

/// Writes a page of all that the sources have.
pub(super) fn write(sources: &Sources) -> Result<String, fmt::Error> {
    let mut registry = Registry::with_prefix("warren");
    registry.register_collector(Box::new(All(sources.clone())));
    let mut page = String::new();
    encode(&mut page, &registry)?;
    Ok(page)
}

#[derive(Debug)]
struct All(Sources);

impl Collector for All {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut page = Page(encoder);
        self.0.iter().try_for_each(|source| source.write(&mut page))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use super::*;
    use crate::metrics::Source;

    #[derive(Debug)]
    struct Example;

    impl Source for Example {
        fn write(&self, page: &mut Page<'_>) -> fmt::Result {
            let took = Durations::default();
            took.observe(Duration::from_millis(3));
            page.counter("cakes_eaten", "Cakes that were eaten.", 3)?;
            page.counters("cakes_baked", "Cakes by kind.", "kind", [("plum", 1), ("a \"b\"\n", 0)])?;
            page.gauge("cakes", "Cakes on the table.", 7)?;
            page.truths("oven_hot", "Whether it is.", "side", [("left", true), ("right", false)])?;
            page.info("oven_info", "Which one.", &[("make", "x")])?;
            page.durations("baking_seconds", "How long.", &took)
        }
    }

    #[test]
    fn a_page_is_in_the_text_format() {
        let sources: Sources = vec![Arc::new(Example)];
        let page = write(&sources).expect("written");
        let (plain, histogram) = page.split_once("# HELP warren_baking_seconds").expect("the histogram");
        assert_eq!(
            plain,
            "# HELP warren_cakes_eaten_total Cakes that were eaten.\n\
             # TYPE warren_cakes_eaten_total counter\n\
             warren_cakes_eaten_total 3\n\
             # HELP warren_cakes_baked_total Cakes by kind.\n\
             # TYPE warren_cakes_baked_total counter\n\
             warren_cakes_baked_total{kind=\"plum\"} 1\n\
             warren_cakes_baked_total{kind=\"a \\\"b\\\"\\n\"} 0\n\
             # HELP warren_cakes Cakes on the table.\n\
             # TYPE warren_cakes gauge\n\
             warren_cakes 7\n\
             # HELP warren_oven_hot Whether it is.\n\
             # TYPE warren_oven_hot gauge\n\
             warren_oven_hot{side=\"left\"} 1\n\
             warren_oven_hot{side=\"right\"} 0\n\
             # HELP warren_oven_info Which one.\n\
             # TYPE warren_oven_info gauge\n\
             warren_oven_info{make=\"x\"} 1\n"
        );
        for line in [
            "warren_baking_seconds_bucket{le=\"0.0025\"} 0",
            "warren_baking_seconds_bucket{le=\"0.005\"} 1",
            "warren_baking_seconds_bucket{le=\"+Inf\"} 1",
            "warren_baking_seconds_sum 0.003",
            "warren_baking_seconds_count 1",
        ] {
            assert!(histogram.lines().any(|other| other == line), "{line} in\n{histogram}");
        }
    }
}
