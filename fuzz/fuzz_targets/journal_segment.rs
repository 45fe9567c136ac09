//! Any bytes as a segment of the journal. Run: `cargo +nightly fuzz run journal_segment`.
#![no_main]

#[path = "../segment_checks.rs"]
mod segment_checks;

libfuzzer_sys::fuzz_target!(|data: &[u8]| segment_checks::check(data));
