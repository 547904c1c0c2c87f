//! A private Prometheus on loopback, and the checks of its tool.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::Process;
use crate::scrape;
use crate::waiting::eventually;

const HINT: &str = "hint: apt-get install prometheus (the tests start one of their own; the system's may stay off)";

/// A server that asks whom its settings name. Dropping it stops it.
#[derive(Debug)]
pub struct Prometheus {
    // Dropped in this order: the server, then its folder.
    _server: Process,
    port: u16,
    _folder: Folder,
}

impl Prometheus {
    /// Starts one with these settings; `rules.yml` beside them is a copy of `rules`.
    ///
    /// Panics, and says how to get it, when Prometheus is not installed.
    pub async fn start(settings: &str, rules: &Path) -> Self {
        let folder = Folder::new("prometheus");
        let settings = folder.file("prometheus.yml", settings);
        std::fs::copy(rules, folder.join("rules.yml")).expect("the rules can be copied");
        let port = free_port();
        let mut command = Process::command("prometheus");
        command
            .arg(format!("--config.file={}", settings.display()))
            .arg(format!("--storage.tsdb.path={}", folder.join("data").display()))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"));
        assert!(command_exists("prometheus"), "Prometheus is needed and not there.\n{HINT}");
        let mut server = Process::start("prometheus", &mut command, &folder);
        eventually("Prometheus is ready", Duration::from_secs(30), async || {
            server.expect_running();
            match scrape::try_get(port, "/-/ready").await {
                Ok((200, _)) => Ok(()),
                answer => Err(format!("{answer:?}")),
            }
        })
        .await;
        Self { _server: server, port, _folder: folder }
    }

    /// Evaluates an expression now, and returns the series that it comes to, or what is wrong with it.
    pub async fn query(&self, expression: &str) -> Result<Vec<Value>, String> {
        let query: String =
            url::form_urlencoded::Serializer::new(String::new()).append_pair("query", expression).finish();
        let (_, body) = scrape::get(self.port, &format!("/api/v1/query?{query}")).await;
        let answer: Value = serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))?;
        match (answer["status"].as_str(), answer["data"]["result"].as_array()) {
            (Some("success"), Some(series)) => Ok(series.clone()),
            _ => Err(body),
        }
    }

    /// The rules that it evaluates: their names and expressions. Panics when one cannot be evaluated.
    pub async fn rules(&self) -> Vec<(String, String)> {
        let (_, body) = scrape::get(self.port, "/api/v1/rules").await;
        let answer: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        let groups = answer["data"]["groups"].as_array().cloned().unwrap_or_default();
        let rules = groups.iter().flat_map(|group| group["rules"].as_array().cloned().unwrap_or_default());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        rules
            .map(|rule| {
                assert_ne!(rule["health"], "err", "{rule}");
                (text(&rule["name"]), text(&rule["query"]))
            })
            .collect()
    }

    /// What it has to say of whom it asks, a line each: how they are, and where.
    pub async fn targets(&self) -> Vec<(String, String, String)> {
        let (_, body) = scrape::get(self.port, "/api/v1/targets?state=active").await;
        let answer: Value = serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {body}"));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let targets = answer["data"]["activeTargets"].as_array().cloned().unwrap_or_default();
        targets
            .iter()
            .map(|target| (text(&target["labels"]["job"]), text(&target["health"]), text(&target["lastError"])))
            .collect()
    }
}

/// Runs `promtool` with these arguments and this input. Panics, with what it said, when it finds something.
pub fn promtool(arguments: &[&str], input: &str) {
    assert!(command_exists("promtool"), "promtool is needed and not there.\n{HINT}");
    let mut child = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool can be started");
    std::io::Write::write_all(&mut child.stdin.take().expect("it is piped"), input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "promtool {arguments:?}: {}\n{said}", output.status);
    if arguments.contains(&"metrics") {
        // What it only advises it prints, and ends with 0 all the same.
        assert_eq!(said, "", "promtool {arguments:?}");
    }
}

fn command_exists(name: &str) -> bool {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()).any(|folder| folder.join(name).is_file())
}
