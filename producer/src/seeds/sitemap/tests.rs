//! Lists as sites write them, broken ones, and hostile ones.

use std::io::Write;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::*;

fn base() -> Url {
    "http://h/d/s.xml".parse().expect("a URL")
}

fn packed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("memory");
    encoder.finish().expect("memory")
}

/// `p` for a page, `s` for a sitemap, `i` for an image; a page's images are in brackets behind it.
fn shown(sitemap: &Sitemap) -> String {
    let mut words = Vec::new();
    for page in &sitemap.pages {
        words.push(format!(
            "p {}{}",
            page.url,
            page.images.iter().map(|i| format!(" [{}]", image(i))).collect::<Vec<_>>().concat()
        ));
    }
    words.extend(sitemap.sitemaps.iter().map(|url| format!("s {url}")));
    words.extend(sitemap.images.iter().map(|listed| format!("i {}", image(listed))));
    words.join(", ").replace("http://h/", "/")
}

fn image(listed: &Listed) -> String {
    let words = [&listed.title, &listed.caption]
        .map(|words| words.as_deref().map(|words| format!(" '{words}'")).unwrap_or_default());
    format!("{}{}", listed.url, words.concat())
}

fn read_whole(text: &str) -> String {
    let sitemap = read(text.as_bytes(), &base(), &Limits::default());
    assert_eq!(sitemap.cut, None, "{text}");
    shown(&sitemap)
}

#[test]
fn the_protocol() {
    let cases = [
        (
            "<?xml version='1.0' encoding='UTF-8'?>\n<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>\n\
            <url>\n<loc>\n http://h/a?x=1&amp;y=2#z </loc><lastmod>2005-01-01</lastmod></url><url><loc>http://o/b</loc></url></urlset>",
            "p /a?x=1&y=2, p http://o/b",
        ),
        (
            "<sitemapindex><sitemap><loc>http://h/1.xml.gz</loc><lastmod/></sitemap><sitemap><loc>2.xml</loc></sitemap></sitemapindex>",
            "s /1.xml.gz, s /d/2.xml",
        ),
        (
            "<urlset xmlns:image='http://www.google.com/schemas/sitemap-image/1.1'><url><loc>/a</loc>\
            <image:image><image:loc>/1.jpg</image:loc><image:title>A &lt;b&gt; &#xe9;</image:title><image:caption>\
            <![CDATA[C & \n d]]></image:caption></image:image><image:image><image:loc>2</image:loc></image:image></url></urlset>",
            "p /a [/1.jpg 'A <b> é' 'C & d'] [/d/2]",
        ),
        ("<urlset><url><image><loc>/i</loc></image><loc>/a</loc></url></urlset>", "p /a [/i]"),
        ("<urlset><url><image:image><image:loc>/i</image:loc></image:image></url></urlset>", "i /i"),
        (
            "<urlset><url><loc>/a</loc><video:video><video:thumbnail_loc>/t</video:thumbnail_loc><video:title>x</video:title>\
            <video:content_loc>/v</video:content_loc></video:video></url></urlset>",
            "p /a [/t]",
        ),
        ("<x:urlset><x:URL><x:Loc>/a</x:Loc></x:URL></x:urlset>", "p /a"),
        ("<urlset/>", ""),
        ("<!-- c --><!DOCTYPE urlset><?pi?><urlset><url><loc>/a<!-- c -->b</loc></url></urlset>", "p /ab"),
        ("<urlset><url><loc>/a?x=1&y=2&z;&nope;</loc></url></urlset>", "p /a?x=1&y=2&z;&nope;"),
        (
            "<urlset><url><loc>ftp://h/</loc></url><url><loc></loc></url><url><loc>http://[</loc></url><url/></urlset>",
            "",
        ),
        ("\n \u{feff}<urlset><url><loc>/ä</loc></url></urlset>", "p /%C3%A4"),
    ];
    for (text, expected) in cases {
        assert_eq!(read_whole(text.trim_start_matches('\u{feff}')), expected, "{text}");
    }
}

