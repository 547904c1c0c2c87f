//! The examples of RFC 9309 and of Google's documentation, and what must hold of any file.

use std::time::Duration;

use common::outcome::Status;
use common::reason::Reason;
use common::wire::MAX_DETAIL;
use url::Url;

use super::{LONGEST_CRAWL_DELAY, MAX_FILE, Rules, closed, samples};

fn url(path: &str) -> Url {
    Url::parse("http://site.example").and_then(|base| base.join(path)).expect("a URL")
}

/// Whether it is allowed, and by which line; 0 for none.
fn verdict(file: &str, agent: &str, path: &str) -> (bool, u32) {
    said(&Rules::read(file.as_bytes(), agent), &url(path))
}

fn said(rules: &Rules, url: &Url) -> (bool, u32) {
    let verdict = rules.verdict(url);
    (verdict.allowed, verdict.rule.map_or(0, super::Rule::line))
}

/// The groups of RFC 9309, 5.1.
const SIMPLE: &str = "User-Agent: *
Disallow: *.gif$
Disallow: /example/
Allow: /publications/

User-Agent: foobot
Disallow:/
Allow:/example/page.html
Allow:/example/allowed.gif

User-Agent: barbot
User-Agent: bazbot
Disallow: /example/page.html

User-Agent: quxbot
";

#[test]
fn the_simple_example_of_the_standard() {
    for (agent, path, expected) in [
        ("otherbot", "/x.gif", (false, 2)),
        ("otherbot", "/x.gif?a", (true, 0)),
        ("otherbot", "/example/x", (false, 3)),
        ("otherbot", "/publications/", (true, 4)),
        // 14 octets are more than 6.
        ("otherbot", "/publications/x.gif", (true, 4)),
        ("foobot", "/x", (false, 7)),
        ("foobot", "/example/page.html", (true, 8)),
        ("foobot", "/example/allowed.gif", (true, 9)),
        ("barbot", "/example/page.html", (false, 13)),
        ("bazbot", "/example/page.html", (false, 13)),
        ("bazbot", "/x.gif", (true, 0)),
        // A group without rules, which the end of the file closes.
        ("quxbot", "/example/x.gif", (true, 0)),
    ] {
        assert_eq!(verdict(SIMPLE, agent, path), expected, "{agent} {path}");
    }
}

#[test]
fn the_longest_match_of_the_standard() {
    // RFC 9309, 5.2.
    let file = "User-Agent: foobot\nAllow: /example/page/\nDisallow: /example/page/disallowed.gif\n";
    assert_eq!(verdict(file, "foobot", "/example/page/disallow.gif"), (true, 2));
    assert_eq!(verdict(file, "foobot", "/example/page/disallowed.gif"), (false, 3));
}

#[test]
fn groups_are_chosen_by_the_word_and_those_of_one_word_are_one() {
    // RFC 9309, 2.2.1: its example of merging.
    let file = "user-agent: ExampleBot\ndisallow: /foo\ndisallow: /bar\n\nuser-agent: ExampleBot\ndisallow: /baz\n";
    for (path, line) in [("/foo", 2), ("/bar", 3), ("/baz", 6)] {
        assert_eq!(verdict(file, "ExampleBot", path), (false, line));
    }
    let closed_to = |heads: &str| !verdict(&format!("{heads}\nDisallow: /\n"), "Warren", "/x").0;
    for (heads, expected) in [
        ("User-agent: warren", true),
        ("User-agent: WARREN", true),
        ("User-agent: Warren/1.0", true),
        ("User-agent: Warren (any version)", true),
        ("User-agent: *", true),
        ("User-agent: * # everybody", true),
        ("User-agent: a\nUser-agent: warren\nUser-agent: b", true),
        // Records that are none of the standard's end no list of names (2.2.4).
        ("User-agent: warren\nSitemap: /s.xml\nUser-agent: b", true),
        ("User-agent: warren\nCrawl-delay: 1\nUser-agent: b", true),
        ("User-agent: warren\nNonsense\n\nHost: x\nUser-agent: b", true),
        ("User-agent: warrenbot", false),
        ("User-agent: warren-images", false),
        ("User-agent: my-warren", false),
        ("User-agent: war", false),
        ("User-agent: **", false),
        ("User-agent:", false),
        // Rules before any group are nobody's.
        ("", false),
        ("Sitemap: /s.xml", false),
        // A rule ends the list.
        ("User-agent: warren\nDisallow: /y\nUser-agent: b", false),
        ("User-agent: warren\nDisallow:\nUser-agent: b", false),
        // Our own group is enough, even one that says nothing of this.
        ("User-agent: warren\nAllow: /y\nUser-agent: *", false),
    ] {
        assert_eq!(closed_to(heads), expected, "{heads:?}");
    }
}

#[test]
fn the_more_specific_rule_wins_and_among_equals_the_one_that_allows() {
    // The first six are of Google's documentation, "Order of precedence for rules".
    for (allow, disallow, path, allowed) in [
        ("/p", "/", "/page", true),
        ("/folder", "/folder", "/folder/page", true),
        ("/page", "/*.htm", "/page.htm", false),
        ("/page", "/*.ph", "/page.php5", true),
        ("/$", "/", "/", true),
        ("/$", "/", "/page.htm", false),
        ("", "/", "/x", false),
        ("/", "", "/x", true),
        // Octets are counted as they are compared.
        ("/a%62c", "/abcd", "/abcd", false),
        ("/\u{e9}", "/%C3%A9x", "/\u{e9}x", false),
    ] {
        for file in [
            format!("User-agent: *\nAllow: {allow}\nDisallow: {disallow}\n"),
            format!("User-agent: *\nDisallow: {disallow}\nAllow: {allow}\n"),
        ] {
            assert_eq!(verdict(&file, "Warren", path).0, allowed, "{file:?} {path}");
        }
    }
    assert!(verdict("User-agent: *\nDisallow: /\n", "Warren", "/robots.txt").0, "2.2.2: always");
}

