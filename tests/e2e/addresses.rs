//! Nothing is sent to an address that is not public, however it is spelled and wherever it comes from.
//!
//! The programs run in a network in which every address there is leads to the same site, so whatever they send shows there,
//! with the address that it was sent to.

use std::collections::BTreeSet;
use std::net::IpAddr;

use harness::{Answer, Broker, Dns, Finished, Namespace, Proxy, Response, Site, World, png};
use tokio::net::{TcpListener, UdpSocket};

use crate::PROGRAMS;

/// Where the site is in public.
const PUBLIC: &str = "93.184.215.14";
const PUBLIC_V6: &str = "2606:4700::1111";

/// Spellings of special addresses that the URL Standard takes.
const SPELLINGS: &[&str] = &[
    "127.0.0.1",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0x7F.0x0.0X0.0x1",
    "0177.0.0.1",
    "017700000001",
    "0177.0x0.1",
    "127.0.0.1.",
    "%31%32%37.0.0.1",
    "127%2e0%2e0%2e1",
    "\u{ff11}\u{ff12}\u{ff17}.0.0.1",
    "127\u{3002}0\u{3002}0\u{3002}1",
    "\u{2460}\u{2461}\u{2466}.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "user:secret@127.0.0.1",
    "0",
    "0.0.0.0",
    "0x0",
    "10.0.0.1",
    "10.1",
    "0xa.1",
    "100.64.0.1",
    "169.254.169.254",
    "0xa9fea9fe",
    "2852039166",
    "0251.0376.0251.0376",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.8",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.257",
    "3232235521",
    "192.175.48.1",
    "198.18.0.1",
    "198.51.100.1",
    "203.0.113.9",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "[::]",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:10.0.0.1]",
    "[::127.0.0.1]",
    "[::ffff:0:127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::10.0.0.1]",
    "[64:ff9b:1::10.0.0.1]",
    "[64:ff9b:1:a00::1:0:0]",
    "[2002:7f00:1::]",
    "[2002:a00:1::1]",
    "[2001:0:a00:1::]",
    "[2001:0:5db8:d70e:0:0:f5ff:fffe]",
    "[2606:4700::5efe:10.0.0.1]",
    "[2606:4700::200:5efe:192.168.0.1]",
    "[2002:5db8:d70e::5efe:10.0.0.1]",
    "[100::1]",
    "[2001:2::1]",
    "[2001:db8::1]",
    "[2001:10::1]",
    "[2620:4f:8000::1]",
    "[3fff::1]",
    "[5f00::1]",
    "[fc00::1]",
    "[fd12:3456::1]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
];

/// Names, and what they resolve to: each has something that no request may go to.
const NAMES: &[(&str, &[&str])] = &[
    ("loopback.test", &["127.0.0.1"]),
    ("loopback-v6.test", &["::1"]),
    ("private.test", &["10.0.0.1"]),
    ("metadata.test", &["169.254.169.254"]),
    ("mapped.test", &["::ffff:10.0.0.1"]),
    ("translated.test", &["64:ff9b::10.0.0.1"]),
    ("unique-local.test", &["fd00::1"]),
    ("link-local.test", &["fe80::1"]),
    ("mixed.test", &[PUBLIC, "10.0.0.1"]),
    ("mixed-last.test", &[PUBLIC, "8.8.4.4", "1.1.1.1", "192.168.1.1"]),
    ("mixed-families.test", &[PUBLIC, "::1"]),
];

/// A network of its own in which every address is the site's, with a name server and a way to the broker.
struct Everywhere {
    site: Site,
    dns: Dns,
    namespace: Namespace,
    // The way to the broker.
    _broker: Option<Proxy>,
}

impl Everywhere {
    async fn new(world: &World, broker: Option<&str>) -> Self {
        let namespace = Namespace::new(world.folder()).await;
        namespace.own_every_address();
        let listen = |address: &str| {
            let listener = namespace.within(|| std::net::TcpListener::bind(address)).expect(address);
            listener.set_nonblocking(true).expect("a socket of ours");
            TcpListener::from_std(listener).expect("a socket of ours")
        };
        let site = Site::on(listen("[::]:80"));
        let socket = namespace.within(|| std::net::UdpSocket::bind("127.0.0.1:53")).expect("the port is free there");
        socket.set_nonblocking(true).expect("a socket of ours");
        let dns = Dns::on(UdpSocket::from_std(socket).expect("a socket of ours"));
        let broker = broker.map(|address| Proxy::on(listen(address), address.parse().expect("an address")));
        for (name, addresses) in NAMES {
            dns.name(name, Answer::addresses(60, addresses));
        }
        dns.name("alias.test", Answer::alias(60, "private.test", &["10.0.0.1"]));
        dns.name("public.test", Answer::addresses(60, &[PUBLIC]));
        dns.name("public-v6.test", Answer::addresses(60, &[PUBLIC_V6]));
        site.image("/good.png", png(3, 3, 1)).image("/other.png", png(3, 3, 2)).page("/page", "<img src=/good.png>");
        Self { site, dns, namespace, _broker: broker }
    }

