//! Stage 3: segments → ClickHouse, exactly once. The only module that speaks to ClickHouse.
//!
//! In: closed segments of the journal; questions as SQL with parameters. Out: rows in `events`, and answers as JSON.
//!
//! Invariants
//! * A segment is inserted under its own id as deduplication token, so a repeated insert stores nothing twice.
//! * An error is `Transient` (tried again, with backoff) or `Permanent` (never tried again as it is): decided once, in
//!   `error.rs`.
//! * Values reach SQL as bound parameters only.
//!
//! Limits: inserts in flight, time of an insert and of a query, backoff between attempts.

mod client;
mod error;
mod schema;
mod writer;

pub use client::{Access, Login, Parameter, Store};
pub use error::StoreError;
pub use schema::ensure_schema;
pub use writer::{FlushReport, Writer, WriterLimits};
