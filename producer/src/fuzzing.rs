//! What the targets of `fuzz/` call, one function each: it takes any bytes and panics where something does not hold. Not in
//! any release, see the feature `fuzzing`; the tests run each function on the inputs that `fuzz/seeds` keeps.

#![allow(clippy::missing_panics_doc, reason = "to panic is how a finding is told")]

use std::io::Write;
use std::path::PathBuf;
use std::{env, fs, process};

use flate2::Compression;
use flate2::write::GzEncoder;
use url::Url;

pub use crate::extract::fuzzing::{charset, css, data_uri, extract, json_ld, srcset};
use crate::robots::{Rule, Rules};
use crate::seeds::list::{self, ListOptions, Row};
use crate::seeds::sitemap;

/// A target: its name, and what it does with an input.
pub type Target = (&'static str, fn(&[u8]));

/// All targets. A file in `fuzz/fuzz_targets` and a folder in `fuzz/seeds` are named after each.
pub const TARGETS: [Target; 10] = [
    ("charset", charset),
    ("css", css),
    ("data_uri", data_uri),
    ("extract", extract),
    ("json_ld", json_ld),
    ("list", list),
    ("list_parquet", list_parquet),
    ("robots", robots),
    ("sitemap", sitemap),
    ("srcset", srcset),
];

/// A robots.txt, and behind a NUL the path of a URL.
pub fn robots(data: &[u8]) {
    let mut parts = data.splitn(2, |byte| *byte == 0);
    let file = parts.next().unwrap_or_default();
    let path = String::from_utf8_lossy(parts.next().unwrap_or(b"a/b?c=d"));
    let (Ok(url), Ok(file_itself)) = (Url::parse(&format!("http://h/{path}")), Url::parse("http://h/robots.txt"))
    else {
        return;
    };
    let rules = Rules::read(file, "warren");
    let verdict = rules.verdict(&url);
    assert!(verdict.allowed || verdict.rule.is_some());
    assert_eq!(verdict.allowed, rules.against(&url).is_none());
    assert!(rules.verdict(&file_itself).allowed);
    let line = verdict.rule.map(Rule::line);
    let ends = file.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count();
    assert!(line.is_none_or(|line| (1..=ends + 1).contains(&usize::try_from(line).unwrap_or_default())));
    // The end of the last line, and an end more, change nothing.
    for end in ["\n", "\r\n\n"] {
        let again = Rules::read(&[file, end.as_bytes()].concat(), "WARREN");
        let again = again.verdict(&url);
        assert_eq!((again.allowed, again.rule.map(Rule::line)), (verdict.allowed, line));
    }
}

/// A sitemap or feed: within its caps, and the same when it is packed.
pub fn sitemap(data: &[u8]) {
    let Ok(base) = Url::parse("http://h/d/s.xml") else {
        return;
    };
    let limits = sitemap::Limits {
        unpacked_bytes: 1 << 20,
        entries: 5,
        images: 5,
        url_bytes: 100,
        text_chars: 10,
        kept_bytes: 500,
        token_bytes: 32 << 10,
        tokens: 10_000,
        depth: 10,
    };
    let plain = sitemap::read(data, &base, &limits);
    let of_pages = plain.pages.iter().map(|page| page.images.len()).sum::<usize>();
    assert!(plain.pages.len() <= 5 && plain.sitemaps.len() <= 5 && of_pages + plain.images.len() <= 5);
    assert!(plain.pages.iter().all(|page| matches!(page.url.scheme(), "http" | "https")));
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    if !data.starts_with(b"\x1f\x8b") && encoder.write_all(data).is_ok() {
        let packed = encoder.finish().unwrap_or_default();
        assert_eq!(sitemap::read(&packed, &base, &limits), plain);
        let known = sitemap::is_sitemap(Some("text/plain"), data);
        assert_eq!(sitemap::is_sitemap(Some("text/plain"), &packed), known);
    }
    let limits = sitemap::Limits::default();
    assert!(sitemap::read(data, &base, &limits).pages.len() <= limits.entries);
}

/// A list in a text format, which the first byte chooses.
pub fn list(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else {
        return;
    };
    let endings = ["txt", "csv", "tsv", "jsonl", "txt.gz", "csv.zst", "unknown"];
    rows(endings[usize::from(*choice) % endings.len()], text);
}

/// A list in Parquet.
pub fn list_parquet(data: &[u8]) {
    rows("parquet", data);
}

/// Reads a list's rows from a file, as lists are; not more than some, because few bytes can say that a row comes a billion times.
fn rows(ending: &str, bytes: &[u8]) {
    const MOST: usize = 10_000;
    let path: PathBuf =
        env::temp_dir().join(format!("warren-fuzz-{}-{:?}.{ending}", process::id(), std::thread::current().id()));
    if fs::write(&path, bytes).is_err() {
        return;
    }
    let options = ListOptions { columns: vec!["width".into()], ..ListOptions::default() };
    if let Ok(mut list) = list::open(std::slice::from_ref(&path), &options) {
        let rows: Vec<_> = list.by_ref().take(MOST).collect();
        for row in &rows {
            match row {
                Ok(Row::Url { url, .. }) => assert!(!url.trim().is_empty() && url.len() <= list::ROW_BYTES),
                Ok(Row::Bad { text, .. }) => assert!(text.len() <= list::BAD_TEXT_BYTES),
                Err(_) => {}
            }
        }
        if rows.last().is_some_and(Result::is_err) {
            assert!(list.next().is_none());
        }
    }
    fs::remove_file(&path).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_seed_holds() {
        common::fuzz_seeds::every_seed_holds(&super::TARGETS);
    }
}
