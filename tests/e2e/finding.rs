//! Where a crawl finds images beside the elements of a page: in the page itself, in its style sheets, in sitemaps and
//! feeds, behind refreshes; and what it does not let itself be led into.

use std::fs;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use harness::{Response, World, png};

use crate::{embedded, world};

fn sitemap(entries: &str) -> Response {
    let xml = format!(
        "<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' \
         xmlns:image='http://www.google.com/schemas/sitemap-image/1.1'>{entries}</urlset>"
    );
    Response::ok("application/xml", xml)
}

#[tokio::test]
async fn an_image_that_stands_in_its_page_is_stored_and_asked_of_nobody() {
    let mut world = world("inline").await;
    let image = png(7, 5, 1);
    let page = format!("<img alt=dot src='data:image/png;base64,{}'>", BASE64_STANDARD.encode(&image));
    world.page("/", &format!("{page}<a href=again.html>again</a><img src=there.png>")).page("/again.html", &page);
    world.image("/there.png", png(3, 3, 2));
    world.downloaders(2).await;
    let finished = world.crawl(&[]).await;
    finished.expect_complete().expect_stored(2).expect_in_store(&world.store());
    let row = finished.rows.iter().find(|row| row.url().starts_with("data:")).expect("a row of its own");
    row.expect("stored", None);
    assert!(row.url().starts_with("data:image/png;sha256=") && row.url().len() < 60, "{row}");
    assert_eq!((row.text("source"), row.text("alt"), row.number("width")), (Some("data"), Some("dot"), Some(7)));
    assert_eq!(finished.rows.len(), 2, "the same image on two pages is one");
    let stored = world.store().folder().join(row.text("path").expect("a path"));
    assert_eq!(fs::read(stored).expect("stored"), image);
}

#[tokio::test]
async fn linked_style_sheets_and_what_they_import_are_read() {
    let mut world = embedded("styles").await;
    world
        .page("/", "<link rel=stylesheet href=css/a.css><p>text</p>")
        .route("/css/a.css", Response::ok("text/css", "@import 'b.css'; p { background: url(../bg.png) }"))
        .route("/css/b.css", Response::ok("text/css", "@import 'a.css'; b { background: url('deep.png') }"))
        .image("/bg.png", png(3, 3, 1))
        .image("/css/deep.png", png(3, 3, 2));
    let finished = world.crawl(&["--depth", "0"]).await;
    finished.expect_complete().expect_stored(2);
    assert_eq!(finished.summed("pages", "fetched"), 1, "a style sheet is no page");
    assert_eq!(finished.summed("style_sheets", "fetched"), 2);
    let row = finished.row(&world.url("/bg.png"));
    assert_eq!(row.text("source"), Some("css"));
    assert_eq!(row.text("page_url"), Some(world.url("/css/a.css").as_str()));
}

#[tokio::test]
async fn sitemaps_are_read_from_the_command_line_and_from_robots_txt() {
    let mut world = embedded("sitemaps").await;
    let url = |world: &World, path: &str| world.url(path);
    let index = format!(
        "<sitemapindex xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'><sitemap><loc>{}</loc></sitemap></sitemapindex>",
        url(&world, "/pages.xml")
    );
    world
        .route(
            "/robots.txt",
            Response::ok("text/plain", format!("User-agent: *\nDisallow:\nSitemap: {}\n", url(&world, "/index.xml"))),
        )
        .route("/index.xml", Response::ok("application/xml", index))
        .route(
            "/pages.xml",
            sitemap(&format!(
                "<url><loc>{}</loc><image:image><image:loc>{}</image:loc><image:caption>Said of it</image:caption>\
                 </image:image></url>",
                url(&world, "/hidden/page.html"),
                url(&world, "/only-here.png")
            )),
        )
        .page("/", "<p>No links.</p>")
        .page("/hidden/page.html", "<img src=found.png>")
        .image("/hidden/found.png", png(3, 3, 1))
        .image("/only-here.png", png(3, 3, 2));
    let finished = world.crawl(&["--depth", "0"]).await;
    finished.expect_complete().expect_stored(0);
    let listed = world.url("/");
    let finished = world.crawl(&["--depth", "0", "--sitemaps", "--run", "by-robots", &listed]).await;
    finished.expect_complete().expect_stored(2);
    assert_eq!((finished.summed("sitemaps", "fetched"), finished.summed("pages", "fetched")), (2, 2));
    let row = finished.row(&world.url("/only-here.png"));
    assert_eq!((row.text("source"), row.text("caption")), (Some("sitemap"), Some("Said of it")));
    assert_eq!(row.text("page_url"), Some(world.url("/hidden/page.html").as_str()));
}

#[tokio::test]
async fn a_seed_may_be_a_feed_and_links_may_lead_to_images() {
    let mut world = embedded("feed").await;
    let feed = "<rss version='2.0'><channel><link>/</link><item><link>/item.html</link>\
                <enclosure url='/enclosed.png' type='image/png' length='1'/></item></channel></rss>";
    world
        .route("/", Response::ok("application/rss+xml", feed))
        .page("/item.html", "<a href=/by-type>a picture</a>")
        .image("/enclosed.png", png(3, 3, 1))
        .image("/by-type", png(3, 3, 2));
    let finished = world.crawl(&["--depth", "2"]).await;
    finished.expect_complete().expect_stored(2);
    assert_eq!(finished.row(&world.url("/by-type")).text("source"), Some("link"));
}

