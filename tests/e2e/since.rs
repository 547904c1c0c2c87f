//! `--since`: what an earlier run stored is asked for only if it changed, and stays where it is if it did not.

use std::fs;
use std::path::Path;

use harness::folder::Folder;
use harness::{Nginx, Response, png};

use crate::{embedded, world};

const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

#[tokio::test]
async fn no_body_is_sent_again_that_did_not_change_and_the_next_run_may_look_back_at_that_one() {
    let site = Folder::new("since-site");
    site.file("robots.txt", "");
    for number in 1..=4 {
        site.file(&format!("{number}.png"), png(20, 20, number));
    }
    let nginx = Nginx::serve(&site.to_string_lossy(), "nothing").await;
    let urls: Vec<String> = (1..=4).map(|number| nginx.url(Path::new(&format!("{number}.png"))).to_string()).collect();
    let mut world = world("since").await;
    world.downloaders(2).await;
    let first = world.urls(&urls, &["--run", "first"]).await;
    first.expect_complete().expect_stored(4);
    let sent = nginx.sent();

    let other = png(30, 30, 9);
    let changed = u64::try_from(other.len()).expect("small");
    site.file("4.png", other);
    let second = world.urls(&urls, &["--run", "second", "--since", "first"]).await;
    second.expect_complete().expect_stored(1).expect_in_store(&world.store());
    assert_eq!(second.count("unchanged"), 3, "{}", second.summary);
    assert_eq!(second.summary["bytes"], changed, "what is unchanged was not stored by this run");
    for url in &urls[..3] {
        let (row, before) = (second.row(url), first.row(url));
        row.expect("unchanged", None);
        assert_eq!((row.number("http_status"), row.number("attempts")), (Some(304), Some(1)), "{row}");
        for field in ["path", "sha256", "format", "etag", "last_modified", "content_type"] {
            assert_eq!(row.text(field), before.text(field), "{field} of {row}");
            assert!(row.text(field).is_some(), "{field} of {row}");
        }
        assert_eq!([row.number("width"), row.number("bytes")], [before.number("width"), before.number("bytes")]);
    }

    let folder = second.folder.to_string_lossy().into_owned();
    let third = world.urls(&urls, &["--since", &folder]).await;
    third.expect_complete().expect_in_store(&world.store());
    assert_eq!(third.count("unchanged"), 4, "{}", third.summary);
    assert_eq!(third.hashes(), second.hashes());
    let mut expected = sent;
    *expected.get_mut("/4.png").expect("it was sent") += changed;
    assert_eq!(nginx.sent(), expected, "bytes of bodies by path");
}

#[tokio::test]
async fn conditions_are_well_formed_and_for_the_address_that_answered() {
    let mut world = embedded("since-rules").await;
    let image = |number| Response::image(png(9, 9, number));
    world
        .route("/weak.png", image(1).known_by("ETag", "W/\"1\""))
        .route("/date.png", image(2).known_by("Last-Modified", DATE))
        .route("/malformed.png", image(3).known_by("ETag", "3"))
        .route("/any.png", image(4).known_by("ETag", "*"))
        .route("/deaf.png", image(5).header("ETag", "\"5\""))
        .route("/forward.png", image(6).header("ETag", "\"6\""))
        .route("/moved.png", Response::redirect("/target.png"))
        .route("/target.png", image(7).known_by("ETag", "\"7\""))
        .route("/rejected.png", Response::html("<p>").known_by("ETag", "\"8\""));
    let paths = ["weak", "date", "malformed", "any", "deaf", "forward", "moved", "rejected"];
    let urls = paths.map(|name| world.url(&format!("/{name}.png")));
    let first = world.urls(&urls, &["--run", "first"]).await;
    first.expect_complete().expect_stored(7);
    assert_eq!(first.row(&urls[0]).text("etag"), Some("W/\"1\""));
    assert_eq!(first.row(&urls[1]).text("last_modified"), Some(DATE));
    assert_eq!(first.row(&urls[2]).text("etag"), None, "a malformed one is none");

    // What the earlier run was told there is said elsewhere now, by somebody who says 304 to everything.
    world.route("/forward.png", Response::redirect("/yes.png")).route("/yes.png", Response::status(304));
    world.image("/twin.png", png(9, 9, 1)).route("/new.png", Response::status(304));
    let more = [&urls[..], &[world.url("/twin.png"), world.url("/new.png")]].concat();
    let begun = world.site().log().requests().len();
    let second = world.urls(&more, &["--since", "first"]).await;
    second.expect_complete().expect_in_store(&world.store());
    let outcomes: Vec<&str> = second.rows.iter().map(harness::Row::status).collect();
    let (unchanged, stored) = ("unchanged", "stored");
    let expected = [unchanged, unchanged, stored, stored, stored, "failed", unchanged, "rejected", stored, "failed"];
    assert_eq!(outcomes, expected);
    for url in [&more[5], &more[9]] {
        second.row(url).expect("failed", Some("http-304"));
    }
    let (twin, weak) = (second.row(&more[8]), second.row(&more[0]));
    assert_eq!(twin.text("sha256"), weak.text("sha256"), "what this run stored is no duplicate of what it did not");
    assert!(second.row(&more[6]).text("final_url").is_some_and(|url| url.ends_with("/target.png")));

    let requests = world.site().log().requests().split_off(begun);
    let asked = |path: &str| {
        let request = requests.iter().find(|request| request.path == path);
        let request = request.unwrap_or_else(|| panic!("{path} was not asked for"));
        ["if-none-match", "if-modified-since"].map(|name| request.header(name))
    };
    assert_eq!(asked("/weak.png"), [Some("W/\"1\""), None]);
    assert_eq!(asked("/date.png"), [None, Some(DATE)]);
    assert_eq!(asked("/deaf.png"), [Some("\"5\""), None]);
    assert_eq!(asked("/forward.png"), [Some("\"6\""), None]);
    assert_eq!(asked("/target.png"), [Some("\"7\""), None]);
    for path in ["/malformed.png", "/any.png", "/moved.png", "/yes.png", "/rejected.png", "/twin.png", "/new.png"] {
        assert_eq!(asked(path), [None, None], "{path}");
    }
}

