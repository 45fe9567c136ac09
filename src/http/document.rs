//! Reads a small document that is sent to the dashboard's API, such as a funnel or an annotation.

use std::time::Duration;

use axum::{body::Body, http::Request};
use serde::de::DeserializeOwned;

use super::{
    body::{ReadError, is_json},
    error::ApiError,
};

/// Time for it to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The document of a body of at most so many bytes, which says that it is JSON.
pub async fn read_document<T: DeserializeOwned>(request: Request<Body>, bytes_max: usize) -> Result<T, ApiError> {
    if !is_json(request.headers()) {
        return Err(ReadError::MediaType.into());
    }
    let body = axum::body::to_bytes(request.into_body(), bytes_max);
    let body = tokio::time::timeout(BODY_TIMEOUT, body).await.map_err(|_| ReadError::TooSlow(BODY_TIMEOUT))?;
    let body = body.map_err(|error| match std::error::Error::source(&error) {
        Some(cause) if cause.is::<http_body_util::LengthLimitError>() => ReadError::TooLarge(bytes_max),
        _ => ReadError::Broken(error.to_string()),
    })?;
    serde_json::from_slice(&body).map_err(|error| ApiError::Parameters(error.to_string()))
}
