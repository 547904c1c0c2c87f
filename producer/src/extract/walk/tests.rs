//! Pages in, candidates and links out, through the room's own door.

use super::super::{Limits, SrcsetChoice, Truncated, extract};
use super::*;

fn page(html: &str, options: &Options) -> Page {
    extract(html.as_bytes(), Some("text/html"), &"http://h/d/p".parse().expect("a URL"), options)
}

/// `word path descriptor` of every candidate.
fn images(html: &str, srcset: SrcsetChoice) -> Vec<String> {
    let page = page(html, &Options { srcset, ..Options::default() });
    let shown = page.images.iter().map(|image| {
        let descriptor = image.descriptor.as_deref().unwrap_or("-");
        format!("{} {} {descriptor}", image.source.as_str(), image.url.as_str().trim_start_matches("http://h"))
    });
    shown.collect()
}

fn links(html: &str) -> Vec<String> {
    page(html, &Options::default()).links.into_iter().map(|link| link.url.into()).collect()
}

#[test]
fn every_plain_img() {
    let cases: [(&str, &[&str]); 12] = [
        ("<img src=a.png><img src='/b'>", &["img /d/a.png -", "img /b -"]),
        ("<img src=a.png><p><img src='./a.png#x'>", &["img /d/a.png -"]),
        ("<img><img src><img src=''><img src=' '><img src='data:,x'>", &[]),
        ("<IMG SRC=a.png", &[]),
        ("<img src=a.png alt='", &[]),
        (
            "<div><b><p><img src=a.png></b><table><img src=b.png><tr><img src=c.png>",
            &["img /d/a.png -", "img /d/b.png -", "img /d/c.png -"],
        ),
        ("<image src=a.png>", &["img /d/a.png -"]),
        (
            "<noscript><img src=a.png></noscript><template><img src=b.png></template>",
            &["noscript /d/a.png -", "img /d/b.png -"],
        ),
        ("<!--<img src=a.png>--><script>'<img src=b.png>'</script><title><img src=c.png></title>", &[]),
        ("<svg><img src=a.png></svg>", &["img /d/a.png -"]),
        ("\0<im\0g src=x><img src=a.png>\0", &["img /d/a.png -"]),
        ("<base href=//cdn/x/><img src=a.png>", &["img http://cdn/x/a.png -"]),
    ];
    for (html, expected) in cases {
        assert_eq!(images(html, SrcsetChoice::Largest), expected, "{html}");
    }
}

#[test]
fn sets_and_their_src() {
    let cases: [(&str, &[&str], &[&str]); 9] = [
        ("<img srcset='a 1x, b 2x'>", &["srcset /d/b 2x"], &["srcset /d/a 1x", "srcset /d/b 2x"]),
        ("<img src=s srcset='b 2x'>", &["srcset /d/b 2x"], &["img /d/s -", "srcset /d/b 2x"]),
        ("<img src=s srcset='b'>", &["srcset /d/b -"], &["img /d/s -", "srcset /d/b -"]),
        ("<img src=s srcset='b 0.5x'>", &["img /d/s -"], &["img /d/s -", "srcset /d/b 0.5x"]),
        (
            "<img src=s srcset='a 100w, b 200w'>",
            &["srcset /d/b 200w"],
            &["img /d/s -", "srcset /d/a 100w", "srcset /d/b 200w"],
        ),
        ("<img src=s srcset=''>", &["img /d/s -"], &["img /d/s -"]),
        ("<img src=s srcset='b 2q'>", &["img /d/s -"], &["img /d/s -"]),
        ("<img src=s srcset='data:,AA 9x'>", &["img /d/s -"], &["img /d/s -"]),
        ("<img src=s srcset='b 2x, data:,x 3x'>", &["srcset /d/b 2x"], &["img /d/s -", "srcset /d/b 2x"]),
    ];
    for (html, largest, all) in cases {
        assert_eq!(images(html, SrcsetChoice::Largest), largest, "{html}");
        assert_eq!(images(html, SrcsetChoice::All), all, "{html}");
    }
}