    /// Only these addresses were connected to.
    fn expect_asked(&self, addresses: &[&str]) {
        let expected: BTreeSet<IpAddr> = addresses.iter().map(|text| text.parse().expect("an address")).collect();
        let paths: Vec<String> = self.site.log().requests().into_iter().map(|request| request.path).collect();
        assert_eq!(self.site.log().addresses(), expected, "{paths:?}");
    }
}

/// What the programs are told to find the network's name server.
const RESOLVER: [&str; 2] = ["--resolver", "127.0.0.1:53"];

/// All hosts that must not be asked.
fn hosts() -> Vec<String> {
    let names = NAMES.iter().map(|(name, _)| *name).chain(["alias.test", "localhost", "a.localhost"]);
    SPELLINGS.iter().copied().chain(names).map(str::to_owned).collect()
}

/// An image on each of them, with a path that tells it apart from all others.
fn images() -> Vec<String> {
    hosts().iter().enumerate().map(|(number, host)| format!("http://{host}/image-{number}.png")).collect()
}

/// Every image has an outcome, and it is `blocked`.
fn expect_blocked(finished: &Finished) {
    finished.expect_complete();
    for (number, host) in hosts().iter().enumerate() {
        let path = format!("/image-{number}.png");
        let row = finished.rows.iter().find(|row| row.url().ends_with(&path));
        row.unwrap_or_else(|| panic!("{host} has no row")).expect("blocked", Some("private-address"));
    }
}

async fn embedded(name: &str) -> (World, Everywhere) {
    let mut world = World::embedded(name, PROGRAMS).await;
    let everywhere = Everywhere::new(&world, None).await;
    world.without_private_addresses().run_by(everywhere.namespace.entry());
    (world, everywhere)
}

#[tokio::test]
async fn images_at_special_addresses_are_blocked_however_they_are_spelled() {
    let (mut world, everywhere) = embedded("spellings").await;
    let mut urls = images();
    urls.push("http://public.test/good.png".to_owned());
    urls.push("http://public-v6.test/other.png".to_owned());
    let finished = world.urls(&urls, &RESOLVER).await;
    expect_blocked(&finished);
    finished.expect_stored(2);
    everywhere.expect_asked(&[PUBLIC, PUBLIC_V6]);
}

#[tokio::test]
async fn pages_at_special_addresses_are_blocked_however_they_are_spelled() {
    let (mut world, everywhere) = embedded("page-spellings").await;
    let pages: Vec<String> =
        hosts().iter().enumerate().map(|(number, host)| format!("http://{host}/page-{number}")).collect();
    let mut arguments: Vec<&str> = pages.iter().map(String::as_str).collect();
    arguments.extend(["http://public.test/page"]);
    arguments.extend(RESOLVER);
    let finished = world.crawl(&arguments).await;
    finished.expect_complete().expect_stored(1);
    assert_eq!(finished.summed("pages", "blocked"), pages.len() as u64, "{}", finished.summary);
    everywhere.expect_asked(&[PUBLIC]);
}

#[tokio::test]
async fn links_and_images_of_a_page_do_not_lead_to_special_addresses() {
    let (mut world, everywhere) = embedded("page-links").await;
    let images = images();
    let html =
        images.iter().map(|url| format!("<img src='{url}'><a href='{url}.html'>x</a>")).collect::<Vec<_>>().concat();
    everywhere.site.page("/all", &format!("{html}<img src=/good.png>"));
    let arguments = [&["http://public.test/all", "--scope", "any", "--depth", "3"][..], &RESOLVER].concat();
    let finished = world.crawl(&arguments).await;
    expect_blocked(&finished);
    finished.expect_stored(1);
    everywhere.expect_asked(&[PUBLIC]);
}

#[tokio::test]
async fn redirects_do_not_lead_to_special_addresses() {
    let (mut world, everywhere) = embedded("spelled-redirects").await;
    let mut html = String::new();
    let hosts = hosts();
    for (number, host) in hosts.iter().enumerate() {
        let status = [301, 302, 303, 307, 308][number % 5];
        for path in [format!("/image-{number}.png"), format!("/page-{number}")] {
            let response = Response::status(status).header("Location", &format!("http://{host}/inside"));
            everywhere.site.route(&path, response);
        }
        html = format!("{html}<img src='/image-{number}.png'><a href='/page-{number}'>x</a>");
    }
    everywhere.site.page("/all", &html);
    // Elsewhere the robots.txt itself leads inside.
    everywhere.dns.name("robots.test", Answer::addresses(60, &["93.184.215.15"]));
    let arguments = [&["http://public.test/all", "--scope", "any", "--per-host", "0"][..], &RESOLVER].concat();
    let finished = world.crawl(&arguments).await;
    expect_blocked(&finished);
    assert_eq!(finished.summed("pages", "blocked"), hosts.len() as u64, "{}", finished.summary);
    everywhere.expect_asked(&[PUBLIC]);

    everywhere.site.route("/robots.txt", Response::redirect("http://10.0.0.1/robots.txt"));
    let finished = world.urls(&["http://robots.test/good.png".to_owned()], &RESOLVER).await;
    finished.row("http://robots.test/good.png").expect("blocked", Some("private-address"));
    everywhere.expect_asked(&[PUBLIC, "93.184.215.15"]);
}

