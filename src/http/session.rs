//! Signing in and out: `/api/session`, `/api/sessions` and `/share/{link}`.

use axum::{
    Extension,
    body::Body,
    extract::{Path, State},
    http::{Request, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    dashboard::{DashboardState, uncached},
    document::read_document,
    error::ApiError,
    openapi::{content, operation, replies, schema_ref},
    peer::Peer,
};
use crate::{
    access::{Caller, Purpose, SESSION_COOKIE, SESSION_MAX, SHARE_COOKIE, Scope, SharedPage},
    config::Secret,
};

/// Bytes of the document with the password, each of its characters written as an escape.
const SIGN_IN_BYTES_MAX: usize = 8 * 1024;

/// What somebody signs in with.
#[derive(Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SignIn {
    password: String,
}

/// On whose behalf a page or a script asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum CallerKind {
    /// Anybody on this machine: nobody needs to sign in.
    Open,
    Nobody,
    Session,
    Token,
    ShareLink,
    WriteKey,
}

/// Who asks, and what that may do.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct SessionReply {
    pub caller: CallerKind,
    /// Null: nothing.
    #[schema(required)]
    pub scope: Option<Scope>,
    /// The only page that is shown; null: all.
    #[schema(required, value_type = Option<String>)]
    pub page: Option<SharedPage>,
}

pub async fn get_session(Extension(caller): Extension<Caller>) -> Response {
    let kind = match (&caller, caller.purpose()) {
        (Caller::Open, _) => CallerKind::Open,
        (_, None) => CallerKind::Nobody,
        (_, Some(Purpose::Session)) => CallerKind::Session,
        (_, Some(Purpose::Token { .. })) => CallerKind::Token,
        (_, Some(Purpose::ShareLink { .. })) => CallerKind::ShareLink,
        (_, Some(Purpose::WriteKey { .. })) => CallerKind::WriteKey,
    };
    uncached(&SessionReply { caller: kind, scope: caller.scope(), page: caller.page().cloned() })
}

pub async fn sign_in(
    State(state): State<DashboardState>,
    Extension(peer): Extension<Peer>,
    request: Request<Body>,
) -> Result<Response, ApiError> {
    let SignIn { password } = read_document(request, SIGN_IN_BYTES_MAX).await?;
    let session = state.access().sign_in(Secret::new(password), peer.address).await?;
    Ok((StatusCode::NO_CONTENT, cookie(SESSION_COOKIE, session.expose(), SESSION_MAX.as_secs(), peer)).into_response())
}

pub async fn sign_out(
    State(state): State<DashboardState>,
    Extension(peer): Extension<Peer>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, ApiError> {
    if let Caller::Known(known) = &caller
        && known.credential.purpose == Purpose::Session
    {
        state.access().sign_out(&known.credential).await?;
    }
    Ok((StatusCode::NO_CONTENT, cookie(SESSION_COOKIE, "", 0, peer)).into_response())
}

pub async fn sign_out_everywhere(
    State(state): State<DashboardState>,
    Extension(peer): Extension<Peer>,
) -> Result<Response, ApiError> {
    state.access().sign_out_everywhere().await?;
    Ok((StatusCode::NO_CONTENT, cookie(SESSION_COOKIE, "", 0, peer)).into_response())
}

/// Leads whoever has a link to its page, with the link as a cookie.
pub async fn follow_link(
    State(state): State<DashboardState>,
    Extension(peer): Extension<Peer>,
    Path(link): Path<String>,
) -> Response {
    let found = state.access().find_anew(&link).await;
    let Some((Purpose::ShareLink { page }, expires_at_ms)) =
        found.as_ref().map(|known| (&known.credential.purpose, known.credential.expires_at_ms))
    else {
        let text = "This link is not valid any more. Ask whoever gave it to you for a new one.\n";
        return (StatusCode::NOT_FOUND, text).into_response();
    };
    let left_ms = expires_at_ms.map_or(0, |at_ms| at_ms.saturating_sub(state.answers().now_ms()));
    let seconds = u64::try_from(left_ms / 1_000).unwrap_or(0);
    (cookie(SHARE_COOKIE, &link, seconds, peer), Redirect::to(&page.to_string())).into_response()
}

/// A cookie that no script reads and no page of another site has sent
/// (<https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis>).
fn cookie(name: &str, value: &str, seconds: u64, peer: Peer) -> [(header::HeaderName, String); 2] {
    let secure = if peer.is_tls { "; Secure" } else { "" };
    let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Strict; Max-Age={seconds}{secure}");
    [(header::SET_COOKIE, cookie), (header::CACHE_CONTROL, "no-store".to_owned())]
}

/// As the OpenAPI document has them.
pub fn session_paths() -> [(String, Value); 2] {
    let done = |id: &str, summary: &str, (status, error): (u16, &str), errors: &[u16]| {
        let mut operation =
            json!({ "operationId": id, "summary": summary, "responses": replies(status, error, "ErrorReply", errors) });
        operation["responses"]["204"] = json!({ "description": "Done." });
        operation
    };
    let mut sign_in = done(
        "sign_in",
        "Signs in; the answer sets a cookie.",
        (401, "wrong_password"),
        &[400, 403, 408, 409, 413, 415, 429, 503],
    );
    sign_in["requestBody"] = json!({ "required": true, "content": content(&schema_ref("SignIn")) });
    let session = json!({
        "get": operation("get_session", "Who asks, and what that may do.", "SessionReply", &[]),
        "post": sign_in,
        "delete": done("sign_out", "Signs out.", (403, "other_site"), &[503]),
    });
    let everywhere = done("sign_out_everywhere", "Ends all sessions.", (401, "not_signed_in"), &[403, 503]);
    [("/api/session".to_owned(), session), ("/api/sessions".to_owned(), json!({ "delete": everywhere }))]
}