#[test]
fn pictures() {
    let html = "<picture><source srcset='a.avif 1x, a2.avif 2x' type=image/avif><source srcset=b.webp><img src=c.png alt=C></picture>
        <source srcset=d.png><video><source srcset=e.png></video>";
    assert_eq!(images(html, SrcsetChoice::Largest), ["picture /d/a2.avif 2x", "picture /d/b.webp -", "img /d/c.png -"]);
    assert_eq!(images(html, SrcsetChoice::All).len(), 4);
    assert!(page(html, &Options::default()).images.iter().all(|image| image.alt.as_deref() == Some("C")));
}

#[test]
fn words_of_the_page() {
    let html =
        "<figure><img src=a alt=' two  words' title=T><figure><img src=b><figcaption>in<b>ner</b></figcaption></figure>
        <figcaption>\n outer <i>one</i></figcaption></figure><img src=c alt=''>";
    let page = page(html, &Options::default());
    let words = |at: usize| {
        let image = &page.images[at];
        [&image.alt, &image.title, &image.caption].map(|text| text.clone().unwrap_or_default())
    };
    assert_eq!(words(0), ["two words", "T", "outer one"]);
    assert_eq!(words(1), ["", "", "inner"]);
    assert_eq!(words(2), ["", "", ""]);
}

#[test]
fn links_and_links_to_images() {
    let html = "<a href=x#1>1</a><a href=x#2><area href='/y?z'><a href=mailto:a@b><a href=javascript:0><a name=n>
        <a href='i.JPG?s=1' title=T><svg><a href=svg></a></svg><a href='ftp://h/'><a href='https://o/'>";
    assert_eq!(links(html), ["http://h/d/x", "http://h/y?z", "http://h/d/svg", "https://o/"]);
    let images = page(html, &Options::default()).images;
    assert_eq!(images.len(), 1);
    assert_eq!((images[0].url.as_str(), images[0].source), ("http://h/d/i.JPG?s=1", Source::Link));
    assert_eq!(images[0].title.as_deref(), Some("T"));
}

#[test]
fn base_by_the_standard() {
    let cases = [
        ("<img src=i>", "http://h/d/i"),
        ("<base href=/x/><img src=i>", "http://h/x/i"),
        ("<base href='http://other/y/'><img src=i>", "http://other/y/i"),
        ("<base target=_top><base href=a/><base href=b/><img src=i>", "http://h/d/a/i"),
        ("<base href='data:text/plain,x'><base href=b/><img src=i>", "http://h/d/i"),
        ("<base href='http://['><base href=b/><img src=i>", "http://h/d/i"),
        ("<img src=i><base href=late/>", "http://h/d/late/i"),
        ("<link rel=icon href=i><base href=late/><base href=later/>", "http://h/d/late/i"),
        ("<img src=i><base href='http://['><base href=b/>", "http://h/d/i"),
        ("<svg><base href=s/></svg><img src=i>", "http://h/d/i"),
        ("<template><base href=t/></template><img src=i>", "http://h/d/i"),
        ("<iframe srcdoc='<base href=t/>'></iframe><img src=i>", "http://h/d/i"),
        ("<base href=b/><iframe srcdoc='<img src=i>'></iframe>", "http://h/d/b/i"),
        ("<!-- <base href=c/> --><script>'<base href=c/>'</script><BASE HREF='  e/ '><img src=i>", "http://h/d/e/i"),
    ];
    for (html, expected) in cases {
        let page = page(html, &Options::default());
        assert_eq!(page.images.iter().map(|image| image.url.as_str()).collect::<Vec<_>>(), [expected], "{html}");
    }
}

#[test]
fn one_candidate_with_every_way_and_the_best_words() {
    let html = "<meta property=og:image content=a.png><meta property=og:image:alt content='  Open   Graph '>
        <link rel=icon href=i.png><img src=a.png title=T><img src=a.png alt=Later title=Other>
        <figure><a href=a.png rel=nofollow><img data-src=a.png></a><figcaption>C</figcaption></figure>
        <a rel='x NoFollow' href=only.png></a><a href=both.png rel=ugc></a><a href=both.png></a>";
    let page = page(html, &Options::default());
    let a = &page.images[0];
    assert_eq!(a.sources, [Source::Meta, Source::Img, Source::Link, Source::Lazy]);
    assert_eq!(a.source, Source::Meta);
    assert_eq!([&a.alt, &a.title, &a.caption].map(Option::as_deref), [Some("Later"), Some("T"), Some("C")]);
    assert!(!a.nofollow);
    let nofollow = |name: &str| page.images.iter().find(|image| image.url.path() == name).map(|image| image.nofollow);
    assert_eq!([nofollow("/d/only.png"), nofollow("/d/both.png")], [Some(true), Some(false)]);
    assert_eq!(page.images.len(), 4);
}

