//! Names are looked up in this process: each as rarely as its answers allow, with what there is and what there is not
//! remembered, a bounded number at a time, and for a bounded time.

use std::time::{Duration, Instant};

use harness::{Answer, Dns, Finished, Namespace, Response, Site, World, png};
use tokio::net::{TcpListener, UdpSocket};

use crate::{PROGRAMS, embedded};

/// Puts images on the site that close their connection, so that each needs a new one; returns their URLs under `host`.
fn images(world: &World, host: &str, count: u64) -> Vec<String> {
    let port = url_port(world);
    (0..count)
        .map(|number| {
            let path = format!("/image-{number}.png");
            world.route(&path, Response::image(png(3, 3, number)).header("Connection", "close"));
            format!("http://{host}:{port}{path}")
        })
        .collect()
}

fn url_port(world: &World) -> String {
    world.url("").rsplit(':').next().expect("a port").to_owned()
}

async fn fetch(world: &mut World, dns: &Dns, urls: &[String], options: &[&str]) -> Finished {
    let resolver = dns.address();
    world.urls(urls, &[&["--resolver", &resolver, "--ignore-robots"][..], options].concat()).await
}

/// It was asked for once; twice where the machine is so slow that the question was sent again after a third of a second.
fn expect_once(dns: &Dns, host: &str) {
    let questions = dns.questions(host);
    assert!((1..=2).contains(&questions), "{host}: {questions} questions");
}

#[tokio::test]
async fn an_answer_is_kept_as_long_as_it_says() {
    let mut world = embedded("ttl").await;
    let dns = Dns::start().await;
    dns.name("kept.test", Answer::addresses(600, &["127.0.0.1"]).after(Duration::from_millis(50)));
    dns.name("fleeting.test", Answer::addresses(0, &["127.0.0.1"]));
    let kept = images(&world, "kept.test", 40);
    fetch(&mut world, &dns, &kept, &["--per-host", "0"]).await.expect_complete().expect_stored(40);
    expect_once(&dns, "kept.test");
    let fleeting = images(&world, "fleeting.test", 10);
    fetch(&mut world, &dns, &fleeting, &["--per-host", "1"]).await.expect_complete().expect_stored(10);
    assert!(dns.questions("fleeting.test") >= 10, "an answer for no time is asked for each time");

    dns.name("second.test", Answer::addresses(1, &["127.0.0.1"]));
    let second = images(&world, "second.test", 8);
    let begun = Instant::now();
    let finished = fetch(&mut world, &dns, &second, &["--delay", "400ms"]).await;
    finished.expect_complete().expect_stored(8);
    let questions = dns.questions("second.test");
    let most = usize::try_from(begun.elapsed().as_secs()).expect("few") + 2;
    assert!((2..=most).contains(&questions), "{questions} questions, a second apart");
}

#[tokio::test]
async fn that_a_name_does_not_exist_is_final_and_remembered() {
    let mut world = embedded("no-such-name").await;
    let dns = Dns::start().await;
    // A moment later than another host answers, by which it is known that the network is well.
    let moment = Duration::from_millis(250);
    dns.name("gone.test", Answer::no_such_name(600).after(moment));
    dns.name("bare.test", Answer::addresses(600, &[]).after(moment));
    for host in ["gone.test", "bare.test"] {
        let urls = images(&world, host, 5);
        let all = [&images(&world, "127.0.0.1", 1)[..], &urls].concat();
        let finished = fetch(&mut world, &dns, &all, &["--per-host", "1"]).await;
        finished.expect_complete();
        for url in &urls {
            assert_eq!(finished.row(url).expect("failed", Some("dns")).number("attempts"), Some(1));
        }
        expect_once(&dns, host);
    }
    // One that is to be remembered for no time is asked for again.
    dns.name("unknown.test", Answer::no_such_name(0).after(moment));
    let urls = [&images(&world, "127.0.0.1", 1)[..], &images(&world, "unknown.test", 3)].concat();
    fetch(&mut world, &dns, &urls, &["--per-host", "1"]).await.expect_complete();
    assert!(dns.questions("unknown.test") >= 3, "{}", dns.questions("unknown.test"));
}

#[tokio::test]
async fn that_nobody_can_tell_may_pass() {
    let mut world = embedded("servfail").await;
    let dns = Dns::start().await;
    // More failures than one look-up's own tries.
    let mut answers = vec![Answer::failure(); 4];
    answers.push(Answer::addresses(60, &["127.0.0.1"]));
    dns.sequence("moody.test", answers);
    let urls = images(&world, "moody.test", 1);
    let finished = fetch(&mut world, &dns, &urls, &[]).await;
    finished.expect_complete().expect_stored(1);
    assert!(finished.row(&urls[0]).number("attempts") > Some(1), "{}", finished.row(&urls[0]));

    dns.name("broken.test", Answer::failure());
    let urls = images(&world, "broken.test", 1);
    let finished = fetch(&mut world, &dns, &urls, &["--retries", "1"]).await;
    finished.expect_complete();
    assert_eq!(finished.row(&urls[0]).expect("failed", Some("dns")).number("attempts"), Some(2));
}

