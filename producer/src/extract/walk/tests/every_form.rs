//! The page that holds every form (`fixtures/every_form.html`): what is found, how, and in which words. Folders in the fixture
//! are named by the source that must be told; what lies in `no` is no image of the page.

use super::*;

const PAGE: &str = include_str!("../../fixtures/every_form.html");

fn read(srcset: SrcsetChoice) -> Page {
    page(PAGE, &Options { srcset, ..Options::default() })
}

fn shown(page: &Page) -> Vec<String> {
    let line = |image: &Candidate| {
        let url = image.url.as_str().trim_start_matches("http://h/d/");
        format!("{} {url}", image.source.as_str())
    };
    page.images.iter().map(line).collect()
}

#[test]
fn each_is_found_with_its_source() {
    let expected = [
        "meta meta/og.jpg",
        "meta meta/og-url.jpg",
        "meta meta/og-secure.jpg",
        "meta meta/twitter.jpg",
        "meta meta/twitter-src.jpg",
        "meta meta/item.jpg",
        "meta meta/thumbnail.jpg",
        "meta meta/tile.png",
        "meta meta/square.png",
        "icon icon/favicon.ico",
        "icon icon/apple",
        "icon icon/mask.svg",
        "icon icon/fluid",
        "link link/image-src",
        "link link/preload",
        "meta meta/link-logo.png",
        "css css/plain.png",
        "css css/quoted%20.png",
        "css css/set.png",
        "css css/set2.png",
        "css css/escaped.cur",
        "json-ld ld/one.jpg",
        "json-ld ld/two.jpg",
        "json-ld ld/logo.png",
        "json-ld ld/thumb.jpg",
        "noscript noscript/head.gif",
        "css css/body.gif",
        "img img/plain",
        "srcset srcset/2x.png",
        "srcset srcset/640.png",
        "picture picture/wide.jpg",
        "picture picture/2.xyz",
        "img picture/img.jpg",
        "data data:image/gif;sha256=2f41918f848b5fb01cd6731a4f8e50a6",
        "lazy lazy/set-2",
        "lazy lazy/original",
        "lazy lazy/hi-res",
        "lazy lazy/lazy-src",
        "lazy lazy/thumb",
        "lazy lazy/l2",
        "lazy lazy/full",
        "lazy lazy/original-src",
        "lazy lazy/source.webp",
        "lazy lazy/lazy.jpg",
        "lazy lazy/bg",
        "lazy lazy/background-image",
        "lazy lazy/div.png",
        "lazy lazy/background",
        "noscript noscript/body-2x.jpg",
        "img img/input",
        "poster poster/video.jpg",
        "link link/object.svg",
        "link link/embed.png",
        "link link/object",
        "svg svg/image.png",
        "svg svg/xlink.png",
        "svg svg/sprite.svg",
        "svg svg/filter.png",
        "css css/in-svg.png",
        "link link/photo.JPG?size=large",
        "img img/in-link",
        "link link/area.webp",
        "css css/attribute.png",
        "css css/table.gif",
        "css css/cell.gif",
        "img img/srcdoc",
        "img img/template",
        "img img/amp",
        "srcset srcset/amp.gif",
        "link link/large.png",
        "img img/figure",
    ];
    assert_eq!(shown(&read(SrcsetChoice::Largest)), expected);
}

#[test]
fn folders_say_the_source() {
    let page = read(SrcsetChoice::All);
    assert!(page.images.len() > 75, "{}", page.images.len());
    for image in &page.images {
        let folder = image.url.path().trim_start_matches("/d/").split('/').next().unwrap_or_default();
        let source = match image.source.as_str() {
            "data" => continue,
            "json-ld" => "ld",
            // The `img` of a `picture` is an `img`.
            "img" if image.alt.as_deref() == Some("In a picture") => "picture",
            source => source,
        };
        assert_eq!(folder, source, "{}", image.url);
    }
}

#[test]
fn words() {
    let page = read(SrcsetChoice::Largest);
    let words = |path: &str| {
        let image = page.images.iter().find(|image| image.url.path() == format!("/d/{path}"));
        let image = image.unwrap_or_else(|| panic!("{path}"));
        [&image.alt, &image.title, &image.caption].map(|word| word.clone().unwrap_or_default())
    };
    for (path, expected) in [
        ("meta/og.jpg", ["Open Graph", "", ""]),
        ("meta/og-secure.jpg", ["Open Graph", "", ""]),
        ("img/plain", ["A plain one", "Title", ""]),
        ("picture/wide.jpg", ["In a picture", "", ""]),
        ("ld/two.jpg", ["", "", "Linked"]),
        ("svg/xlink.png", ["", "Drawing", ""]),
        ("link/area.webp", ["Area", "", ""]),
        ("img/srcdoc", ["Inside", "", ""]),
        ("img/figure", ["", "", "The caption"]),
        ("link/large.png", ["", "", "The caption"]),
    ] {
        assert_eq!(words(path), expected, "{path}");
    }
}

#[test]
fn the_rest_of_the_page() {
    let page = read(SrcsetChoice::Largest);
    let paths =
        |urls: Vec<&Url>| urls.iter().map(|url| url.path().trim_start_matches("/d/no/").to_owned()).collect::<Vec<_>>();
    assert_eq!(paths(page.links.iter().map(|link| &link.url).collect()), ["page.html", "frame.html"]);
    assert_eq!(paths(page.style_sheets.iter().collect()), ["sheet.css", "import.css"]);
    assert_eq!(page.truncated, None);
}