#[test]
fn words_from_around_the_image() {
    let cases = [
        ("<a title='of the link'><b><img src=i></b></a>", [None, Some("of the link"), None]),
        ("<a title=L></a><img src=i>", [None, None, None]),
        ("<a title=L><img src=i title=Own></a>", [None, Some("Own"), None]),
        ("<a title=L><svg><a href=x></a></svg><img src=i></a>", [None, Some("L"), None]),
        ("<figure><img src=i><p><figcaption>a <b>b</b><br> c</figcaption></figure>", [None, None, Some("a b c")]),
        (
            "<figure><figcaption>one</figcaption><img src=i><figcaption>two</figcaption></figure>",
            [None, None, Some("one")],
        ),
        ("<figcaption>none</figcaption><img src=i>", [None, None, None]),
        ("<div class='x wp-caption'><img src=i><p class=wp-caption-text>W</p></div>", [None, None, Some("W")]),
        (
            "<div class=figure><p class=title><b>Fig. 1</b></p><div class=mediaobject><img src=i><div class=caption>2</div></div></div>",
            [None, None, Some("Fig. 1")],
        ),
        ("<div class=mediaobject><img src=i><div class=caption><p>D</p></div></div>", [None, None, Some("D")]),
        ("<p class=caption>none</p><img src=i>", [None, None, None]),
        ("<img src=i aria-describedby='d x'><p id=d>De<i>scribed</i></p>", [None, None, Some("Described")]),
        ("<figcaption id=d>none</figcaption><img src=i aria-labelledby=d>", [None, None, None]),
        ("<figure><figcaption id=d>F</figcaption></figure><img src=i aria-labelledby=d>", [None, None, Some("F")]),
        ("<img src=i aria-label=Label>", [Some("Label"), None, None]),
        ("<svg><title>S</title><g><image href=i /></g></svg>", [None, Some("S"), None]),
        ("<svg><title>S</title><image href=i><title>Own</title></image></svg>", [None, Some("S"), None]),
        ("<svg><image href=i><title>Own</title></image></svg>", [None, Some("Own"), None]),
        ("<picture><source srcset=i><img src=j alt=A title=T></picture>", [Some("A"), Some("T"), None]),
        ("<picture><source data-srcset=i><img src=j alt=A></picture>", [Some("A"), None, None]),
        ("<area href=i.png alt=A title=T>", [Some("A"), Some("T"), None]),
        ("<meta name=twitter:image:alt content=A><meta name=twitter:image content=i>", [Some("A"), None, None]),
        (
            "<meta property=og:image content=i><meta property=og:image content=j><meta property=og:image:alt content=A>",
            [None; 3],
        ),
        (
            "<meta property=og:image content=i><meta property=og:image:secure_url content=j><meta property=og:image:alt content=A>",
            [Some("A"), None, None],
        ),
    ];
    for (html, expected) in cases {
        let page = page(html, &Options::default());
        let image = page.images.first().unwrap_or_else(|| panic!("no image: {html}"));
        assert_eq!([&image.alt, &image.title, &image.caption].map(Option::as_deref), expected, "{html}");
    }
}

#[test]
fn links_of_every_kind() {
    let html = "<meta http-equiv=refresh content='0; url=moved'><meta http-equiv=refresh content=5>
        <a href=a rel=nofollow></a><a href=b rel='sponsored noopener'></a><a href=b></a><iframe src=f></iframe><iframe data-src=g></iframe>
        <iframe srcdoc='&lt;a href=s>&lt;iframe srcdoc=\"&lt;a href=t>\">'></iframe><svg><a xlink:href=v></a></svg>
        <link rel=stylesheet href=s.css><link rel='alternate StyleSheet' href=t.css><link rel=preload as=style href=s.css>
        <style>@import 'u.css'; a { background: url(i.png) }</style><meta name=Robots content=' noindex, nofollow '>";
    let page = page(html, &Options::default());
    let links: Vec<_> = page.links.iter().map(|link| (&link.url.path()[3..], link.nofollow)).collect();
    let expected = ["a", "b", "f", "g", "s", "t", "v"].map(|name| (name, name == "a"));
    assert_eq!(links, expected);
    assert_eq!(page.refresh.map(|url| url.path()[3..].to_owned()).as_deref(), Some("moved"));
    let sheets: Vec<_> = page.style_sheets.iter().map(|url| &url.path()[3..]).collect();
    assert_eq!(sheets, ["s.css", "t.css", "u.css"]);
    assert_eq!(page.metas, [("robots".to_owned(), "noindex, nofollow".to_owned())]);
    assert_eq!(page.images.len(), 1);
}

