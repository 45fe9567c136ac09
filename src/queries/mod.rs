//! Stage 4: named questions, one static `.sql` file each, answered for all viewers at once.
//!
//! In: a query's name and a range, or a funnel. Out: rows as JSON, or how many got how far, with the time of the newest
//! event and of the computation.
//!
//! Invariants
//! * Adding a query is adding one file here: its leading comment is its description, columns and parameters.
//! * Parameters are bound by ClickHouse, never pasted.
//! * One computation per question and range at a time, whoever asks; its answer is shared until it is out of date. It ends
//!   early when nobody waits for it any more.
//!
//! Limits: ClickHouse's on time and memory of a query; the answers kept, one per query and range and a number of funnels;
//! events that a funnel follows, funnels computed at once, definitions saved.

mod answers;
mod catalog;
mod computation;
mod conversions;
mod definitions;
mod funnel;
mod funnel_answer;
mod funnels;
mod rejected;

pub use answers::{Answer, Answers, Freshness};
pub use catalog::{Catalog, Column, Query, Range};
pub use definitions::{DefinitionError, DefinitionName, SavedFunnel};
pub use funnel::{Field, Filter, Funnel, FunnelError, Op, Order, Span, Step};
pub use funnel_answer::{FunnelAnswer, FunnelBucket, FunnelGroup, FunnelStep};
pub use funnels::Funnels;
pub use rejected::{REJECTED_ROWS_MAX, RejectedPage, RejectedRow};
