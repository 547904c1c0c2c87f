//! What keeping costs, in each layout: 256 small images offered at once, made durable on the disk that the system keeps temporary
//! files on. No image is kept twice.
//!
//!     cargo bench -p warren-downloader --features benching --bench appender

#![allow(missing_docs, clippy::expect_used, reason = "criterion's macros document nothing; a bench may fail loudly")]

mod pictures;

use std::cell::Cell;

use bytes::Bytes;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use downloader::benching::{Keeper, Picture};
use tokio::runtime::Runtime;

const TOGETHER: usize = 256;

fn keeping(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let small = pictures::small(TOGETHER);
    let number = Cell::new(0_u64);
    // Each is made another by a number behind its end, where nobody looks.
    let one = |bytes: &Bytes| {
        let number = number.replace(number.get() + 1);
        let bytes = [&bytes[..], &number.to_be_bytes()].concat();
        Picture::new(bytes.into(), number).expect("a picture")
    };
    let mut group = criterion.benchmark_group("appender");
    group.throughput(Throughput::Elements(TOGETHER as u64));
    group.sample_size(20);
    for layout in ["files", "webdataset", "warc"] {
        let folder = tempfile::tempdir().expect("a folder");
        let keeper = runtime.block_on(Keeper::open(folder.path(), layout)).expect("a store");
        group.bench_function(layout, |bench| {
            let keep = |pictures| runtime.block_on(keeper.keep(pictures)).expect("kept");
            bench.iter_batched(|| small.iter().map(one).collect(), keep, BatchSize::PerIteration);
        });
        runtime.block_on(keeper.close());
    }
    group.finish();
}

criterion_group!(benches, keeping);
criterion_main!(benches);
