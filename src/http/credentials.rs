//! `/api/credentials`: keys, tokens and share links, made and revoked by whoever may.

use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{Request, StatusCode},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    dashboard::{DashboardState, uncached},
    document::read_document,
    error::ApiError,
    openapi::{content, operation, replies, schema_ref},
};
use crate::access::{CredentialInfo, Purpose};

/// Bytes of a document: a hundred origins, or a page with all that is chosen on it.
const CREDENTIAL_BYTES_MAX: usize = 64 * 1024;

/// All that there are, without their secrets, in the order of their making.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CredentialsReply {
    pub credentials: Vec<CredentialInfo>,
}

/// A credential to be made.
#[derive(Debug, Deserialize, utoipa::ToSchema)]
pub struct NewCredential {
    /// For people: 1 to 100 characters.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    #[serde(flatten)]
    pub purpose: Purpose,
    /// Days until it expires; absent: it does not. A share link must.
    pub days: Option<u32>,
}

/// A credential that was made.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct CreatedCredential {
    #[serde(flatten)]
    pub credential: CredentialInfo,
    /// What opens the door: told this once, and not kept.
    pub secret: String,
}

pub async fn list_credentials(State(state): State<DashboardState>) -> Result<Response, ApiError> {
    state.access().refresh().await?;
    Ok(uncached(&CredentialsReply { credentials: state.access().list() }))
}

pub async fn post_credential(
    State(state): State<DashboardState>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let NewCredential { name, purpose, days } = read_document(request, CREDENTIAL_BYTES_MAX).await?;
    let (credential, secret) = state.access().create(&name, purpose, days).await?;
    let created = CreatedCredential { credential, secret: secret.expose().to_owned() };
    Ok((StatusCode::CREATED, [("cache-control", "no-store")], Json(created)).into_response())
}

pub async fn delete_credential(
    State(state): State<DashboardState>,
    Path(id): Path<String>,
) -> Result<StatusCode, ApiError> {
    match state.access().revoke(&id).await? {
        true => Ok(StatusCode::NO_CONTENT),
        false => Err(ApiError::UnknownCredential),
    }
}

/// As the OpenAPI document has them.
pub fn credential_paths() -> [(String, Value); 2] {
    let mut post = json!({ "operationId": "post_credential", "summary": "Makes a key, a token or a share link, and tells its secret this once." });
    post["responses"] = replies(201, "It is made.", "CreatedCredential", &[400, 401, 403, 408, 409, 413, 415, 503]);
    post["requestBody"] = json!({ "required": true, "content": content(&schema_ref("NewCredential")) });
    let list = operation("list_credentials", "All keys, tokens and share links.", "CredentialsReply", &[401, 403, 503]);
    let id = json!([{ "name": "id", "in": "path", "required": true, "schema": { "type": "string" } }]);
    let mut delete =
        json!({ "operationId": "delete_credential", "summary": "Revokes one; every node refuses it within 5 s." });
    delete["responses"] = replies(404, "unknown_credential", "ErrorReply", &[401, 403, 503]);
    delete["responses"]["204"] = json!({ "description": "It is revoked." });
    [
        ("/api/credentials".to_owned(), json!({ "get": list, "post": post })),
        ("/api/credentials/{id}".to_owned(), json!({ "parameters": id, "delete": delete })),
    ]
}
