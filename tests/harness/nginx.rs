//! A real web server for a folder of real files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use url::Url;

use crate::broker::Certificate;
use crate::folder::Folder;
use crate::ports::free_port;
use crate::process::Process;
use crate::waiting::eventually;

/// A private nginx on loopback. Dropping it stops it.
#[derive(Debug)]
pub struct Nginx {
    // Dropped in this order: the server, then its folder.
    _server: Process,
    scheme: &'static str,
    port: u16,
    root: PathBuf,
    folder: Folder,
}

impl Nginx {
    /// Serves the files under `root`, which `package` of Debian brings.
    ///
    /// Panics, and says how to get them, when the files or nginx itself are not installed.
    pub async fn serve(root: &str, package: &str) -> Self {
        Self::serve_with(root, package, "", "").await
    }

    /// As `serve`, by TLS and HTTP/2, with this certificate; who cannot show one of `clients`' gets nothing.
    pub async fn serve_by_tls(root: &str, server: &Certificate, clients: &Path) -> Self {
        let lines = format!(
            "ssl_certificate {};\nssl_certificate_key {};\nssl_verify_client on;\nssl_client_certificate {};\n",
            server.certificate.display(),
            server.key.display(),
            clients.display()
        );
        Self::serve_with(root, "nothing", " ssl http2", &lines).await
    }

    /// As `serve`, by TLS and HTTP/2, with this certificate, and with further lines in the settings of the server.
    pub async fn serve_by_http_2(root: &str, server: &Certificate, lines: &str) -> Self {
        let certificate = format!(
            "ssl_certificate {};\nssl_certificate_key {};\n",
            server.certificate.display(),
            server.key.display()
        );
        Self::serve_with(root, "nothing", " ssl http2", &(certificate + lines)).await
    }

    async fn serve_with(root: &str, package: &str, listen: &str, lines: &str) -> Self {
        let root = PathBuf::from(root);
        assert!(root.is_dir(), "{} is needed and not there.\nhint: apt-get install {package}", root.display());
        let folder = Folder::new("nginx");
        let port = free_port();
        let settings = folder.file("nginx.conf", settings(&root, port, listen, lines));
        let mut command = Process::command(program());
        command.arg("-p").arg(&*folder).arg("-e").arg("stderr").arg("-c").arg(settings);
        let mut server = Process::start("nginx", &mut command, &folder);
        eventually("nginx listens", Duration::from_secs(20), async || {
            server.expect_running();
            tokio::net::TcpStream::connect(("127.0.0.1", port)).await
        })
        .await;
        let scheme = if listen.is_empty() { "http" } else { "https" };
        Self { _server: server, scheme, port, root, folder }
    }

    /// The URL of a file, by its path below the root.
    pub fn url(&self, file: &Path) -> Url {
        let mut url = Url::parse(&format!("{}://127.0.0.1:{}", self.scheme, self.port)).expect("a URL");
        let names = file.iter().map(|name| name.to_string_lossy());
        url.path_segments_mut().expect("http URLs have a path").clear().extend(names);
        url
    }

    /// Of each request the version of HTTP, and whom the client's certificate names.
    pub fn clients(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.join("clients.log")).expect("nginx writes a log");
        log.lines().map(str::to_owned).collect()
    }

    /// How often each path was asked for so far, decoded and without its query.
    pub fn hits(&self) -> BTreeMap<String, usize> {
        let mut hits = BTreeMap::new();
        for (_, path) in self.log() {
            *hits.entry(path).or_insert(0) += 1;
        }
        hits
    }

    /// The bytes of bodies that were sent so far for each path.
    pub fn sent(&self) -> BTreeMap<String, u64> {
        let mut sent = BTreeMap::new();
        for (bytes, path) in self.log() {
            *sent.entry(path).or_insert(0) += bytes;
        }
        sent
    }

    fn log(&self) -> Vec<(u64, String)> {
        let log = fs::read_to_string(self.folder.join("access.log")).expect("nginx writes a log");
        let line = |line: &str| {
            let (bytes, path) = line.split_once(' ').unwrap_or_else(|| panic!("a line of nginx's log: {line}"));
            (bytes.parse().expect("a number"), path.to_owned())
        };
        log.lines().map(line).collect()
    }

    /// The file that a URL stands for, whether it exists or not. `None` for other sites' URLs.
    pub fn file(&self, url: &Url) -> Option<PathBuf> {
        (url.host_str() == Some("127.0.0.1") && url.port() == Some(self.port))
            .then(|| self.root.join(url.path().trim_start_matches('/')))
    }
}

fn program() -> &'static Path {
    ["/usr/sbin/nginx", "/usr/local/sbin/nginx", "/usr/bin/nginx", "/opt/homebrew/bin/nginx"]
        .iter()
        .map(Path::new)
        .find(|path| path.is_file())
        .expect("nginx is needed for the tests on real sites and not installed.\nhint: apt-get install nginx-light")
}

fn settings(root: &Path, port: u16, listen: &str, lines: &str) -> String {
    format!(
        "daemon off;\n\
         worker_processes 1;\n\
         pid nginx.pid;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n\
         client_body_temp_path t; proxy_temp_path t; fastcgi_temp_path t; uwsgi_temp_path t; scgi_temp_path t;\n\
         types {{ text/html html; image/png png; image/jpeg jpg; image/svg+xml svg; text/css css; }}\n\
         log_format paths \"$body_bytes_sent $uri\";\n\
         access_log access.log paths;\n\
         log_format clients '$server_protocol $ssl_client_s_dn';\n\
         keepalive_requests 100000;\n\
         server {{\n\
         listen 127.0.0.1:{port}{listen} backlog=1024;\n\
         access_log access.log paths;\n\
         access_log clients.log clients;\n\
         {lines}\
         root {};\n\
         }}\n\
         }}\n",
        root.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn serves_what_lies_in_the_folder() {
        let folder = Folder::new("site");
        folder.file("a b.html", "<p>");
        let nginx = Nginx::serve(&folder.to_string_lossy(), "nothing").await;
        let url = nginx.url(Path::new("a b.html"));
        assert!(url.as_str().ends_with("/a%20b.html"));
        assert_eq!(nginx.file(&Url::parse("http://127.0.0.1:1/x").expect("a URL")), None);
    }
}
