//! What `deploy/monitoring` has is true: the rules and settings are well-formed, each alert comes when it should, and every
//! query of the dashboard has an answer from a real run that a real Prometheus looks at.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::broker::NodeSettings;
use harness::ports::free_port;
use harness::{Broker, Gate, Prometheus, Response, World, eventually, one_at_a_time, png, promtool};
use serde_json::Value;

use crate::{PROGRAMS, images, plain};

/// What Prometheus needs until there are rates of everything.
const SCRAPED: Duration = Duration::from_mins(1);

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a member has a workspace").join(path)
}

fn read(path: &str) -> String {
    fs::read_to_string(repository(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

#[test]
fn the_rules_and_the_settings_are_well_formed() {
    for (check, file) in [("rules", "deploy/monitoring/rules.yml"), ("config", "deploy/monitoring/prometheus.yml")] {
        promtool(&["check", check, &repository(file).to_string_lossy()], "");
    }
}

#[test]
fn what_the_overlay_mounts_is_there() {
    let overlay = read("docker-compose.monitoring.yml");
    let mounts: Vec<&str> = overlay.lines().filter_map(|line| line.trim().strip_prefix("- ./")).collect();
    assert!(mounts.len() > 4, "{mounts:?}");
    for mount in mounts {
        let file = mount.split(':').next().unwrap_or(mount);
        assert!(repository(file).is_file(), "{file}");
    }
}

#[test]
fn alerts_come_when_they_should_and_not_before() {
    promtool(&["test", "rules", &repository("tests/monitoring/rules.yml").to_string_lossy()], "");
    let tests = read("tests/monitoring/rules.yml");
    for alert in read("deploy/monitoring/rules.yml").lines().filter_map(|line| line.trim().strip_prefix("- alert: ")) {
        // Once that it does not come, once that it does.
        assert!(tests.matches(&format!("alertname: {alert}\n")).count() >= 2, "{alert} is not tested");
    }
}

/// The settings of the Compose stack with every second a scrape, and with addresses of ours in place of Compose's names.
fn settings(targets: &BTreeMap<&str, u16>) -> String {
    let (mut settings, mut job, mut skips, mut jobs) = (Vec::new(), "", false, BTreeSet::new());
    let text = read("deploy/monitoring/prometheus.yml");
    for line in text.lines() {
        if let Some(name) = line.strip_prefix("  - job_name: ") {
            job = name;
        }
        skips &= line.starts_with("      ");
        if skips {
            continue;
        }
        if line.trim() == "dns_sd_configs:" {
            let port = targets.get(job).unwrap_or_else(|| panic!("{job} is unknown to this test"));
            settings.push(format!("    static_configs:\n      - targets: ['127.0.0.1:{port}']"));
            (skips, _) = (true, jobs.insert(job));
        } else {
            settings.push(line.replace("_interval: 15s", "_interval: 1s"));
        }
    }
    assert_eq!(jobs.into_iter().collect::<Vec<_>>(), targets.keys().copied().collect::<Vec<_>>());
    settings.join("\n")
}

/// Every query of the dashboard, with the panel that it is of. How long rates are taken over is Grafana's to say.
fn dashboard() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(&read("deploy/monitoring/grafana/warren.json")).expect("JSON");
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let panels = dashboard["panels"].as_array().expect("panels");
    let source = read("deploy/monitoring/grafana/datasource.yml");
    let mut queries = Vec::new();
    for panel in panels.iter().filter(|panel| panel["type"] != "row") {
        let targets = panel["targets"].as_array().expect("queries");
        assert!(!targets.is_empty(), "{panel}");
        for target in targets {
            let uid = text(&target["datasource"]["uid"]);
            assert!(source.contains(&format!("uid: {uid}\n")), "{uid} is not provisioned");
            queries.push((text(&panel["title"]), text(&target["expr"]).replace("$__rate_interval", "30s")));
        }
    }
    queries
}

/// The metrics that an expression asks for.
fn metrics_of(expression: &str) -> BTreeSet<&str> {
    let words = expression.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("warren_") || word.starts_with("rabbitmq_")).collect()
}

#[tokio::test]
async fn every_query_of_the_dashboard_and_of_the_alerts_has_an_answer_from_a_real_run() {
    let _turn = one_at_a_time().await;
    let ports: BTreeMap<&str, u16> = ["downloader", "producer", "rabbitmq"].map(|job| (job, free_port())).into();
    let lines = format!("prometheus.tcp.ip = 127.0.0.1\nprometheus.tcp.port = {}", ports["rabbitmq"]);
    let node = NodeSettings { plugins: "rabbitmq_prometheus".to_owned(), lines, ..NodeSettings::default() };
    let node = Broker::private_with("monitoring", node).await;
    let mut world = World::at("monitoring", PROGRAMS, Some(node.place("crawl").await)).await;
    let listen = |job: &str| format!("127.0.0.1:{}", ports[job]);
    let mut targets = ports.clone();
    targets.insert("rabbitmq-queues", ports["rabbitmq"]);
    let prometheus = Prometheus::start(&settings(&targets), &repository("deploy/monitoring/rules.yml")).await;

    let gate = Gate::shut();
    let urls = images(&world, 12, plain);
    world.page("/", &format!("<img src={}><img src=/held.png><img src=/gone.png>", urls.join("><img src=")));
    world.route("/held.png", Response::image(png(9, 9, 9)).behind(&gate));
    world.route("/gone.png", Response::status(404));
    world.downloader(&["--metrics", &listen("downloader"), "--layout", "webdataset"]).await;
    let crawl = world.start_crawl(&["--metrics", &listen("producer"), "--depth", "0"]);
    gate.reached(1).await;

    let (queries, rules) = (dashboard(), prometheus.rules().await);
    assert!(queries.len() > 30 && rules.len() > 8, "{} queries, {} rules", queries.len(), rules.len());
    eventually("Prometheus reaches everybody", SCRAPED, async || {
        let reached = prometheus.targets().await;
        let all_up = reached.len() == targets.len() && reached.iter().all(|(_, health, _)| health == "up");
        if all_up { Ok(()) } else { Err(format!("{reached:?}")) }
    })
    .await;
    eventually("every query has an answer", SCRAPED, async || {
        let mut without = Vec::new();
        for (panel, query) in &queries {
            let series = prometheus.query(query).await.unwrap_or_else(|error| panic!("{panel}: {query}: {error}"));
            if series.is_empty() {
                without.push(format!("{panel}: {query}"));
            }
        }
        for (alert, query) in &rules {
            // An alert has an answer when it comes. What it asks for has to be there.
            prometheus.query(query).await.unwrap_or_else(|error| panic!("{alert}: {query}: {error}"));
            for metric in metrics_of(query) {
                if prometheus.query(metric).await.expect("a name").is_empty() {
                    without.push(format!("{alert}: {metric}"));
                }
            }
        }
        if without.is_empty() { Ok(()) } else { Err(without.join("\n")) }
    })
    .await;
    let one = |series: &[Value]| series[0]["value"][1].as_str().expect("a number").to_owned();
    let stored = prometheus.query("sum(warren_downloader_images_total{status=\"stored\"})").await.expect("an answer");
    assert_eq!(one(&stored), "12");
    gate.open();
    world.finish(crawl).await.expect_complete().expect_stored(13);
}
