//! The manifests of `deploy/kubernetes` are what Kubernetes takes, name what is there, and give a drain the time it needs.

use std::fs;
use std::path::{Path, PathBuf};

use clap::Parser as _;
use downloader::cli::Cli;
use downloader::worker::DRAIN_MARGIN;
use harness::Python;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member has a workspace").join(path)
}

/// Runs the checker, which ends with what it found.
fn check(options: &[&str]) -> String {
    let script = fs::read_to_string(repository("tests/kubernetes/check.py")).expect("the checker is there");
    // As a script that is handed over it has no place of its own.
    let script = format!("__file__ = '{}'\n{script}", repository("tests/kubernetes/check.py").display());
    let folder = repository("deploy/kubernetes");
    let mut arguments: Vec<&dyn AsRef<std::ffi::OsStr>> = vec![&folder];
    arguments.extend(options.iter().map(|option| option as &dyn AsRef<std::ffi::OsStr>));
    Python::get().run(&script, &arguments)
}

#[test]
fn kubernetes_takes_the_manifests() {
    let said = check(&[]);
    assert!(said.starts_with("11 resources"), "{said}");
}

#[test]
fn what_kubernetes_would_not_take_is_noticed() {
    let said = check(&["--must-refuse"]);
    assert!(said.starts_with("29 spoiled resources"), "{said}");
}

#[test]
fn a_pod_has_the_time_that_a_drain_takes() {
    let manifest = fs::read_to_string(repository("deploy/kubernetes/downloader.yaml")).expect("it is there");
    let grace = manifest.lines().find_map(|line| line.trim().strip_prefix("terminationGracePeriodSeconds: "));
    let grace: u64 = grace.and_then(|seconds| seconds.parse().ok()).expect("seconds");
    let defaults = Cli::parse_from(["downloader"]).work.own;
    let drain = defaults.fetch_timeout + DRAIN_MARGIN;
    assert!(grace > drain.as_secs() && grace <= drain.as_secs() + 10, "{grace} s for a drain of {drain:?}");
    assert!(
        manifest.contains(&format!("value: {}s", defaults.fetch_timeout.as_secs())),
        "--fetch-timeout is the default"
    );
    let compose = fs::read_to_string(repository("docker-compose.yml")).expect("it is there");
    assert!(compose.contains(&format!("stop_grace_period: {grace}s")), "the same as Compose's");
}
