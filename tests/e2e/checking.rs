//! What is checked of an image: whole or cut, damaged, wanted, scripted.

use std::fs;
use std::path::Path;

use harness::{Response, World};

use crate::embedded;

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
    let bad = serve(&world, "/damaged.tiff", damaged);
    let mut urls: Vec<String> = IMAGES.map(|name| serve(&world, &format!("/{name}"), image(name))).to_vec();
    urls.push(bad.clone());
    let finished = world.urls(&urls, &[]).await;
    finished.expect_complete().expect_stored(urls.len());
    let finished = world.urls(&urls, &["--verify", "decode"]).await;
    finished.expect_complete().expect_stored(urls.len() - 1);
    let row = finished.row(&bad).expect("rejected", Some("undecodable"));
    assert!(row.text("detail").is_some_and(|detail| !detail.is_empty()), "{row}");
    assert_eq!(row.number("attempts"), Some(1), "{row}");
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