#[test]
fn feeds() {
    let cases = [
        (
            "<rss version='2.0'><channel><title>t</title><link>http://h/</link><image><url>/logo.png</url><title>T</title>\
            <link>http://h/</link></image><item><title>x</title><link>/a</link><enclosure url='/a.jpg' type='image/jpeg' length='1'/>\
            <enclosure url='/a.mp3' type='audio/mpeg'/><enclosure url='/b.png'/></item></channel></rss>",
            "p /a [/a.jpg] [/b.png], i /logo.png",
        ),
        (
            "<rss><channel><itunes:image href='/cover.jpg'/><item><guid>http://h/g</guid><itunes:image href='/e.jpg'/></item>\
            <item><guid isPermaLink='false'>http://h/no</guid></item><item><guid>x</guid></item></channel></rss>",
            "p /g [/e.jpg], i /cover.jpg",
        ),
        (
            "<rss><channel><item><link>/a</link><media:group><media:content url='/1' medium='image'><media:title>T</media:title>\
            <media:description>D</media:description></media:content><media:content url='/2.jpg' medium='video'/>\
            <media:content url='/3' type='image/png'/><media:content url='/4.gif?x'/><media:content url='/5'/></media:group>\
            <media:thumbnail url='/6?a=1&amp;b=2'/></item></channel></rss>",
            "p /a [/1 'T' 'D'] [/3] [/4.gif?x] [/6?a=1&b=2]",
        ),
        (
            "<rdf:RDF xmlns='http://purl.org/rss/1.0/'><channel rdf:about='/c'><link>/c</link></channel><image rdf:about='/l'>\
            <url>/l.png</url></image><item rdf:about='/a'><link>/b</link></item><item rdf:about='/c'/></rdf:RDF>",
            "p /b, p /c, i /l.png",
        ),
        (
            "<feed xmlns='http://www.w3.org/2005/Atom'><link rel='self' href='/f'/><link href='/home'/><logo>/l.png</logo><icon>/i.ico</icon>\
            <entry><id>urn:x</id><link rel='edit' href='/e'/><link rel='alternate' href='/a'/><link href='/late'/>\
            <link rel='enclosure' type='image/png' href='/1'/><link rel='enclosure' type='audio/ogg' href='/2'/>\
            <content type='image/jpeg' src='/3'/></entry><entry><link href='/b'/><content type='html'>&lt;img src='/x'></content></entry></feed>",
            "p /a [/1] [/3], p /b, i /l.png, i /i.ico",
        ),
        ("<rss><item><enclosure url='/a.jpg'/></item></rss>", "i /a.jpg"),
        (
            "<rss><item><link>/a</link><image> /a.jpg </image><image><url>/b</url> </image></item></rss>",
            "p /a [/a.jpg] [/b]",
        ),
        ("<rss><item><link>/a</link><item><link>/b</link></item></item></rss>", "p /a, p /b"),
        ("<rss><item><link><![CDATA[ http://h/a ]]></link><media:content url='/1.png'></item></rss>", "p /a [/1.png]"),
    ];
    for (text, expected) in cases {
        let sitemap = read(text.as_bytes(), &base(), &Limits::default());
        assert_eq!(shown(&sitemap), expected, "{text}");
    }
}

#[test]
fn plain_text() {
    let cases = [
        ("http://h/a\nhttps://o/b\r\n\n  http://h/c  \rhttp://h/d", None, "p /a, p https://o/b, p /c, p /d"),
        ("# comment\nhttp://h/a\nrelative\nftp://h/\n", None, "p /a"),
        ("", Some(Cut::Unknown), ""),
        ("hello\nworld", Some(Cut::Unknown), ""),
    ];
    for (text, cut, expected) in cases {
        let sitemap = read(text.as_bytes(), &base(), &Limits::default());
        assert_eq!((shown(&sitemap).as_str(), sitemap.cut), (expected, cut), "{text}");
    }
    let long = format!("http://h/{}\nhttp://h/b", "a".repeat(100_000));
    assert_eq!(read_whole(&long), "p /b");
}

