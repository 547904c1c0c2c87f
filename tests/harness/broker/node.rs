//! A RabbitMQ node with ports, folders, cookie and port mapper of its own, on loopback only, without plugins but those
//! that a test asks for.

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use lapin::{Connection, ConnectionProperties};
use tokio::time::timeout;

use super::place::Place;
use super::surroundings::{self, NodeSettings, Realm};
use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::{Process, Signal};
use crate::waiting::eventually;

pub(super) const USER: &str = "warren";
pub(super) const PASSWORD: &str = "a-test-s3cret";
/// A boot takes six seconds of processor time; the machine may be busy with other tests.
const BOOT: Duration = Duration::from_mins(2);

/// Longest wait for the answer to one connection.
const ATTEMPT: Duration = Duration::from_secs(5);

/// A node that runs, or is stopped and can be started again on the same port and folders.
#[derive(Debug)]
pub struct Node {
    // Dropped in this order: the node, its port mapper unless others use it, its folders.
    server: Option<Process>,
    _realm: Realm,
    name: String,
    port: u16,
    environment: Vec<(&'static str, String)>,
    scripts: PathBuf,
    folder: Folder,
}

impl Node {
    /// Starts a node by itself and waits until it takes connections.
    pub(super) async fn start(name: &str, settings: &NodeSettings) -> Self {
        let folder = Folder::new(name);
        let realm = Realm::start(&folder).await;
        let mut node = Self::new(folder, format!("{name}@localhost"), settings, realm);
        node.start_again().await;
        node
    }

    /// A node that does not run yet.
    pub(super) fn new(folder: Folder, name: String, settings: &NodeSettings, realm: Realm) -> Self {
        let port = free_port();
        surroundings::write_settings(&folder, port, settings, &realm);
        let environment = surroundings::environment(&folder, &name, settings, &realm);
        Self { server: None, _realm: realm, name, port, environment, scripts: surroundings::scripts(), folder }
    }

    /// Starts a node that was stopped or killed, and waits until it takes connections.
    pub async fn start_again(&mut self) {
        self.launch();
        self.expect_up().await;
    }

    /// Starts it and waits for nothing.
    pub(super) fn launch(&mut self) {
        assert!(self.server.is_none(), "the node runs already");
        // As under systemd, the script becomes the Erlang system instead of waiting for it: its process is the node.
        let mut command = self.command("rabbitmq-server");
        command.env("RUNNING_UNDER_SYSTEMD", "true");
        self.server = Some(Process::start("rabbitmq-server", &mut command, &self.folder));
    }

    /// Waits until it takes connections.
    pub(super) async fn expect_up(&mut self) {
        let uri = self.uri("/");
        let server = self.server.as_mut().expect("the node was started");
        eventually("RabbitMQ takes connections", BOOT, async || {
            server.expect_running();
            connect(&uri).await
        })
        .await;
    }

    /// Stops the node in order, as a service manager would.
    pub async fn stop(&mut self) {
        let mut server = self.server.take().expect("the node runs");
        server.signal(Signal::Term);
        server.wait(Duration::from_secs(30)).await;
    }

    /// Ends the node at once, as a power failure would.
    pub fn kill(&mut self) {
        self.server.take().expect("the node runs").kill();
    }

    /// A new virtual host, where the tests' user may do everything.
    pub async fn place(&self, name: &str) -> Place {
        let all = r#""configure": ".*", "write": ".*", "read": ".*""#;
        let definitions = format!(
            r#"{{"vhosts": [{{"name": "{name}"}}], "permissions": [{{"user": "{USER}", "vhost": "{name}", {all}}}]}}"#
        );
        let file = self.folder.file(&format!("{name}.json"), definitions);
        self.rabbitmqctl(&["import_definitions", &file.to_string_lossy()]).await;
        let uri = self.uri(name);
        eventually("the virtual host opens", Duration::from_secs(20), async || connect(&uri).await).await;
        Place::apart_by_virtual_host(&uri)
    }

    /// Runs `rabbitmqctl` with these arguments, and returns what it printed. Panics when it fails.
    pub async fn rabbitmqctl(&self, arguments: &[&str]) -> String {
        let mut command = self.command("rabbitmqctl");
        command.arg("--quiet").args(arguments);
        let output = tokio::task::spawn_blocking(move || command.output()).await.expect("waiting does not panic");
        let output = output.expect("rabbitmqctl lies beside rabbitmq-server");
        let talk = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {}\n{talk}", output.status);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// What the node logged so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.folder.join("log/node.log")).unwrap_or_default()
    }

    /// Its name among Erlang's nodes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process. Panics while it does not run.
    pub fn process(&mut self) -> &mut Process {
        self.server.as_mut().expect("the node runs")
    }

    /// The port that other nodes reach it at.
    pub fn distribution_port(&self) -> u16 {
        let found = self.environment.iter().find(|(name, _)| *name == "RABBITMQ_DIST_PORT");
        found.and_then(|(_, port)| port.parse().ok()).expect("every node is given one")
    }

    /// The address of a virtual host of it.
    pub fn uri(&self, virtual_host: &str) -> String {
        let virtual_host = virtual_host.replace('/', "%2f");
        format!("amqp://{USER}:{PASSWORD}@127.0.0.1:{}/{virtual_host}", self.port)
    }

    fn command(&self, script: &str) -> Command {
        surroundings::command(self.scripts.join(script), &self.environment, &self.folder)
    }
}

/// Tries to connect. A node that is just booting may take a connection and never answer on it.
async fn connect(uri: &str) -> Result<(), String> {
    let attempt = async {
        let connection = Connection::connect(uri, ConnectionProperties::default()).await?;
        connection.close(200, "bye".into()).await
    };
    match timeout(ATTEMPT, attempt).await {
        Ok(connected) => connected.map_err(|error: lapin::Error| error.to_string()),
        Err(_) => Err("no answer".to_owned()),
    }
}
