//! What a private node needs around it: the scripts that start it, its folders and settings, and Erlang's port mapper.

use std::env;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use super::node::{PASSWORD, USER};
use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::Process;
use crate::waiting::eventually;

/// What a node of a test's own is like, beside what all of them are.
#[derive(Debug, Clone, Default)]
pub struct NodeSettings {
    /// Erlang terms for the application `rabbit`, comma separated.
    pub terms: String,
    /// Lines of `rabbitmq.conf`.
    pub lines: String,
    /// Plugins, comma separated.
    pub plugins: String,
    /// Arguments for Erlang.
    pub erlang: String,
}

/// Erlang's port mapper and the secret that nodes know each other by. Nodes that share it can form a cluster.
#[derive(Debug, Clone)]
pub(super) struct Realm {
    _mapper: Arc<Process>,
    mapper_port: u16,
    cookie: String,
}

impl Realm {
    /// A new one. Erlang would start a port mapper by itself if there was none, as a daemon that stays for ever.
    pub(super) async fn start(folder: &Path) -> Self {
        let port = free_port();
        let mut command = Process::command("epmd");
        command.args(["-address", "127.0.0.1", "-port", &port.to_string()]);
        let mut mapper = Process::start("epmd", &mut command, folder);
        eventually("Erlang's port mapper listens", Duration::from_secs(10), async || {
            mapper.expect_running();
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await
        })
        .await;
        Self { _mapper: Arc::new(mapper), mapper_port: port, cookie: format!("WARREN{port}{}", std::process::id()) }
    }
}

/// The real scripts. Debian's wrappers in `/usr/sbin` switch to the system's user and its folders: they only do for
/// root, and not for a private node.
pub(super) fn scripts() -> PathBuf {
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

/// Writes what the node reads when it starts.
pub(super) fn write_settings(folder: &Folder, port: u16, settings: &NodeSettings, realm: &Realm) {
    let home = folder.folder("home");
    let cookie = home.join(".erlang.cookie");
    fs::write(&cookie, &realm.cookie).expect("a test's own folder is writable");
    fs::set_permissions(cookie, Permissions::from_mode(0o400)).expect("our own file");
    folder.folder("log");
    folder.file("enabled_plugins", format!("[{}].\n", settings.plugins));
    folder.file("advanced.config", format!("[{{rabbit, [{}]}}].\n", settings.terms));
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
             log.file = node.log\n\
             {}\n",
            settings.lines
        ),
    );
}

/// The variables that its scripts take from the environment.
pub(super) fn environment(
    folder: &Path,
    name: &str,
    settings: &NodeSettings,
    realm: &Realm,
) -> Vec<(&'static str, String)> {
    let inside = |file: &str| folder.join(file).to_string_lossy().into_owned();
    vec![
        ("HOME", inside("home")),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("ERL_EPMD_PORT", realm.mapper_port.to_string()),
        ("RABBITMQ_NODENAME", name.to_owned()),
        ("RABBITMQ_DIST_PORT", free_port().to_string()),
        ("RABBITMQ_CONF_ENV_FILE", "/dev/null".to_owned()),
        ("RABBITMQ_CONFIG_FILE", inside("rabbitmq.conf")),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", inside("advanced.config")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", inside("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", inside("data")),
        ("RABBITMQ_LOG_BASE", inside("log")),
        ("RABBITMQ_PID_FILE", inside("pid")),
        // Two schedulers are enough for tests, on machines with many cores too.
        (
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS",
            format!("-kernel inet_dist_use_interface {{127,0,0,1}} +S 2:2 +A 8 {}", settings.erlang),
        ),
    ]
}

/// A command that sees no other variable of RabbitMQ's.
pub(super) fn command(script: PathBuf, environment: &[(&'static str, String)], folder: &Path) -> Command {
    let mut command = Process::command(script);
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("RABBITMQ_")) {
        command.env_remove(name);
    }
    command.envs(environment.iter().map(|(name, value)| (name, value))).current_dir(folder);
    command
}
