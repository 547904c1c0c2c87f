#![no_main]

use std::panic;
use std::sync::Once;

/// The fuzzer ends at every panic. Those of the parquet crate are known and caught by the reader, so only one that nobody
/// catches is a finding here; the fuzzer sees those too.
static QUIET: Once = Once::new();

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    QUIET.call_once(|| panic::set_hook(Box::new(|_| ())));
    producer::fuzzing::list_parquet(data);
});
