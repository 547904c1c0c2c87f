//! Whatever a page holds, reading it costs bounded time and memory: pages of the greatest length that is read, each of one
//! kind that once cost or could cost too much. What is found on them is asked in the rooms' own tests.
//!
//! Memory is measured, as what is allocated beside the page itself. Time is only bounded generously, because tests run
//! unoptimised and on busy machines; measured times are in `docs/design.md`.

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use producer::extract::{Limits, Options, extract};

mod hostile;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// What a page may cost beside its own length.
const MEMORY: usize = 64 << 20;

/// Unoptimised, and beside other work.
const TIME: Duration = Duration::from_secs(30);

#[test]
fn every_hostile_page_is_read_in_bounded_time_and_memory() {
    let base = "http://h/d/p".parse().expect("a URL");
    let options = Options::default();
    let mut failures = Vec::new();
    for page in hostile::PAGES {
        let bytes = page.bytes(Limits::default().bytes);
        let before = ALLOCATED.current_usage();
        ALLOCATED.reset_peak_usage();
        let start = Instant::now();
        let found = extract(&bytes, Some(page.content_type), &base, &options);
        let (time, memory) = (start.elapsed(), ALLOCATED.peak_usage().saturating_sub(before));
        println!("{:>6} ms {:>4} MiB {:?} {}", time.as_millis(), memory >> 20, found.truncated, page.name);
        if time > TIME || memory > MEMORY {
            failures.push(page.name);
        }
    }
    assert!(failures.is_empty(), "{failures:?}");
}