#[test]
fn packings_and_encodings() {
    let text = "<urlset><url><loc>/é</loc></url></urlset>";
    let utf16 = |units: &mut dyn FnMut(u16) -> [u8; 2]| text.encode_utf16().flat_map(units).collect::<Vec<u8>>();
    let little = utf16(&mut u16::to_le_bytes);
    let big = utf16(&mut u16::to_be_bytes);
    let mut latin = b"<?xml version=\"1.0\" encoding='ISO-8859-1' ?>".to_vec();
    latin.extend(text.chars().map(|c| u8::try_from(c).expect("Latin-1")));
    let lying = format!("<?xml version='1.0' encoding='utf-16'?>{text}");
    let cases = [
        ("UTF-8", text.as_bytes().to_vec()),
        ("with a BOM", format!("\u{feff}{text}").into_bytes()),
        ("UTF-16LE", little.clone()),
        ("UTF-16BE", big.clone()),
        ("UTF-16LE with a BOM", [&b"\xff\xfe"[..], &little].concat()),
        ("UTF-16BE with a BOM", [&b"\xfe\xff"[..], &big].concat()),
        ("declared", latin),
        ("declared falsely", lying.into_bytes()),
    ];
    for (what, bytes) in cases {
        for bytes in [packed(&bytes), bytes] {
            let sitemap = read(&bytes, &base(), &Limits::default());
            assert_eq!((shown(&sitemap).as_str(), sitemap.cut), ("p /%C3%A9", None), "{what}");
            assert!(is_sitemap(None, &bytes), "{what}");
        }
    }
    let members = [packed(&text.as_bytes()[..10]), packed(&text.as_bytes()[10..])].concat();
    assert_eq!(shown(&read(&members, &base(), &Limits::default())), "p /%C3%A9");
}

#[test]
fn what_was_read_before_the_end_counts() {
    let whole = "<urlset><url><loc>/a</loc></url><url><loc>/b</loc></url></urlset>";
    let packed = packed(whole.as_bytes());
    let cases: [(&[u8], &str); 9] = [
        (&whole.as_bytes()[..whole.len() - 3], "p /a, p /b"),
        (b"<urlset><url><loc>/a</loc></url><url><loc>/b</loc>", "p /a, p /b"),
        (b"<urlset><url><loc>/a</loc></url><url><loc>/b", "p /a"),
        (b"<urlset><url><loc>/a</loc></url><url><loc", "p /a"),
        (b"<urlset><url><loc>/a</loc></url><!-- ", "p /a"),
        (b"<urlset><url><loc>/a</loc></url><![CDATA[ </urlset>", "p /a"),
        (b"<urlset><url><loc>/a</loc><url><loc>/b</loc></urlset>", "p /a, p /b"),
        (b"<rss><item><link>/a</link><media:thumbnail url='/i'/>", "p /a [/i]"),
        (&packed[..packed.len() - 4], "p /a, p /b"),
    ];
    for (bytes, expected) in cases {
        let sitemap = read(bytes, &base(), &Limits::default());
        let text = String::from_utf8_lossy(bytes);
        assert_eq!((shown(&sitemap).as_str(), sitemap.cut), (expected, Some(Cut::Broken)), "{text}");
    }
}

