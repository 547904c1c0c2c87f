//! What the ledger's transactions cost: a thousand images of a list accepted, handed out in batches, and answered for. Each in a
//! ledger that has many already, on the disk that the system keeps temporary files on.
//!
//!     cargo bench -p warren-producer --bench ledger

#![allow(missing_docs, clippy::expect_used, reason = "criterion's macros document nothing; a bench may fail loudly")]

use std::cell::Cell;
use std::ops::Range;

use common::image_id::{ImageId, hex};
use common::outcome::{Outcome, Status};
use common::run_name::RunName;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use producer::ledger::{Ledger, NewImage, Recording, RowId};
use tokio::runtime::Runtime;

/// Images that are accepted, and answered for, together.
const TOGETHER: u64 = 1000;

/// Images that are there when the measuring begins.
const BEFORE: u64 = 100_000;

fn url(number: u64) -> String {
    format!("https://img{}.example/media/{number:x}/{:010x}.jpg", number % 1000, scattered(number))
}

/// Scattered, but the same each time.
fn scattered(number: u64) -> u64 {
    number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 16
}

fn images(numbers: Range<u64>) -> Vec<NewImage> {
    let image = |number| NewImage {
        url: url(number),
        host: format!("img{}.example", number % 1000),
        source: "list",
        ..NewImage::default()
    };
    numbers.map(image).collect()
}

fn outcomes(run: &RunName, numbers: Range<u64>) -> Vec<Recording> {
    let recording = |number| {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&scattered(number).to_be_bytes());
        let sha256 = hex(&digest);
        let outcome = Outcome {
            http_status: Some(200),
            content_type: Some("image/jpeg".to_owned()),
            format: Some("jpg".to_owned()),
            width: Some(640),
            height: Some(480),
            bytes: Some(17_000),
            path: Some(format!("{}/{sha256}.jpg", &sha256[..2])),
            sha256: Some(sha256),
            fetched_at: 1_795_452_711_329,
            duration_ms: 21,
            ..Outcome::new(ImageId::new(run, &url(number)), 1, Status::Stored, None)
        };
        Recording {
            outcome,
            worker: Some("rack3-1a2b3c".to_owned()),
            is_final: true,
            row: RowId::try_from(number + 1).ok(),
        }
    };
    numbers.map(recording).collect()
}

fn transactions(criterion: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let folder = tempfile::tempdir().expect("a folder");
    let run: RunName = "bench".parse().expect("a name");
    let ledger = runtime.block_on(async { Ledger::create(folder.path(), &run, "{}", None) }).expect("a ledger");
    let next = Cell::new(0);
    let take = || {
        let begin = next.replace(next.get() + TOGETHER);
        begin..begin + TOGETHER
    };
    let add = |new: Vec<NewImage>| runtime.block_on(ledger.add_listed(new, 0, false, false)).expect("added");
    while next.get() < BEFORE {
        add(images(take()));
    }
    let mut group = criterion.benchmark_group("ledger");
    group.throughput(Throughput::Elements(TOGETHER));
    group.sample_size(20);
    group.bench_function("accept images", |bench| {
        bench.iter_batched(|| images(take()), add, BatchSize::PerIteration);
    });
    group.bench_function("record outcomes", |bench| {
        let accepted = || {
            let numbers = take();
            add(images(numbers.clone()));
            outcomes(&run, numbers)
        };
        let record = |recordings| runtime.block_on(ledger.record(recordings, vec![], false)).expect("recorded");
        bench.iter_batched(accepted, record, BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, transactions);
criterion_main!(benches);
