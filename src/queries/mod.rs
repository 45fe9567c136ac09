//! Stage 4: named questions, one static `.sql` file each, answered for all viewers at once.
//!
//! In: a query's name and a range. Out: rows as JSON, with the time of the newest event and of the computation.
//!
//! Invariants
//! * Adding a query is adding one file here: its leading comment is its description, columns and parameters.
//! * Parameters are bound by ClickHouse, never pasted.
//! * One computation per question and range at a time, whoever asks; its answer is shared until it is out of date.
//!
//! Limits: ClickHouse's on time and memory of a query; the answers kept are one per query and range.

mod answers;
mod catalog;
mod rejected;

pub use answers::{Answer, Answers, Freshness};
pub use catalog::{Catalog, Column, Query, Range};
pub use rejected::{REJECTED_ROWS_MAX, RejectedPage, RejectedRow};
