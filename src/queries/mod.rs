//! Stage 4: named questions, one static `.sql` file each, answered for all viewers at once.
//!
//! In: a query's name and the parameters of a URL, or a funnel. Out: rows as JSON, or how many got how far, with the time
//! of the newest event and of the computation.
//!
//! Invariants
//! * Adding a query is adding one file here: its leading comment is its description, columns and what its URL may carry.
//! * Parameters are bound by ClickHouse, never pasted.
//! * One computation per question and its arguments at a time, whoever asks; its answer is shared until it is out of date. It
//!   ends early when nobody waits for it any more.
//! * It is out of date with the next revision of the data, which begins when something was stored; those who follow the
//!   revisions are told.
//!
//! Limits: ClickHouse's on time and memory of a query; the answers that are kept; events that a funnel follows, funnels
//! computed at once, definitions saved, characters of an annotation.

mod annotations;
mod answers;
mod arguments;
mod catalog;
mod computation;
mod conversions;
mod definitions;
mod funnel;
mod funnel_answer;
mod funnel_rows;
mod funnels;
mod latest;
mod newest_event;
mod range;
mod rejected;
mod revisions;
mod saved_funnels;
mod status;

pub use annotations::{Annotation, AnnotationError, NewAnnotation, Window};
pub use answers::{Answer, Answers};
pub use arguments::{ArgumentError, Arguments, UrlParameter, Values};
pub use catalog::{Catalog, Column, Query};
pub use definitions::{DefinitionError, DefinitionName};
pub use funnel::{Field, Filter, Funnel, FunnelError, Op, Order, Span, Step};
pub use funnel_answer::{FunnelAnswer, FunnelBucket, FunnelGroup, FunnelStep};
pub use funnels::Funnels;
pub use latest::Content;
pub use newest_event::Freshness;
pub use range::{Ago, Range};
pub use rejected::{REJECTED_ROWS_MAX, RejectedPage, RejectedRow};
pub use revisions::Revision;
pub use saved_funnels::SavedFunnel;
pub use status::{RejectedReason, StoreReport, StoreStatus};