#[tokio::test]
async fn a_name_that_changes_its_mind_leads_nowhere_else() {
    let (mut world, everywhere) = embedded("rebinding").await;
    let (public, private) = (Answer::addresses(0, &[PUBLIC]), Answer::addresses(0, &["10.0.0.1"]));
    // Public for robots.txt, the page and an image; from then on, with each new connection, not.
    everywhere.dns.sequence("rebinding.test", vec![public.clone(), public.clone(), public, private]);
    let mut html = String::new();
    for number in 0..20 {
        let path = format!("/rebound-{number}.png");
        everywhere.site.route(&path, Response::image(png(3, 3, number)).header("Connection", "close"));
        html = format!("{html}<img src={path}>");
    }
    everywhere.site.route("/", Response::html(&html).header("Connection", "close"));
    everywhere.site.route("/robots.txt", Response::status(404).header("Connection", "close"));
    let arguments = [&["http://rebinding.test/", "--per-host", "1"][..], &RESOLVER].concat();
    let finished = world.crawl(&arguments).await;
    finished.expect_complete().expect_stored(1);
    assert_eq!(finished.count("blocked"), 19, "{}", finished.summary);
    assert!(everywhere.dns.questions("rebinding.test") >= 4, "it was asked each time");
    everywhere.expect_asked(&[PUBLIC]);
}

#[tokio::test]
async fn what_is_no_address_in_any_spelling_is_no_url() {
    let (mut world, everywhere) = embedded("no-spellings").await;
    let hosts = [
        "[fe80::1%25lo]",
        "[fe80::1%lo]",
        "127.0.0.256",
        "1.2.3.4.5",
        "0x100000000",
        "[::1",
        "[::127.1]",
        "127.0.0.1:99999",
    ];
    let urls = hosts.map(|host| format!("http://{host}/a.png"));
    let finished = world.urls(&urls, &RESOLVER).await;
    finished.expect_complete();
    for url in &urls {
        finished.row(url).expect("rejected", Some("bad-url"));
    }
    everywhere.expect_asked(&[]);
}

#[tokio::test]
async fn a_part_of_the_special_addresses_can_be_let_in() {
    let (mut world, everywhere) = embedded("allow-net").await;
    let allowed = ["http://10.1.2.3/good.png", "http://private-part.test/good.png", "http://[fd00:1::5]/good.png"];
    everywhere.dns.name("private-part.test", Answer::addresses(60, &["10.1.9.9"]));
    everywhere.dns.name("half.test", Answer::addresses(60, &["10.1.9.9", "10.2.0.1"]));
    let refused = ["http://10.2.0.1/good.png", "http://127.0.0.1/good.png", "http://half.test/good.png"];
    let urls: Vec<String> = allowed.iter().chain(&refused).map(|&url| url.to_owned()).collect();
    world.set_variable("WARREN_ALLOW_NET", "10.1.0.0/16,fd00:1::/32");
    let finished = world.urls(&urls, &RESOLVER).await;
    finished.expect_complete();
    for url in allowed {
        assert!(["stored", "duplicate"].contains(&finished.row(url).status()), "{}", finished.row(url));
    }
    for url in refused {
        finished.row(url).expect("blocked", Some("private-address"));
    }
    everywhere.expect_asked(&["10.1.2.3", "10.1.9.9", "fd00:1::5"]);
}

/// A world with a broker, whose programs run where every address is the site's.
async fn with_broker(name: &str) -> (World, Everywhere) {
    let place = Broker::place(name).await;
    let address = place.address();
    let mut world = World::at(name, PROGRAMS, Some(place)).await;
    let everywhere = Everywhere::new(&world, Some(&address)).await;
    world.run_by(everywhere.namespace.entry());
    (world, everywhere)
}

#[tokio::test]
async fn a_downloader_refuses_by_itself_what_a_producer_lets_through() {
    let (mut world, everywhere) = with_broker("worker-alone").await;
    world.without_private_addresses().downloader(&RESOLVER).await;
    world.with_private_addresses();
    let mut urls = images();
    urls.push("http://public.test/good.png".to_owned());
    // robots.txt would be the producer's own request.
    let finished = world.urls(&urls, &[&RESOLVER[..], &["--ignore-robots"]].concat()).await;
    expect_blocked(&finished);
    finished.expect_stored(1);
    everywhere.expect_asked(&[PUBLIC]);
}

#[tokio::test]
async fn a_producer_refuses_by_itself_what_a_downloader_would_fetch() {
    let (mut world, everywhere) = with_broker("producer-alone").await;
    world.downloader(&RESOLVER).await;
    world.without_private_addresses();
    let mut urls = images();
    urls.push("http://public.test/good.png".to_owned());
    let finished = world.urls(&urls, &RESOLVER).await;
    expect_blocked(&finished);
    finished.expect_stored(1);
    everywhere.expect_asked(&[PUBLIC]);
}
