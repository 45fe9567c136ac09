//! `/api/annotations`: marks with a text at a moment, made by people and by what deploys.

use axum::{
    Json,
    body::Body,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use super::{
    dashboard::{DashboardState, uncached},
    document::read_document,
    error::ApiError,
};
use crate::queries::{Annotation, NewAnnotation, Window};

/// Bytes of an annotation's JSON: its text, with every character written as an escape, and room for more.
const ANNOTATION_BYTES_MAX: usize = 8 * 1024;

/// The annotations of a span of time, oldest first.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct AnnotationsReply {
    pub annotations: Vec<Annotation>,
}

/// The parameters of the URL: `range` and `ago` as the queries take them, or both ends, or neither for all.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Parameters {
    range: Option<String>,
    ago: Option<String>,
    since: Option<String>,
    until: Option<String>,
}

pub async fn list_annotations(
    State(state): State<DashboardState>,
    parameters: Result<Query<Parameters>, QueryRejection>,
) -> Result<Response, ApiError> {
    let Query(parameters) = parameters?;
    let window = window(&parameters, state.answers().now_ms())?;
    let annotations = state.answers().annotations(window).await?;
    Ok(uncached(&AnnotationsReply { annotations }))
}

pub async fn post_annotation(
    State(state): State<DashboardState>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let annotation: NewAnnotation = read_document(request, ANNOTATION_BYTES_MAX).await?;
    let annotation = state.answers().annotate(annotation).await?;
    Ok((StatusCode::CREATED, Json(annotation)).into_response())
}

pub async fn delete_annotation(
    State(state): State<DashboardState>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    match state.answers().delete_annotation(&id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::UnknownAnnotation),
    }
}

fn window(parameters: &Parameters, now_ms: i64) -> Result<Window, ApiError> {
    let Parameters { range, ago, since, until } = parameters;
    match (range, ago) {
        (Some(range), ago) if since.is_none() && until.is_none() => {
            Ok(Window::of_range(range, ago.as_deref().unwrap_or("0"), now_ms)?)
        }
        (None, None) => Ok(Window { since_ms: moment("since", since)?, until_ms: moment("until", until)? }),
        _ => Err(ApiError::Parameters(
            "it takes range, with ago or without; or since and until, or one of them".to_owned(),
        )),
    }
}

fn moment(name: &str, text: &Option<String>) -> Result<Option<i64>, ApiError> {
    let Some(text) = text else { return Ok(None) };
    let at: jiff::Timestamp = text.parse().map_err(|_| {
        ApiError::Parameters(format!("{name} must be a time with its offset, like 2026-01-31T12:00:00Z"))
    })?;
    Ok(Some(at.as_millisecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW_MS: i64 = 1_773_137_250_500;

    fn read(query: &str) -> Result<Window, String> {
        let uri = format!("/?{query}").parse().expect("a URI");
        let parameters = Query::<Parameters>::try_from_uri(&uri).map_err(|rejection| rejection.body_text())?;
        window(&parameters, NOW_MS).map_err(|error| error.to_string())
    }

    #[test]
    fn a_span_of_time_is_a_range_or_its_ends() {
        assert_eq!(read(""), Ok(Window::default()));
        assert_eq!(read("range=6h").map(|window| window.until_ms), Ok(Some(NOW_MS)));
        assert_eq!(read("range=6h&ago=1d").map(|window| window.until_ms), Ok(Some(NOW_MS - 86_400_000)));
        let ends = "since=1970-01-01T00:00:01Z&until=1970-01-01T01:00:02%2B01:00";
        assert_eq!(read(ends), Ok(Window { since_ms: Some(1_000), until_ms: Some(2_000) }));
        for (query, told) in [
            ("range=2h", "range must be 1h, 4h"),
            ("range=1h&ago=2d", "ago must be 0, 1d or 7d"),
            ("ago=1d", "it takes range, with ago"),
            ("range=1h&until=1970-01-01T00:00:00Z", "it takes range, with ago"),
            ("since=yesterday", "since must be a time with its offset"),
            ("until=", "until must be a time with its offset"),
            ("from=1", "unknown field `from`, expected one of `range`, `ago`, `since`, `until`"),
            ("range=1h&range=1h", "duplicate field `range`"),
        ] {
            let error = read(query).expect_err(query);
            assert!(error.contains(told), "{query}: {error}");
        }
    }
}