#[test]
fn what_is_a_sitemap() {
    let cases: [(Option<&str>, &str, bool); 15] = [
        (None, "<urlset/>", true),
        (Some("text/html"), "<?xml version='1.0'?><!-- x --><?xml-stylesheet href='x'?><sitemapindex>", true),
        (None, "<rss version='2.0'>", true),
        (None, "<feed xmlns='x'>", true),
        (None, "<rdf:RDF>", true),
        (None, "<!DOCTYPE rss><rss>", true),
        (None, "<html><body>", false),
        (None, "<svg/>", false),
        (None, "<!doctype html><title>rss</title>", false),
        (Some("text/plain; charset=utf-8"), "http://h/a\nhttp://h/b", true),
        (Some("text/plain"), "\nhttp://h/a\nhello", false),
        (Some("text/plain"), "", false),
        (Some("text/html"), "http://h/a\n", false),
        (None, "http://h/a\n", false),
        (None, "", false),
    ];
    for (content_type, text, expected) in cases {
        assert_eq!(is_sitemap(content_type, text.as_bytes()), expected, "{content_type:?} {text}");
    }
    let long = "http://h/some/page\n".repeat(1_000);
    assert!(is_sitemap(Some("text/plain"), long.as_bytes()));
    assert!(is_sitemap(None, &packed(b"<urlset>")));
}

#[test]
fn neither_a_sitemap_nor_a_feed() {
    for text in
        ["<html><a href='/a'>x</a></html>", "<urls><url><loc>/a</loc></url></urls>", "<", "<?xml?>", "\u{1f}\u{8b}"]
    {
        let sitemap = read(text.as_bytes(), &base(), &Limits::default());
        assert_eq!(sitemap, Sitemap { cut: Some(Cut::Unknown), ..Sitemap::default() }, "{text}");
    }
}

fn entries(number: usize) -> String {
    let entry = "<url><loc>/a</loc><image:image><image:loc>/i</image:loc></image:image></url>";
    format!("<urlset>{}</urlset>", entry.repeat(number))
}

#[test]
fn caps_on_what_is_listed() {
    for (number, cut) in [(9, None), (10, None), (11, Some(Cut::TooMany)), (1_000, Some(Cut::TooMany))] {
        let text = entries(number);
        let few_pages = read(text.as_bytes(), &base(), &Limits { entries: 10, ..Limits::default() });
        let few_images = read(text.as_bytes(), &base(), &Limits { images: 10, ..Limits::default() });
        let images = few_images.pages.iter().map(|page| page.images.len()).sum::<usize>();
        assert_eq!((few_pages.pages.len(), few_pages.cut), (number.min(10), cut), "{number}");
        assert_eq!((images, few_images.cut), (number.min(10), cut), "{number}");
        // `http://h/a` and `http://h/i` are ten bytes each.
        let little = read(text.as_bytes(), &base(), &Limits { kept_bytes: 200, ..Limits::default() });
        assert_eq!((little.pages.len(), little.cut), (number.min(10), cut), "{number}");
        let index = format!("<sitemapindex>{}</sitemapindex>", "<sitemap><loc>x</loc></sitemap>".repeat(number));
        let index = read(index.as_bytes(), &base(), &Limits { entries: 10, ..Limits::default() });
        assert_eq!((index.sitemaps.len(), index.cut), (number.min(10), cut), "{number}");
    }
}

#[test]
fn caps_on_size_and_depth() {
    let text = entries(1_000);
    for (room, cut) in [(text.len() - 1, Some(Cut::TooLarge)), (text.len(), None), (text.len() + 1, None)] {
        let limits = Limits { unpacked_bytes: room, ..Limits::default() };
        for bytes in [packed(text.as_bytes()), text.clone().into_bytes()] {
            let sitemap = read(&bytes, &base(), &limits);
            assert_eq!((sitemap.pages.len(), sitemap.cut), (1_000, cut), "{room}");
        }
    }
    let limits = Limits { depth: 10, ..Limits::default() };
    for (levels, cut) in [(9, None), (10, Some(Cut::Broken)), (100_000, Some(Cut::Broken))] {
        let text =
            format!("<urlset><url><loc>/a</loc></url>{}{}</urlset>", "<x>".repeat(levels), "</x>".repeat(levels));
        let sitemap = read(text.as_bytes(), &base(), &limits);
        assert_eq!((shown(&sitemap).as_str(), sitemap.cut), ("p /a", cut), "{levels}");
    }
}

