//! The gate of a listener: what the stage `access` says of a request, as HTTP has it.

use std::sync::Arc;

use axum::{
    extract::{Request, State},
    http::{
        HeaderMap, HeaderName, HeaderValue,
        header::{AUTHORIZATION, COOKIE, HOST, ORIGIN},
        request::Parts,
    },
    middleware::Next,
    response::{IntoResponse, Response},
};
use tower_http::cors::AllowOrigin;

use super::{error::ApiError, routes::Need};
use crate::access::{self, Access, Caller, Denied, KnownCredential, Presented};

pub(super) const X_WRITE_KEY: HeaderName = HeaderName::from_static("x-write-key");
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// What proxies add: nginx if it is told to, others by themselves.
const FORWARDED: [&str; 6] =
    ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"];
const ANY_ORIGIN: HeaderValue = HeaderValue::from_static("*");

/// Lets in whom it may.
#[derive(Clone)]
pub struct Gate {
    access: Arc<Access>,
    is_open: bool,
}

/// Whether a request with events is let in, and what its page may know of the reply.
pub struct Admission {
    /// `None`: the listener is open to all.
    pub sender: Result<Option<Arc<KnownCredential>>, Denied>,
    pub allowed_origin: Option<HeaderValue>,
}

impl Gate {
    /// `is_open`: to anybody who can reach the listener.
    pub fn new(access: Arc<Access>, is_open: bool) -> Self {
        Self { access, is_open }
    }

    pub fn access(&self) -> &Access {
        &self.access
    }

    pub fn admission(&self, presented: &Presented<'_>) -> Admission {
        let allowed_origin = presented.origin.and_then(|origin| self.allowed_origin(origin));
        match self.is_open {
            true => Admission { sender: Ok(None), allowed_origin: Some(ANY_ORIGIN) },
            false => Admission { sender: self.access.sender(presented).map(Some), allowed_origin },
        }
    }

    /// What a page of this origin is told in `Access-Control-Allow-Origin`, if it may send events at all.
    fn allowed_origin(&self, origin: &[u8]) -> Option<HeaderValue> {
        let text = std::str::from_utf8(origin).ok()?;
        self.access.may_send(text).then(|| HeaderValue::from_bytes(origin).ok())?
    }

    /// The pages that may send events, as a preflight asks for them.
    pub(super) fn allowed_origins(&self) -> AllowOrigin {
        match self.is_open {
            true => AllowOrigin::any(),
            false => {
                let gate = self.clone();
                AllowOrigin::predicate(move |origin, _| gate.allowed_origin(origin.as_bytes()).is_some())
            }
        }
    }

    /// On whose behalf a request is sent, if that may do what is asked.
    async fn caller(&self, need: Need, parts: &Parts) -> Result<Caller, Denied> {
        let request = of_parts(parts);
        if !request.is_safe && request.comes_from_another_site() {
            return Err(Denied::OtherSite);
        }
        let caller = match self.is_open {
            true => Caller::Open,
            false => self.access.caller(&request).await?,
        };
        let Need::Scope(scope) = need else { return Ok(caller) };
        match self.is_open {
            true => request.must_be_of_this_machine()?,
            false if !self.access.is_known() => return Err(Denied::NotKnownYet),
            false => {}
        }
        caller.may(scope, request.path).map(|()| caller)
    }
}

/// What a request with events says of its sender.
pub(super) fn presented(parts: &Parts) -> Presented<'_> {
    let header = |name: HeaderName| parts.headers.get(name).map(HeaderValue::as_bytes);
    Presented {
        authorization: header(AUTHORIZATION),
        write_key: header(X_WRITE_KEY),
        query: parts.uri.query(),
        origin: header(ORIGIN),
    }
}

fn of_parts(parts: &Parts) -> access::Request<'_> {
    access::Request {
        path: parts.uri.path(),
        is_safe: parts.method.is_safe(),
        host: text(&parts.headers, &HOST),
        origin: text(&parts.headers, &ORIGIN),
        fetch_site: text(&parts.headers, &SEC_FETCH_SITE),
        authorization: text(&parts.headers, &AUTHORIZATION),
        cookies: text(&parts.headers, &COOKIE),
        is_forwarded: FORWARDED.iter().any(|name| parts.headers.contains_key(*name)),
    }
}

/// The value of a header. What is no text is there all the same, and nothing that is known.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name).map(|value| value.to_str().unwrap_or_default())
}

/// In front of a route: lets a request pass that has what the route needs, with its `Caller`.
pub(super) async fn guard(State((gate, need)): State<(Gate, Need)>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match gate.caller(need, &parts).await {
        Ok(caller) => {
            parts.extensions.insert(caller);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(denied) => ApiError::Denied(denied).into_response(),
    }
}
