//! A RabbitMQ node with ports, folders, cookie and port mapper of its own, on loopback only, without plugins.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use std::{env, fs};

use lapin::{Connection, ConnectionProperties};

use super::place::Place;
use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::{Process, Signal};
use crate::waiting::eventually;

const USER: &str = "warren";
const PASSWORD: &str = "a-test-s3cret";
/// A boot takes six seconds of processor time; the machine may be busy with other tests.
const BOOT: Duration = Duration::from_mins(2);

/// A node that runs, or is stopped and can be started again on the same port and folders.
#[derive(Debug)]
pub struct Node {
    // Dropped in this order: the node, its port mapper, its folders.
    server: Option<Process>,
    _port_mapper: Process,
    port: u16,
    environment: Vec<(&'static str, String)>,
    scripts: PathBuf,
    folder: Folder,
}

impl Node {
    /// Starts a node and waits until it takes connections.
    pub(super) async fn start(name: &str, settings: &str) -> Self {
        let scripts = scripts();
        let folder = Folder::new(name);
        let port = free_port();
        let mapper_port = free_port();
        write_settings(&folder, port, settings);
        let environment = environment(&folder, name, mapper_port);
        let port_mapper = start_port_mapper(&folder, mapper_port).await;
        let mut node = Self { server: None, _port_mapper: port_mapper, port, environment, scripts, folder };
        node.start_again().await;
        node
    }

    /// Starts a node that was stopped or killed, and waits until it takes connections.
    pub async fn start_again(&mut self) {
        assert!(self.server.is_none(), "the node runs already");
        // As under systemd, the script becomes the Erlang system instead of waiting for it: its process is the node.
        let mut command = self.command("rabbitmq-server");
        command.env("RUNNING_UNDER_SYSTEMD", "true");
        let mut server = Process::start("rabbitmq-server", &mut command, &self.folder);
        let uri = self.uri("/");
        eventually("RabbitMQ takes connections", BOOT, async || {
            server.expect_running();
            connect(&uri).await
        })
        .await;
        self.server = Some(server);
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

    fn uri(&self, virtual_host: &str) -> String {
        let virtual_host = virtual_host.replace('/', "%2f");
        format!("amqp://{USER}:{PASSWORD}@127.0.0.1:{}/{virtual_host}", self.port)
    }

    fn command(&self, script: &str) -> Command {
        let mut command = Process::command(self.scripts.join(script));
        for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RABBITMQ_")) {
            command.env_remove(name);
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value))).current_dir(&*self.folder);
        command
    }
}

/// The real scripts. Debian's wrappers in `/usr/sbin` switch to the system's user and its folders: they only do for
/// root, and not for a private node.
fn scripts() -> PathBuf {
    let debian =
        fs::read_dir("/usr/lib/rabbitmq/lib").into_iter().flatten().flatten().map(|entry| entry.path().join("sbin"));
    let path = env::var_os("PATH").unwrap_or_default();
    let elsewhere = env::split_paths(&path).filter(|folder| folder != Path::new("/usr/sbin")).collect::<Vec<_>>();
    debian
        .chain([PathBuf::from("/opt/rabbitmq/sbin")])
        .chain(elsewhere)
        .find(|folder| folder.join("rabbitmq-server").is_file())
        .expect(
            "RabbitMQ is needed for the end-to-end tests and not installed.\n\
             hint: apt-get install rabbitmq-server (the tests start a node of their own; the system's may stay off), \
             or set WARREN_TEST_BROKER=amqp://USER:PASSWORD@HOST:PORT/VHOST to one that runs",
        )
}

fn write_settings(folder: &Folder, port: u16, settings: &str) {
    folder.folder("home");
    folder.folder("log");
    folder.file("enabled_plugins", "[].\n");
    folder.file("advanced.config", format!("[{{rabbit, [{settings}]}}].\n"));
    folder.file(
        "rabbitmq.conf",
        format!(
            "listeners.tcp.1 = 127.0.0.1:{port}\n\
             default_user = {USER}\n\
             default_pass = {PASSWORD}\n\
             default_vhost = /\n\
             disk_free_limit.absolute = 50MB\n\
             raft.wal_max_size_bytes = 33554432\n\
             log.console = false\n\
             log.file = node.log\n"
        ),
    );
}

fn environment(folder: &Path, name: &str, mapper_port: u16) -> Vec<(&'static str, String)> {
    let inside = |file: &str| folder.join(file).to_string_lossy().into_owned();
    vec![
        ("HOME", inside("home")),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("ERL_EPMD_PORT", mapper_port.to_string()),
        ("RABBITMQ_NODENAME", format!("{name}@localhost")),
        ("RABBITMQ_DIST_PORT", free_port().to_string()),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
        ("RABBITMQ_CONFIG_FILE", inside("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", inside("advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", inside("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", inside("data")),
        ("RABBITMQ_LOG_BASE", inside("log")),
        ("RABBITMQ_PID_FILE", inside("pid")),
        // Two schedulers are enough for tests, on machines with many cores too.
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1} +S 2:2 +A 8".to_owned()),
    ]
}

/// Erlang would start one by itself if there was none, as a daemon that stays for ever.
async fn start_port_mapper(folder: &Path, port: u16) -> Process {
    let mut command = Process::command("epmd");
    command.args(["-address", "127.0.0.1", "-port", &port.to_string()]);
    let mut mapper = Process::start("epmd", &mut command, folder);
    eventually("Erlang's port mapper listens", Duration::from_secs(10), async || {
        mapper.expect_running();
        tokio::net::TcpStream::connect(("127.0.0.1", port)).await
    })
    .await;
    mapper
}

async fn connect(uri: &str) -> lapin::Result<()> {
    let connection = Connection::connect(uri, ConnectionProperties::default()).await?;
    connection.close(200, "bye".into()).await
}
