//! Extraction from the English manual of GIMP (Debian's gimp-help-en, 685 pages), beside scraper's parser alone on the same
//! pages: what we find is on top of what parsing costs anybody.
//!
//!     cargo bench -p warren-producer --bench extract

#![allow(missing_docs, clippy::expect_used, reason = "criterion's macros document nothing; a bench may fail loudly")]

use std::fs;
use std::hint::black_box;
use std::path::PathBuf;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use producer::extract::{Options, extract};
use scraper::Html;
use url::Url;

/// Every page of the manual.
fn pages() -> Vec<String> {
    let versions = fs::read_dir("/usr/share/gimp").into_iter().flatten().flatten();
    let manual: Option<PathBuf> = versions.map(|version| version.path().join("help/en")).find(|path| path.is_dir());
    let manual = manual.expect("the manual is there; apt-get install gimp-help-en");
    let mut paths: Vec<PathBuf> = fs::read_dir(manual).expect("readable").flatten().map(|file| file.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "html"));
    paths.sort();
    paths.iter().map(|path| fs::read_to_string(path).expect("UTF-8")).collect()
}

fn manual(criterion: &mut Criterion) {
    let (pages, options) = (pages(), Options::default());
    let base = Url::parse("http://docs.example/2.10/help/en/index.html").expect("a URL");
    let mut group = criterion.benchmark_group("extract");
    group.throughput(Throughput::Bytes(pages.iter().map(|page| page.len() as u64).sum()));
    group.sample_size(10);
    group.bench_function("ours", |bench| {
        bench.iter(|| {
            for page in &pages {
                black_box(extract(page.as_bytes(), Some("text/html; charset=utf-8"), &base, &options));
            }
        });
    });
    group.bench_function("scraper", |bench| {
        bench.iter(|| {
            for page in &pages {
                black_box(Html::parse_document(page));
            }
        });
    });
    group.finish();
}

criterion_group!(benches, manual);
criterion_main!(benches);
