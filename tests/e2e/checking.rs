//! What is checked of an image: whole or cut, damaged, wanted, scripted.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::{Exit, Response, World};

use crate::{embedded, world};

/// An image of the downloader's own tests.
fn image(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../downloader/tests/images");
    fs::read(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// One of every format.
const IMAGES: [&str; 11] = [
    "progressive.jpg",
    "plain.png",
    "animated.gif",
    "lossy.webp",
    "plain.avif",
    "plain.heic",
    "bare.jxl",
    "plain.svg",
    "runs.bmp",
    "png.ico",
    "big.tiff",
];

fn serve(world: &World, path: &str, bytes: Vec<u8>) -> String {
    world.route(path, Response::ok("application/octet-stream", bytes));
    world.url(path)
}

#[tokio::test]
async fn of_every_format_only_what_is_whole_is_stored() {
    let mut world = embedded("checking-cut").await;
    let (mut whole, mut cut) = (Vec::new(), Vec::new());
    for name in IMAGES {
        let bytes = image(name);
        whole.push((name, serve(&world, &format!("/{name}"), bytes.clone())));
        for tenth in 1..10 {
            let part = bytes[..bytes.len() * tenth / 10].to_vec();
            cut.push(serve(&world, &format!("/{tenth}-{name}"), part));
        }
    }
    let urls: Vec<String> = whole.iter().map(|(_, url)| url).chain(&cut).cloned().collect();
    let finished = world.urls(&urls, &["--retries", "0"]).await;
    finished.expect_complete().expect_stored(IMAGES.len()).expect_in_store(&world.store());
    for (name, url) in &whole {
        let row = finished.row(url).expect("stored", None);
        assert_eq!(row.text("format"), name.rsplit('.').next(), "{row}");
        assert_eq!(row.number("width"), (*name != "plain.svg").then_some(24), "{row}");
    }
    for url in &cut {
        let row = finished.row(url);
        assert_eq!(row.status(), "rejected", "{row}");
        assert!(matches!(row.reason(), Some("truncated" | "not-an-image")), "{row}");
    }
}

#[tokio::test]
async fn filters_have_a_reason_each() {
    let mut world = embedded("checking-filters").await;
    let urls = ["plain.png", "plain.svg", "bmp.ico", "still.gif", "lossless.webp"]
        .map(|name| serve(&world, &format!("/{name}"), image(name)));
    for (options, path, reason) in [
        (&["--formats", "png,svg,ico,gif"][..], "/lossless.webp", "filtered-format"),
        (&["--min-size", "17x12"], "/bmp.ico", "filtered-min-size"),
        (&["--min-bytes", "93"], "/lossless.webp", "filtered-min-bytes"),
    ] {
        let finished = world.urls(&urls, options).await;
        finished.expect_complete().expect_stored(4);
        finished.row(&world.url(path)).expect("rejected", Some(reason));
    }
    let finished = world.urls(&urls, &["--max-size", "23x18"]).await;
    finished.expect_complete().expect_stored(2);
    finished.row(&world.url("/still.gif")).expect("rejected", Some("filtered-max-size"));
    let finished = world.urls(&urls, &["--max-aspect", "1.333"]).await;
    finished.expect_complete().expect_stored(1);
    let row = finished.row(&world.url("/still.gif")).expect("rejected", Some("filtered-max-aspect"));
    assert_eq!((row.text("format"), row.number("width")), (Some("gif"), Some(24)), "{row}");
    for nonsense in [&["--max-aspect", "0.5"][..], &["--min-size", "9x9", "--max-size", "9x8"], &["--formats", "pdf"]] {
        world.urls(&urls, nonsense).await.expect_code(2);
    }
}

#[tokio::test]
async fn what_the_decoder_refuses_is_stored_only_if_it_is_not_asked() {
    let mut world = embedded("checking-decode").await;
    let mut damaged = image("deflate.tiff");
    // Its only strip begins behind the file's header.
    damaged[8..108].fill(0xff);
    let bad = [serve(&world, "/damaged.tiff", damaged), serve(&world, "/damaged.avif", damaged_avif())];
    let mut urls: Vec<String> = IMAGES.map(|name| serve(&world, &format!("/{name}"), image(name))).to_vec();
    urls.extend(bad.clone());
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(urls.len());
    let finished = world.urls(&urls, &["--verify", "decode"]).await;
    finished.expect_complete().expect_stored(urls.len() - bad.len());
    for url in &bad {
        let row = finished.row(url).expect("rejected", Some("undecodable"));
        assert!(row.text("detail").is_some_and(|detail| !detail.is_empty()), "{row}");
        assert_eq!(row.number("attempts"), Some(1), "{row}");
    }
}

/// Its boxes are whole, and what AV1 is to decode is nonsense.
fn damaged_avif() -> Vec<u8> {
    let mut damaged = image("plain.avif");
    let data = damaged.windows(4).position(|name| name == b"mdat").expect("coded data") + 4;
    damaged[data..].fill(0xff);
    damaged
}

/// The decoder of AVIF is a process of the downloader's own program; a hundred files at once, from a downloader of its own.
#[tokio::test]
async fn avif_is_decoded_by_a_downloader_beside_its_other_work() {
    let mut world = world("checking-avif").await;
    let files = ["plain", "alpha", "grid", "deep", "grey", "narrow", "animated"];
    let mut urls = Vec::new();
    for number in 0..100 {
        let name = format!("{}.avif", files[number % files.len()]);
        urls.push(serve(&world, &format!("/{number}/{name}"), image(&name)));
    }
    let bad = serve(&world, "/damaged.avif", damaged_avif());
    urls.push(bad.clone());
    world.downloader(&["--verify", "decode"]).await;
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_in_store(&world.store());
    for url in &urls[..100] {
        assert!(matches!(finished.row(url).status(), "stored" | "duplicate"), "{}", finished.row(url));
    }
    let row = finished.row(&bad).expect("rejected", Some("undecodable"));
    assert!(row.text("detail").is_some_and(|detail| detail.contains("AV1")), "{row}");
}

/// Bytes.
const NOTHING: u32 = 60 << 20;

/// As a system that is out of memory would, the test kills each decoder that it sees, for longer than the downloader tries again by
/// itself: the image goes back to the queue, and is no worse for it.
#[tokio::test]
async fn an_image_whose_decoders_are_killed_by_others_comes_again() {
    let mut world = world("checking-avif-killed").await;
    // With a box of nothing, which a decoder reads for long enough to be seen.
    let mut large = image("plain.avif");
    large.extend((NOTHING + 8).to_be_bytes());
    large.extend(b"free");
    large.resize(large.len() + NOTHING as usize, 0);
    let url = serve(&world, "/large.avif", large);
    world.downloader(&["--verify", "decode"]).await;
    let worker = world.worker(1).id();
    let killing = thread::spawn(move || kill_decoders_of(worker, 4));
    let finished = world.urls(&[url], &[]).await;
    finished.expect_complete().expect_stored(1).expect_in_store(&world.store());
    killing.join().expect("decoders were killed");
    let talk = world.worker(1).talk();
    assert!(talk.contains("its decoder failed on it (signal: 9"), "{talk}");
}

/// Kills the first so many decoders of a downloader as they appear.
fn kill_decoders_of(worker: u32, count: usize) {
    let begun = Instant::now();
    let mut killed = Vec::new();
    while killed.len() < count {
        assert!(begun.elapsed() < Duration::from_mins(1), "{} decoders were seen", killed.len());
        for task in fs::read_dir(format!("/proc/{worker}/task")).expect("it runs").flatten() {
            // A thread may be gone again.
            let children = fs::read_to_string(task.path().join("children")).unwrap_or_default();
            for child in children.split_whitespace().map(str::to_owned) {
                let command = fs::read(format!("/proc/{child}/cmdline")).unwrap_or_default();
                let is_decoder = command.windows(20).any(|words| words == b"--warren-decode-avif");
                if is_decoder && !killed.contains(&child) {
                    let sent = Command::new("kill").args(["-KILL", &child]).status().expect("a command");
                    killed.extend(sent.success().then_some(child));
                }
            }
        }
        thread::sleep(Duration::from_millis(1));
    }
}

/// Where no decoder can be started, nothing is taken that could not be judged.
#[tokio::test]
async fn a_downloader_that_cannot_decode_avif_does_not_begin_to() {
    let mut world = world("checking-avif-none").await;
    world.set_variable("WARREN_FAILPOINTS", "avif.start=1");
    for options in [&["--verify", "decode"][..], &["--phash"]] {
        let downloader = world.start_downloader(options);
        assert_eq!(downloader.wait(Duration::from_secs(30)).await, Exit::Code(1));
        let talk = downloader.talk();
        assert!(talk.contains("AVIF cannot be decoded here") && talk.contains("/proc"), "{talk}");
    }
}

/// A decoder that may take too little memory has no picture, whether it can say so or not; one that may take enough has one.
#[test]
fn the_decoder_of_avif_keeps_to_its_limits() {
    for (memory, succeeds) in [(64 << 20, true), (4 << 10, false)] {
        let mut decoder = Command::new(env!("CARGO_BIN_EXE_warren-test-downloader"))
            .args(["--warren-decode-avif", &format!("{memory}"), "1000", "1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let sent = decoder.stdin.take().expect("a pipe").write_all(&image("plain.avif"));
        let output = decoder.wait_with_output().expect("it ends");
        assert!(sent.is_ok() || !succeeds, "{sent:?}");
        // How an answer begins that has a picture.
        assert_eq!(output.stdout.first() == Some(&b'p'), succeeds, "{output:?}");
    }
}

/// A service manager tells all processes of a service to end, and this one finishes; lower limits than its own are none of its
/// trouble.
#[test]
fn the_decoder_of_avif_outlives_who_ends_its_downloader() {
    let mut decoder = Command::new("sh")
        .args(["-c", "ulimit -t 30 && ulimit -c 0 && exec \"$0\" --warren-decode-avif 67108864 1000 1"])
        .arg(env!("CARGO_BIN_EXE_warren-test-downloader"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    // Hangup, interrupt and termination: signals 1, 2 and 15.
    let caught = 1_u64 | 1 << 1 | 1 << 14;
    let status = format!("/proc/{}/status", decoder.id());
    let begun = Instant::now();
    loop {
        let status = fs::read_to_string(&status).expect("it runs");
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).expect("signals").trim();
        if u64::from_str_radix(mask, 16).expect("hexadecimal") & caught == caught {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(30), "signals are not caught: {mask}");
        thread::sleep(Duration::from_millis(5));
    }
    for signal in ["-HUP", "-INT", "-TERM"] {
        let sent = Command::new("kill").args([signal, &decoder.id().to_string()]).status().expect("kill is there");
        assert!(sent.success(), "{signal}: {sent}");
    }
    decoder.stdin.take().expect("a pipe").write_all(&image("plain.avif")).expect("it reads");
    let output = decoder.wait_with_output().expect("it ends");
    assert!(output.status.success() && output.stdout.first() == Some(&b'p'), "{:?}", output.status);
}

#[tokio::test]
async fn an_svg_with_script_is_kept_and_marked() {
    let mut world = embedded("checking-script").await;
    let urls = ["plain.svg", "scripted.svg", "plain.png"].map(|name| serve(&world, &format!("/{name}"), image(name)));
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(3).expect_in_store(&world.store());
    let marks = urls.map(|url| finished.row(&url).flag("scripted"));
    assert_eq!(marks, [Some(false), Some(true), None]);
}
