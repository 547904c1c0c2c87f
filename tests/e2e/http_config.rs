//! What the user adds to requests goes to the hosts that it is meant for, and to nobody and nowhere else.

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;

use common::http::HttpConfig;
use harness::broker::Authority;
use harness::folder::Folder;
use harness::{Answer, Dns, Exit, Nginx, Response, Site, Socks, World, png};

use crate::{embedded, world};

const SECRETS: [&str; 4] = ["t0p-s3cret", "an0ther-s3cret", "cr4mbs", "bmV2ZXI6dDBwLXMzY3JldA"];

/// A configuration that sends secrets to one host alone, and cookies beside it.
fn configure(world: &World, host: &str) -> String {
    world.folder().file("token", "t0p-s3cret\n");
    world.folder().file("cookies.txt", format!("{}\tFALSE\t/\tFALSE\t0\tsession\tcr4mbs\n", host_name(host)));
    let text = format!(
        "cookies = \"cookies.txt\"\n\n[[send]]\nfor = \"http://{host}\"\nheaders = {{ X-Key = \"an0ther-s3cret\" }}\n\
         bearer-file = \"token\"\n"
    );
    world.folder().file("http.toml", text).to_string_lossy().into_owned()
}

fn host_name(host: &str) -> &str {
    host.split(':').next().unwrap_or(host)
}

fn host_of(site: &Site) -> String {
    site.url("").trim_start_matches("http://").to_owned()
}

/// Nothing that the programs wrote has a secret in it.
fn expect_no_secrets(folder: &Folder) {
    let given = ["token", "cookies.txt", "http.toml"];
    for file in folder.files() {
        let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if given.contains(&&*name) {
            continue;
        }
        let content = fs::read(&file).expect("a file of ours");
        let text = String::from_utf8_lossy(&content);
        for secret in SECRETS {
            assert!(!text.contains(secret), "{} holds {secret:?}", file.display());
        }
    }
}

/// The host has been sent the secrets with each request, the other with none.
fn expect_sent(host: &Site, other: &Site) {
    let requests = host.log().requests();
    assert!(requests.len() >= 3, "robots.txt, a page, images");
    for request in requests {
        assert_eq!(request.header("authorization"), Some("Bearer t0p-s3cret"), "{}", request.path);
        assert_eq!(request.header("x-key"), Some("an0ther-s3cret"), "{}", request.path);
        assert_eq!(request.header("cookie"), Some("session=cr4mbs"), "{}", request.path);
        assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with("Warren/")), "{request:?}");
    }
    let requests = other.log().requests();
    assert!(requests.len() >= 3, "robots.txt, and what redirects and links lead to");
    for request in requests {
        for name in ["authorization", "x-key", "cookie"] {
            assert_eq!(request.header(name), None, "{}", request.path);
        }
    }
}

/// A page and images on the world's own site, with redirects to another host.
async fn two_sites(world: &World) -> Site {
    let other = Site::start_at(Ipv4Addr::new(127, 0, 0, 2)).await;
    other.image("/there.png", png(3, 3, 1)).page("/there", "<img src=/more.png>").image("/more.png", png(3, 3, 2));
    world
        .page("/", "<img src=a.png><img src=away.png><a href=away>away</a>")
        .image("/a.png", png(3, 3, 3))
        .route("/away.png", Response::redirect(&other.url("/there.png")))
        .route("/away", Response::redirect(&other.url("/there")));
    other
}

#[tokio::test]
async fn secrets_go_to_their_host_and_do_not_follow_a_redirect() {
    let mut world = embedded("http-config").await;
    let other = two_sites(&world).await;
    let config = configure(&world, &host_of(world.site()));
    world.set_variable("WARREN_LOG", "trace");
    let finished = world.crawl(&["--http-config", &config, "--scope", "any"]).await;
    finished.expect_complete().expect_stored(3);
    expect_sent(world.site(), &other);
    expect_no_secrets(world.folder());
}

