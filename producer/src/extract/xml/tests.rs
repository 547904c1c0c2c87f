//! XHTML and SVG through the room's door, and what falls back to HTML.

use super::super::{Kind, Options, Page, Truncated, extract, kind};

fn page(text: &str, content_type: Option<&str>, options: &Options) -> Page {
    extract(text.as_bytes(), content_type, &"http://h/d/p".parse().expect("a URL"), options)
}

/// `word path title` of every candidate.
fn images(text: &str, content_type: &str) -> Vec<String> {
    let page = page(text, Some(content_type), &Options::default());
    let shown = page.images.iter().map(|image| {
        let title = image.title.as_deref().unwrap_or("-");
        format!("{} {} {title}", image.source.as_str(), image.url.path())
    });
    shown.collect()
}

#[test]
fn xhtml() {
    let xhtml = |inner: &str| format!("<?xml version='1.0'?><html xmlns='http://www.w3.org/1999/xhtml'>{inner}</html>");
    let cases: [(&str, &[&str]); 14] = [
        ("<body><div/><img src='a&amp;b&#x63;'/><img src=\"b\"></img></body>", &["img /d/a&bc -", "img /d/b -"]),
        ("<IMG src='no'/><x:img xmlns:x='http://www.w3.org/1999/xhtml' src='a'/>", &["img /d/a -"]),
        ("<y:img xmlns:y='urn:other' src='no'/>", &[]),
        ("<head><base href='/x/'/></head><img src='a'/>", &["img /x/a -"]),
        ("<img src='a'/><base href='/x/'/>", &["img /x/a -"]),
        ("<noscript><img src='a'/></noscript><img src='b'/>", &["noscript /d/a -", "img /d/b -"]),
        (
            "<style>a { background: url(a) }</style><style><![CDATA[b > a { background: url(b) }]]></style>",
            &["css /d/a -", "css /d/b -"],
        ),
        ("<script><![CDATA[ '<img src=\"no\"/>' ]]></script><!-- <img src='no'/> -->", &[]),
        (
            "<svg xmlns='http://www.w3.org/2000/svg' xmlns:l='http://www.w3.org/1999/xlink'><title>T</title><image l:href='a'/></svg>",
            &["svg /d/a T"],
        ),
        ("<a title='L'><img src='a'/></a><a/><img src='b'/>", &["img /d/a L", "img /d/b -"]),
        ("<img src='a'\n  srcset='b 1x,\n c 2x'/>", &["srcset /d/c -"]),
        // What is not well-formed is read as HTML.
        ("<p><img src='a'><img src='b'></p>", &["img /d/a -", "img /d/b -"]),
        ("<p>&nbsp;<img src='a'/></p>", &["img /d/a -"]),
        ("<img src='&eacute;'/>", &["img /d/%C3%A9 -"]),
    ];
    for (inner, expected) in cases {
        assert_eq!(images(&xhtml(inner), "application/xhtml+xml"), expected, "{inner}");
    }
}

#[test]
fn drawings() {
    let cases = [
        "<svg xmlns='http://www.w3.org/2000/svg'><image href='a'/><image href='#x'/></svg>",
        "<svg><image href='a'/></svg>",
        "<svg xmlns:xlink='http://www.w3.org/1999/xlink'><image xlink:href='a'/></svg>",
        "<!DOCTYPE svg [ <!ENTITY s 'http://www.w3.org/2000/svg'> ]><svg xmlns='&s;'><image href='a'/></svg>",
    ];
    for svg in cases {
        assert_eq!(images(svg, "image/svg+xml"), ["svg /d/a -"], "{svg}");
    }
    let page = page("<svg><a href='p'/><style>a{fill:url(i)}</style></svg>", None, &Options::default());
    assert_eq!((page.links.len(), page.images.len()), (1, 1));
}

#[test]
fn style_sheets() {
    let page = page("@import 'b.css'; a { background: url(i.png) }", Some("text/css"), &Options::default());
    assert_eq!(page.style_sheets[0].path(), "/d/b.css");
    assert_eq!(page.images[0].url.path(), "/d/i.png");
}

#[test]
fn what_is_no_page_gives_nothing() {
    for (text, content_type) in [
        ("<img src=a>", Some("application/pdf")),
        ("%PDF-1.7 <img src=a>", Some("text/html")),
        ("<urlset><img src='a'/></urlset>", Some("application/xml")),
        ("GIF89a<img src=a>", None),
    ] {
        assert_eq!(page(text, content_type, &Options::default()), Page::default(), "{text}");
    }
    assert_eq!(kind(None, b"<img src=a>"), Kind::Html);
}

#[test]
fn limits_hold() {
    let mut options = Options::default();
    options.limits.depth = 10;
    options.limits.attributes = 3;
    let nested = |depth: usize| format!("<?xml version='1.0'?>{}{}", "<html>".repeat(depth), "</html>".repeat(depth));
    for (depth, truncated) in [(9, None), (10, None), (11, Some(Truncated::Depth))] {
        assert_eq!(page(&nested(depth), None, &options).truncated, truncated, "{depth}");
    }
    for (attributes, truncated) in
        [(" a='' b=''", None), (" a='' b='' c=''", None), (" a='' b='' c='' d=''", Some(Truncated::Attributes))]
    {
        let text = format!("<?xml version='1.0'?><html{attributes}/>");
        assert_eq!(page(&text, None, &options).truncated, truncated, "{attributes}");
    }
}
