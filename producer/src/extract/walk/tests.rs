//! Pages in, candidates and links out, through the room's own door.

use super::super::{Limits, SrcsetChoice, Truncated, extract};
use super::*;

fn page(html: &str, options: &Options) -> Page {
    extract(html.as_bytes(), None, &"http://h/d/p".parse().expect("a URL"), options)
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
            &["img /d/a.png -", "img /d/b.png -"],
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