#[tokio::test]
async fn each_program_reads_its_own_file_and_no_message_carries_it() {
    let mut world = world("http-config-fleet").await;
    let other = two_sites(&world).await;
    let config = configure(&world, &host_of(world.site()));
    world.set_variable("WARREN_HTTP_CONFIG", &config).downloaders(1).await;
    let finished = world.crawl(&["--scope", "any"]).await;
    finished.expect_complete().expect_stored(3);
    expect_sent(world.site(), &other);
    expect_no_secrets(world.folder());

    // A downloader without the file has nothing to send, whatever the producer has.
    world.stop_downloaders().unset_variable("WARREN_HTTP_CONFIG").downloaders(1).await;
    world.set_variable("WARREN_HTTP_CONFIG", &config).image("/b.png", png(3, 3, 4));
    let url = world.url("/b.png");
    world.urls(std::slice::from_ref(&url), &[]).await.expect_complete();
    let requests = world.site().log().requests();
    let last = requests.iter().rfind(|request| request.path == "/b.png").expect("it was asked for");
    assert_eq!((last.header("authorization"), last.header("cookie")), (None, None));
}

#[tokio::test]
async fn a_mistake_in_the_file_is_wrong_usage_for_both_programs_and_shows_no_secret() {
    let mut world = world("http-config-wrong").await;
    let config = world.folder().file("http.toml", "\n[[send]]\nfor = \"example.org\"\nbaerer = \"t0p-s3cret\"\n");
    let config = config.to_string_lossy().into_owned();
    let seed = world.url("/");
    let finished = world.producer(&["crawl", "--embedded", "--http-config", &config, &seed]).await;
    finished.expect_code(2);
    assert!(finished.talk.contains("http.toml, line 4, send.baerer: no such key"), "{}", finished.talk);
    let finished = world.producer(&["extract", "--http-config", &config, &seed]).await;
    finished.expect_code(2);
    let finished = world.producer(&["crawl", "--embedded", "--proxy", "http://me:t0p-s3cret@127.0.0.1:1", &seed]).await;
    finished.expect_code(2);
    assert!(finished.talk.contains("--http-config"), "{}", finished.talk);
    let finished = world.producer(&["crawl", "--embedded", "--allow-net", "10.0.0.0/99", &seed]).await;
    finished.expect_code(2);
    let downloader = world.start_downloader(&["--broker", "amqp://127.0.0.1:1/%2f", "--http-config", &config]);
    assert_eq!(downloader.wait(Duration::from_secs(30)).await, Exit::Code(2));
    assert!(downloader.talk().contains("http.toml, line 4, send.baerer"), "{}", downloader.talk());
    expect_no_secrets(world.folder());
}

#[tokio::test]
async fn the_environments_proxies_are_not_used() {
    let mut world = embedded("no-proxy").await;
    let proxy = Site::start().await;
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        world.set_variable(name, &proxy.url(""));
    }
    world.page("/", "<img src=a.png>").image("/a.png", png(3, 3, 1));
    world.crawl(&[]).await.expect_complete().expect_stored(1);
    assert_eq!(proxy.log().connections(), 0);
}

#[tokio::test]
async fn a_proxy_is_used_when_named_and_not_told_of_private_hosts() {
    let mut world = embedded("proxy").await;
    // Whoever asks a proxy sends it whole URLs.
    let proxy = Site::start().await;
    let dns = Dns::start().await;
    dns.name("public.test", Answer::addresses(60, &["93.184.215.14"]));
    dns.name("private.test", Answer::addresses(60, &["10.0.0.1"]));
    proxy.image("http://public.test/a.png", png(3, 3, 1)).image("http://93.184.215.14/b.png", png(3, 3, 2));
    proxy.image("http://inside.test/c.png", png(3, 3, 3));
    let urls = [
        "http://public.test/a.png",
        "http://93.184.215.14/b.png",
        "http://private.test/a.png",
        "http://10.0.0.1/a.png",
        "http://inside.test/c.png",
    ]
    .map(str::to_owned);
    let (server, address) = (dns.address(), proxy.url(""));
    world.without_private_addresses();
    let finished = world.urls(&urls, &["--proxy", &address, "--resolver", &server]).await;
    finished.expect_complete().expect_stored(2);
    for url in &urls[2..4] {
        finished.row(url).expect("blocked", Some("private-address"));
    }
    finished.row(&urls[4]).expect("failed", Some("dns"));
    let asked = |host: &str| proxy.log().requests().iter().any(|request| request.path.contains(host));
    assert!(asked("public.test") && !asked("private.test") && !asked("10.0.0.1") && !asked("inside.test"));

    // One that is said to look for itself is told of names that are not known here, and of no private address.
    let text = format!("[[connect]]\nfor = \"*\"\nproxy = \"{address}\"\nproxy-checks-addresses = true\n");
    let config = world.folder().file("proxy.toml", text).to_string_lossy().into_owned();
    let finished = world.urls(&urls, &["--http-config", &config, "--resolver", &server, "--retries", "0"]).await;
    finished.expect_complete();
    finished.row(&urls[4]).expect("stored", None);
    finished.row(&urls[3]).expect("blocked", Some("private-address"));
    assert!(!asked("10.0.0.1"));
}

