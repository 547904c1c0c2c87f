//! What the lines of a process have in common: which run a producer works on, as which worker a downloader does. Known once in
//! the life of a process, and told in every JSON line from then on, whoever writes it.

use std::sync::OnceLock;

static RUN: OnceLock<String> = OnceLock::new();
static WORKER: OnceLock<String> = OnceLock::new();

/// Says what this process is for. What was said before stays.
pub fn identify(run: Option<&str>, worker: Option<&str>) {
    for (cell, name) in [(&RUN, run), (&WORKER, worker)] {
        if let Some(name) = name {
            cell.get_or_init(|| name.to_owned());
        }
    }
}

/// What is known, by the names of the fields.
pub(super) fn known() -> impl Iterator<Item = (&'static str, &'static str)> {
    [("run", &RUN), ("worker", &WORKER)].into_iter().filter_map(|(field, cell)| Some((field, cell.get()?.as_str())))
}
