//! Whatever a page holds, reading it costs bounded time and memory: pages that are all of one kind, which once cost or could
//! cost too much. What is found on them is asked in the rooms' own tests.
//!
//! Memory is measured, as what is allocated beside the page itself. Time is only bounded generously, because tests run
//! unoptimised and beside other work; on one core of our own, optimised, no page takes more than 0.7 s.

use std::time::{Duration, Instant};

use peak_alloc::PeakAlloc;
use producer::extract::{Limits, Options, extract};

mod hostile;

use hostile::{PAGES, Page};

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// What a page may cost beside its own length.
const MEMORY: usize = 64 << 20;

const TIME: Duration = Duration::from_mins(1);

/// Length of the pages of the quick test.
const SHORT: usize = 256 << 10;

/// Those that take most memory.
const LARGEST: [&str; 8] = [
    "captions of bytes",
    "images under a long base",
    "lines in a table",
    "linked data of objects",
    "a long attribute of bytes",
    "a srcdoc of a srcdoc of bytes",
    "UTF-8 that is none",
    "XML: many attributes",
];

/// Reads the pages, one after the other: the allocator counts for all threads.
fn read<'a>(pages: impl Iterator<Item = &'a Page>, length: usize) -> Vec<&'a str> {
    let base = "http://h/d/p".parse().expect("a URL");
    let options = Options::default();
    let mut too_much = Vec::new();
    for page in pages {
        let bytes = page.bytes(length);
        let before = ALLOCATED.current_usage();
        ALLOCATED.reset_peak_usage();
        let start = Instant::now();
        let found = extract(&bytes, Some(page.content_type), &base, &options);
        let (time, memory) = (start.elapsed(), ALLOCATED.peak_usage().saturating_sub(before));
        println!("{:>6} ms {:>4} MiB {:?} {}", time.as_millis(), memory >> 20, found.truncated, page.name);
        if time > TIME || memory > MEMORY {
            too_much.push(page.name);
        }
    }
    too_much
}

#[test]
fn hostile_pages_are_read_in_bounded_time_and_memory() {
    assert_eq!(read(PAGES.iter(), SHORT), [""; 0]);
    let largest: Vec<_> = PAGES.iter().filter(|page| LARGEST.contains(&page.name)).collect();
    assert_eq!(largest.len(), LARGEST.len());
    assert_eq!(read(largest.into_iter(), Limits::default().bytes), [""; 0]);
}

#[test]
#[ignore = "minutes, unoptimised: cargo test --release --test hostile_pages -- --ignored --nocapture"]
fn all_hostile_pages_of_full_length() {
    assert_eq!(read(PAGES.iter(), Limits::default().bytes), [""; 0]);
}
