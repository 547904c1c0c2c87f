//! Limits per host hold across the fleet, whatever the number of downloaders; a host that asks for rest gets it, one that
//! is dead is given up, and others go on meanwhile. Judged by the sites' own logs.

use std::net::{Ipv4Addr, TcpListener};
use std::time::{Duration, Instant};

use harness::ports::free_port;
use harness::site::Request;
use harness::{Response, Site, World, png};

use crate::{embedded, images, plain, world};

/// Puts three pages that link to each other on the world's site, with ten images each. Every answer takes `delay`.
fn pages_and_images(world: &World, delay: Duration) {
    images(world, 30, |image| image.after(delay));
    for page in 0..3 {
        let images: String =
            (1..=10).map(|n| format!("<img src=/image-{}.png>", page * 10 + n)).collect::<Vec<_>>().concat();
        let links = "<a href=/page-1.html>1</a><a href=/page-2.html>2</a>";
        let path = if page == 0 { "/".to_owned() } else { format!("/page-{page}.html") };
        world.route(&path, Response::html(&format!("{images}{links}")).after(delay));
    }
    world.route("/robots.txt", Response::status(404).after(delay));
}

#[tokio::test]
async fn four_downloaders_together_keep_to_a_hosts_share() {
    let mut world = world("share").await;
    pages_and_images(&world, Duration::from_millis(40));
    world.downloaders(4).await;
    let finished = world.crawl(&["--per-host", "2"]).await;
    finished.expect_complete().expect_stored(30);
    assert_eq!(world.site().log().most_at_once(), 2, "pages, images and robots.txt together");
    assert_eq!(finished.by_worker().values().sum::<usize>(), 30);
}

#[tokio::test]
async fn four_downloaders_together_keep_their_distance() {
    let mut world = world("distance").await;
    pages_and_images(&world, Duration::from_millis(5));
    world.downloaders(4).await;
    world.crawl(&["--per-host", "2", "--delay", "100ms"]).await.expect_complete().expect_stored(30);
    let log = world.site().log();
    let pauses = log.pauses();
    assert_eq!(pauses.len(), 33, "robots.txt, three pages and thirty images");
    // Never less, however long a message waits: the pause begins when the one before is known to be done.
    assert!(pauses.iter().all(|pause| *pause >= Duration::from_millis(100)), "{pauses:?}");
    assert!(log.most_at_once() <= 2);
}

#[tokio::test]
async fn a_crawl_delay_holds_for_images_pages_and_tries_alike() {
    let mut world = world("crawl-delay").await;
    let robots = Response::ok("text/plain", "User-agent: *\nCrawl-delay: 1");
    let unwell = Response::status(500);
    world.site().sequence("/robots.txt", vec![unwell.clone(), robots]);
    world.site().sequence("/2.png", vec![unwell, Response::image(png(2, 2, 2))]);
    world.page("/", "<img src=1.png><img src=2.png>").image("/1.png", png(2, 2, 1));
    world.downloaders(2).await;
    world.crawl(&[]).await.expect_complete().expect_stored(2);
    let pauses = world.site().log().pauses();
    assert_eq!(pauses.len(), 5, "robots.txt twice, a page, an image, an image twice");
    assert!(pauses[1..].iter().all(|pause| *pause >= Duration::from_secs(1)), "{pauses:?}");
}

/// The requests of a site that came between two moments.
fn between(site: &Site, from: Instant, until: Instant) -> Vec<Request> {
    site.log().requests().into_iter().filter(|request| request.at > from && request.at < until).collect()
}

fn asked_at(site: &Site, path: &str) -> Vec<Instant> {
    let requests = site.log().requests();
    requests.iter().filter(|request| request.path == path).map(|request| request.at).collect()
}

