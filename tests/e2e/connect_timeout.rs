//! A connection that nobody answers is given up after `--connect-timeout`, long before the time that an image has.

use std::time::{Duration, Instant};

use harness::{Namespace, World};

use crate::PROGRAMS;

/// A public address. There is a way to it, on which everything is lost.
const NOBODY: &str = "93.184.215.14";

#[tokio::test]
async fn a_connection_that_nobody_answers_is_given_up_in_its_time() {
    let mut world = World::embedded("connect-timeout", PROGRAMS).await;
    let namespace = Namespace::new(world.folder()).await;
    namespace.own_every_address();
    namespace.cut(80);
    world.run_by(namespace.entry());
    let url = format!("http://{NOBODY}/image.png");
    for (options, least) in [(&["--connect-timeout", "1s"][..], 1), (&["--connect-timeout", "3s"], 3)] {
        let least = Duration::from_secs(least);
        let begun = Instant::now();
        let arguments = [options, &["--fetch-timeout", "50s", "--ignore-robots", "--retries", "0"]].concat();
        let finished = world.urls(std::slice::from_ref(&url), &arguments).await;
        let took = begun.elapsed();
        finished.expect_complete().row(&url).expect("failed", Some("timeout"));
        assert!(took >= least && took < least + Duration::from_secs(2), "{took:?}");
    }
}