#[test]
fn the_number_of_tokens_is_capped() {
    // Its end is one too.
    let text = "<urlset><url><loc>/a</loc></url></urlset>";
    for (tokens, expected) in [(7, Some(Cut::TooMany)), (8, None), (9, None)] {
        let sitemap = read(text.as_bytes(), &base(), &Limits { tokens, ..Limits::default() });
        assert_eq!((shown(&sitemap).as_str(), sitemap.cut), ("p /a", expected), "{tokens}");
    }
}

#[test]
fn a_token_without_end_is_cut() {
    let limits = Limits { token_bytes: 100_000, ..Limits::default() };
    for start in ["<", "<!--", "<![CDATA[", "<a b='", "text", "<!DOCTYPE x [", "<?x "] {
        for (length, cut) in [(50_000, false), (200_000, true)] {
            let end = match start {
                "<" | "text" => "><url><loc>/b</loc></url>",
                "<!--" => "--><url><loc>/b</loc></url>",
                "<![CDATA[" => "]]><url><loc>/b</loc></url>",
                "<a b='" => "'/><url><loc>/b</loc></url>",
                "<?x " => "?><url><loc>/b</loc></url>",
                _ => "]><url><loc>/b</loc></url>",
            };
            let text = format!("<urlset><url><loc>/a</loc></url>{start}{}{end}", "y".repeat(length));
            let sitemap = read(text.as_bytes(), &base(), &limits);
            assert_eq!(shown(&sitemap), if cut { "p /a" } else { "p /a, p /b" }, "{start} {length}");
            assert_eq!(sitemap.cut, Some(Cut::Broken), "{start} {length}");
        }
    }
}

#[test]
fn bombs_do_not_go_off() {
    let start = Instant::now();
    let zeros = packed(&vec![0; 200 * 1024 * 1024]);
    let sitemap = read(&zeros, &base(), &Limits::default());
    assert_eq!(sitemap.cut, Some(Cut::Unknown));
    let pages = packed(format!("<urlset>{}", "<url><loc>/a</loc></url>".repeat(1_000_000)).as_bytes());
    let sitemap = read(&pages, &base(), &Limits::default());
    assert_eq!((sitemap.pages.len(), sitemap.cut), (50_000, Some(Cut::TooMany)));
    let mut laughs = String::from("<!DOCTYPE urlset [<!ENTITY l0 'ha'>");
    for at in 1..20 {
        laughs.push_str(&["<!ENTITY l", &at.to_string(), " '", &format!("&l{};", at - 1).repeat(10), "'>"].concat());
    }
    laughs.push_str("]><urlset><url><loc>/&l19;</loc></url></urlset>");
    assert_eq!(read_whole(&laughs), "p /&l19;");
    let long: Url = format!("http://h/{}/", "d".repeat(8_000)).parse().expect("a URL");
    let many = format!("<urlset>{}", "<url><loc>a</loc></url>".repeat(50_000));
    let sitemap = read(many.as_bytes(), &long, &Limits::default());
    assert_eq!(sitemap.cut, Some(Cut::TooMany));
    assert!(sitemap.pages.len() < 5_000);
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}

#[test]
fn hostile_documents_take_linear_time() {
    let start = Instant::now();
    for part in [
        "<url>",
        "<item>",
        "</url>",
        "<loc>",
        "&",
        "&a;",
        "<a b=c ",
        "<image>",
        "<media:content url='/a.png'>",
        "<![CDATA[]]>",
        "<",
    ] {
        for root in ["<urlset>", "<rss>", ""] {
            let sitemap = read(format!("{root}{}", part.repeat(200_000)).as_bytes(), &base(), &Limits::default());
            assert!(sitemap.pages.is_empty(), "{root} {part}");
        }
    }
    let attributes = format!("<rss><enclosure {}/></rss>", "a='1' ".repeat(150_000));
    assert_eq!(read_whole(&attributes), "");
    assert!(start.elapsed() < Duration::from_mins(1), "{:?}", start.elapsed());
}