#[test]
fn pages_in_pages_are_read_to_a_depth() {
    let escape = |html: &str| html.replace('&', "&amp;").replace('"', "&quot;");
    let mut html = "<img src=4>".to_owned();
    for depth in (0..4).rev() {
        html = format!("<img src={depth}><iframe srcdoc=\"{}\"></iframe>", escape(&html));
    }
    let found = page(&html, &Options::default()).images;
    assert_eq!(found.iter().map(|image| &image.url.path()[3..]).collect::<Vec<_>>(), ["0", "1", "2", "3"]);
}

#[test]
fn what_a_page_holds_itself() {
    let gif = "data:image/gif;base64,R0lGODlhAQABAAAAACw=";
    let html = format!(
        "<img src='{gif}' alt=A><img src=' {gif}'><div style='background: url({gif})'></div><img src='data:text/html,x'>
        <img src='data:;base64,iVBORw0KGgo='><img src='data:image/png,'><img src='data:image/svg+xml,<svg/>#x' srcset='{gif} 2x'>"
    );
    let page = page(&html, &Options::default());
    let shown: Vec<_> =
        page.images.iter().map(|image| (image.url.as_str(), image.inline.as_ref().map(bytes::Bytes::len))).collect();
    assert_eq!(
        shown,
        [
            ("data:image/gif;sha256=2f41918f848b5fb01cd6731a4f8e50a6", Some(14)),
            ("data:text/plain;sha256=4c4b6a3be1314ab86138bef4314dde02", Some(8)),
            ("data:image/svg+xml;sha256=d4dc56669143034f31aa309635d4113d", Some(6)),
        ]
    );
    assert_eq!(page.images[0].sources, [Source::Data]);
    assert_eq!(page.images[0].alt.as_deref(), Some("A"));
}

#[test]
fn caps_on_what_a_page_holds() {
    let data = |bytes: usize, fill: &str| format!("<img src='data:image/png,{}'>", fill.repeat(bytes));
    let limits = Limits { data_bytes: 10, page_data_bytes: 24, ..Limits::default() };
    let options = Options { limits, ..Options::default() };
    for (html, found) in [
        (data(9, "a"), 1),
        (data(10, "a"), 1),
        (data(11, "a"), 0),
        (data(10, "a") + &data(10, "a") + &data(10, "b") + &data(4, "c"), 3),
        (data(10, "a") + &data(10, "b") + &data(5, "c") + &data(4, "d"), 3),
    ] {
        assert_eq!(page(&html, &options).images.len(), found, "{html}");
    }
}

#[test]
fn caps_on_bytes() {
    // Each address takes 10 bytes: `http://h/` and a letter.
    let html = ["a", "b", "c", "d", "e"].map(|name| format!("<img src=/{name}><a href=/{name}>")).concat();
    for (bytes, images, links, truncated) in
        [(100, 5, 5, None), (99, 5, 4, Some(Truncated::Found)), (9, 0, 0, Some(Truncated::Found))]
    {
        let options = Options { limits: Limits { found_bytes: bytes, ..Limits::default() }, ..Options::default() };
        let page = page(&html, &options);
        assert_eq!((page.images.len(), page.links.len(), page.truncated), (images, links, truncated), "{bytes}");
    }
    // A caption of many images counts for each.
    let html = format!("<figure><figcaption>{}</figcaption><img src=/a><img src=/b></figure>", "x".repeat(30));
    for (bytes, captions) in [(110, 2), (109, 1), (79, 0), (49, 0)] {
        let options = Options { limits: Limits { found_bytes: bytes, ..Limits::default() }, ..Options::default() };
        let page = page(&html, &options);
        assert_eq!(page.images.iter().filter(|image| image.caption.is_some()).count(), captions, "{bytes}");
    }
    for (bytes, images, truncated) in [(25, 1, Some(Truncated::Length)), (26, 2, None), (27, 2, None)] {
        let options = Options { limits: Limits { bytes, ..Limits::default() }, ..Options::default() };
        let page = page("<img src=/a ><img src=/b >", &options);
        assert_eq!((page.images.len(), page.truncated), (images, truncated), "{bytes}");
    }
}

