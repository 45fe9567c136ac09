//! `POST /events`, `GET /health` and `GET /metrics`.

use std::{
    convert::Infallible,
    pin::Pin,
    sync::{Arc, Weak},
    time::Duration,
};

use axum::{
    Json, Router,
    extract::State,
    http::{
        HeaderMap, HeaderName, HeaderValue, Method, Request, StatusCode,
        header::{ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CONTENT_ENCODING, CONTENT_TYPE, ORIGIN, VARY},
    },
    response::{IntoResponse, Response},
    routing::any,
};
use bytes::Bytes;
use hyper::{body::Incoming, service::Service};
use hyper_util::service::TowerToHyperService;
use tower_http::cors::CorsLayer;

use super::{
    EVENTS_PATH,
    body::{BodyReader, JsonBody, ReadError},
    budget::{BodyBudget, HeldBytes},
    connections::Connections,
    error::ApiError,
    gate::{Admission, Gate, X_WRITE_KEY, presented},
    health::{Health, health},
    metrics::{self, Backpressure, IngestMetrics},
    routes::{Need, Route, Routes},
    server::ServerLimits,
    taken::{IngestStages, Taken, ignore_events, take_events},
};
use crate::access::{Presented, Scope};

/// How long a browser remembers that it may send events.
const PREFLIGHT_MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// Names a batch, so that sending it again stores nothing twice
/// (<https://datatracker.ietf.org/doc/draft-ietf-httpapi-idempotency-key-header/>).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const IDEMPOTENCY_KEY_BYTES_MAX: usize = 128;

/// Headers by which people ask not to be tracked.
pub(super) const DO_NOT_TRACK: [&str; 2] = ["dnt", "sec-gpc"];

/// What the ingestion routes work with.
#[derive(Clone)]
pub struct IngestState(Arc<Parts>);

struct Parts {
    gate: Gate,
    stages: IngestStages,
    bodies: BodyReader,
    connections: Arc<Connections>,
    metrics: IngestMetrics,
}

impl IngestState {
    pub fn new(gate: Gate, stages: IngestStages, limits: &ServerLimits, connections: Arc<Connections>) -> Self {
        let bodies = BodyReader { budget: BodyBudget::new(limits.bodies_bytes_max), time_max: limits.body_max };
        let metrics = IngestMetrics::new(&stages.reports.borrow().durations);
        Self(Arc::new(Parts { gate, stages, bodies, connections, metrics }))
    }

    /// For the dashboard of this process.
    pub fn health_source(&self) -> IngestHealth {
        IngestHealth(Arc::downgrade(&self.0))
    }
}

/// How ingestion is, for as long as it runs: whoever holds this does not hold up its end.
#[derive(Clone)]
pub struct IngestHealth(Weak<Parts>);

impl IngestHealth {
    pub fn now(&self) -> Option<Health> {
        Some(self.0.upgrade()?.health())
    }
}

/// Answers the ingestion listener: `POST /events` by itself, as each layer of a router costs as much as decoding an event,
/// and everything else by routes. Pages of other sites may send events, if the gate lets them, and read nothing but the reply.
#[derive(Clone)]
pub struct IngestService {
    state: IngestState,
    routes: TowerToHyperService<Router>,
}

impl IngestService {
    pub fn new(state: IngestState) -> Self {
        Self { routes: TowerToHyperService::new(router(state.clone())), state }
    }

    /// Whether a header by which somebody asks not to be tracked changes the answer.
    pub fn respects_do_not_track(&self) -> bool {
        self.state.0.stages.respects_do_not_track
    }

    /// Milliseconds since the epoch.
    pub fn now_ms(&self) -> i64 {
        self.state.0.stages.clock.now_ms()
    }

    /// Whether a request with events is let in.
    pub fn admission(&self, presented: &Presented<'_>) -> Admission {
        self.state.0.gate.admission(presented)
    }

    /// Answers a request with events that has a body and nothing else to it.
    pub async fn answer(&self, body: Bytes, admission: Admission) -> Response {
        let parts = &self.state.0;
        let taken = async {
            let mut held = HeldBytes::none(&parts.bodies.budget);
            held.grow(body.len()).await.map_err(ReadError::from)?;
            take_events(&parts.stages, None, JsonBody { text: body, held }).await
        };
        parts.answer(admission, taken).await
    }
}

impl Service<Request<Incoming>> for IngestService {
    type Response = Response;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

    fn call(&self, request: Request<Incoming>) -> Self::Future {
        if request.method() != Method::POST || request.uri().path() != EVENTS_PATH {
            return Box::pin(self.routes.call(request));
        }
        let state = self.state.clone();
        Box::pin(async move {
            let parts = &state.0;
            let (head, body) = request.into_parts();
            let admission = parts.gate.admission(&presented(&head));
            let request = Request::from_parts(head, body);
            Ok(parts.answer(admission, post_events(parts, request)).await)
        })
    }
}