#[tokio::test]
async fn a_server_that_says_nothing_takes_a_bounded_time() {
    let mut world = embedded("silent-dns").await;
    let dns = Dns::start().await;
    dns.name("silent.test", Answer::silence());
    let urls = images(&world, "silent.test", 1);
    let begun = Instant::now();
    let finished = fetch(&mut world, &dns, &urls, &["--retries", "0"]).await;
    finished.expect_complete();
    finished.row(&urls[0]).expect("failed", Some("dns"));
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn many_names_are_looked_up_a_bounded_number_at_a_time() {
    let mut world = embedded("many-names").await;
    let dns = Dns::start().await;
    let mut urls = Vec::new();
    for number in 0..400 {
        let host = format!("host-{number}.test");
        dns.name(&host, Answer::addresses(60, &["127.0.0.1"]).after(Duration::from_millis(100)));
        let path = format!("/image-{number}.png");
        world.image(&path, png(3, 3, number));
        urls.push(format!("http://{host}:{}{path}", url_port(&world)));
    }
    let finished = fetch(&mut world, &dns, &urls, &["--concurrency", "400"]).await;
    finished.expect_complete().expect_stored(400);
    let most = dns.most_at_once();
    assert!((8..=512).contains(&most), "two questions for each of 256 names, not {most}");
    // On a busy machine an answer for one family may come before the other's question is out.
    assert!((700..1000).contains(&dns.names().len()), "each name once for each family: {}", dns.names().len());
}

#[tokio::test]
async fn localhost_is_not_asked_for() {
    let mut world = embedded("localhost").await;
    let dns = Dns::start().await;
    let urls = images(&world, "localhost", 1);
    fetch(&mut world, &dns, &urls, &[]).await.expect_complete().expect_stored(1);
    assert!(dns.names().is_empty(), "localhost is nobody else's business: {:?}", dns.names());
}

/// The system's own files: a network and a view of the file system in which `/etc/resolv.conf` and `/etc/hosts` are ours.
#[tokio::test]
async fn the_systems_files_say_whom_to_ask_and_what_is_known() {
    let mut world = World::embedded("system-files", PROGRAMS).await;
    let namespace = Namespace::new(world.folder()).await;
    namespace.own_every_address();
    // Docker's own name server, and one for IPv6 alone.
    let socket = namespace.within(|| std::net::UdpSocket::bind("127.0.0.11:53")).expect("the port is free there");
    socket.set_nonblocking(true).expect("a socket of ours");
    let dns = Dns::on(UdpSocket::from_std(socket).expect("a socket of ours"));
    let listener = namespace.within(|| std::net::TcpListener::bind("[::]:80")).expect("the port is free there");
    listener.set_nonblocking(true).expect("a socket of ours");
    let site = Site::on(TcpListener::from_std(listener).expect("a socket of ours"));
    site.image("/a.png", png(3, 3, 1));
    dns.name("site", Answer::addresses(60, &["10.0.0.1"]));
    dns.name("other.cluster.test", Answer::addresses(60, &["10.0.0.2"]));
    dns.name("whole.test", Answer::addresses(60, &["fd00::3"]));
    let hosts = world.folder().file("hosts", "127.0.0.1 localhost\n10.0.0.4 written.test\n");
    let lines = "nameserver 127.0.0.11\nsearch cluster.test\noptions ndots:5\n";
    let servers = world.folder().file("resolv.conf", lines);
    let script = format!(
        "mount --bind {} /etc/hosts && mount --bind {} /etc/resolv.conf && exec \"$@\"",
        hosts.display(),
        servers.display()
    );
    let mut words = namespace.entry();
    words.extend(["unshare", "--mount", "sh", "-c", &script, "sh"].map(str::to_owned));
    world.run_by(words);
    let urls = ["site", "other", "whole.test", "written.test", "localhost"].map(|host| format!("http://{host}/a.png"));
    let finished = world.urls(&urls, &["--ignore-robots"]).await;
    finished.expect_complete();
    for url in &urls {
        assert!(["stored", "duplicate"].contains(&finished.row(url).status()), "{}", finished.row(url));
    }
    let expected =
        ["10.0.0.1", "10.0.0.2", "fd00::3", "10.0.0.4", "127.0.0.1"].map(|text| text.parse().expect("an address"));
    assert_eq!(site.log().addresses(), expected.into());
    let mut names = dns.names();
    names.sort();
    names.dedup();
    // A word is tried in the domain first; a name with a dot is whole, and what is written down is not asked for.
    assert_eq!(names, ["other.cluster.test", "site", "site.cluster.test", "whole.test"]);
}
