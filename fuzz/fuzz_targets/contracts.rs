#![no_main]

#[allow(dead_code, reason = "each target needs one body")]
#[path = "../bodies.rs"]
mod bodies;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| bodies::policy::contracts(bytes));
