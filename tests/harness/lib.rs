//! What Warren's end-to-end tests stand on: a private RabbitMQ, fake and real web sites, the two programs as child
//! processes, and readers for what a run leaves behind.
//!
//! Nothing here knows how Warren works inside. The harness speaks to it as its users do: command line, exit code,
//! files, HTTP and AMQP.
//!
//! - [`World`] is where a test begins: a site, a place on a broker, folders, and the programs.
//! - [`Broker`] is the RabbitMQ node that the tests share, or a private one that a test may stop and kill.
//! - [`Site`] is a web site that does what it is told, misbehaviour included; [`Nginx`] is a real one; [`Gallery`] is one
//!   of any size that keeps nothing.
//! - [`Dns`] is a name server that says what it is told, and knows what it was asked.
//! - [`Hostile`] is a server that does one thing to whoever connects, byte by byte; [`Tls`] one with a wrong certificate.
//! - [`S3`] is a server for buckets.
//! - [`Proxy`] is a wire to the broker that can be cut, held and slowed down; [`Namespace`] a network of a program's own.
//! - [`scrape`] asks a program for its metrics, [`Prometheus`] is a real one that does so.
//! - [`Collector`] takes the spans that the programs send; [`Terminal`] is a screen that one of them writes to.
//! - [`Python`] has other people's readers, for what is written for them.
//! - [`Socks`] is a proxy that remembers where it was to lead.
//! - [`Finished`], [`Row`] and [`Store`] read what a run left, and check it; [`Findings`] are what is wrong with it.
//!
//! Whatever is started here dies with the test process, however that ends: see [`reaper`].
#![expect(clippy::missing_panics_doc, reason = "panicking is how a harness fails a test")]
#![expect(clippy::must_use_candidate, reason = "a test that drops what it asked for fails by itself")]

pub mod broker;
pub mod collector;
pub mod dashboard;
pub mod dns;
pub mod folder;
pub mod gallery;
pub mod hostile;
pub mod invariants;
pub mod mount;
pub mod namespace;
pub mod nginx;
pub mod png;
pub mod ports;
pub mod process;
pub mod prometheus;
pub mod proxy;
pub mod python;
pub mod random;
pub mod reaper;
pub mod run;
pub mod s3;
pub mod scan;
pub mod scrape;
pub mod shards;
pub mod site;
pub mod socks;
pub mod store;
pub mod terminal;
pub mod waiting;
pub mod world;

pub use broker::{Broker, Place};
pub use collector::{Collector, Span};
pub use dns::{Answer, Dns};
pub use gallery::Gallery;
pub use hostile::{Act, Hostile, Tls};
pub use invariants::Findings;
pub use mount::Mount;
pub use namespace::Namespace;
pub use nginx::Nginx;
pub use png::png;
pub use process::{Exit, Process, Signal};
pub use prometheus::{Prometheus, promtool};
pub use proxy::{Proxy, Wire};
pub use python::Python;
pub use random::Random;
pub use run::{Finished, Row};
pub use s3::S3;
pub use site::{Gate, Response, Site};
pub use socks::Socks;
pub use store::Store;
pub use terminal::Terminal;
pub use waiting::{eventually, one_at_a_time, within};
pub use world::{Crawl, Programs, World};
