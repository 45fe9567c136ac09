//! The listeners: connections, routes, and the one place where an error becomes a status and JSON.
//!
//! Limits: open connections, time for a request's head, for its body and for reading the reply, bytes of a body before and
//! after decompression, bytes of all bodies at once, open streams.

mod annotations;
mod body;
mod budget;
mod connections;
mod dashboard;
mod document;
mod error;
mod funnel;
mod health;
mod ingest;
mod metrics;
mod openapi;
mod rejected;
mod rejected_counts;
mod server;
mod simple_requests;
mod status;
mod stream;

/// Where events are sent to.
const EVENTS_PATH: &str = "/events";

pub use connections::Connections;
pub use dashboard::{DashboardState, Info, dashboard_service};
pub use health::Health;
pub use ingest::{IngestHealth, IngestService, IngestStages, IngestState};
pub use openapi::openapi_json;
pub use rejected::RejectedReply;
pub use server::{ListenerService, ServerLimits, connections_within_descriptors, serve};
pub use stream::Streams;
