//! Servers that break every rule of HTTP they can: each image gets its reason in bounded time and memory, and the images of
//! other servers are stored as if nothing were.

use std::time::{Duration, Instant};

use harness::{Act, Hostile, World, png};

use crate::{images, plain, world};

const NO_PAUSE: Duration = Duration::ZERO;
const MIB: u64 = 1 << 20;

/// What a server does, and what becomes of its image.
struct Case {
    name: &'static str,
    acts: Vec<Act>,
    outcome: (&'static str, &'static str),
}

fn case(name: &'static str, status: &'static str, reason: &'static str, acts: Vec<Act>) -> Case {
    Case { name, acts, outcome: (status, reason) }
}

/// Runs all cases at once beside well-behaved images; gives the downloader's memory at its most.
async fn expect(world: &mut World, cases: &[Case], options: &[&str], longest: Duration) -> u64 {
    let mut servers = Vec::new();
    for case in cases {
        servers.push(Hostile::start(case.acts.clone()).await);
    }
    let good = images(world, 50, plain);
    let urls: Vec<String> = servers.iter().map(Hostile::url).chain(good.iter().cloned()).collect();
    world.downloader(&[&["--max-bytes", "1MiB", "--max-memory", "16MiB"], options].concat()).await;
    let begun = Instant::now();
    let finished = world.urls(&urls, &["--retries", "0", "--ignore-robots"]).await;
    let took = begun.elapsed();
    finished.expect_complete().expect_in_store(&world.store());
    for (case, server) in cases.iter().zip(&servers) {
        let row = finished.row(&server.url());
        let outcome = (row.status(), row.reason().unwrap_or_default());
        assert_eq!(outcome, case.outcome, "{}: {row}", case.name);
        assert!(server.connections() > 0, "{}: it was never asked", case.name);
    }
    for url in &good {
        finished.row(url).expect("stored", None);
    }
    assert!(took < longest, "it took {took:?}");
    let worker = world.worker(1);
    worker.expect_running();
    let talk = worker.talk();
    assert!(!talk.contains("panicked"), "{talk}");
    worker.most_memory()
}

fn many_headers(count: usize) -> String {
    (0..count).map(|number| format!("X-{number}: y\r\n")).collect::<Vec<_>>().concat()
}

