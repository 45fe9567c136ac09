//! What the fuzzers start from, and what they have found: fuzz/corpus.

use std::{fs, panic, path::Path};

#[path = "../../fuzz/body_checks.rs"]
mod body_checks;
#[path = "../../fuzz/segment_checks.rs"]
mod segment_checks;

/// Checks every file of a fuzzer's corpus, and names the one that fails.
fn check_corpus(target: &str, check: fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files = 0;
    for entry in fs::read_dir(corpus).expect("a corpus") {
        let path = entry.expect("an entry").path();
        let data = fs::read(&path).expect("a file");
        assert!(panic::catch_unwind(|| check(&data)).is_ok(), "{} fails", path.display());
        files += 1;
    }
    assert!(files >= 5, "the corpus of {target} has only {files} files");
}

#[test]
fn any_body_is_answered_event_by_event_and_what_is_taken_can_be_read() {
    check_corpus("body", body_checks::check);
}

#[test]
fn any_segment_is_read_record_by_record() {
    check_corpus("journal_segment", segment_checks::check);
}
