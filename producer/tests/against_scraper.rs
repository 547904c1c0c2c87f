//! On real pages, our extraction finds what a tree and its selectors find: images by `img`, links by `a`, `area` and frames.
//! The tree is scraper's, on the same parser (html5ever), so that what differs is ours to explain.
//!
//! The pages are Debian's: the manual of GIMP (`tests/install.sh` installs it) and whatever is in `/usr/share/doc`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use producer::extract::{Limits, Options, Page, Source, SrcsetChoice, extract};
use scraper::{ElementRef, Html, Selector};
use url::Url;

const MANUAL: &str = "/usr/share/gimp/2.0/help/en";
const OTHERS: &str = "/usr/share/doc";

/// The `html` files below `folder`.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found = Vec::new();
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(pages(&entry.path())),
            Ok(kind) if kind.is_file() && entry.path().extension().is_some_and(|ending| ending == "html") => {
                found.push(entry.path());
            }
            _ => {}
        }
    }
    found
}

fn select<'a>(document: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    let selector = Selector::parse(selector).expect("a selector");
    // A selector cannot ask for the namespace.
    document.select(&selector).collect()
}

/// The attributes' addresses as we normalise them.
fn addresses<'a>(base: &Url, texts: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    let resolve = |text: &str| {
        let mut url = base.join(text.trim()).ok().filter(|_| !text.trim().is_empty())?;
        url.set_fragment(None);
        matches!(url.scheme(), "http" | "https").then(|| url.to_string())
    };
    texts.into_iter().filter_map(resolve).collect()
}

fn images(page: &Page) -> BTreeSet<String> {
    let by_img = |source: &Source| matches!(source, Source::Img | Source::Srcset);
    let images = page.images.iter().filter(|image| image.sources.iter().any(by_img));
    images.map(|image| image.url.to_string()).collect()
}

fn links(page: &Page) -> BTreeSet<String> {
    let images = page.images.iter().filter(|image| image.sources.contains(&Source::Link));
    images.map(|image| image.url.to_string()).chain(page.links.iter().map(|link| link.url.to_string())).collect()
}

/// What the two found differently on one page.
fn compare(text: &str, address: &Url) -> Vec<String> {
    // One page of Node's documentation is longer than what we read of a page.
    let mut limits = Limits::default();
    (limits.bytes, limits.work) = (usize::MAX, usize::MAX);
    let options = Options { srcset: SrcsetChoice::All, limits };
    let page = extract(text.as_bytes(), Some("text/html; charset=utf-8"), address, &options);
    let document = Html::parse_document(text);
    let base = select(&document, "base[href]").first().and_then(|base| base.value().attr("href"));
    let base = base.and_then(|href| address.join(href).ok()).unwrap_or_else(|| address.clone());
    let attributes = |selector: &str, name: &str| {
        let found = select(&document, selector).into_iter();
        found.filter_map(|element| element.value().attr(name).map(str::to_owned)).collect::<Vec<_>>()
    };
    let sets = attributes("img[srcset]", "srcset");
    let sets = sets.iter().flat_map(|set| set.split(", ")).filter_map(|entry| entry.split_whitespace().next());
    let sources = attributes("img[src]", "src");
    let expected_images = addresses(&base, sources.iter().map(String::as_str).chain(sets));
    let mut hrefs = attributes("a[href], area[href]", "href");
    hrefs.extend(attributes("iframe[src], frame[src]", "src"));
    let expected_links = addresses(&base, hrefs.iter().map(String::as_str));
    let mut differences = differences("image", &expected_images, &images(&page), false);
    // We also follow a refresh, and read what stands in `noscript`, which is text to a reader with scripts.
    let more = !select(&document, "noscript, meta[http-equiv]").is_empty();
    differences.extend(self::differences("link", &expected_links, &links(&page), more));
    differences.extend(page.truncated.map(|why| format!("cut: {why}")));
    differences
}

fn differences(what: &str, theirs: &BTreeSet<String>, ours: &BTreeSet<String>, more: bool) -> Vec<String> {
    let missing = theirs.difference(ours).map(|url| format!("{what} missing: {url}"));
    let further = ours.difference(theirs).filter(|_| !more).map(|url| format!("{what} too many: {url}"));
    missing.chain(further).collect()
}

#[test]
fn real_pages_give_what_a_tree_gives() {
    let manual = pages(Path::new(MANUAL));
    assert!(manual.len() > 600, "the manual of GIMP is not in {MANUAL}: tests/install.sh installs it");
    let mut wrong = Vec::new();
    for path in manual.into_iter().chain(pages(Path::new(OTHERS))) {
        let bytes = fs::read(&path).expect("a readable page");
        let address = Url::from_file_path(&path).map(|url| url.path().to_owned()).expect("an absolute path");
        let address = Url::parse(&format!("http://h{address}")).expect("a URL");
        let found = compare(&String::from_utf8_lossy(&bytes), &address);
        wrong.extend(found.into_iter().map(|what| format!("{}: {what}", path.display())));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}