/// Heads that are no heads.
fn heads() -> Vec<Case> {
    let image = png(9, 9, 1);
    let failed = |name, reason, acts| case(name, "failed", reason, acts);
    let bad = |name, text: &str| failed(name, "bad-http", vec![Act::say(text)]);
    vec![
        failed("silence", "timeout", vec![Act::Hold]),
        failed(
            "a head that drips",
            "timeout",
            vec![Act::say("HTTP/1.1 200 OK\r\n"), Act::Forever(b"X".to_vec(), Duration::from_millis(50))],
        ),
        failed(
            "a flood of 100 Continue",
            "timeout",
            vec![Act::Forever(b"HTTP/1.1 100 Continue\r\n\r\n".repeat(20), Duration::from_millis(1))],
        ),
        failed("an early close", "network", vec![]),
        failed("a close within the head", "network", vec![Act::say("HTTP/1.1 200 OK\r\nContent-")]),
        bad("garbage", "\u{1}\u{2}\u{3} nothing that anybody knows \u{7f}\r\n\r\n"),
        bad("another protocol", "SSH-2.0-OpenSSH_9.2\r\n"),
        bad("HTTP/0.9", "<html>no head at all</html>\r\n"),
        bad("an unknown version", "HTTP/3.7 200 OK\r\n\r\n"),
        bad("a status of five digits", "HTTP/1.1 20000 OK\r\n\r\n"),
        bad("a status of letters", "HTTP/1.1 abc OK\r\n\r\n"),
        bad("a header without a name", "HTTP/1.1 200 OK\r\n: value\r\n\r\n"),
        bad("a header with a NUL", "HTTP/1.1 200 OK\r\nX: a\0b\r\n\r\n"),
        bad("a negative length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello"),
        bad("a length beyond numbers", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n"),
        bad("two lengths", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 7\r\n\r\nhello"),
        failed(
            "a thousand headers",
            "headers",
            vec![Act::say(format!("HTTP/1.1 200 OK\r\n{}\r\n", many_headers(1000)))],
        ),
        failed("a header of 1 MiB", "headers", vec![Act::head(&[&format!("X: {}", "y".repeat(1 << 20))])]),
        failed(
            "headers without end",
            "headers",
            vec![Act::say("HTTP/1.1 200 OK\r\n"), Act::Forever(many_headers(100).into_bytes(), NO_PAUSE)],
        ),
        failed(
            "a redirect to a URL of 100 KiB",
            "redirects",
            vec![Act::say(format!(
                "HTTP/1.1 302 Found\r\nLocation: /{}\r\nContent-Length: 0\r\n\r\n",
                "x".repeat(100 << 10)
            ))],
        ),
        case(
            "two answers for one question",
            "rejected",
            "empty",
            vec![Act::answer(&["Connection: keep-alive"], b""), Act::answer(&[], &image)],
        ),
        case(
            "more headers than is usual",
            "stored",
            "",
            vec![
                Act::say(format!("HTTP/1.1 200 OK\r\n{}Content-Length: {}\r\n\r\n", many_headers(150), image.len())),
                Act::Send(png(9, 9, 1)),
            ],
        ),
    ]
}

/// Bodies that are not what was announced, or never end.
fn bodies() -> Vec<Case> {
    let image = png(40, 40, 2);
    let rejected = |name, reason, acts| case(name, "rejected", reason, acts);
    let chunked = |body: &[u8]| vec![Act::head(&["Transfer-Encoding: chunked"]), Act::Send(body.to_vec())];
    let chunk = |bytes: &[u8]| [format!("{:x}\r\n", bytes.len()).as_bytes(), bytes, b"\r\n"].concat();
    let mut cut_chunk = format!("{:x}\r\n", image.len()).into_bytes();
    cut_chunk.extend(&image[..image.len() / 2]);
    let close = "Connection: close";
    let longer = format!("Content-Length: {}", image.len() + 100);
    let shorter = format!("Content-Length: {}", image.len() - 100);
    vec![
        rejected(
            "a length that is longer than the body",
            "truncated",
            vec![Act::head(&[&longer]), Act::Send(image.clone())],
        ),
        rejected(
            "a length that is shorter than the body",
            "truncated",
            vec![Act::head(&[&shorter]), Act::Send(image.clone())],
        ),
        rejected("an announced terabyte", "too-large", vec![Act::head(&["Content-Length: 1099511627776"]), Act::Hold]),
        rejected(
            "a stream without end",
            "too-large",
            vec![Act::head(&[close]), Act::Forever(vec![0; 64 << 10], NO_PAUSE)],
        ),
        rejected(
            "chunks without end",
            "too-large",
            vec![Act::head(&["Transfer-Encoding: chunked"]), Act::Forever(chunk(&[0; 32 << 10]), NO_PAUSE)],
        ),
        rejected("a chunk that is cut", "truncated", chunked(&cut_chunk)),
        rejected("no last chunk", "truncated", chunked(&chunk(&image))),
        case("chunks of no size", "failed", "bad-http", chunked(b"xyz\r\nhello\r\n0\r\n\r\n")),
        case("a chunk beyond numbers", "failed", "bad-http", chunked(b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n")),
        case("a chunk that is longer than it says", "failed", "bad-http", chunked(b"3\r\nhello\r\n0\r\n\r\n")),
        case(
            "a chunk's extensions without end",
            "failed",
            "bad-http",
            vec![
                Act::head(&["Transfer-Encoding: chunked"]),
                Act::say("5;"),
                Act::Forever(b"x=y;".repeat(100), NO_PAUSE),
            ],
        ),
        case(
            "trailers without end",
            "failed",
            "bad-http",
            vec![
                Act::head(&["Transfer-Encoding: chunked"]),
                Act::Send(chunk(b"hello")),
                Act::say("0\r\n"),
                Act::Forever(many_headers(100).into_bytes(), NO_PAUSE),
            ],
        ),
        rejected(
            "a close within an unannounced body",
            "truncated",
            vec![Act::head(&[close]), Act::Send(image[..image.len() / 2].to_vec())],
        ),
        case(
            "a body that stops",
            "failed",
            "timeout",
            vec![Act::head(&[&longer]), Act::Send(image.clone()), Act::Hold],
        ),
    ]
}

#[tokio::test]
async fn every_broken_answer_has_its_reason_in_bounded_time_and_memory() {
    let mut world = world("hostile").await;
    let cases: Vec<Case> = heads().into_iter().chain(bodies()).collect();
    let most = expect(&mut world, &cases, &["--fetch-timeout", "5s"], Duration::from_secs(40)).await;
    assert!(most < 150 * MIB, "{} MiB", most / MIB);
}

#[tokio::test]
async fn bodies_that_trickle_are_given_up_before_the_total_time_is_over() {
    let mut world = world("trickle").await;
    let image = png(100, 100, 3);
    let length = format!("Content-Length: {}", image.len());
    let trickling = |pause| vec![Act::head(&[&length]), Act::Drip(image.clone(), Duration::from_millis(pause))];
    let cases = vec![
        case("a byte a second", "failed", "too-slow", trickling(1000)),
        case(
            "silence within the body",
            "failed",
            "too-slow",
            vec![Act::head(&[&length]), Act::Send(image[..5000].to_vec()), Act::Hold],
        ),
        // Some five times as fast as it must be.
        case(
            "slow and steady",
            "stored",
            "",
            vec![
                Act::head(&[&length]),
                Act::Send(image[..6000].to_vec()),
                Act::Drip(image[6000..].to_vec(), Duration::from_millis(1)),
            ],
        ),
    ];
    expect(&mut world, &cases, &["--fetch-timeout", "100s", "--min-rate", "100B"], Duration::from_mins(1)).await;
}
