//! Warren's end-to-end tests: the real programs, a real RabbitMQ, real HTTP. One file a behaviour.
//!
//! They need `rabbitmq-server`, `nginx-light`, `prometheus`, `gimp-help-en` and `openclipart-png` of Debian, and fail without
//! them.
//! `WARREN_TEST_BROKER=amqp://…` runs those that need no node of their own against a broker that runs already;
//! `WARREN_TEST_KEEP=1` leaves the tests' folders in place.

mod address_registries;
mod addresses;
mod bad_input;
mod broker_access;
mod broker_addresses;
mod broker_blocked;
mod broker_queues;
mod broker_restart;
mod broker_tls;
mod broker_wire;
mod checking;
mod cluster;
mod commands;
mod connect_timeout;
mod content;
mod content_encoding;
mod copies;
mod crawl_amqp;
mod crawl_embedded;
mod dashboard;
mod dead_command;
mod dead_letters;
mod descriptors;
mod drain;
mod export;
mod faults_worker;
mod finding;
mod gone_runs;
mod hostile;
mod http_config;
mod interrupt;
mod killer;
mod kubernetes;
mod lists;
mod manifest;
mod memory_budget;
mod metrics;
mod monitoring;
mod opt_out;
mod pace;
mod packed;
mod poison;
mod politeness;
mod redelivery;
mod redirects;
mod report;
mod resolver;
mod resume;
mod resume_manual;
mod retry;
mod since;
mod speed;
mod status;
mod store_names;
mod store_s3;
mod store_trouble;
mod terminal;
mod timeouts;
mod tls_faults;
mod torture;
mod tracing;
mod warc;
mod webdataset;

use harness::{Programs, Response, World, png};

const PROGRAMS: Programs = Programs {
    producer: env!("CARGO_BIN_EXE_warren-test-producer"),
    downloader: env!("CARGO_BIN_EXE_warren-test-downloader"),
};

/// A world on the shared RabbitMQ.
async fn world(name: &str) -> World {
    World::new(name, PROGRAMS).await
}

/// A world without a broker.
async fn embedded(name: &str) -> World {
    World::embedded(name, PROGRAMS).await
}

/// Puts `count` different images on the world's site, each answered as `prepare` makes it, and returns their URLs.
fn images(world: &World, count: u64, prepare: impl Fn(Response) -> Response) -> Vec<String> {
    (1..=count)
        .map(|number| {
            let path = format!("/image-{number}.png");
            world.route(&path, prepare(Response::image(png(8, 8, number))));
            world.url(&path)
        })
        .collect()
}

/// As it is.
fn plain(response: Response) -> Response {
    response
}
