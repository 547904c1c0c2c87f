//! The end of a storm: what must hold is checked, and everything is told in one table.

use std::fmt::Write as _;
use std::path::Path;

use harness::invariants::Broken;
use harness::{Exit, Findings, Store};

use crate::fault::Kind;
use crate::options::Source;
use crate::record::Record;
use crate::storm::{Aftermath, CHAINS};

/// Checks what must hold, adds what does not to the record, and returns the table.
pub(crate) fn judge(aftermath: &Aftermath, source: Source, folder: &Path, record: &Record) -> String {
    let Aftermath { run, gallery, samples, dead, .. } = aftermath;
    if run.exit != Exit::Code(0) {
        record.problem(format!("the last producer ended with {}", run.exit));
    }
    let findings = Findings::of(&gallery.expected(), run, &Store::at(&folder.join("store")));
    if !findings.is_empty() {
        record.problem(findings.to_string());
    }
    if *dead > 0 {
        record.problem(format!("{dead} messages are in the dead-letter queue"));
    }
    let tally = gallery.tally();
    if tally.unknown() > 0 {
        record.problem(format!("{} requests were for what is not on the site", tally.unknown()));
    }
    let most = u64::try_from(record.producer_ends()).expect("few") * CHAINS;
    if source == Source::Pages && tally.pages_again() > most {
        record
            .problem(format!("{} pages were fetched again; at most {most} can have been in hand", tally.pages_again()));
    }
    for (name, bytes, descriptors, is_flat) in samples.courses() {
        if !is_flat {
            record.problem(format!("{name} grows: {bytes:?} MiB, {descriptors:?} descriptors"));
        }
    }
    table(aftermath, &findings, record)
}

fn table(aftermath: &Aftermath, findings: &Findings, record: &Record) -> String {
    let Aftermath { run, gallery, samples, dead, storm, calm } = aftermath;
    let tally = gallery.tally();
    let mut text = String::new();
    let mut line = |name: &str, value: String| writeln!(text, "{name:<34} {value:>12}").expect("a string takes all");
    let faults = record.faults();
    for kind in Kind::all() {
        line(kind.name(), faults.get(&kind).copied().unwrap_or(0).to_string());
    }
    line("faults survived", faults.values().sum::<usize>().to_string());
    line("seconds of storm", format!("{:.1}", storm.as_secs_f64()));
    line("seconds until the end", format!("{:.1}", calm.as_secs_f64()));
    line("producer ended early or frozen", record.producer_ends().to_string());
    line("downloader found no broker", record.restarts().to_string());
    line("images", run.rows.len().to_string());
    line("requests for images", tally.picture_requests().to_string());
    line("answers that the site spoilt", tally.spoilt().to_string());
    line("images fetched again", tally.pictures_again().to_string());
    line("pages fetched again", tally.pages_again().to_string());
    line("dead letters", dead.to_string());
    line("lost", findings.count(Broken::Lost).to_string());
    line("double", findings.count(Broken::Double).to_string());
    line("damaged", findings.count(Broken::Damaged).to_string());
    line("foreign", findings.count(Broken::Foreign).to_string());
    text += "\n                       MiB: first third, last, most     descriptors\n";
    for (name, bytes, descriptors, is_flat) in samples.courses() {
        writeln!(
            text,
            "{name:<22} {:>15.1} {:>10.1} {:>10.1} {:>8.0} {:>6.0} {:>6.0}  {}",
            bytes.first,
            bytes.last,
            bytes.most,
            descriptors.first,
            descriptors.last,
            descriptors.most,
            if is_flat { "flat" } else { "GROWS" }
        )
        .expect("a string takes all");
    }
    text
}
