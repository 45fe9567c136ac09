//! Stage 3: segments → ClickHouse, exactly once. The only module that speaks to ClickHouse.
//!
//! In: closed segments of the journal; questions as SQL with parameters. Out: rows in `events`, and answers as JSON.
//!
//! Invariants
//! * A segment is inserted under its own id as deduplication token, so a repeated insert stores nothing twice.
//! * An error is `Permanent` (never tried again as it is), or the request is tried again, with backoff, for as long as it
//!   takes: decided once, in `error.rs`.
//! * Events that ClickHouse refuses for good are taken out of their segment, down to the single row, and kept with the
//!   reason in `rejected_events`; the rest of the segment and all behind it is stored.
//! * Tables of a newer version are refused, older ones are brought up to this one.
//! * Values reach SQL as bound parameters only.
//! * What was received of a user before an erasure was asked for is in no table and no segment when its receipt says `done`, and
//!   does not come back; why, says `erasing.rs`.
//!
//! Limits: inserts in flight (one of events, one of rejected events), time of an insert, time, memory and rows of a query, backoff between
//! attempts, inserts to take a segment apart, bytes of rejected events that wait and that are kept, erasures that wait.

mod attempts;
mod client;
mod definitions;
mod erasing;
mod erasures;
mod error;
mod flush_durations;
mod rejected;
mod rollups;
mod schema;
mod split;
mod writer;

pub use attempts::AttemptLimits;
pub use client::{Endpoint, Login, Parameter, QueryLimits, Rows, Store};
pub use definitions::{Definition, NAME_CHARS_MAX, is_text_of};
pub use erasing::{ErasedJournal, Eraser};
pub use erasures::{ErasedRows, Erasure, ErasureError, ErasureJournal, ErasureStatus, Erasures};
pub use error::StoreError;
pub use flush_durations::{FlushDurations, RecentFlushes};
pub use rejected::{Dropped, RejectedEvent, RejectedEvents, RejectedFlush, RejectedLimits, RejectedWriter, Source};
pub use rollups::{RebuildError, RebuildStep};
pub use schema::{SCHEMA_VERSION, SchemaChange, SchemaPlan, Upgrade};
pub use writer::{FlushReport, Writer, WriterLimits};
