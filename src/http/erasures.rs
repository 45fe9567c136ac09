//! `DELETE /api/users/{id}` and `/api/erasures`: everything of a user erased, and the receipts that prove it.

use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
    http::{HeaderValue, StatusCode, header::LOCATION},
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::{
    dashboard::{DashboardState, uncached},
    error::ApiError,
};
use crate::store::Erasure;

/// The newest thousand, newest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErasuresReply {
    pub erasures: Vec<Erasure>,
}

/// 202: it is on record, and will be carried out. Where its receipt is, says `Location`.
pub async fn delete_user(
    State(state): State<DashboardState>,
    user_id: Result<Path<String>, PathRejection>,
) -> Result<Response, ApiError> {
    let Path(user_id) = user_id.map_err(|rejection| ApiError::Parameters(rejection.body_text()))?;
    let erasure = state.erasures().begin(&user_id).await?;
    let location = HeaderValue::from_str(&format!("/api/erasures/{}", erasure.id));
    let mut response = (StatusCode::ACCEPTED, Json(erasure)).into_response();
    response.headers_mut().insert(LOCATION, location.expect("an id is made of digits"));
    Ok(response)
}

pub async fn get_erasure(State(state): State<DashboardState>, Path(id): Path<String>) -> Result<Response, ApiError> {
    let erasure = state.erasures().get(&id).await?;
    Ok(uncached(&erasure.ok_or(ApiError::UnknownErasure)?))
}

pub async fn list_erasures(State(state): State<DashboardState>) -> Result<Response, ApiError> {
    Ok(uncached(&ErasuresReply { erasures: state.erasures().list().await? }))
}
