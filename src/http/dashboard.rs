//! The query API and the dashboard's files.

use std::sync::Arc;

use axum::{
    Json, Router,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    middleware::map_response,
    response::{IntoResponse, Response},
    routing::any,
};
use hyper_util::service::TowerToHyperService;
use rust_embed::RustEmbed;
use serde::Serialize;
use tower_http::compression::CompressionLayer;

use super::{
    annotations::{delete_annotation, list_annotations, post_annotation},
    credentials::{delete_credential, list_credentials, post_credential},
    erasures::{delete_user, get_erasure, list_erasures},
    error::ApiError,
    funnel::{delete_funnel, get_funnel, list_funnels, post_funnel, put_funnel},
    gate::Gate,
    health::Health,
    ingest::IngestHealth,
    openapi::openapi_json,
    rejected::get_rejected,
    routes::{Need, Route, Routes},
    security_headers::keep_to_own_pages,
    session::{follow_link, get_session, sign_in, sign_out, sign_out_everywhere},
    status::get_status,
    stream::{Streams, get_stream},
};
use crate::{
    access::{Access, Scope},
    config::Config,
    queries::{Answers, Catalog, Content},
    store::Erasures,
};

/// What the build of the dashboard left.
#[derive(RustEmbed)]
#[folder = "src/dashboard/dist"]
#[allow_missing = true]
struct DashboardFiles;

/// The document of every page; its script draws the page that the address names.
const INDEX: &str = "index.html";

/// Paths of the pages, without their first slash.
const PAGES: [&str; 6] = ["", "funnels", "features", "errors", "live", "setup"];

/// Nothing is loaded from elsewhere, and nobody may frame the dashboard. Charts set styles on their elements.
const CONTENT_SECURITY_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; \
     form-action 'self'; frame-ancestors 'none'",
);

/// What the dashboard's routes work with.
#[derive(Clone)]
pub struct DashboardState(Arc<Parts>);

struct Parts {
    gate: Gate,
    catalog: Catalog,
    answers: Answers,
    erasures: Erasures,
    streams: Streams,
    info: Info,
    ingestion: Option<IngestHealth>,
}

/// What the dashboard needs to know about the installation.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Info {
    pub version: &'static str,
    /// Base URL that takes events.
    pub ingest_url: String,
    pub retention_days: u32,
    pub rejected_retention_days: u32,
    /// Whether ClickHouse is the one that weir brings, or a server.
    pub embedded_engine: bool,
    /// Whether events need a write key.
    pub write_key_needed: bool,
}

impl Info {
    pub fn of(config: &Config) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION"),
            ingest_url: config.dashboard.ingest_url.clone(),
            retention_days: config.retention_days,
            rejected_retention_days: config.rejected_retention_days,
            embedded_engine: config.store.url.is_none(),
            write_key_needed: !config.ingest.is_open,
        }
    }
}

impl DashboardState {
    /// `ingestion`: of this process, if it takes events.
    pub fn new(
        gate: Gate,
        catalog: Catalog,
        answers: Answers,
        erasures: Erasures,
        streams: Streams,
        info: Info,
        ingestion: Option<IngestHealth>,
    ) -> Self {
        Self(Arc::new(Parts { gate, catalog, answers, erasures, streams, info, ingestion }))
    }

    pub fn answers(&self) -> &Answers {
        &self.0.answers
    }

    pub(super) fn access(&self) -> &Access {
        self.0.gate.access()
    }

    pub(super) fn erasures(&self) -> &Erasures {
        &self.0.erasures
    }

    pub(super) fn streams(&self) -> &Streams {
        &self.0.streams
    }

    pub fn info(&self) -> &Info {
        &self.0.info
    }

    pub fn ingestion_health(&self) -> Option<Health> {
        self.0.ingestion.as_ref()?.now()
    }
}

/// Answers the dashboard's listener.
pub fn dashboard_service(state: DashboardState) -> TowerToHyperService<Router> {
    let (router, _) = routes(state.0.gate.clone()).finish();
    // Of the API, what is not there needs nobody to be known.
    let api = Router::new().route("/api/{*path}", any(|| async { ApiError::NotFound }));
    let router = router.merge(api).fallback(get_file).layer(CompressionLayer::new());
    let router = router.layer(map_response(keep_to_own_pages)).with_state(state);
    TowerToHyperService::new(router)
}

/// Who may use which route.
pub fn dashboard_routes(gate: Gate) -> Vec<Route> {
    routes(gate).finish().1
}

