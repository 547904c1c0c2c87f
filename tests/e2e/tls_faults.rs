//! Servers by TLS that cannot be trusted, or do not speak it: nothing is fetched from them, and the reason says so.

use harness::broker::Authority;
use harness::folder::Folder;
use harness::{Act, Hostile, Tls, png};

use crate::embedded;

#[tokio::test]
async fn a_server_that_cannot_be_trusted_is_not_asked() {
    let folder = Folder::new("tls-faults");
    let authority = Authority::new(&folder.join("ours"));
    let good = authority.server();
    folder.file("image.png", http(&png(8, 8, 1)));
    let (expired, elsewhere) = (authority.expired(), authority.elsewhere());
    let unknown = Authority::new(&folder.join("theirs")).server();
    let self_signed = Authority::new(&folder.join("nobody")).self_signed();
    let mut servers = Vec::new();
    for (certificate, options) in [
        (&good, &[][..]),
        (&expired, &[]),
        (&elsewhere, &[]),
        (&unknown, &[]),
        (&self_signed, &[]),
        // Which no library offers any more unless it is told to lower its guard.
        (&good, &["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]),
    ] {
        servers.push(Tls::start(&folder, certificate, options).await);
    }
    let garbage = Hostile::start(vec![Act::say("no handshake, but words of nobody's protocol".repeat(10))]).await;
    let plain = Hostile::start(vec![Act::answer(&[], &png(8, 8, 2))]).await;
    let mut urls: Vec<String> = servers.iter().map(|server| server.url("image.png")).collect();
    urls.extend([garbage.tls_url(), plain.tls_url()]);

    let mut world = embedded("tls-faults").await;
    world.set_variable("SSL_CERT_FILE", &authority.certificate().to_string_lossy());
    let finished = world.urls(&urls, &["--retries", "0", "--ignore-robots"]).await;
    finished.expect_complete();
    // The same server is well where nothing is wrong.
    finished.row(&urls[0]).expect("stored", None);
    for url in &urls[1..] {
        finished.row(url).expect("failed", Some("tls"));
    }
}

/// A file that is an answer of its own: `-HTTP` sends it as it is.
fn http(image: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.0 200 OK\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n", image.len());
    [head.as_bytes(), image].concat()
}
