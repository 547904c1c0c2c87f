//! Memory and file descriptors of the programs through the storm: are they flat?

use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::time::Duration;

use crate::record::Record;

/// How often each process is looked at.
const EVERY: Duration = Duration::from_millis(500);

/// Flat: the median of the last third is at most this much above that of the first, in parts of it ...
const GROWTH: f64 = 1.3;

/// ... and so much more, in bytes ...
const MORE_BYTES: f64 = 20.0 * MEBIBYTE;

/// ... or in descriptors.
const MORE_DESCRIPTORS: f64 = 20.0;

const MEBIBYTE: f64 = 1_048_576.0;

/// What was seen, by the name of the program.
#[derive(Debug, Default)]
pub(crate) struct Samples(BTreeMap<String, Vec<Sample>>);

#[derive(Debug, Clone, Copy)]
struct Sample {
    bytes: f64,
    descriptors: f64,
}

/// One measure of one program through the storm.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Course {
    /// Median of the first third.
    pub(crate) first: f64,
    /// Median of the last third.
    pub(crate) last: f64,
    /// Most.
    pub(crate) most: f64,
}

impl Samples {
    /// Takes samples for as long as it is polled.
    pub(crate) async fn take(&mut self, record: Arc<Record>) {
        loop {
            tokio::time::sleep(EVERY).await;
            for (name, id) in record.processes() {
                if let Some(sample) = look(id) {
                    self.0.entry(name).or_default().push(sample);
                }
            }
        }
    }

    /// Memory (in MiB) and descriptors of each program, and whether both are flat.
    pub(crate) fn courses(&self) -> Vec<(&str, Course, Course, bool)> {
        let of = |(name, samples): (&'_ String, &Vec<Sample>)| {
            let bytes = course(&samples.iter().map(|sample| sample.bytes / MEBIBYTE).collect::<Vec<_>>());
            let descriptors = course(&samples.iter().map(|sample| sample.descriptors).collect::<Vec<_>>());
            let is_flat = is_flat(bytes, MORE_BYTES / MEBIBYTE) && is_flat(descriptors, MORE_DESCRIPTORS);
            (name.to_owned(), bytes, descriptors, is_flat)
        };
        self.0
            .iter()
            .map(of)
            .map(|(name, bytes, descriptors, flat)| (self.name(&name), bytes, descriptors, flat))
            .collect()
    }

    fn name(&self, name: &str) -> &str {
        self.0.get_key_value(name).map_or("", |(name, _)| name)
    }
}

fn is_flat(course: Course, more: f64) -> bool {
    course.last <= course.first * GROWTH + more
}

fn course(samples: &[f64]) -> Course {
    let third = samples.len().div_ceil(3);
    let most = samples.iter().copied().fold(0.0, f64::max);
    let last = samples.len() - third;
    Course { first: median(samples[..third].to_vec()), last: median(samples[last..].to_vec()), most }
}

fn median(mut samples: Vec<f64>) -> f64 {
    samples.sort_by(f64::total_cmp);
    samples.get(samples.len() / 2).copied().unwrap_or(0.0)
}

/// `None` for a process that has ended, or ends at this moment.
fn look(id: u32) -> Option<Sample> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    let kibibytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.trim().strip_suffix(" kB")?;
    let descriptors = u32::try_from(fs::read_dir(format!("/proc/{id}/fd")).ok()?.count()).ok()?;
    Some(Sample { bytes: kibibytes.parse::<f64>().ok()? * 1024.0, descriptors: descriptors.into() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_grows_is_not_flat_and_what_peaks_is() {
        let growing = course(&(0..300).map(f64::from).collect::<Vec<_>>());
        assert!(!is_flat(growing, 20.0), "{growing:?}");
        let peak = course(&(0..300).map(|second| if second == 150 { 1_000.0 } else { 50.0 }).collect::<Vec<_>>());
        assert!(is_flat(peak, 20.0), "{peak:?}");
        assert!((peak.most - 1_000.0).abs() < 1.0);
    }

    #[test]
    fn a_process_can_be_looked_at() {
        let here = look(std::process::id()).expect("this process runs");
        assert!(here.bytes > 100_000.0 && here.descriptors >= 3.0, "{here:?}");
        assert!(look(u32::MAX).is_none());
    }
}
