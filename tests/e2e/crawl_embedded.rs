//! A crawl in one process, without a broker: what is stored, and what is told about it.

use std::fs;

use harness::run::json;
use harness::{Response, World, png};
use rusqlite::{Connection, OpenFlags};

use crate::embedded;

/// Two pages; five images of which two have equal bytes, one is missing and one is no image.
fn small_site(world: &World) {
    world
        .page("/", r#"<img src="a.png" alt="An a" title="The a"><img src="/gone.png"><a href="sub/two.html">two</a>"#)
        .page("/sub/two.html", r#"<img src="b.png"><img src="../a-again.png"><img src="text.png"><img src="../a.png">"#)
        .image("/a.png", png(5, 7, 1))
        .image("/a-again.png", png(5, 7, 1))
        .image("/sub/b.png", png(11, 13, 2))
        .route("/sub/text.png", Response::html("<p>No image.</p>"));
}

#[tokio::test]
async fn every_image_of_a_small_site_has_one_outcome() {
    let mut world = embedded("small").await;
    small_site(&world);
    let finished = world.crawl(&["--format", "json"]).await;
    finished.expect_complete().expect_stored(2).expect_in_store(&world.store());
    assert_eq!(finished.rows.len(), 5);
    assert_eq!(finished.summed("pages", "fetched"), 2);
    assert_eq!(json(&finished.output), finished.summary, "--format json prints summary.json");
    assert_eq!(finished.summary["run"], "run-1");

    finished.row(&world.url("/gone.png")).expect("failed", Some("http-404"));
    finished.row(&world.url("/sub/text.png")).expect("rejected", Some("not-an-image"));
    finished.row(&world.url("/sub/b.png")).expect("stored", None);
    let twins = ["/a.png", "/a-again.png"].map(|path| finished.row(&world.url(path)));
    let mut statuses = twins.map(harness::Row::status);
    statuses.sort_unstable();
    assert_eq!(statuses, ["duplicate", "stored"], "equal bytes are stored once");
    assert_eq!(twins[0].text("path"), twins[1].text("path"), "a duplicate leads to the bytes");
}

#[tokio::test]
async fn a_row_tells_where_an_image_came_from_and_what_it_is() {
    let mut world = embedded("row").await;
    small_site(&world);
    let finished = world.crawl(&["--depth", "0"]).await;
    finished.expect_complete();
    assert_eq!(finished.rows.len(), 2, "depth 0 is the seed pages alone");
    let row = finished.row(&world.url("/a.png"));
    let expected = [
        ("page_url", world.url("/")),
        ("final_url", world.url("/a.png")),
        ("source", "img".to_owned()),
        ("alt", "An a".to_owned()),
        ("title", "The a".to_owned()),
        ("content_type", "image/png".to_owned()),
        ("format", "png".to_owned()),
    ];
    for (field, value) in expected {
        assert_eq!(row.text(field), Some(value.as_str()), "{field}: {row}");
    }
    for (field, value) in [("http_status", 200), ("width", 5), ("height", 7), ("attempts", 1)] {
        assert_eq!(row.number(field), Some(value), "{field}: {row}");
    }
    assert!(row.text("worker").is_some() && row.text("fetched_at").is_some(), "{row}");
    assert!(row.number("duration_ms").is_some(), "{row}");
    let missing = finished.row(&world.url("/gone.png"));
    assert_eq!((missing.number("http_status"), missing.text("path")), (Some(404), None), "{missing}");
}

#[tokio::test]
async fn the_ledger_opens_with_any_sqlite() {
    let mut world = embedded("ledger").await;
    small_site(&world);
    let finished = world.crawl(&[]).await;
    finished.expect_complete();
    let ledger = Connection::open_with_flags(finished.folder.join("ledger.db"), OpenFlags::SQLITE_OPEN_READ_ONLY);
    let ledger = ledger.expect("the ledger is there");
    let check: String = ledger.query_row("PRAGMA integrity_check", [], |row| row.get(0)).expect("it is a database");
    assert_eq!(check, "ok");
}

#[tokio::test]
async fn a_run_that_exists_is_not_run_over() {
    let mut world = embedded("again").await;
    small_site(&world);
    world.crawl(&["--run", "mine"]).await.expect_complete();
    let manifest = world.folder().join("runs/mine/results.jsonl");
    let before = fs::read(&manifest).expect("the first run has a manifest");
    let again = world.crawl(&["--run", "mine"]).await;
    again.expect_code(2);
    assert!(again.talk.contains("mine") && again.talk.contains("hint:"), "{}", again.talk);
    assert_eq!(fs::read(&manifest).expect("the manifest is still there"), before);
}

#[tokio::test]
async fn depth_scope_and_filters_bound_a_crawl() {
    let mut world = embedded("scope").await;
    world
        .page(
            "/in/",
            r#"<img src="0.png"><a href="1.html">1</a><a href="/out.html">out</a><a href="skip.html">skip</a>"#,
        )
        .page("/in/1.html", r#"<img src="1.png"><img src="ad.png"><a href="2.html">2</a>"#)
        .page("/in/2.html", r#"<img src="2.png"><img src="/far.png"><a href="3.html">3</a>"#)
        .page("/in/3.html", r#"<img src="3.png">"#)
        .page("/in/skip.html", r#"<img src="skipped.png">"#)
        .page("/out.html", r#"<img src="out.png">"#);
    for (seed, path) in ["/in/0.png", "/in/1.png", "/in/2.png", "/far.png"].into_iter().enumerate() {
        world.image(path, png(3, 3, seed as u64));
    }
    let seed = world.url("/in/");
    let bounds = ["--depth", "2", "--scope", "prefix", "--exclude", "skip", "--exclude-images", "ad.png", &seed];
    let finished = world.crawl(&bounds).await;
    finished.expect_complete().expect_stored(4);
    let mut stored: Vec<&str> =
        finished.rows.iter().filter(|row| row.status() == "stored").map(harness::Row::url).collect();
    stored.sort_unstable();
    let expected = ["/far.png", "/in/0.png", "/in/1.png", "/in/2.png"].map(|path| world.url(path));
    assert_eq!(stored, expected);
    for path in ["/out.html", "/in/skip.html", "/in/3.html", "/in/ad.png"] {
        assert_eq!(world.site().log().hits(path), 0, "{path}");
    }
}

#[tokio::test]
async fn sets_of_candidates_give_their_largest() {
    let mut world = embedded("srcset").await;
    world
        .page(
            "/",
            r#"<base href="/pictures/">
               <img src="small.png" srcset="middle.png 2x, large.png 3x">
               <picture><source srcset="wide.png 800w, narrow.png 400w"><img src="fallback.png"></picture>
               <a href="linked.png">an image behind a link</a>"#,
        )
        .image("/pictures/large.png", png(3, 3, 1))
        .image("/pictures/wide.png", png(3, 3, 2))
        .image("/pictures/linked.png", png(3, 3, 3));
    let finished = world.crawl(&[]).await;
    finished.expect_complete();
    for (path, source) in [("large", "srcset"), ("wide", "picture"), ("linked", "link")] {
        let row = finished.row(&world.url(&format!("/pictures/{path}.png")));
        row.expect("stored", None);
        assert_eq!(row.text("source"), Some(source), "{row}");
    }
    for path in ["/pictures/middle.png", "/pictures/narrow.png"] {
        assert_eq!(world.site().log().hits(path), 0, "{path} is not the largest");
    }
}

#[tokio::test]
async fn a_store_that_cannot_be_opened_ends_the_run_at_once() {
    let mut world = embedded("no-store").await;
    world.page("/", "<img src=a.png>").image("/a.png", png(3, 3, 1));
    let file = world.folder().file("file", "not a folder");
    let inside = file.join("store").display().to_string();
    let finished = world.crawl(&["--store", &inside]).await;
    finished.expect_code(1).expect_state("interrupted").expect_counts();
    assert!(finished.talk.contains(&inside), "the store is not named:\n{}", finished.talk);
}
