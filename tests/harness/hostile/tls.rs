//! Servers by TLS with something wrong about it: `openssl s_server`, which serves the files of a folder.

use std::path::Path;
use std::time::Duration;

use crate::broker::Certificate;
use crate::ports::free_port;
use crate::process::Process;
use crate::waiting::eventually;

/// A private server by TLS on loopback. Dropping it stops it.
#[derive(Debug)]
pub struct Tls {
    _server: Process,
    port: u16,
}

impl Tls {
    /// Serves the files of `folder`, each an answer with its head, under a certificate, with further options of `openssl s_server`.
    pub async fn start(folder: &Path, certificate: &Certificate, options: &[&str]) -> Self {
        let port = free_port();
        let mut command = Process::command("openssl");
        command.args(["s_server", "-HTTP", "-quiet", "-accept", &format!("127.0.0.1:{port}")]);
        command.arg("-cert").arg(&certificate.certificate).arg("-key").arg(&certificate.key);
        command.args(options).current_dir(folder);
        let mut server = Process::start(&format!("tls-{port}"), &mut command, folder);
        eventually("openssl s_server listens", Duration::from_secs(20), async || {
            server.expect_running();
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await
        })
        .await;
        Self { _server: server, port }
    }

    /// The URL of a file.
    pub fn url(&self, file: &str) -> String {
        format!("https://127.0.0.1:{}/{file}", self.port)
    }
}
