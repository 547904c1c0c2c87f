//! What accepting costs: rows of a list, and candidates of a page.
//!
//!     cargo bench -p warren-producer --bench frontier

#![allow(missing_docs, clippy::expect_used, reason = "criterion's macros document nothing; a bench may fail loudly")]

use std::hint::black_box;

use common::http::Guard;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use producer::extract::{Options, extract};
use producer::frontier::{Frontier, Selection};
use url::Url;

const ROWS: u64 = 1000;

fn accepting(criterion: &mut Criterion) {
    let rows: Vec<String> =
        (0..ROWS).map(|number| format!("https://img{}.example.org/media/{number:x}.jpg", number % 7)).collect();
    let page = format!("<img alt='A lake' src='{}'>", rows.join("'><img alt='A lake' src='"));
    let base = Url::parse("https://example.org/").expect("a URL");
    let found = extract(page.as_bytes(), Some("text/html"), &base, &Options::default()).images;
    let frontier = Frontier::new(Selection::of_list(), Guard::default(), &[]);
    let mut group = criterion.benchmark_group("frontier");
    group.throughput(Throughput::Elements(ROWS));
    group.bench_function("rows of a list", |bench| {
        bench.iter(|| {
            for row in &rows {
                black_box(frontier.listed(row));
            }
        });
    });
    group.bench_function("candidates of a page", |bench| {
        let accept = |found: Vec<_>| found.into_iter().filter_map(|one| frontier.candidate(one)).count();
        bench.iter_batched(|| found.clone(), accept, BatchSize::SmallInput);
    });
    group.finish();
}

criterion_group!(benches, accepting);
criterion_main!(benches);
