#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| producer::fuzzing::srcset(data));