#[test]
fn what_stands_against_a_url_is_said_in_words() {
    let file = format!("User-agent: *\nDisallow: /private/\nDisallow: /{}\n", "\u{e9}".repeat(500));
    let rules = Rules::read(file.as_bytes(), "Warren");
    let refused = rules.against(&url("/private/x.png")).expect("refused");
    assert_eq!((refused.status, refused.reason), (Status::Blocked, Reason::Robots));
    assert_eq!(refused.detail.as_deref(), Some("robots.txt line 2: Disallow: /private/"));
    let long = rules.against(&url(&"\u{e9}".repeat(501))).and_then(|refused| refused.detail).expect("refused");
    assert!(long.starts_with("robots.txt line 3: Disallow: /\u{e9}") && long.len() <= MAX_DETAIL, "{long}");
    assert_eq!(rules.against(&url("/open.png")), None);
    for (reason, status, word) in [
        (Reason::Http(503), Status::Blocked, Reason::Robots),
        (Reason::PrivateAddress, Status::Blocked, Reason::PrivateAddress),
        (Reason::Dns, Status::Failed, Reason::Dns),
    ] {
        let refused = closed(reason).against(&url("/")).expect("closed");
        assert_eq!((refused.status, refused.reason), (status, word));
        assert_eq!(refused.detail, Some(format!("robots.txt: {reason}")));
    }
}

#[test]
fn delays_and_sitemaps_are_read() {
    let delay = |file: &str| Rules::read(file.as_bytes(), "Warren").crawl_delay();
    for (value, expected) in [
        ("2", Some(Duration::from_secs(2))),
        ("0.5", Some(Duration::from_millis(500))),
        (".5 # s", Some(Duration::from_millis(500))),
        ("10 seconds", Some(Duration::from_secs(10))),
        ("0", Some(Duration::ZERO)),
        ("999999", Some(LONGEST_CRAWL_DELAY)),
        ("1e300", Some(LONGEST_CRAWL_DELAY)),
        ("inf", Some(LONGEST_CRAWL_DELAY)),
        ("NaN", None),
        ("-1", None),
        ("soon", None),
        ("", None),
    ] {
        assert_eq!(delay(&format!("User-agent: warren\nCrawl-delay: {value}")), expected, "{value:?}");
    }
    let whole_group = "User-agent: a\nCrawl-delay: 3\nUser-agent: warren\nDisallow: /x\nCrawl-delay: 2";
    assert_eq!(delay(whole_group), Some(Duration::from_secs(2)), "not that of the one named before");
    assert_eq!(delay("User-agent: warren\nDisallow:\nUser-agent: *\nCrawl-delay: 3"), None);
    let file = "Sitemap: https://a/1.xml\nUser-agent: b\nSitemap:\nDisallow: /\nsitemap : /2.xml # two";
    assert_eq!(Rules::read(file.as_bytes(), "Warren").sitemaps(), ["https://a/1.xml", "/2.xml"]);
}

#[test]
fn a_file_is_read_to_its_cap_and_not_into_a_line() {
    let (head, rule) = ("User-agent: *\n", "Disallow: /x/");
    let file = |length: usize| {
        let filling = "#".repeat(length - head.len() - 1 - rule.len());
        format!("{head}{filling}\n{rule}")
    };
    assert!(!verdict(&file(MAX_FILE), "Warren", "/x/").0);
    assert!(verdict(&file(MAX_FILE + 1), "Warren", "/x/").0, "the rule is cut, and might be another");
    assert!(!verdict(&(file(MAX_FILE - 1) + "\nAllow: /x/y"), "Warren", "/x/y").0);
    assert!(verdict(&"x".repeat(MAX_FILE * 2), "Warren", "/x").0);
}

#[test]
fn a_thousand_files_as_sites_have_them_are_read() {
    let paths = ["/", "/wp-admin/x.php", "/private/a.png?b=c", "/search?q=%2F", "/a/b/c.gif", "/%C3%A9/*", "/media/$"];
    let mut decided = 0;
    for number in 0..1_000 {
        let file = samples::file(number);
        let rules = Rules::read(&file, "Warren");
        assert!(rules.verdict(&url("/robots.txt")).allowed, "file {number}");
        // A comment at the end of what is read changes nothing.
        let short = &file[..file.len().min(MAX_FILE - 10)];
        let (plain, commented) = (Rules::read(short, "Warren"), Rules::read(&[short, b"\n# end"].concat(), "Warren"));
        let lines = samples::lines(&file);
        for path in paths {
            let url = url(path);
            assert_eq!(said(&plain, &url), said(&commented, &url), "file {number} {path}");
            let verdict = rules.verdict(&url);
            let Some(rule) = verdict.rule else {
                assert!(verdict.allowed, "file {number} {path}");
                continue;
            };
            decided += 1;
            let line = String::from_utf8_lossy(lines[rule.line() as usize - 1]).to_lowercase();
            let shown = rule.to_string().to_lowercase();
            let (_, value) = shown.split_once(": ").expect("a name and a value");
            let name = if verdict.allowed { "allow" } else { "dis" };
            assert!(line.contains(name) && line.contains(value), "file {number}: {line:?} {shown:?}");
        }
    }
    assert!(decided > 1_000, "the files say something: {decided}");
}
