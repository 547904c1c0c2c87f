//! Servers by TLS that cannot be trusted, or do not speak it: nothing is fetched from them, and the reason says so.

use std::path::Path;

use harness::broker::Authority;
use harness::folder::Folder;
use harness::{Act, Hostile, Nginx, Tls, png};

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

#[tokio::test]
async fn heads_have_their_limits_over_http_2_too() {
    let folder = Folder::new("http-2-heads");
    let authority = Authority::new(&folder.join("ours"));
    // Each with so many fields of so many bytes. The server takes no more than 4 KiB at a time in its settings.
    let heads = [
        ("whole", 150, 100, None),
        ("many", 201, 1, Some("headers")),
        ("long", 17, 4000, Some("headers")),
        ("longer", 60, 4000, Some("headers")),
        ("not-taken", 100, 4000, Some("bad-http")),
        ("far-too-long", 400, 4000, Some("bad-http")),
    ];
    let mut lines = String::new();
    for (name, count, length, _) in heads {
        folder.file(&format!("{name}.png"), png(8, 8, count));
        let field = |number| format!("add_header x-{number} {};\n", "v".repeat(length));
        let fields = (0..count).map(field).collect::<Vec<_>>().concat();
        lines += &["location = /", name, ".png {\n", &fields, "}\n"].concat();
    }
    // What HTTP/2 has no such header for (RFC 9113, 8.2.2).
    folder.file("connection.png", png(8, 8, 9));
    lines += "location = /connection.png { add_header Proxy-Connection close; }\n";
    let nginx = Nginx::serve_by_http_2(&folder.to_string_lossy(), &authority.server(), &lines).await;

    let mut world = embedded("http-2-heads").await;
    world.set_variable("SSL_CERT_FILE", &authority.certificate().to_string_lossy());
    let url = |name: &str| nginx.url(Path::new(&format!("{name}.png"))).to_string();
    let mut urls: Vec<String> = heads.iter().map(|(name, ..)| url(name)).collect();
    urls.push(url("connection"));
    let finished = world.urls(&urls, &["--retries", "0", "--ignore-robots", "--per-host", "1"]).await;
    finished.expect_complete();
    for (name, .., reason) in heads {
        finished.row(&url(name)).expect(if reason.is_some() { "failed" } else { "stored" }, reason);
    }
    finished.row(&url("connection")).expect("failed", Some("bad-http"));
    assert!(nginx.clients().iter().all(|line| line.starts_with("HTTP/2.0")), "{:?}", nginx.clients());
}

/// A file that is an answer of its own: `-HTTP` sends it as it is.
fn http(image: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.0 200 OK\r\nContent-Type: image/png\r\nContent-Length: {}\r\n\r\n", image.len());
    [head.as_bytes(), image].concat()
}
