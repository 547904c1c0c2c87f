//! Opt-outs are obeyed before anything is kept: those of images in their headers, by the downloader; what is said to others
//! is not for us.

use harness::{Response, World, png};

use crate::{embedded, world};

/// An image's path, its headers, and the reason and cause that are expected.
type Case = (&'static str, &'static [(&'static str, &'static str)], Option<(&'static str, &'static str)>);

const CASES: [Case; 12] = [
    ("/plain.png", &[], None),
    ("/noai.png", &[("X-Robots-Tag", "noai")], Some(("x-robots-tag", "noai"))),
    ("/noimageai.png", &[("X-Robots-Tag", "noarchive, NoImageAI")], Some(("x-robots-tag", "noimageai"))),
    ("/noindex.png", &[("x-robots-tag", "noindex, nofollow")], Some(("x-robots-tag", "noindex"))),
    ("/none.png", &[("X-Robots-Tag", "none")], Some(("x-robots-tag", "noindex"))),
    ("/by-name.png", &[("X-Robots-Tag", "warren: noimageindex")], Some(("x-robots-tag", "noimageindex"))),
    ("/second.png", &[("X-Robots-Tag", "otherbot: noai"), ("X-Robots-Tag", "noai")], Some(("x-robots-tag", "noai"))),
    ("/tdm.png", &[("tdm-reservation", "1")], Some(("tdm-reservation", "tdm-reservation: 1"))),
    ("/others.png", &[("X-Robots-Tag", "otherbot: noindex, noai")], None),
    ("/expires.png", &[("X-Robots-Tag", "unavailable_after: 25 Jun 2030 15:00:00 PST")], None),
    ("/links.png", &[("X-Robots-Tag", "nofollow")], None),
    ("/no-tdm.png", &[("tdm-reservation", "0")], None),
];

fn site(world: &World) -> Vec<String> {
    let routes = (0..).zip(CASES).map(|(number, (path, headers, _))| {
        let image = Response::image(png(4, 4, number));
        world.route(path, headers.iter().fold(image, |image, (name, value)| image.header(name, value)));
        world.url(path)
    });
    routes.collect()
}

#[tokio::test]
async fn an_image_that_opts_out_is_blocked_and_not_stored() {
    let mut world = world("opt-out").await;
    let urls = site(&world);
    world.downloaders(1).await;
    let finished = world.urls(&urls, &["--from", "crawl@example.org"]).await;
    finished.expect_complete();
    for (url, (path, _, expected)) in urls.iter().zip(CASES) {
        let row = finished.row(url);
        match expected {
            None => row.expect("stored", None),
            Some((reason, detail)) => {
                assert_eq!(row.text("detail"), Some(detail), "{path}");
                assert_eq!((row.text("path"), row.text("sha256")), (None, None), "{path}");
                row.expect("blocked", Some(reason))
            }
        };
    }
    let kept = CASES.iter().filter(|(_, _, expected)| expected.is_none()).count();
    assert_eq!(world.store().hashes().len(), kept, "nothing else is in the store");
    let froms: Vec<_> =
        world.site().log().requests().iter().map(|request| request.header("from").map(str::to_owned)).collect();
    assert!(froms.iter().all(|from| from.as_deref() == Some("crawl@example.org")), "{froms:?}");
}

#[tokio::test]
async fn only_the_opt_outs_that_are_named_are_obeyed() {
    let mut world = embedded("opt-out-some").await;
    let urls = site(&world);
    let finished = world.urls(&urls, &["--opt-outs", "tdm,noimageai"]).await;
    finished.expect_complete().expect_stored(CASES.len() - 2);
    finished.row(&world.url("/tdm.png")).expect("blocked", Some("tdm-reservation"));
    finished.row(&world.url("/noimageai.png")).expect("blocked", Some("x-robots-tag"));
}

#[tokio::test]
async fn to_ignore_robots_is_to_ignore_all_of_it_and_is_said() {
    let mut world = embedded("opt-out-ignored").await;
    let urls = site(&world);
    let finished = world.urls(&urls, &["--ignore-robots"]).await;
    finished.expect_complete().expect_stored(CASES.len());
    assert!(finished.talk.contains("--ignore-robots"), "{}", finished.talk);
}

#[tokio::test]
async fn robots_says_which_line_decides() {
    let mut world = embedded("robots-command").await;
    let file = "User-agent: *\nDisallow: /private/\nAllow: /private/open\n\nUser-agent: other\nDisallow: /\n";
    let path = world.folder().file("robots.txt", file);
    let path = path.to_string_lossy();
    let urls = ["http://h.example/private/a.png", "http://h.example/private/open.png", "/b.png"];
    let asked = world.producer(&[&["robots", "--agent", "Warren/1.0", &path], &urls[..]].concat()).await;
    let expected = format!("denied\t{}\t2\nallowed\t{}\t3\nallowed\t{}\t-\n", urls[0], urls[1], urls[2]);
    assert_eq!(asked.expect_code(0).output, expected);

    world.route("/robots.txt", Response::ok("text/plain", file));
    let (page, location) = (world.url("/x"), world.url("/robots.txt"));
    let ask = ["robots", "--allow-private", "--agent", "OTHER", &location, &page];
    assert_eq!(world.producer(&ask).await.expect_code(0).output, format!("denied\t{page}\t6\n"));
    for (status, word) in [(404, "allowed"), (503, "denied")] {
        world.route("/robots.txt", Response::status(status));
        assert_eq!(world.producer(&ask).await.expect_code(0).output, format!("{word}\t{page}\t-\n"));
    }
    for bad in [["robots", "--agent", "a", "no-such-file", "/x"], ["robots", "--agent", "a", &path, "no-url"]] {
        world.producer(&bad).await.expect_code(2);
    }
    world.producer(&["robots", &path, "/x"]).await.expect_code(2);
}
