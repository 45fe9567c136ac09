//! `GET /api/rejected`: the events that were not taken.

use axum::{
    extract::{Query, State, rejection::QueryRejection},
    response::Response,
};
use serde::{Deserialize, Serialize};

use super::{
    dashboard::{DashboardState, uncached},
    error::ApiError,
};
use crate::queries::{REJECTED_ROWS_MAX, RejectedPage, RejectedRow};

/// A page of rejected events, newest first.
#[derive(Debug, Serialize, Deserialize, utoipa::ToSchema)]
pub struct RejectedReply {
    pub rows: Vec<RejectedRow>,
    /// What `before` must be to get the page after this one; null after the last.
    pub next: Option<String>,
}

/// The parameters of the URL.
#[derive(Debug, Deserialize)]
pub struct Parameters {
    limit: Option<u32>,
    since_ms: Option<i64>,
    field: Option<String>,
    before: Option<String>,
}

pub async fn get_rejected(
    State(state): State<DashboardState>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(parameters) = parameters?;
    let page = page(parameters)?;
    let rows = state.answers().rejected_events(&page).await?;
    let is_full = rows.len() == page.limit as usize;
    let next = rows.last().filter(|_| is_full).map(|last| format!("{}_{}", last.received_at, last.id));
    Ok(uncached(&RejectedReply { rows, next }))
}

fn page(parameters: Parameters) -> Result<RejectedPage, ApiError> {
    const LIMIT: u32 = 100;
    let limit = parameters.limit.unwrap_or(LIMIT);
    if limit == 0 || limit > REJECTED_ROWS_MAX {
        return Err(ApiError::Parameters(format!("limit must be 1 to {REJECTED_ROWS_MAX}")));
    }
    let before = parameters.before.as_deref().map(cursor).transpose()?;
    Ok(RejectedPage { limit, since_ms: parameters.since_ms.unwrap_or(0), field: parameters.field, before })
}

/// `next` of the page before: a moment and an id.
fn cursor(text: &str) -> Result<(i64, String), ApiError> {
    let bad = || ApiError::Parameters("before must be what next was in the page before".to_owned());
    let (received_at, id) = text.split_once('_').ok_or_else(bad)?;
    let received_at: jiff::Timestamp = received_at.parse().map_err(|_| bad())?;
    is_uuid(id).then(|| (received_at.as_millisecond(), id.to_owned())).ok_or_else(bad)
}

/// 8, 4, 4, 4 and 12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let groups: Vec<_> = text.split('-').collect();
    groups.iter().map(|group| group.len()).eq([8, 4, 4, 4, 12])
        && groups.iter().all(|group| group.bytes().all(|byte| byte.is_ascii_hexdigit()))
}
