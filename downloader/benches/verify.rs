//! What looking at an image costs, by its structure: the small PNGs of Debian's openclipart-png, and an SVG.
//!
//!     cargo bench -p warren-downloader --features benching --bench verify

#![allow(missing_docs, clippy::expect_used, reason = "criterion's macros document nothing; a bench may fail loudly")]

mod pictures;

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use downloader::benching::verify;

fn walking(criterion: &mut Criterion) {
    let pngs = pictures::small(500);
    let mut group = criterion.benchmark_group("verify");
    group.throughput(Throughput::Elements(pngs.len() as u64));
    group.bench_function("500 PNGs", |bench| {
        bench.iter(|| assert!(pngs.iter().all(|png| verify(black_box(png)))));
    });
    let shape = r#"<path d="M 10 10 C 20 20, 40 20, 50 10" style="fill:none;stroke:#000"/>"#;
    let svg = format!(r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 64 64">{}</svg>"#, shape.repeat(200));
    group.throughput(Throughput::Bytes(svg.len() as u64));
    group.bench_function("SVG", |bench| bench.iter(|| assert!(verify(black_box(svg.as_bytes())))));
    group.finish();
}

criterion_group!(benches, walking);
criterion_main!(benches);
