//! Brokers that speak TLS, and secrets in files. One node for all of them: it shows a certificate of a private authority,
//! asks for one of the same authority, and takes a certificate's name for a user's.

use std::fs;
use std::path::Path;
use std::time::Duration;

use harness::broker::{Authority, Certificate, Node, NodeSettings};
use harness::folder::Folder;
use harness::ports::free_port;
use harness::{Broker, Exit, Place, World};
use tokio::sync::OnceCell;

use crate::{PROGRAMS, images, plain};

const SOON: Duration = Duration::from_secs(30);
const PASSWORD: &str = "a-test-s3cret";

/// The node, how to reach it by TLS, and who is who.
struct Secure {
    node: Node,
    port: u16,
    authority: Authority,
    client: Certificate,
    folder: Folder,
}

/// The node that these tests share.
async fn secure() -> &'static Secure {
    static SHARED: OnceCell<Secure> = OnceCell::const_new();
    SHARED
        .get_or_init(async || {
            let folder = Folder::new("certificates");
            let authority = Authority::new(&folder.join("ours"));
            let (server, port) = (authority.server(), free_port());
            let lines = format!(
                "listeners.ssl.1 = 127.0.0.1:{port}\n\
                 ssl_options.cacertfile = {}\n\
                 ssl_options.certfile = {}\n\
                 ssl_options.keyfile = {}\n\
                 ssl_options.verify = verify_peer\n\
                 ssl_options.fail_if_no_peer_cert = true\n\
                 ssl_cert_login_from = common_name\n\
                 auth_mechanisms.1 = PLAIN\n\
                 auth_mechanisms.2 = EXTERNAL\n",
                authority.certificate().display(),
                server.certificate.display(),
                server.key.display(),
            );
            let settings =
                NodeSettings { lines, plugins: "rabbitmq_auth_mechanism_ssl".to_owned(), ..NodeSettings::default() };
            let node = Broker::private_with("tls", settings).await;
            Secure { node, port, client: authority.client("warren"), authority, folder }
        })
        .await
}

impl Secure {
    /// The TLS address of a place, with a user's name and password or other things before and behind it.
    fn uri(&self, place: &Place, user: &str, query: &str) -> String {
        let virtual_host = place.uri().split('/').next_back().expect("a URI has a path").to_owned();
        format!("amqps://{user}127.0.0.1:{}/{virtual_host}{query}", self.port)
    }

    /// Arguments that give our identity, and the authority to trust.
    fn arguments(&self, uri: &str, authority: &Path) -> Vec<String> {
        let path = |path: &Path| path.to_string_lossy().into_owned();
        let pairs = [
            ("--broker", uri.to_owned()),
            ("--broker-ca", path(authority)),
            ("--broker-cert", path(&self.client.certificate)),
            ("--broker-key", path(&self.client.key)),
        ];
        pairs.into_iter().flat_map(|(option, value)| [option.to_owned(), value]).collect()
    }
}

/// A world whose programs are given these arguments in place of a broker's plain address.
async fn told(name: &str, place: Place, arguments: &[String]) -> World {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    World::at(name, PROGRAMS, Some(place.told(&arguments))).await
}

async fn expect_run(world: &mut World) {
    let urls = images(world, 5, plain);
    world.downloaders(1).await;
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(5).expect_in_store(&world.store());
}

/// Both programs leave with 3, within the patience that a broker which does not answer gets, and say why.
async fn expect_refusal(world: &mut World, words: &[&str]) {
    world.page("/", "<img src=1.png>");
    let mut producer = world.start_crawl(&[]).process;
    let downloader = world.start_downloader(&[]);
    for process in [&mut producer, downloader] {
        let exit = process.wait(SOON).await;
        let talk = process.talk();
        assert_eq!(exit, Exit::Code(3), "{} said:\n{talk}", process.name());
        for word in words {
            assert!(talk.contains(word), "{} says nothing of {word}:\n{talk}", process.name());
        }
        assert!(!talk.contains(PASSWORD), "{} tells the password:\n{talk}", process.name());
    }
}

#[tokio::test]
async fn a_run_over_tls_with_a_password_from_a_file_leaves_no_trace_of_it() {
    let secure = secure().await;
    let place = secure.node.place("file").await;
    let mut arguments =
        secure.arguments(&secure.uri(&place, "warren:another-one@", ""), &secure.authority.certificate());
    let file = secure.folder.file("password", format!("{PASSWORD}\n"));
    arguments.extend(["--broker-password-file".to_owned(), file.to_string_lossy().into_owned()]);
    let mut world = told("tls", place, &arguments).await;
    expect_run(&mut world).await;
    // Everything that the programs wrote: their talk, their data, the run's folder, the store.
    for file in world.folder().files() {
        let content = fs::read(&file).expect("a file of ours");
        let text = String::from_utf8_lossy(&content);
        for secret in [PASSWORD, "another-one", "PRIVATE KEY"] {
            assert!(!text.contains(secret), "{} holds {secret:?}", file.display());
        }
    }
}

#[tokio::test]
async fn a_certificate_is_identity_enough_where_the_broker_takes_it() {
    let secure = secure().await;
    let place = secure.node.place("external").await;
    let uri = secure.uri(&place, "", "?auth_mechanism=external");
    let arguments = secure.arguments(&uri, &secure.authority.certificate());
    let mut world = told("external", place, &arguments).await;
    expect_run(&mut world).await;
}

#[tokio::test]
async fn a_broker_of_an_unknown_authority_is_refused() {
    let secure = secure().await;
    let place = secure.node.place("unknown").await;
    let other = Authority::new(&secure.folder.join("theirs"));
    let uri = secure.uri(&place, &format!("warren:{PASSWORD}@"), "");
    let arguments = secure.arguments(&uri, &other.certificate());
    let mut world = told("unknown", place, &arguments).await;
    expect_refusal(&mut world, &["--broker-ca", "certificate", "127.0.0.1"]).await;
}

#[tokio::test]
async fn a_missing_client_certificate_is_refused() {
    let secure = secure().await;
    let place = secure.node.place("nobody").await;
    let uri = secure.uri(&place, &format!("warren:{PASSWORD}@"), "");
    let mut arguments = secure.arguments(&uri, &secure.authority.certificate());
    arguments.truncate(4);
    let mut world = told("nobody", place, &arguments).await;
    expect_refusal(&mut world, &["--broker-cert", "127.0.0.1"]).await;
}

#[tokio::test]
async fn broker_options_that_cannot_work_are_wrong_usage_and_tell_no_password() {
    let world = World::embedded("broker-usage", PROGRAMS).await;
    let mut world = world;
    let seed = world.url("/");
    let uri = format!("http://warren:{PASSWORD}@127.0.0.1/%2f");
    for wrong in [
        &["--broker", uri.as_str()][..],
        &["--broker-password-file", "/no/such/file"],
        &["--broker", "amqps://127.0.0.1/%2f", "--broker-cert", "/dev/null"],
        &["--broker-ca", "/dev/null"],
    ] {
        let finished = world.producer(&[&["crawl", seed.as_str()], wrong].concat()).await;
        finished.expect_code(2);
        assert!(finished.talk.contains(wrong[wrong.len() - 2]), "{wrong:?}:\n{}", finished.talk);
        assert!(!finished.talk.contains(PASSWORD), "it tells the password:\n{}", finished.talk);
    }
}
