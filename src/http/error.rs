//! The one place where an error becomes a status and JSON: `{"error": {"code": "…", "message": "…"}}`.

use axum::{
    Json,
    extract::rejection::QueryRejection,
    http::{
        HeaderValue, StatusCode,
        header::{RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::body::ReadError;
use crate::{
    access::{CreateError, Denied, SignInError},
    ingest::{BodyError, InProgress},
    journal::AppendError,
    queries::{AnnotationError, ArgumentError, DefinitionError, FunnelError},
    store::{ErasureError, StoreError},
};

/// Seconds after which a refused client should come again.
const RETRY_AFTER_SECONDS: u64 = 2;
/// How a client says who it is.
const BEARER: HeaderValue = HeaderValue::from_static("Bearer");

/// The body of every error.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorReply {
    pub error: ErrorDetail,
}

#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct ErrorDetail {
    /// A word for programs.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
}

/// An error on its way to a client.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Body(#[from] BodyError),
    #[error("Idempotency-Key must be 1 to {0} visible ASCII characters")]
    BatchKey(usize),
    #[error(transparent)]
    InProgress(#[from] InProgress),
    #[error(transparent)]
    Append(#[from] AppendError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    #[error("{0}")]
    Parameters(String),
    #[error(transparent)]
    Funnel(#[from] FunnelError),
    #[error(transparent)]
    Definition(DefinitionError),
    #[error("{0} streams are open, which is the limit; ask every few seconds instead, and try again later")]
    TooManyStreams(usize),
    #[error(transparent)]
    Annotation(AnnotationError),
    #[error(transparent)]
    Erasure(ErasureError),
    #[error("there is no erasure with this id")]
    UnknownErasure,
    #[error("no funnel is saved under this name")]
    UnknownFunnel,
    #[error("there is no annotation with this id")]
    UnknownAnnotation,
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error(transparent)]
    SignIn(SignInError),
    #[error(transparent)]
    Credential(CreateError),
    #[error("there is no key, token or link with this id")]
    UnknownCredential,
    #[error("there is no query named {0:?}; there are {1}")]
    UnknownQuery(String, String),
    #[error("there is nothing at this path; see the README for the API")]
    NotFound,
    #[error("this path takes another method")]
    MethodNotAllowed,
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::Parameters(rejection.body_text())
    }
}

impl From<DefinitionError> for ApiError {
    fn from(error: DefinitionError) -> Self {
        match error {
            DefinitionError::Store(error) => Self::Store(error),
            other => Self::Definition(other),
        }
    }
}

impl From<AnnotationError> for ApiError {
    fn from(error: AnnotationError) -> Self {
        match error {
            AnnotationError::Store(error) => Self::Store(error),
            other => Self::Annotation(other),
        }
    }
}

impl From<ErasureError> for ApiError {
    fn from(error: ErasureError) -> Self {
        match error {
            ErasureError::Store(error) => Self::Store(error),
            other => Self::Erasure(other),
        }
    }
}

impl From<SignInError> for ApiError {
    fn from(error: SignInError) -> Self {
        match error {
            SignInError::Store(error) => Self::Store(error),
            other => Self::SignIn(other),
        }
    }
}

impl From<CreateError> for ApiError {
    fn from(error: CreateError) -> Self {
        match error {
            CreateError::Store(error) => Self::Store(error),
            other => Self::Credential(other),
        }
    }
}

/// Whoever gets a 403 is known, or need not be: who they are does not change it.
fn of_denied(denied: &Denied) -> (StatusCode, &'static str) {
    match denied {
        Denied::NoKey => (StatusCode::UNAUTHORIZED, "no_key"),
        Denied::Unknown => (StatusCode::UNAUTHORIZED, "unknown_key"),
        Denied::NotSignedIn => (StatusCode::UNAUTHORIZED, "not_signed_in"),
        Denied::NotAWriteKey => (StatusCode::FORBIDDEN, "not_a_write_key"),
        Denied::WriteKeyOnly => (StatusCode::FORBIDDEN, "write_key_only"),
        Denied::Origin => (StatusCode::FORBIDDEN, "origin_not_allowed"),
        Denied::Scope(_) => (StatusCode::FORBIDDEN, "scope_needed"),
        Denied::OtherPage => (StatusCode::FORBIDDEN, "other_page"),
        Denied::OtherSite => (StatusCode::FORBIDDEN, "other_site"),
        Denied::OtherName => (StatusCode::FORBIDDEN, "other_name"),
        Denied::Forwarded => (StatusCode::FORBIDDEN, "forwarded"),
        Denied::TooManyEvents { .. } => (StatusCode::TOO_MANY_REQUESTS, "too_many_events_a_second"),
        Denied::NotKnownYet => (StatusCode::SERVICE_UNAVAILABLE, "access_not_known"),
    }
}

impl ApiError {
    fn status_and_code(&self) -> (StatusCode, &'static str) {
        match self {
            Self::Read(ReadError::TooLarge(_)) => (StatusCode::PAYLOAD_TOO_LARGE, "body_too_large"),
            Self::Read(ReadError::TooSlow(_)) => (StatusCode::REQUEST_TIMEOUT, "body_too_slow"),
            Self::Read(ReadError::Overloaded) => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::Read(ReadError::MediaType) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type"),
            Self::Read(ReadError::Encoding(_)) => (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_encoding"),
            Self::Read(ReadError::Broken(_)) => (StatusCode::BAD_REQUEST, "body_unreadable"),
            Self::Body(BodyError::TooManyEvents(_)) => (StatusCode::PAYLOAD_TOO_LARGE, "too_many_events"),
            Self::Body(BodyError::Empty(_)) => (StatusCode::BAD_REQUEST, "no_events"),
            Self::Body(BodyError::SentAt(_)) => (StatusCode::BAD_REQUEST, "bad_sent_at"),
            Self::Body(BodyError::NotEvents(_)) => (StatusCode::BAD_REQUEST, "not_events"),
            Self::BatchKey(_) => (StatusCode::BAD_REQUEST, "bad_idempotency_key"),
            Self::InProgress(InProgress) => (StatusCode::SERVICE_UNAVAILABLE, "in_progress"),
            Self::Append(AppendError::Full) => (StatusCode::SERVICE_UNAVAILABLE, "journal_full"),
            Self::Append(AppendError::DiskFull) => (StatusCode::INSUFFICIENT_STORAGE, "disk_full"),
            Self::Append(AppendError::Overloaded) => (StatusCode::SERVICE_UNAVAILABLE, "overloaded"),
            Self::Append(AppendError::Closed) => (StatusCode::SERVICE_UNAVAILABLE, "closing"),
            Self::Store(StoreError::OverLimit) => (StatusCode::GATEWAY_TIMEOUT, "query_over_limit"),
            Self::Store(
                StoreError::Unreachable(_)
                | StoreError::Transient(_)
                | StoreError::NoSchema(_)
                | StoreError::NewerSchema { .. },
            ) => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
            Self::Store(StoreError::Permanent(_)) => (StatusCode::INTERNAL_SERVER_ERROR, "query_failed"),
            Self::Argument(ArgumentError::Range(..)) => (StatusCode::BAD_REQUEST, "bad_range"),
            Self::Argument(_) | Self::Parameters(_) | Self::Funnel(_) => (StatusCode::BAD_REQUEST, "bad_parameters"),
            Self::Definition(DefinitionError::TooMany) => (StatusCode::CONFLICT, "too_many_definitions"),
            Self::Annotation(AnnotationError::TooMany) => (StatusCode::CONFLICT, "too_many_annotations"),
            Self::Annotation(_) => (StatusCode::BAD_REQUEST, "bad_annotation"),
            Self::Denied(denied) => of_denied(denied),
            Self::SignIn(SignInError::Wrong) => (StatusCode::UNAUTHORIZED, "wrong_password"),
            Self::SignIn(SignInError::TooMany(_)) => (StatusCode::TOO_MANY_REQUESTS, "too_many_attempts"),
            Self::SignIn(_) => (StatusCode::CONFLICT, "no_password"),
            Self::Credential(CreateError::TooMany) => (StatusCode::CONFLICT, "too_many_credentials"),
            Self::Credential(_) => (StatusCode::BAD_REQUEST, "bad_credential"),
            Self::UnknownCredential => (StatusCode::NOT_FOUND, "unknown_credential"),
            Self::Erasure(ErasureError::TooMany) => (StatusCode::SERVICE_UNAVAILABLE, "too_many_erasures"),
            Self::Erasure(_) => (StatusCode::BAD_REQUEST, "bad_user_id"),
            Self::UnknownErasure => (StatusCode::NOT_FOUND, "unknown_erasure"),
            Self::UnknownAnnotation => (StatusCode::NOT_FOUND, "unknown_annotation"),
            Self::Definition(_) => (StatusCode::BAD_REQUEST, "bad_name"),
            Self::TooManyStreams(_) => (StatusCode::SERVICE_UNAVAILABLE, "too_many_streams"),
            Self::UnknownFunnel => (StatusCode::NOT_FOUND, "unknown_funnel"),
            Self::UnknownQuery(..) => (StatusCode::NOT_FOUND, "unknown_query"),
            Self::NotFound => (StatusCode::NOT_FOUND, "not_found"),
            Self::MethodNotAllowed => (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"),
        }
    }

    fn retry_after_seconds(&self, status: StatusCode) -> Option<u64> {
        match self {
            Self::Denied(Denied::TooManyEvents { exceeded, .. }) | Self::SignIn(SignInError::TooMany(exceeded)) => {
                Some(exceeded.0.as_secs() + 1)
            }
            _ => matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::INSUFFICIENT_STORAGE)
                .then_some(RETRY_AFTER_SECONDS),
        }
    }

    /// What a client may know: ClickHouse's own words stay in the log.
    pub fn message(&self) -> String {
        match self {
            Self::Store(StoreError::Permanent(_)) => "the query failed; the log says why".to_owned(),
            Self::Store(error) if *error != StoreError::OverLimit => {
                "ClickHouse cannot be reached; trying again".to_owned()
            }
            other => other.to_string(),
        }
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let (status, code) = self.status_and_code();
        let reply = ErrorReply { error: ErrorDetail { code, message: self.message() } };
        let mut response = (status, Json(reply)).into_response();
        if let Some(seconds) = self.retry_after_seconds(status) {
            response.headers_mut().insert(RETRY_AFTER, seconds.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(WWW_AUTHENTICATE, BEARER);
        }
        response
    }
}