fn routes(gate: Gate) -> Routes<DashboardState> {
    let (read, annotate, admin) = (Need::Scope(Scope::Read), Need::Scope(Scope::Annotate), Need::Scope(Scope::Admin));
    Routes::behind(gate)
        .route(Method::GET, "/api/session", Need::Nothing, get_session)
        .route(Method::POST, "/api/session", Need::Nothing, sign_in)
        .route(Method::DELETE, "/api/session", Need::Nothing, sign_out)
        .route(Method::DELETE, "/api/sessions", admin, sign_out_everywhere)
        .route(Method::GET, "/share/{link}", Need::Nothing, follow_link)
        .route(Method::GET, "/api/openapi.json", Need::Nothing, get_openapi)
        .route(Method::GET, "/api/info", read, get_info)
        .route(Method::GET, "/api/stream", read, get_stream)
        .route(Method::GET, "/api/queries/{name}", read, get_query)
        .route(Method::GET, "/api/funnel", read, get_funnel)
        .route(Method::POST, "/api/funnel", read, post_funnel)
        .route(Method::GET, "/api/funnels", read, list_funnels)
        .route(Method::PUT, "/api/funnels/{name}", annotate, put_funnel)
        .route(Method::DELETE, "/api/funnels/{name}", annotate, delete_funnel)
        .route(Method::GET, "/api/annotations", read, list_annotations)
        .route(Method::POST, "/api/annotations", annotate, post_annotation)
        .route(Method::DELETE, "/api/annotations/{id}", annotate, delete_annotation)
        .route(Method::DELETE, "/api/users/{id}", admin, delete_user)
        .route(Method::GET, "/api/erasures", admin, list_erasures)
        .route(Method::GET, "/api/erasures/{id}", admin, get_erasure)
        .route(Method::GET, "/api/rejected", read, get_rejected)
        .route(Method::GET, "/api/status", read, get_status)
        .route(Method::GET, "/api/credentials", admin, list_credentials)
        .route(Method::POST, "/api/credentials", admin, post_credential)
        .route(Method::DELETE, "/api/credentials/{id}", admin, delete_credential)
}

async fn get_query(
    State(state): State<DashboardState>,
    Path(name): Path<String>,
    headers: HeaderMap,
    parameters: Result<Query<Vec<(String, String)>>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Parts { catalog, answers, .. } = state.0.as_ref();
    let query = catalog.get(&name).ok_or_else(|| {
        let known: Vec<_> = catalog.iter().map(|query| query.name.as_str()).collect();
        ApiError::UnknownQuery(name.clone(), known.join(", "))
    })?;
    let Query(parameters) = parameters?;
    let answer = answers.answer(query, &query.arguments(&parameters)?, content(&headers)).await?;
    Ok(uncached(&*answer))
}

/// A request with `Cache-Control: no-cache` wants a valid answer (RFC 9111, 5.2.1.4).
pub(super) fn content(headers: &HeaderMap) -> Content {
    let mut directives = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let no_cache = directives.any(|value| value.split(',').any(|word| word.trim().eq_ignore_ascii_case("no-cache")));
    if no_cache { Content::Valid } else { Content::Recent }
}

/// A reply that is out of date with the next flush or change.
pub(super) fn uncached(reply: &impl Serialize) -> Response {
    ([(header::CACHE_CONTROL, "no-store")], Json(reply)).into_response()
}

async fn get_info(State(state): State<DashboardState>) -> Json<Info> {
    Json(state.0.info.clone())
}

async fn get_openapi(State(state): State<DashboardState>) -> Json<serde_json::Value> {
    Json(openapi_json(&state.0.catalog))
}

/// The file of the dashboard that a path without its first slash names, and the status it comes with. A path that could
/// be a page but is none comes with the page that says so, and links to those there are.
fn file_for(path: &str) -> (&str, StatusCode) {
    let is_file = path.starts_with("assets/") || path.contains('.');
    match PAGES.contains(&path) {
        true => (INDEX, StatusCode::OK),
        false if is_file => (path, StatusCode::OK),
        false => (INDEX, StatusCode::NOT_FOUND),
    }
}

async fn get_file(uri: Uri, headers: HeaderMap) -> Response {
    let (path, status) = file_for(uri.path().trim_start_matches('/'));
    let Some(file) = DashboardFiles::get(path) else {
        return match path == INDEX {
            true => (StatusCode::NOT_FOUND, "This weir was built without its dashboard: run `make build`.\n")
                .into_response(),
            false => ApiError::NotFound.into_response(),
        };
    };
    let etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    // Names of assets hold a hash of their content; the page itself must be asked for again.
    let cache = if path.starts_with("assets/") { "public, max-age=31536000, immutable" } else { "no-cache" };
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let (status, body) = match status {
        StatusCode::OK if known => (StatusCode::NOT_MODIFIED, Body::empty()),
        status => (status, Body::from(file.data)),
    };
    let mut response = (
        status,
        [
            (header::CONTENT_TYPE, file.metadata.mimetype()),
            (header::ETAG, etag.as_str()),
            (header::CACHE_CONTROL, cache),
        ],
        body,
    )
        .into_response();
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    response
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_page_in_the_dashboards_table_is_served_at_its_path() {
        let table = include_str!("../dashboard/src/pages/table.ts");
        let paths: Vec<_> = table.split("path: \"/").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(paths.contains(&""), "the table holds the first page: {paths:?}");
        for path in paths {
            assert_eq!(file_for(path), (INDEX, StatusCode::OK), "PAGES lacks /{path}");
        }
    }

    #[test]
    fn what_is_no_page_is_a_file_or_not_found() {
        assert_eq!(file_for("favicon.svg"), ("favicon.svg", StatusCode::OK));
        assert_eq!(file_for("assets/nothing"), ("assets/nothing", StatusCode::OK));
        assert_eq!(file_for("nonsense"), (INDEX, StatusCode::NOT_FOUND));
        assert_eq!(file_for("funnels/checkout"), (INDEX, StatusCode::NOT_FOUND));
    }
}
