//! A network of its own for a program, with one wire to the test: to cut it there and nowhere else.
//!
//! The network lives as long as a process in it, so nothing stays behind, however the test ends. Making one needs the
//! rights of root.

use std::ffi::OsStr;
use std::fs::File;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use rustix::fd::AsFd as _;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};

use crate::process::Process;
use crate::waiting::eventually;

/// A network with a wire to the test's. Dropping it ends it.
#[derive(Debug)]
pub struct Namespace {
    holder: Process,
    outside: Ipv4Addr,
}

impl Namespace {
    /// Makes one. Panics, and says what is needed, when that is not allowed or a tool is missing.
    pub async fn new(folder: &Path) -> Self {
        static NEXT: AtomicU8 = AtomicU8::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut command = Process::command("unshare");
        command.args(["--net", "sleep", "infinity"]);
        let mut holder = Process::start(&format!("namespace-{number}"), &mut command, folder);
        let ours = std::fs::read_link("/proc/self/ns/net").expect("this is Linux");
        eventually("a network namespace (this needs root)", Duration::from_secs(10), async || {
            holder.expect_running();
            let theirs = std::fs::read_link(format!("/proc/{}/ns/net", holder.id()));
            if theirs.as_ref().is_ok_and(|theirs| *theirs != ours) { Ok(()) } else { Err(format!("{theirs:?}")) }
        })
        .await;
        // A link-local network for each of them: nobody routes it.
        let process = std::process::id() % 200;
        let (outside, inside) =
            (format!("169.254.{process}.{}", number * 4 + 1), format!("169.254.{process}.{}", number * 4 + 2));
        let wire = format!("warren{process}x{number}");
        let namespace = Self { holder, outside: outside.parse().expect("four numbers below 256") };
        let pid = namespace.holder.id().to_string();
        run("ip", &["link", "add", &wire, "type", "veth", "peer", "name", "wire", "netns", &pid]);
        run("ip", &["address", "add", &format!("{outside}/30"), "dev", &wire]);
        run("ip", &["link", "set", &wire, "up"]);
        namespace.run("ip", &["address", "add", &format!("{inside}/30"), "dev", "wire"]);
        namespace.run("ip", &["link", "set", "wire", "up"]);
        namespace.run("ip", &["link", "set", "lo", "up"]);
        namespace
    }

    /// The test's address, as seen from within.
    pub fn outside(&self) -> Ipv4Addr {
        self.outside
    }

    /// A command that runs `program` within.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut words = self.entry().into_iter();
        let mut command = Process::command(words.next().expect("a program"));
        command.args(words).arg(program);
        command
    }

    /// The words that, put before a command, make it run within.
    pub fn entry(&self) -> Vec<String> {
        ["nsenter", "--net", "--target", &self.holder.id().to_string(), "--"].map(str::to_owned).into()
    }

    /// From now on every address there is, but for those of the wire, is one of this network's own: whatever is sent to any of
    /// them arrives at a socket in it that is bound to all.
    pub fn own_every_address(&self) {
        // Not in the table for local addresses, where it would come before the wire's.
        self.run("ip", &["route", "add", "local", "0.0.0.0/0", "dev", "lo", "table", "main"]);
        self.run("ip", &["-6", "route", "add", "local", "::/0", "dev", "lo", "table", "main"]);
    }

    /// Does something within, such as to bind a socket: that stays there, whoever uses it.
    pub fn within<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let network = File::open(format!("/proc/{}/ns/net", self.holder.id())).expect("the network is there");
        // The thread that moves there is lost for everything else.
        std::thread::scope(|scope| {
            let moved = scope.spawn(|| {
                move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).expect("this needs root");
                work()
            });
            moved.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    /// From now on nothing that is sent to this port, of the test or of anybody, arrives; nobody is told.
    pub fn cut(&self, port: u16) {
        self.firewall("--append", port);
    }

    /// As before the cut.
    pub fn mend(&self, port: u16) {
        self.firewall("--delete", port);
    }

    fn firewall(&self, action: &str, port: u16) {
        let port = port.to_string();
        self.run("iptables", &[action, "OUTPUT", "--protocol", "tcp", "--dport", &port, "--jump", "DROP"]);
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        expect_success(self.command(program).args(arguments));
    }
}

fn run(program: &str, arguments: &[&str]) {
    expect_success(Command::new(program).args(arguments));
}

fn expect_success(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} (this needs root, ip, iptables and nsenter): {talk}");
}