#[tokio::test]
async fn a_socks_proxy_is_told_the_address_that_was_checked_or_the_name() {
    let mut world = embedded("socks").await;
    let proxy = Socks::start(host_of(world.site()).parse().expect("an address")).await;
    let dns = Dns::start().await;
    dns.name("public.test", Answer::addresses(60, &["93.184.215.14"]));
    dns.name("private.test", Answer::addresses(60, &["10.0.0.1"]));
    world.image("/a.png", png(3, 3, 1));
    world.without_private_addresses();
    let urls = ["http://public.test/a.png", "http://private.test/a.png", "http://10.0.0.1/a.png"].map(str::to_owned);
    for (scheme, told) in [("socks5", "93.184.215.14"), ("socks5h", "public.test")] {
        let before = proxy.wanted().len();
        let options = ["--proxy", &proxy.url(scheme), "--resolver", &dns.address()].map(str::to_owned);
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let finished = world.urls(&urls, &options).await;
        finished.expect_complete().expect_stored(1);
        for url in &urls[1..] {
            finished.row(url).expect("blocked", Some("private-address"));
        }
        let wanted = proxy.wanted()[before..].to_vec();
        assert!(!wanted.is_empty() && wanted.iter().all(|host| host == told), "{scheme}: {wanted:?}");
    }
}

#[tokio::test]
async fn tls_is_by_the_authorities_and_certificates_of_the_file_and_by_http_2_where_offered() {
    let mut world = embedded("tls").await;
    let authority = Authority::new(&world.folder().join("ca"));
    let (server, client) = (authority.server(), authority.client("a-crawler"));
    fs::create_dir_all(world.folder().join("site")).expect("a folder of ours");
    fs::write(world.folder().join("site/index.html"), "<img src=a.png>").expect("a folder of ours");
    fs::write(world.folder().join("site/a.png"), png(3, 3, 1)).expect("a folder of ours");
    let nginx =
        Nginx::serve_by_tls(&world.folder().join("site").to_string_lossy(), &server, &authority.certificate()).await;
    let root = nginx.url(Path::new("index.html")).to_string();
    let image = nginx.url(Path::new("a.png")).to_string();

    // Neither is the authority known, nor have we anything to show.
    let finished = world.urls(std::slice::from_ref(&image), &["--ignore-robots"]).await;
    finished.row(&image).expect("failed", Some("tls"));
    let host = root.trim_end_matches("/index.html");
    let text = format!(
        "[[connect]]\nfor = \"{host}\"\nca = \"ca/authority.pem\"\ncertificate = \"{}\"\nkey = \"{}\"\n",
        client.certificate.display(),
        client.key.display()
    );
    let config = world.folder().file("tls.toml", text).to_string_lossy().into_owned();
    let finished = world.start_run(&["crawl", "--http-config", &config, &root]);
    let finished = world.finish(finished).await;
    finished.expect_complete().expect_stored(1);
    let clients = nginx.clients();
    assert!(clients.len() >= 3 && clients.iter().all(|line| line == "HTTP/2.0 CN=a-crawler"), "{clients:?}");
}

#[test]
fn the_example_of_the_documents_is_taken() {
    let folder = Folder::new("documents");
    let document = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/operations.md");
    let text = fs::read_to_string(document).expect("the document is there");
    let example = text.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next()).expect("an example");
    let authority = Authority::new(&folder.join("ca"));
    let client = authority.client("a-crawler");
    for (from, to) in
        [(authority.certificate(), "ca.pem"), (client.certificate, "client.pem"), (client.key, "client.key")]
    {
        fs::copy(from, folder.join(to)).expect("a folder of ours");
    }
    for (name, content) in
        [("token", "t\n"), ("password", "p\n"), ("cookies.txt", "example.org\tFALSE\t/\tTRUE\t0\ta\tb\n")]
    {
        folder.file(name, content);
    }
    common::http::install_tls_provider();
    HttpConfig::read(Some(&folder.file("http.toml", example)), None).expect("a good example");
}