#[test]
fn caps_on_blocks() {
    let html = "<style>a { background: url(a.png) } b { background: url(b.png) }</style><img src=c.png>";
    for (bytes, images, truncated) in [(57, 3, None), (56, 3, Some(Truncated::Block)), (40, 2, Some(Truncated::Block))]
    {
        let options = Options { limits: Limits { block_bytes: bytes, ..Limits::default() }, ..Options::default() };
        let page = page(html, &options);
        assert_eq!((page.images.len(), page.truncated), (images, truncated), "{bytes}");
    }
}

#[test]
fn caps_on_images_and_links() {
    let options = Options { limits: Limits { images: 3, links: 3, ..Limits::default() }, ..Options::default() };
    for (count, kept, truncated) in [(2, 2, None), (3, 3, None), (4, 3, Some(Truncated::Images))] {
        let html = (0..count).map(|n| format!("<img src={n}><img src={n}>")).collect::<Vec<_>>().concat();
        let page = page(&(html + "<a href=l>"), &options);
        assert_eq!((page.images.len(), page.truncated, page.links.len()), (kept, truncated, 1));
    }
    for (count, kept, truncated) in [(2, 2, None), (3, 3, None), (4, 3, Some(Truncated::Links))] {
        let html = (0..count).map(|n| format!("<a href={n}></a><a href={n}#x></a>")).collect::<Vec<_>>().concat();
        let page = page(&(html + "<img src=i>"), &options);
        assert_eq!((page.links.len(), page.truncated, page.images.len()), (kept, truncated, 1));
    }
}

#[test]
fn any_bytes_are_a_page() {
    let whole: Vec<u8> = b"\xff<!DOCTYPE x><?xml?><![CDATA[<a b='>'><svg><![CDATA[]]></svg><script><!--<script></script a='>'>--></script>"
        .iter()
        .chain(b"<title></titl></title x=\"><select><frameset><math><mi>&am\0p;&#x110000;<table><td></p></b><plaintext></x>\xc3")
        .copied()
        .collect();
    let base = "http://h/".parse().expect("a URL");
    for start in 0..whole.len() {
        let _page: Page = extract(&whole[start..], Some("text/html"), &base, &Options::default());
        let _page: Page = extract(&whole[..start], Some("text/html; charset=utf-16le"), &base, &Options::default());
    }
}

mod every_form;

#[test]
fn words_of_a_caption_do_not_run_together() {
    for (caption, expected) in
        [("A cat<br>Photo: Ann", "A cat Photo: Ann"), ("<h3>A</h3><p>b</p>", "A b"), ("<b>A</b>b", "Ab")]
    {
        let html = format!("<figure><img src=i><figcaption>{caption}</figcaption></figure>");
        let page = page(&html, &Options::default());
        assert_eq!(page.images[0].caption.as_deref(), Some(expected), "{caption}");
    }
}

#[test]
fn what_is_linked_and_shown_is_not_linked_only() {
    let html = "<a href=a.jpg rel=nofollow><img src=a.jpg></a><a href=b.jpg>b</a><a href=/wiki/File:c.jpg>c</a><a href=/x/blob/d.png>d</a>";
    let page = page(html, &Options::default());
    let found: Vec<_> = page.images.iter().map(|image| (image.linked_only, image.nofollow)).collect();
    assert_eq!(found, [(false, false), (true, false)]);
    assert_eq!(page.links.len(), 2, "pages about images");
}

#[test]
fn a_page_within_the_page_does_not_speak_for_it() {
    let inner = "<meta name=robots content=noindex><meta http-equiv=refresh content='0; url=x'>";
    let page = page(&format!("<iframe srcdoc=\"{inner}\"></iframe><template>{inner}</template>"), &Options::default());
    assert_eq!((page.metas.len(), page.refresh), (0, None));
}
