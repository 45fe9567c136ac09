//! Any bytes as the body of `POST /events`. Run: `cargo +nightly fuzz run body`.
#![no_main]

#[path = "../body_checks.rs"]
mod body_checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| body_checks::check(data));
