//! Messages as they are in the middle of a large run: a full batch, and a full reply.
//!
//!     cargo bench -p warren-common --bench wire

#![allow(missing_docs, clippy::expect_used, reason = "criterion's macros document nothing; a bench may fail loudly")]

use std::hint::black_box;

use common::context::Context;
use common::image_id::{ImageId, hex};
use common::opt_out::Directives;
use common::outcome::{Outcome, Reply, Status};
use common::run_name::RunName;
use common::task::{ImageTask, Task};
use common::wire;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

fn run() -> RunName {
    "20261125-214019-3f9a".parse().expect("a name")
}

fn url(number: u64) -> String {
    format!("https://img{}.example.org/media/{number:x}/{:010x}.jpg", number % 7, number.wrapping_mul(0x9e37_79b9))
}

fn task() -> Task {
    let image = |number| {
        let url = url(number);
        let page_url = Some(format!("https://example.org/articles/{number}.html"));
        let context =
            Context { page_url, source: Some("img".into()), alt: Some("A lake".into()), ..Context::default() };
        ImageTask { id: ImageId::new(&run(), &url), url, attempt: 1, hops: 0, validators: None, inline: None, context }
    };
    Task {
        v: wire::VERSION,
        run: run(),
        batch: 7,
        user_agent: "Warren/0.1.0 (+https://example.org/crawler)".to_owned(),
        from: None,
        opt_outs: Directives::default(),
        ignores_robots: false,
        images: (0..64).map(image).collect(),
    }
}

fn reply() -> Reply {
    let outcome = |number: u64| {
        let mut digest = [0; 32];
        digest[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
        let sha256 = hex(&digest);
        Outcome {
            http_status: Some(200),
            content_type: Some("image/jpeg".to_owned()),
            etag: Some(format!("\"6552c0f2-{number:x}\"")),
            last_modified: Some("Tue, 14 Nov 2023 00:36:02 GMT".to_owned()),
            format: Some("jpg".to_owned()),
            width: Some(640),
            height: Some(480),
            bytes: Some(17_000),
            path: Some(format!("{}/{sha256}.jpg", &sha256[..2])),
            sha256: Some(sha256),
            fetched_at: 1_795_452_711_329,
            duration_ms: 21,
            ..Outcome::new(ImageId::new(&run(), &url(number)), 1, Status::Stored, None)
        }
    };
    Reply {
        v: wire::VERSION,
        run: run(),
        worker: "rack3-1a2b3c".to_owned(),
        concurrency: 64,
        outcomes: (0..200).map(outcome).collect(),
    }
}

fn messages(criterion: &mut Criterion) {
    let (task, reply) = (task(), reply());
    let (task_bytes, reply_bytes) = (wire::write(&task), wire::write(&reply));
    let mut group = criterion.benchmark_group("wire");
    group.throughput(Throughput::Elements(64));
    group.bench_function("write a task of 64", |bench| bench.iter(|| wire::write(black_box(&task))));
    group.bench_function("read a task of 64", |bench| {
        bench.iter(|| wire::read_task(black_box(&task_bytes)).expect("readable"));
    });
    group.throughput(Throughput::Elements(200));
    group.bench_function("write a reply of 200", |bench| bench.iter(|| wire::write(black_box(&reply))));
    group.bench_function("read a reply of 200", |bench| {
        bench.iter(|| wire::read_reply(black_box(&reply_bytes)).expect("readable"));
    });
    group.finish();
}

criterion_group!(benches, messages);
criterion_main!(benches);
