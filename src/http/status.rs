//! `GET /api/status`: how this installation is, for whoever runs it.

use axum::{extract::State, response::Response};
use serde::Serialize;

use super::{
    dashboard::{DashboardState, uncached},
    error::ApiError,
    health::Health,
};
use crate::queries::{RejectedReason, StoreStatus};

/// How an installation is. What is not known now is null.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Status {
    pub version: &'static str,
    /// Base URL that takes events.
    pub ingest_url: String,
    pub retention_days: u32,
    /// Whether ClickHouse is the one that weir brings, or a server.
    pub embedded_engine: bool,
    /// What `GET /health` tells; null where this process takes no events, as in `weir dashboard`.
    #[schema(required)]
    pub ingestion: Option<Health>,
    /// Null while ClickHouse does not answer.
    #[schema(required)]
    pub store: Option<StoreStatus>,
    /// Why it does not.
    #[schema(required)]
    pub store_error: Option<String>,
    /// The most frequent 20 reasons of the last hour; null while ClickHouse does not answer.
    #[schema(required)]
    pub rejected_last_hour: Option<Vec<RejectedReason>>,
    /// RFC 3339; null when there is no event, or none is known.
    #[schema(required)]
    pub newest_event_at: Option<String>,
    pub computed_at: String,
}

pub async fn get_status(State(state): State<DashboardState>) -> Result<Response, ApiError> {
    let report = state.answers().store_report().await?;
    let info = state.info().clone();
    let store_error = report.status.as_ref().err().map(|error| ApiError::Store(error.clone()).message());
    Ok(uncached(&Status {
        version: info.version,
        ingest_url: info.ingest_url,
        retention_days: info.retention_days,
        embedded_engine: info.embedded_engine,
        ingestion: state.ingestion_health(),
        store: report.status.as_ref().ok().cloned(),
        store_error,
        rejected_last_hour: report.rejected.as_ref().ok().cloned(),
        newest_event_at: report.newest_event_at.as_ref().ok().cloned().flatten(),
        computed_at: report.computed_at.clone(),
    }))
}