/// Who may use which route, beside `POST /events`.
pub fn ingest_routes(gate: Gate) -> Vec<Route> {
    routes(gate).finish().1
}

fn routes(gate: Gate) -> Routes<IngestState> {
    Routes::behind(gate).route(Method::GET, "/health", Need::Nothing, get_health).route(
        Method::GET,
        "/metrics",
        Need::Scope(Scope::Read),
        get_metrics,
    )
}

fn router(state: IngestState) -> Router {
    let gate = state.0.gate.clone();
    let cors = CorsLayer::new()
        .allow_origin(gate.allowed_origins())
        .allow_methods([Method::POST])
        .allow_headers([CONTENT_TYPE, CONTENT_ENCODING, IDEMPOTENCY_KEY, AUTHORIZATION, X_WRITE_KEY])
        .max_age(PREFLIGHT_MAX_AGE);
    let (routes, _) = routes(gate).finish();
    // The layer must be the last: it answers a preflight before a wrong method is refused.
    let events = Router::new().route(EVENTS_PATH, any(|| async { ApiError::MethodNotAllowed })).layer(cors);
    routes.merge(events).fallback(|| async { ApiError::NotFound }).with_state(state)
}

async fn post_events(Parts { stages, bodies, .. }: &Parts, request: Request<Incoming>) -> Result<Taken, ApiError> {
    let batch_key = batch_key(request.headers())?;
    let is_ignored = stages.respects_do_not_track && asks_not_to_be_tracked(request.headers());
    let body = bodies.read_json(request).await?;
    if is_ignored {
        return ignore_events(stages, &body.text);
    }
    take_events(stages, batch_key.as_deref(), body).await
}

impl Parts {
    fn health(&self) -> Health {
        let stages = &self.stages;
        let rejected = self.metrics.rejected.by_validation();
        health(stages.journal.depth(), &stages.reports.borrow(), rejected, stages.unflushed_max)
    }

    /// What becomes of events that are let in is counted for their key.
    async fn answer(&self, admission: Admission, taken: impl Future<Output = Result<Taken, ApiError>>) -> Response {
        let mut response = match admission.sender {
            Ok(sender) => {
                let taken = taken.await;
                if let Some(rate) = sender.as_ref().and_then(|sender| sender.rate.as_ref()) {
                    rate.take(taken.as_ref().map_or(1, Taken::events));
                }
                self.reply(taken)
            }
            Err(denied) => self.reply(Err(denied.into())),
        };
        if let Some(origin) = admission.allowed_origin {
            if origin != "*" {
                response.headers_mut().insert(VARY, HeaderValue::from(ORIGIN));
            }
            response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        }
        response
    }

    /// 202 when at least one event is on disk, now or since an earlier request. 200 when valid events are not kept, as was
    /// asked for. 400 when none is valid.
    fn reply(&self, taken: Result<Taken, ApiError>) -> Response {
        match taken {
            Ok(taken) => {
                self.metrics.taken(&taken);
                let reply = taken.reply();
                let status = match reply.accepted + reply.duplicates > 0 {
                    true => StatusCode::ACCEPTED,
                    false if reply.ignored > 0 => StatusCode::OK,
                    false => StatusCode::BAD_REQUEST,
                };
                (status, Json(reply)).into_response()
            }
            Err(error) => {
                let response = error.into_response();
                self.metrics.failed(response.status());
                response
            }
        }
    }
}

/// `DNT: 1` (<https://www.w3.org/TR/tracking-dnt/>) or `Sec-GPC: 1` (<https://w3c.github.io/gpc/>).
fn asks_not_to_be_tracked(headers: &HeaderMap) -> bool {
    DO_NOT_TRACK.into_iter().any(|name| headers.get_all(name).iter().any(|value| value == "1"))
}

fn batch_key(headers: &HeaderMap) -> Result<Option<String>, ApiError> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    match value.to_str() {
        Ok(key)
            if (1..=IDEMPOTENCY_KEY_BYTES_MAX).contains(&key.len())
                && key.bytes().all(|byte| byte.is_ascii_graphic()) =>
        {
            Ok(Some(key.to_owned()))
        }
        _ => Err(ApiError::BatchKey(IDEMPOTENCY_KEY_BYTES_MAX)),
    }
}

async fn get_health(State(state): State<IngestState>) -> Response {
    let health = state.0.health();
    let status = if health.is_healthy() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(health)).into_response()
}

async fn get_metrics(State(state): State<IngestState>) -> Response {
    let Parts { stages, bodies, connections, metrics, .. } = state.0.as_ref();
    let pressure = Backpressure {
        connections_open: connections.open_count(),
        requests_in_flight: connections.requests_in_flight(),
        bodies_bytes: bodies.budget.held(),
    };
    let dropped = stages.rejected_events.dropped();
    let text = metrics.encode(&stages.journal.depth(), &stages.reports.borrow(), dropped, pressure);
    ([(CONTENT_TYPE, metrics::CONTENT_TYPE_VALUE)], text).into_response()
}
