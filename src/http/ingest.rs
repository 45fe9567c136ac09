//! `POST /events`, `GET /health` and `GET /metrics`.

use std::{sync::Arc, time::Duration};

use axum::{
    Json, Router,
    body::Body,
    extract::State,
    http::{
        Method, Request, StatusCode,
        header::{CONTENT_ENCODING, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::{get, post},
};
use serde::Serialize;
use tokio::sync::watch;
use tower_http::cors::{Any, CorsLayer};

use super::{
    body::read_json,
    error::ApiError,
    health::{Health, health},
    metrics::{self, IngestMetrics},
};
use crate::{
    clock::Clock,
    ingest::{Decoded, Decoder, Rejection},
    journal::Journal,
    store::{FlushReport, RejectedEvent, RejectedEvents, Source},
};

/// How long a browser remembers that it may send events.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// What the ingestion routes work with.
#[derive(Clone)]
pub struct IngestState(Arc<Parts>);

struct Parts {
    decoder: Decoder,
    journal: Journal,
    clock: Clock,
    reports: watch::Receiver<FlushReport>,
    unflushed_max: Duration,
    rejected_events: RejectedEvents,
    metrics: IngestMetrics,
}

/// The reply to a request with events.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct IngestReply {
    /// Events that are on disk.
    pub accepted: usize,
    /// The others, each with its reason.
    pub rejected: Vec<Rejection>,
}

impl IngestState {
    pub fn new(
        decoder: Decoder,
        journal: Journal,
        clock: Clock,
        reports: watch::Receiver<FlushReport>,
        unflushed_max: Duration,
        rejected_events: RejectedEvents,
    ) -> Self {
        let metrics = IngestMetrics::default();
        Self(Arc::new(Parts { decoder, journal, clock, reports, unflushed_max, rejected_events, metrics }))
    }

    fn health(&self) -> Health {
        health(self.0.journal.depth(), &self.0.reports.borrow(), self.0.unflushed_max)
    }
}

/// Routes of the ingestion listener. Any web page may send events, so any origin is allowed; nothing can be read.
pub fn ingest_router(state: IngestState) -> Router {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::POST])
        .allow_headers([CONTENT_TYPE, CONTENT_ENCODING])
        .max_age(PREFLIGHT_MAX_AGE);
    let wrong_method = || async { ApiError::MethodNotAllowed };
    // The layer must be the last: it answers a preflight before a wrong method is refused.
    let events =
        Router::new().route("/events", post(post_events)).method_not_allowed_fallback(wrong_method).layer(cors);
    Router::new()
        .route("/health", get(get_health))
        .route("/metrics", get(get_metrics))
        .method_not_allowed_fallback(wrong_method)
        .merge(events)
        .fallback(|| async { ApiError::NotFound })
        .with_state(state)
}

/// 202 when at least one event was taken: it is on disk. 400 when none was.
async fn post_events(State(state): State<IngestState>, request: Request<Body>) -> Response {
    match take_events(&state, request).await {
        Ok(reply) => {
            state.0.metrics.replied(&reply);
            let status = if reply.accepted > 0 { StatusCode::ACCEPTED } else { StatusCode::BAD_REQUEST };
            (status, Json(reply)).into_response()
        }
        Err(error) => {
            let response = error.into_response();
            state.0.metrics.failed(response.status());
            response
        }
    }
}

async fn take_events(state: &IngestState, request: Request<Body>) -> Result<IngestReply, ApiError> {
    let body = read_json(request).await?;
    let received_at_ms = state.0.clock.now_ms();
    let Decoded { batch, rejected, rejected_texts } = state.0.decoder.decode(&body, received_at_ms)?;
    let accepted = batch.rows();
    if accepted > 0 {
        state.0.journal.append(batch).await?;
    }
    for (rejection, text) in rejected.iter().zip(rejected_texts) {
        state.0.rejected_events.push(RejectedEvent {
            received_at_ms,
            source: Source::Ingest,
            event_index: u32::try_from(rejection.index).unwrap_or(u32::MAX),
            field: rejection.field.name().to_owned(),
            reason: rejection.reason.clone(),
            raw: body.slice(text),
        });
    }
    Ok(IngestReply { accepted, rejected })
}

async fn get_health(State(state): State<IngestState>) -> Response {
    let health = state.health();
    let status = if health.is_healthy() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

async fn get_metrics(State(state): State<IngestState>) -> Response {
    let text =
        state.0.metrics.encode(&state.0.journal.depth(), &state.0.reports.borrow(), state.0.rejected_events.dropped());
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE_VALUE)], text).into_response()
}