#[tokio::test]
async fn a_page_that_sends_its_reader_on_is_followed_at_no_depth_and_not_for_ever() {
    let mut world = embedded("refresh").await;
    world
        .page("/", "<meta http-equiv=refresh content='0; url=/en/'>")
        .page("/en/", "<img src=a.png>")
        .image("/en/a.png", png(3, 3, 1));
    world.crawl(&["--depth", "0"]).await.expect_complete().expect_stored(1);
    for number in 0..20 {
        let next = format!("<meta http-equiv=refresh content='0; url=/hop-{}'>", number + 1);
        world.page(&format!("/hop-{number}"), &next);
    }
    let start = world.url("/hop-0");
    let finished = world.crawl(&["--depth", "0", &start]).await;
    finished.expect_complete();
    assert_eq!(finished.summed("pages", "fetched"), 6, "five hops");
}

#[tokio::test]
async fn an_endless_calendar_is_left_and_the_summary_says_so() {
    let mut world = embedded("calendar").await;
    // Deeper than the chain that is followed, and far shallower than what --depth allows.
    for month in 0..150 {
        let page = format!(
            "<a href='/calendar?month={}'>next</a><a href='/calendar?month={month}&sid=0123456789abcdef'>now</a>",
            month + 1
        );
        world.page(&format!("/calendar?month={month}"), &page);
    }
    world.page("/", "<a href='/calendar?month=0'>calendar</a><a href='/a/a/a/a/a/x.html'>astray</a>");
    let finished = world.crawl(&["--depth", "200"]).await;
    finished.expect_complete();
    let fetched = finished.summed("pages", "fetched");
    assert!((100..110).contains(&fetched), "{fetched} pages");
    let traps = &finished.summary["traps"];
    assert_eq!((traps["endless"].as_u64(), traps["repeated_path"].as_u64()), (Some(1), Some(1)), "{traps}");
    assert!(traps["session_id"].as_u64() > Some(30), "{traps}");
}

#[tokio::test]
async fn pages_and_addresses_have_caps() {
    let mut world = embedded("caps").await;
    let many = (0..20).map(|number| format!("<img src=/i-{number}.png>")).collect::<Vec<_>>().concat();
    world.page("/", &format!("{many}<a href=/{}>long</a><img src=/{}.png>", "p".repeat(300), "i".repeat(300)));
    let finished = world.crawl(&["--max-images-per-page", "5", "--max-url-length", "200", "--retries", "0"]).await;
    finished.expect_complete();
    assert_eq!((finished.rows.len(), finished.summed("pages", "fetched")), (5, 1));
}

#[tokio::test]
async fn a_page_that_opts_out_has_its_images_blocked_and_its_links_left() {
    let mut world = embedded("page-opt-out").await;
    world
        .page(
            "/",
            "<img src=/free.png><a href=/meta.html>1</a><a href=/header.html>2</a><a href=/quiet.html>3</a>\
             <a href=/tdm.html>4</a><a rel=nofollow href=/unfollowed.html>5</a><a rel=nofollow href=/linked.png>6</a>",
        )
        .page("/meta.html", "<meta name=robots content='noai'><img src=/meta.png><img src=/free.png>")
        .route("/header.html", Response::html("<img src=/header.png>").header("X-Robots-Tag", "warren: noimageindex"))
        .page("/quiet.html", "<meta name=Warren content=nofollow><img src=/quiet.png><a href=/behind.html>x</a>")
        .page("/tdm.html", "<meta name=tdm-reservation content=1><img src=/tdm.png>")
        .page("/unfollowed.html", "<img src=/never.png>")
        .page("/behind.html", "<img src=/never.png>");
    for (number, name) in (0..).zip(["free", "meta", "header", "quiet", "tdm", "linked", "never"]) {
        world.image(&format!("/{name}.png"), png(3, 3, number));
    }
    let finished = world.crawl(&["--depth", "3"]).await;
    finished.expect_complete().expect_stored(2);
    for (path, reason, detail) in [
        ("/meta.png", "meta-robots", "noai, meta of the page"),
        ("/header.png", "x-robots-tag", "noimageindex, header of the page"),
        ("/tdm.png", "tdm-reservation", "tdm-reservation: 1, meta of the page"),
        ("/linked.png", "nofollow", "rel of the link"),
    ] {
        let row = finished.row(&world.url(path));
        row.expect("blocked", Some(reason));
        assert_eq!(row.text("detail"), Some(detail), "{row}");
        assert_eq!(world.site().log().hits(path), 0, "{path}");
    }
    assert_eq!(finished.rows.len(), 6, "what is behind links that are not followed is not found");
    let all = world.crawl(&["--depth", "3", "--ignore-robots"]).await;
    all.expect_complete().expect_stored(7);
    let some = world.crawl(&["--depth", "3", "--opt-outs", "noai,nofollow"]).await;
    some.expect_complete().expect_stored(4);
}
