//! Bodies that come compressed, asked for or not: what is in them is what counts, and a bomb does not go off.

use std::io::{Read as _, Write as _};

use harness::{Response, png};
use rusqlite::Connection;

use crate::{embedded, world};

const MIB: u64 = 1 << 20;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    let mut encoder = flate2::read::GzEncoder::new(plain, flate2::Compression::fast());
    encoder.read_to_end(&mut raw).expect("written to memory");
    raw
}

fn deflate(plain: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    let mut encoder = flate2::read::ZlibEncoder::new(plain, flate2::Compression::fast());
    encoder.read_to_end(&mut raw).expect("written to memory");
    raw
}

fn brotli(plain: &[u8]) -> Vec<u8> {
    let mut raw = Vec::new();
    brotli::CompressorReader::new(plain, 64 << 10, 2, 22).read_to_end(&mut raw).expect("written to memory");
    raw
}

fn zstd(plain: &[u8], window: u32) -> Vec<u8> {
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("an encoder");
    encoder.window_log(window).expect("a parameter");
    encoder.write_all(plain).expect("written to memory");
    encoder.finish().expect("written to memory")
}

/// Everything by its name, with `plain` in it.
fn all(plain: &[u8]) -> [(&'static str, Vec<u8>); 4] {
    [("gzip", gzip(plain)), ("deflate", deflate(plain)), ("br", brotli(plain)), ("zstd", zstd(plain, 20))]
}

fn image(encoding: &str, raw: Vec<u8>) -> Response {
    Response::image(raw).header("Content-Encoding", encoding)
}

#[tokio::test]
async fn an_image_that_comes_compressed_all_the_same_is_stored_as_it_is() {
    let mut world = embedded("encodings").await;
    let mut urls = Vec::new();
    for (number, (name, raw)) in (1..).zip(all(&png(60, 60, 1))) {
        // Different images, so that none is the duplicate of another.
        let plain = png(60, 60, number);
        let raw = all(&plain).into_iter().find(|(other, _)| *other == name).map_or(raw, |(_, raw)| raw);
        world.route(&format!("/{name}.png"), image(name, raw));
        urls.push((world.url(&format!("/{name}.png")), plain));
    }
    // What nobody knows is taken as it comes; so does every browser.
    world.route("/unknown.png", image("utf-8", png(60, 60, 5)));
    urls.push((world.url("/unknown.png"), png(60, 60, 5)));
    let list: Vec<String> = urls.iter().map(|(url, _)| url.clone()).collect();
    let finished = world.urls(&list, &[]).await;
    finished.expect_complete().expect_stored(5).expect_in_store(&world.store());
    for (url, plain) in urls {
        let row = finished.row(&url);
        assert_eq!(row.number("bytes"), Some(plain.len() as u64), "{row}");
    }
    let requests = world.site().log().requests();
    let asked = requests.iter().filter(|request| request.path.contains(".png"));
    for request in asked {
        assert_eq!(request.header("accept-encoding"), Some("identity"), "{request:?}");
    }
}

#[tokio::test]
async fn bombs_and_broken_encodings_have_their_reason_and_little_memory() {
    let mut world = world("bombs").await;
    let (plain, zeros) = (png(60, 60, 1), vec![0; 64 << 20]);
    let mut cases = Vec::new();
    for (name, raw) in all(&zeros) {
        assert!(raw.len() < 1 << 20, "{name}: {} bytes are no bomb", raw.len());
        cases.push((format!("/{name}-bomb.png"), image(name, raw), "too-large"));
        let bad = b"no such thing, whatever it is that was announced".to_vec();
        cases.push((format!("/{name}-broken.png"), image(name, bad), "encoding"));
    }
    for (name, nested) in [("gzip, gzip", gzip(&gzip(&plain))), ("br, gzip", gzip(&brotli(&plain)))] {
        cases.push((format!("/nested-{}.png", cases.len()), image(name, nested), "encoding"));
    }
    let whole = gzip(&plain);
    cases.push(("/cut.png".to_owned(), image("gzip", whole[..whole.len() / 2].to_vec()), "truncated"));
    cases.push(("/window.png".to_owned(), image("zstd", zstd(&zeros[..16 << 20], 24)), "encoding"));
    cases.push(("/empty.png".to_owned(), image("gzip", gzip(b"")), "empty"));
    cases.push(("/html.png".to_owned(), image("gzip", gzip(b"<html>")), "not-an-image"));
    // An empty block of deflate again and again: bytes without end that nothing comes of.
    let nothing =
        Response::endless("image/png", [0, 0, 0, 0xff, 0xff].repeat(1000)).header("Content-Encoding", "deflate");
    cases.push(("/nothing.png".to_owned(), nothing, "too-large"));
    for (path, response, _) in &cases {
        world.route(path, response.clone());
    }
    let urls: Vec<String> = cases.iter().map(|(path, ..)| world.url(path)).collect();
    world.downloader(&["--max-bytes", "8MiB", "--max-memory", "32MiB"]).await;
    let finished = world.urls(&urls, &["--retries", "0"]).await;
    finished.expect_complete();
    for (path, _, reason) in &cases {
        finished.row(&world.url(path)).expect("rejected", Some(reason));
    }
    let worker = world.worker(1);
    assert!(!worker.talk().contains("panicked"), "{}", worker.talk());
    let most = worker.most_memory();
    assert!(most < 200 * MIB, "{} MiB", most / MIB);
}

#[tokio::test]
async fn pages_are_read_in_every_encoding_that_is_asked_for() {
    let mut world = embedded("page-encodings").await;
    let mut links = String::new();
    for (number, name) in (1..).zip(["gzip", "deflate", "br", "zstd"]) {
        let page = format!("<img src=/{name}.png>");
        let raw = all(page.as_bytes()).into_iter().find(|(other, _)| *other == name).expect("a known one").1;
        world.route(&format!("/{name}"), Response::ok("text/html", raw).header("Content-Encoding", name));
        world.image(&format!("/{name}.png"), png(8, 8, number));
        links = format!("{links}<a href=/{name}>{name}</a>");
    }
    // 64 MiB of blanks behind an image: read up to the cap, of which the image is a part.
    let mut bomb = b"<img src=/bomb.png>".to_vec();
    bomb.resize(64 << 20, b' ');
    for (name, raw) in all(&bomb) {
        world.route(&format!("/{name}-bomb"), Response::ok("text/html", raw).header("Content-Encoding", name));
        links = format!("{links}<a href=/{name}-bomb>{name}</a>");
    }
    world.image("/bomb.png", png(8, 8, 9));
    world.route("/nested", Response::ok("text/html", gzip(&gzip(b"x"))).header("Content-Encoding", "gzip, gzip"));
    world.page("/", &format!("{links}<a href=/nested>nested</a>"));
    let finished = world.crawl(&["--retries", "0"]).await;
    finished.expect_complete().expect_stored(5);
    assert_eq!(finished.summed("pages", "fetched"), 9, "{}", finished.summary);
    assert_eq!(finished.summed("pages", "failed"), 1, "the nested one: {}", finished.summary);
    let requests = world.site().log().requests();
    let asked = requests.iter().find(|request| request.path == "/br").expect("it was asked for");
    assert_eq!(asked.header("accept-encoding"), Some("gzip, deflate, br, zstd"));
}

#[tokio::test]
async fn a_page_that_is_cut_counts_only_when_it_comes_whole() {
    let mut world = embedded("cut-pages").await;
    let mut links = String::new();
    for (number, name) in (1..).zip(["gzip", "deflate", "br", "zstd", "plain"]) {
        let page = format!("<img src=/{name}-first.png>{}<img src=/{name}-last.png>", filler());
        let whole = match all(page.as_bytes()).into_iter().find(|(encoding, _)| *encoding == name) {
            Some((_, raw)) => Response::ok("text/html", raw).header("Content-Encoding", name),
            None => Response::ok("text/html", page.into_bytes()),
        };
        // Whole by its own length, and cut by that of what is in it; without an encoding there is the length alone.
        let cut = if name == "plain" { whole.clone().cut_after(5000) } else { whole.clone().shortened(5000) };
        world.site().sequence(&format!("/{name}"), vec![cut.clone(), whole]);
        world.route(&format!("/{name}-cut"), cut);
        world.image(&format!("/{name}-first.png"), png(8, 8, number));
        world.image(&format!("/{name}-last.png"), png(8, 8, number + 100));
        links = format!("{links}<a href=/{name}></a><a href=/{name}-cut></a>");
    }
    world.page("/", &links);
    let finished = world.crawl(&["--retries", "1"]).await;
    finished.expect_complete().expect_stored(10);
    assert_eq!(finished.summed("pages", "fetched"), 6, "{}", finished.summary);
    assert_eq!(finished.summed("pages", "failed"), 5, "{}", finished.summary);
    let sql = Connection::open(finished.folder.join("ledger.db")).expect("a ledger");
    let reasons: Vec<String> = sql
        .prepare("SELECT reason FROM pages WHERE state = 'failed'")
        .and_then(|mut failed| failed.query_map([], |row| row.get(0))?.collect())
        .expect("readable");
    assert_eq!(reasons, ["truncated"; 5]);
    for name in ["gzip", "deflate", "br", "zstd", "plain"] {
        for path in [format!("/{name}"), format!("/{name}-cut")] {
            assert_eq!(world.site().log().hits(&path), 2, "{path}");
        }
    }
}

/// Text that does not shrink to nothing.
fn filler() -> String {
    (0..20_000_u32).map(|number| format!("{:x} ", number.wrapping_mul(0x9e37_79b9))).collect::<Vec<_>>().concat()
}