#[tokio::test]
async fn a_run_that_is_gone_on_with_still_looks_back_and_opt_outs_hold() {
    let mut world = embedded("since-again").await;
    let known = Response::image(png(9, 9, 1)).known_by("ETag", "\"1\"");
    world.page("/", "<img src=a.png><img src=b.png>").route("/a.png", known.clone()).route("/b.png", known.clone());
    world.crawl(&["--run", "first"]).await.expect_complete().expect_stored(1);

    world.site().sequence("/a.png", vec![Response::status(503), known.clone()]);
    world.route("/b.png", known.header("X-Robots-Tag", "noai"));
    let second = world.crawl(&["--since", "first", "--retries", "0"]).await;
    second.expect_complete();
    second.row(&world.url("/a.png")).expect("failed", Some("http-503"));
    second.row(&world.url("/b.png")).expect("blocked", Some("x-robots-tag"));
    assert_eq!(world.site().log().hits("/"), 2, "pages are asked for without a condition");
    let retried = world.again("retry", &second.folder, &[]).await;
    retried.expect_complete().expect_in_store(&world.store());
    retried.row(&world.url("/a.png")).expect("unchanged", None);

    // The run that came before may be gone, and can be done without.
    world.site().sequence("/a.png", vec![Response::status(503), Response::image(png(9, 9, 1))]);
    let third = world.crawl(&["--since", "first", "--retries", "0"]).await;
    third.expect_complete();
    fs::remove_dir_all(third.folder.with_file_name("first")).expect("removed");
    let refused = world.again("retry", &third.folder, &[]).await;
    assert!(refused.expect_code(2).talk.contains("there is no run first"), "{}", refused.talk);
    let retried = world.again("retry", &third.folder, &["--since="]).await;
    retried.expect_complete().expect_stored(1);
}

#[tokio::test]
async fn what_did_not_change_since_another_run_is_asked_for_anew() {
    let mut world = world("since-other").await;
    let version = |number: u64| Response::image(png(9, 9, number)).known_by("ETag", &format!("\"{number}\""));
    let url = world.url("/a.png");
    world.downloaders(1).await;
    for (run, number) in [("monday", 1), ("tuesday", 2)] {
        world.route("/a.png", version(number));
        world.urls(std::slice::from_ref(&url), &["--run", run]).await.expect_complete().expect_stored(1);
    }
    world.stop_downloaders();
    // Monday's version is there again, and what asks for another one than that waits in the queue.
    world.route("/a.png", version(1));
    for (name, since, condition) in [("other", "tuesday", Some("\"2\"")), ("none", "", None)] {
        let options = ["--run", name, "--since", "monday", "--timeout", "1s"];
        let waiting = world.urls(std::slice::from_ref(&url), &options).await;
        waiting.expect_code(4);
        let begun = world.site().log().requests().len();
        let crawl = world.start_again("resume", &waiting.folder, &["--since", since, "--timeout", "60s"]);
        world.downloaders(1).await;
        let resumed = world.finish(crawl).await;
        resumed.expect_complete().expect_stored(1).expect_in_store(&world.store());
        let row = resumed.row(&url);
        assert_eq!(row.text("etag"), Some("\"1\""), "{row}");
        let requests = world.site().log().requests().split_off(begun);
        let asked = requests.iter().filter(|request| request.path == "/a.png");
        let conditions: Vec<_> = asked.map(|request| request.header("if-none-match")).collect();
        // Two messages wait, the interrupted producer's and the resumed one's; which of them is dealt with first, and whether the other
        // is too, is up to the downloader. What was stored came of a question that the resumed run has asked.
        let own = [condition, None];
        assert!(conditions.iter().any(|asked| own.contains(asked)), "{name}: {conditions:?}");
        world.stop_downloaders();
    }
}

#[tokio::test]
async fn a_run_that_is_none_is_bad_input() {
    let mut world = embedded("since-none").await;
    for (since, said) in
        [("nosuch", "there is no run nosuch"), ("./nosuch", "no run's folder"), ("..", "no run's folder")]
    {
        let refused = world.urls(&[world.url("/a.png")], &["--since", since]).await;
        assert!(refused.expect_code(2).talk.contains(said), "{}", refused.talk);
        assert!(!refused.folder.exists(), "a run that could not begin leaves nothing");
    }
}
