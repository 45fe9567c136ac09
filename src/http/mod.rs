//! The listeners: connections, routes, and the one place where an error becomes a status and JSON.
//!
//! Limits: open connections, time for a request's head, for its body and for reading the reply, bytes of a body before and
//! after decompression, bytes of all bodies at once, open streams.

mod annotations;
mod body;
mod budget;
mod connections;
mod credentials;
mod dashboard;
mod document;
mod erasures;
mod error;
mod funnel;
mod gate;
mod health;
mod ingest;
mod metrics;
mod openapi;
mod peer;
mod rejected;
mod rejected_counts;
mod routes;
mod security_headers;
mod server;
mod session;
mod simple_requests;
mod status;
mod stream;
mod taken;
mod tls;

/// Where events are sent to.
const EVENTS_PATH: &str = "/events";

pub use connections::Connections;
pub use dashboard::{DashboardState, Info, dashboard_routes, dashboard_service};
pub use gate::Gate;
pub use health::Health;
pub use ingest::{IngestHealth, IngestService, IngestState, ingest_routes};
pub use openapi::openapi_json;
pub use peer::TrustedProxies;
pub use rejected::RejectedReply;
pub use routes::{Need, Route};
pub use server::{Entrance, ListenerService, ServerLimits, connections_within_descriptors, serve};
pub use stream::Streams;
pub use taken::IngestStages;
pub use tls::{Tls, TlsError};