#[tokio::test]
async fn a_host_that_asks_for_rest_is_not_asked_before_its_time_and_others_go_on() {
    const REST: Duration = Duration::from_secs(6);
    const OTHERS: u64 = 40;
    let mut world = world("rest").await;
    let (other, shut) =
        (Site::start_at(Ipv4Addr::new(127, 0, 0, 2)).await, Site::start_at(Ipv4Addr::new(127, 0, 0, 3)).await);
    let busy = |status| Response::status(status).header("Retry-After", "6");

    // One host asks for rest at an image, with more images and a page of it still to be asked for.
    let tired = world.site();
    tired.sequence("/busy.png", vec![busy(429), Response::image(png(9, 9, 9))]);
    let mut all: Vec<String> = images(&world, 6, plain);
    all.insert(0, world.url("/busy.png"));
    // One host never does.
    for number in 1..=OTHERS {
        let path = format!("/other-{number}.png");
        other.image(&path, png(4, 4, number));
        all.push(other.url(&path));
    }
    // One asks for it at its robots.txt.
    shut.sequence("/robots.txt", vec![busy(503), Response::status(404)]).image("/late.png", png(5, 5, 5));
    all.push(shut.url("/late.png"));
    let tags: String = all.iter().map(|url| format!("<img src=\"{url}\">")).collect::<Vec<_>>().concat();
    world.page("/", &format!("{tags}<a href=/later.html>later</a>")).page("/later.html", "<p>Nothing.</p>");

    world.downloaders(4).await;
    let begun = Instant::now();
    let finished = world.crawl(&["--per-host", "2"]).await;
    finished.expect_complete().expect_stored(all.len());

    let tired = world.site();
    let asked = asked_at(tired, "/busy.png");
    assert_eq!(asked.len(), 2);
    let early = between(tired, asked[0], asked[0] + REST);
    // What was out when the answer came cannot be called back; the window of two bounds it.
    assert!(early.len() <= 1, "asked before its time: {early:?}");
    assert!(tired.log().hits("/later.html") == 1 && tired.log().hits("/image-6.png") == 1);
    let asked = shut.log().requests();
    assert_eq!(asked.len(), 3, "robots.txt twice and an image: {asked:?}");
    assert!(asked[1].at >= asked[0].at + REST, "robots.txt is a request like any other");
    let meanwhile = between(&other, begun, asked[0].at + REST).len();
    assert_eq!(meanwhile, usize::try_from(OTHERS).expect("few") + 1, "the other host's images came while these rested");
    assert_eq!(other.log().most_at_once(), 2, "by as many at once as ever");
}

#[tokio::test]
async fn a_host_that_asks_for_too_long_a_rest_has_failed_and_can_be_retried() {
    let mut world = world("too-long").await;
    world.downloaders(2).await;
    let urls = images(&world, 20, |_| Response::status(429).header("Retry-After", "86400"));
    let begun = Instant::now();
    let finished = world.urls(&urls, &["--per-host", "2"]).await;
    finished.expect_complete();
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
    for url in &urls {
        finished.row(url).expect("failed", Some("http-429"));
    }
    let asked = world.site().log().requests().len() - world.site().log().hits("/robots.txt");
    assert!(asked <= 2, "{asked} requests after it asked for a day");
    images(&world, 20, plain);
    world.again("retry", &finished.folder, &[]).await.expect_complete().expect_stored(20);
}

#[tokio::test]
async fn a_dead_host_is_given_up_after_a_while_and_others_go_on() {
    const IMAGES: u64 = 30;
    let mut world = world("dead").await;
    // Its backlog takes connections, and nobody ever answers them.
    let listener = TcpListener::bind("127.0.0.1:0").expect("loopback has free ports");
    let silent = format!("http://{}", listener.local_addr().expect("it is bound"));
    let closed = format!("http://127.0.0.1:{}", free_port());
    let live = images(&world, IMAGES, plain);
    let of = |host: &str| (0..IMAGES).map(|number| format!("{host}/{number}.png")).collect::<Vec<_>>();
    let (silent, closed) = (of(&silent), of(&closed));
    let all = [silent.clone(), closed.clone(), live.clone()].concat();
    for _ in 0..2 {
        world.start_downloader(&["--fetch-timeout", "2s"]);
    }
    world.expect_consumers().await;
    let begun = Instant::now();
    let finished = world.urls(&all, &["--ignore-robots"]).await;
    finished.expect_complete().expect_stored(live.len());
    for (urls, reason) in [(silent, "timeout"), (closed, "connect")] {
        let mut tries = 0;
        for url in &urls {
            let row = finished.row(url);
            row.expect("failed", Some(reason));
            tries += row.number("attempts").expect("a number");
        }
        // Thirty images four times would be 120.
        assert!(tries < 30, "{tries} tries at a dead host ({reason})");
    }
    assert!(begun.elapsed() < Duration::from_secs(90), "{:?}", begun.elapsed());
    assert_eq!(finished.talk.matches("a host is given up").count(), 2, "{}", finished.talk);
    drop(listener);
}

#[tokio::test]
async fn a_host_whose_robots_txt_cannot_be_asked_for_is_dead_too() {
    let mut world = embedded("dead-robots").await;
    let closed = format!("127.0.0.1:{}", free_port());
    let mut urls = images(&world, 3, plain);
    urls.extend((0..50).map(|number| format!("http://{closed}/{number}.png")));
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(3);
    for url in &urls[3..] {
        finished.row(url).expect("failed", Some("connect"));
    }
}
