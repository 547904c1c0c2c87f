#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| producer::fuzzing::list_parquet(data));
