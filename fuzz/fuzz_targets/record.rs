#![no_main]

#[allow(dead_code)] // each target has one of the laws
#[path = "../laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|data: &[u8]| laws::record(data));
