//! The listeners: connections, routes, and the one place where an error becomes a status and JSON.
//!
//! Limits: open connections, time for a request's head and for its body, bytes of a body before and after decompression.

mod body;
mod dashboard;
mod error;
mod health;
mod ingest;
mod metrics;
mod openapi;
mod rejected;
mod server;

pub use dashboard::{DashboardState, dashboard_router};
pub use ingest::{IngestStages, IngestState, ingest_router};
pub use openapi::openapi_json;
pub use rejected::RejectedReply;
pub use server::{ServerLimits, serve};
